//! What the services prove themselves with: made at the first start, kept in one file that only we may read.

use std::collections::BTreeMap;
use std::io;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;
use super::failure::Failure;
use crate::services::SERVICES;

const FILE: &str = "secrets.toml";

const HEADER: &str = "\
# Made by the first `backbone up`; without this file the data beside it cannot be used any more.
# For development: in production, secrets come from the environment and are kept where secrets belong.
";

/// All of them. It has no `Debug`, so that none can be printed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// What auth seals its signing keys with.
    pub(crate) auth_master_key: String,
    /// What orders proves itself to auth with.
    pub(crate) orders_client_secret: String,
    /// What orders proves itself to the payment gateway with.
    pub(crate) gateway_secret_key: String,
    /// What the payment gateway signs its webhooks with.
    pub(crate) webhook_secret: String,
    /// The passwords of the services' roles in the private PostgreSQL, by database.
    databases: BTreeMap<String, String>,
}

impl Secrets {
    /// Reads the file, or makes it when there is no data yet that would need an older one.
    pub(crate) fn open(data: &DataDir) -> Result<Self, Failure> {
        let damaged =
            |reason: &str| Failure::Secrets { path: data.join(FILE), reason: reason.to_owned() };
        match data.read(FILE)? {
            Some(text) => {
                // The parser's own message quotes the line, which holds a secret.
                let secrets = toml::from_str::<Self>(&text).ok().filter(Self::are_whole);
                secrets.ok_or_else(|| damaged("is not what was written"))
            }
            None if data.join("postgres/cluster").exists() => Err(damaged("has gone")),
            None => {
                let secrets = Self::generate()?;
                let text =
                    toml::to_string(&secrets).map_err(|error| damaged(&error.to_string()))?;
                data.write(FILE, &format!("{HEADER}{text}"))?;
                Ok(secrets)
            }
        }
    }

    /// The password of the role that owns `database`.
    pub(crate) fn database_password(&self, database: &str) -> &str {
        self.databases.get(database).map_or("", String::as_str)
    }

    fn generate() -> Result<Self, Failure> {
        let mut databases = BTreeMap::new();
        for service in SERVICES {
            databases.insert(service.database.to_owned(), random()?);
        }
        Ok(Self {
            auth_master_key: random()?,
            orders_client_secret: random()?,
            gateway_secret_key: format!("sk_test_{}", random()?),
            webhook_secret: format!("whsec_{}", random()?),
            databases,
        })
    }

    /// Passwords go into statements that take no parameters: only what we made ourselves may.
    fn are_whole(&self) -> bool {
        SERVICES.iter().all(|service| {
            let password = self.database_password(service.database);
            password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }
}

/// 256 random bits, as 64 hexadecimal digits.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|error| Failure::System {
        action: "get random numbers",
        error: io::Error::other(error),
    })?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn data() -> (tempfile::TempDir, DataDir) {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        (dir, data)
    }

    #[test]
    fn secrets_are_made_once() {
        let (_dir, data) = data();
        let first = Secrets::open(&data).ok().unwrap();
        let second = Secrets::open(&data).ok().unwrap();
        assert_eq!(first.auth_master_key, second.auth_master_key);
        assert_eq!(first.database_password("orders"), second.database_password("orders"));
        assert_ne!(first.database_password("orders"), first.database_password("auth"));
    }

    #[test]
    fn a_password_that_could_be_sql_is_refused() {
        let (_dir, data) = data();
        let secrets = Secrets::open(&data).ok().unwrap();
        let text = toml::to_string(&secrets).unwrap();
        let forged =
            text.replace(secrets.database_password("auth"), "x'; DROP DATABASE orders; --");
        data.write(FILE, &forged).unwrap();

        let failure = Secrets::open(&data).err().unwrap().to_string();

        assert!(failure.contains("is not what was written"), "{failure}");
    }

    #[test]
    fn a_damaged_file_is_not_quoted() {
        let (_dir, data) = data();
        data.write(FILE, "auth_master_key = hunter2").unwrap();
        let failure = Secrets::open(&data).err().unwrap().to_string();
        assert!(failure.contains("--fresh") && !failure.contains("hunter2"), "{failure}");
    }

    #[test]
    fn secrets_that_have_gone_are_not_replaced_while_there_is_data() {
        let (_dir, data) = data();
        fs::create_dir_all(data.join("postgres/cluster")).unwrap();
        let failure = Secrets::open(&data).err().unwrap().to_string();
        assert!(failure.contains("has gone") && failure.contains("--fresh"), "{failure}");
    }
}
