//! Configuration: compiled-in defaults, then an optional file, then the environment, into one typed tree.
//!
//! `AUTH__DATABASE__URL` sets `database.url` of the service `auth`. Two underscores separate the words because one
//! is not enough: Kubernetes injects variables such as `CATALOG_PORT` for every Service, which must not be settings.
//!
//! The defaults file lists every key, so a key that is not in it is a mistake and is refused by name:
//! a misspelt limit that is silently ignored is an outage that has not happened yet.

mod secret;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::config::{Config, Environment, File, FileFormat, Source as _, Value, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use secret::{Secret, optional_secret};

/// Why there is no configuration. Each message names the key and where its value came from.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The compiled-in defaults do not parse: a defect that the first run finds.
    #[error("the compiled-in defaults are malformed: {0}")]
    Defaults(String),
    /// The file cannot be read or parsed.
    #[error("the configuration file {path} cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A key that no setting has.
    #[error(
        "unknown setting `{key}` in {origin}: see the service's config/default.toml for all settings"
    )]
    UnknownKey {
        /// The key, with dots.
        key: String,
        /// The file or the variable it stands in.
        origin: String,
    },
    /// A value that does not fit its setting.
    #[error("setting `{key}` ({origin}): {reason}")]
    Invalid {
        /// The key, with dots.
        key: String,
        /// The file or the variable its value came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A service's settings, and where each value came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The typed tree.
    pub settings: T,
    origins: BTreeMap<String, String>,
}

