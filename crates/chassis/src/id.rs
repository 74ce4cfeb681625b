//! Identifiers: `UUIDv7` inside, a prefixed string such as `ord_0198c5…` on the wire.
//!
//! `UUIDv7` (RFC 9562) starts with a timestamp, so new rows land at the end of a B-tree index.
//! The prefix lets a person who reads a log or a support mail see what an identifier names, and lets
//! a service refuse the identifier of something else before it asks the database.

/// Why a string is not an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an identifier of the form {prefix}_<32 hexadecimal digits>")]
pub struct ParseIdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// Defines a newtype over [`uuid::Uuid`] that is written with a prefix.
///
/// ```
/// chassis::define_id!(
///     /// Names a parcel.
///     ParcelId, "par"
/// );
/// let id = ParcelId::generate();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("ord_0198c5b6f0007000800000000000000a".parse::<ParcelId>().is_err());
/// ```
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub ::uuid::Uuid);

        impl $name {
            /// A new identifier, greater than all that were made in earlier milliseconds.
            pub fn generate() -> Self {
                Self(::uuid::Uuid::now_v7())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(formatter, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::parse_prefixed(text, $prefix).map(Self)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }

        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::schema::Schema> {
                $crate::id::string_schema($prefix)
            }
        }

        impl ::utoipa::ToSchema for $name {}
    };
}

/// Reads `<prefix>_<32 hexadecimal digits>`; used by [`define_id!`](crate::define_id).
pub fn parse_prefixed(text: &str, prefix: &'static str) -> Result<uuid::Uuid, ParseIdError> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    digits
        // `Uuid` would accept hyphens, braces and a URN too: one spelling is enough.
        .filter(|digits| digits.len() == 32)
        .and_then(|digits| uuid::Uuid::try_parse(digits).ok())
        .ok_or(ParseIdError { prefix })
}

/// The OpenAPI schema of a prefixed identifier; used by [`define_id!`](crate::define_id).
pub fn string_schema(prefix: &str) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .pattern(Some(format!("^{prefix}_[0-9a-f]{{32}}$")))
        .examples([serde_json::json!(format!("{prefix}_0198c5b6f00070008000000000000001"))])
        .into()
}
