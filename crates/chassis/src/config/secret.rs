//! Values that must never be printed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A password, a key, or a URL that carries one. Printing it shows a mask; only [`Secret::expose`] shows it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value that was made here, such as a random key.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself. Every caller is a place where a secret could leak: keep them few.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `***`, or for a URL everything but its password, because the host is what one looks for.
    fn masked(&self) -> String {
        match url::Url::parse(self.expose()) {
            Ok(mut url) if url.has_host() => {
                if url.password().is_some() && url.set_password(Some("***")).is_err() {
                    return "***".to_owned();
                }
                url.set_query(None);
                url.to_string()
            }
            _ => "***".to_owned(),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        if value.is_empty() {
            return Err(serde::de::Error::custom("must be set"));
        }
        Ok(Self::new(value))
    }
}

/// For settings whose empty default means "not used": `#[serde(deserialize_with = "optional_secret")]`.
pub fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    let value = String::deserialize(deserializer)?;
    Ok((!value.is_empty()).then(|| Secret::new(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_masks() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
        assert_eq!(
            format!("{:?}", Secret::new("redis://:hunter2@cache:6379/0")),
            "redis://:***@cache:6379/0"
        );
        assert_eq!(format!("{:?}", Secret::new("https://host/?token=hunter2")), "https://host/");
    }
}