/// Reads the settings of `service` from `defaults` (TOML), then `file`, then `environment`.
///
/// The environment is passed in: the process's in [`crate::boot`], a list in tests.
pub fn load<T: DeserializeOwned>(
    service: &str,
    defaults: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded<T>, ConfigError> {
    let prefix = variable_prefix(service);
    let defaults = File::from_str(defaults, FileFormat::Toml);
    let known =
        flatten(&defaults.collect().map_err(|error| ConfigError::Defaults(error.to_string()))?);
    let mut origins: BTreeMap<_, _> =
        known.keys().map(|key| (key.clone(), "default".to_owned())).collect();

    let mut builder = Config::builder().add_source(defaults);
    if let Some(path) = file {
        let source = File::from(path).format(FileFormat::Toml);
        let values = source.collect().map_err(|error| ConfigError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        note_origins(&mut origins, &known, &values, |_| format!("file {}", path.display()))?;
        builder = builder.add_source(source);
    }
    let source = Environment::with_prefix(&prefix)
        .prefix_separator("__")
        .separator("__")
        .source(Some(environment.into_iter().collect()));
    let values = source.collect().map_err(|error| ConfigError::Defaults(error.to_string()))?;
    note_origins(&mut origins, &known, &nest(values), |key| {
        format!("environment variable {prefix}__{}", key.replace('.', "__").to_uppercase())
    })?;
    builder = builder.add_source(source);

    let config = builder.build().map_err(|error| ConfigError::Defaults(error.to_string()))?;
    let settings = serde_path_to_error::deserialize(config).map_err(|error| {
        let key = error.path().to_string();
        let origin = origins.get(&key).cloned().unwrap_or_else(|| "default".to_owned());
        ConfigError::Invalid { key, origin, reason: error.into_inner().to_string() }
    })?;
    Ok(Loaded { settings, origins })
}

/// `front-desk` reads variables that start with `FRONT_DESK__`.
pub fn variable_prefix(service: &str) -> String {
    service.replace('-', "_").to_uppercase()
}

impl<T: Serialize> Loaded<T> {
    /// The effective settings, one a line, secrets masked, each with where its value came from.
    pub fn describe(&self) -> String {
        use std::fmt::Write as _;

        let mut text = String::new();
        let tree = serde_json::to_value(&self.settings).unwrap_or_default();
        for (key, value) in flatten_json("", &tree) {
            let origin = self.origins.get(&key).map_or("default", String::as_str);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}  # {origin}");
        }
        text
    }
}

type Table = ::config::Map<String, Value>;

/// Remembers where each of `values` came from; refuses a key that the defaults do not have.
fn note_origins(
    origins: &mut BTreeMap<String, String>,
    known: &BTreeMap<String, Value>,
    values: &Table,
    origin: impl Fn(&str) -> String,
) -> Result<(), ConfigError> {
    for key in flatten(values).into_keys() {
        // An empty table in the defaults stands for a map whose keys are the operator's to choose.
        let in_open_map = known.iter().any(|(name, value)| {
            matches!(&value.kind, ValueKind::Table(table) if table.is_empty())
                && key.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        if !known.contains_key(&key) && !in_open_map {
            let origin = origin(&key);
            return Err(ConfigError::UnknownKey { key, origin });
        }
        let origin = origin(&key);
        origins.insert(key, origin);
    }
    Ok(())
}

/// Every leaf with its dotted key; an empty table is a leaf.
fn flatten(table: &Table) -> BTreeMap<String, Value> {
    fn walk(prefix: &str, table: &Table, into: &mut BTreeMap<String, Value>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match &value.kind {
                ValueKind::Table(inner) if !inner.is_empty() => walk(&key, inner, into),
                _ => {
                    into.insert(key, value.clone());
                }
            }
        }
    }
    let mut leaves = BTreeMap::new();
    walk("", table, &mut leaves);
    leaves
}

/// The environment source yields dotted keys; turned into leaves, they are compared like the file's.
fn nest(values: Table) -> Table {
    values.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect()
}

fn flatten_json(prefix: &str, value: &serde_json::Value) -> Vec<(String, String)> {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .flat_map(|(name, inner)| {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten_json(&key, inner)
            })
            .collect(),
        leaf => vec![(prefix.to_owned(), leaf.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const DEFAULTS: &str = r#"
        [http]
        workers = 2
        [database]
        url = ""
        [clients]
    "#;

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        http: Http,
        database: Database,
        clients: BTreeMap<String, Client>,
    }

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Http {
        workers: usize,
    }

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Database {
        url: Secret,
    }

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Client {
        secret: Secret,
    }

    fn load_with(environment: &[(&str, &str)]) -> Result<Loaded<Settings>, ConfigError> {
        let environment =
            environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        load("shop", DEFAULTS, None, environment)
    }

    const URL: (&str, &str) = ("SHOP__DATABASE__URL", "postgres://shop:hunter2@db/shop");

    #[test]
    fn the_environment_overrides_the_defaults() {
        let loaded =
            load_with(&[URL, ("SHOP__HTTP__WORKERS", "7"), ("SHOP_HTTP_WORKERS", "8")]).unwrap();
        assert_eq!(loaded.settings.http.workers, 7);
        assert_eq!(loaded.settings.database.url.expose(), URL.1);
    }

    #[test]
    fn a_file_stands_between_them() {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), "[http]\nworkers = 3\n").unwrap();
        let environment = [(URL.0.to_owned(), URL.1.to_owned())];
        let loaded: Loaded<Settings> =
            load("shop", DEFAULTS, Some(file.path()), environment).unwrap();
        assert_eq!(loaded.settings.http.workers, 3);
        assert!(
            loaded
                .describe()
                .contains(&format!("http.workers = 3  # file {}", file.path().display()))
        );
    }

    #[test]
    fn a_description_masks_secrets_and_names_origins() {
        let description =
            load_with(&[URL, ("SHOP__CLIENTS__WEB__SECRET", "correct horse")]).unwrap().describe();
        assert_eq!(
            description,
            "clients.web.secret = \"***\"  # environment variable SHOP__CLIENTS__WEB__SECRET\n\
             database.url = \"postgres://shop:***@db/shop\"  # environment variable SHOP__DATABASE__URL\n\
             http.workers = 2  # default\n"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_variable() {
        let error = load_with(&[URL, ("SHOP__HTTP__WORKRES", "7")]).unwrap_err().to_string();
        assert!(
            error.contains("`http.workres`") && error.contains("SHOP__HTTP__WORKRES"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        let error = load_with(&[URL, ("SHOP__HTTP__WORKERS", "many")]).unwrap_err().to_string();
        assert!(
            error.contains("`http.workers`") && error.contains("SHOP__HTTP__WORKERS"),
            "{error}"
        );
    }

    #[test]
    fn a_required_secret_that_is_missing_is_named() {
        let error = load_with(&[]).unwrap_err().to_string();
        assert!(error.contains("`database.url`") && error.contains("must be set"), "{error}");
    }
}
