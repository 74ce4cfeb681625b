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

    /// `***`; for a URL also what one looks for when a connection fails: the scheme, the host, and for a server that
    /// is no web server the user and the database. A web address may be a secret as a whole, path and all.
    fn masked(&self) -> String {
        let url = match url::Url::parse(self.expose()) {
            Ok(url) if url.has_host() => url,
            _ => return "***".to_owned(),
        };
        let (host, port) = (url.host_str().unwrap_or_default(), url.port());
        let address = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let scheme = url.scheme();
        match url.password() {
            _ if matches!(scheme, "http" | "https") => format!("{scheme}://{address}/***"),
            Some(_) => format!("{scheme}://{}:***@{address}{}", url.username(), url.path()),
            // A name without a password may be a token.
            None if !url.username().is_empty() => format!("{scheme}://***@{address}{}", url.path()),
            None => format!("{scheme}://{address}{}", url.path()),
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
        let printed = |secret: &str| format!("{:?}", Secret::new(secret));
        assert_eq!(printed("hunter2"), "***");
        assert_eq!(
            printed("postgres://shop:hunter2@db:5432/orders?sslkey=hunter2"),
            "postgres://shop:***@db:5432/orders"
        );
        assert_eq!(printed("redis://:hunter2@cache:6379/0"), "redis://:***@cache:6379/0");
        assert_eq!(printed("smtp://hunter2@mail:25"), "smtp://***@mail:25");
        assert_eq!(
            printed("https://me:hunter2@host/hunter2?t=hunter2#hunter2"),
            "https://host/***"
        );
    }
}
