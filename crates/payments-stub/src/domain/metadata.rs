//! Metadata: the client's own notes on an object, as Stripe bounds them.

use std::collections::BTreeMap;

use super::refusal::BadParameter;

const MOST_ENTRIES: usize = 50;
const LONGEST_KEY: usize = 40;
const LONGEST_VALUE: usize = 500;

/// Notes that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

/// What a client asked to do with the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataChange {
    /// `metadata=`: forget them all.
    Clear,
    /// Set these, forget those with an empty value, keep the rest.
    Merge(BTreeMap<String, String>),
}

impl Default for MetadataChange {
    /// Changes nothing.
    fn default() -> Self {
        Self::Merge(BTreeMap::new())
    }
}

impl Metadata {
    /// The notes after `change`, if they fit.
    pub fn apply(&self, change: &MetadataChange) -> Result<Self, BadParameter> {
        let MetadataChange::Merge(entries) = change else { return Ok(Self::default()) };
        let mut merged = self.0.clone();
        for (key, value) in entries {
            check(key, value)?;
            if value.is_empty() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.clone());
            }
        }
        if merged.len() > MOST_ENTRIES {
            return Err(BadParameter::new(
                "metadata",
                format!("Metadata can have up to {MOST_ENTRIES} keys."),
            ));
        }
        Ok(Self(merged))
    }

    /// What this service wrote into its own database.
    pub(crate) fn stored(entries: BTreeMap<String, String>) -> Self {
        Self(entries)
    }

    /// All notes.
    pub fn entries(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

fn check(key: &str, value: &str) -> Result<(), BadParameter> {
    if key.is_empty() || key.chars().count() > LONGEST_KEY || key.contains(['[', ']']) {
        let message =
            format!("Metadata keys have 1 to {LONGEST_KEY} characters and no square brackets.");
        return Err(BadParameter::new("metadata", message));
    }
    if value.chars().count() > LONGEST_VALUE {
        let message = format!("Metadata values can have up to {LONGEST_VALUE} characters.");
        return Err(BadParameter::new(format!("metadata[{key}]"), message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(entries: &[(&str, &str)]) -> MetadataChange {
        MetadataChange::Merge(
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn an_empty_value_forgets_a_key_and_the_rest_stays() {
        let notes = Metadata::default().apply(&merge(&[("a", "1"), ("b", "2")])).unwrap();
        assert_eq!(notes.apply(&merge(&[("a", ""), ("c", "3")])).unwrap().entries().len(), 2);
        assert_eq!(notes.apply(&MetadataChange::Clear).unwrap(), Metadata::default());
    }

    #[test]
    fn every_limit_is_kept() {
        let (key, value) = ("k".repeat(41), "v".repeat(501));
        assert!(Metadata::default().apply(&merge(&[(&key, "1")])).is_err());
        assert!(Metadata::default().apply(&merge(&[("a[b]", "1")])).is_err());
        assert!(Metadata::default().apply(&merge(&[("", "1")])).is_err());
        assert_eq!(
            Metadata::default().apply(&merge(&[("a", &value)])).unwrap_err().param,
            "metadata[a]"
        );
        let many =
            MetadataChange::Merge((0..51).map(|n| (n.to_string(), "x".to_owned())).collect());
        assert_eq!(Metadata::default().apply(&many).unwrap_err().param, "metadata");
    }
}
