//! What all rows have to translate: words, money and notes.

use std::collections::BTreeMap;

use chassis::money::Money;
use diesel::result::Error;
use iso_currency::Currency;
use serde_json::Value;

use crate::domain::metadata::Metadata;

/// The error of a row that the code does not understand: an older program meets a newer row.
pub(super) fn unreadable(column: &str) -> Error {
    Error::DeserializationError(format!("a row has an unknown value in {column}").into())
}

pub(super) fn money(amount: i64, currency: &str) -> Result<Money, Error> {
    Currency::from_code(currency)
        .map(|currency| Money::new(amount, currency))
        .ok_or_else(|| unreadable("currency"))
}

pub(super) fn metadata(value: Value) -> Result<Metadata, Error> {
    let entries = serde_json::from_value::<BTreeMap<String, String>>(value);
    entries.map(Metadata::stored).map_err(|error| Error::DeserializationError(error.into()))
}

pub(super) fn metadata_value(metadata: &Metadata) -> Value {
    let entries = metadata.entries().iter();
    Value::Object(entries.map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect())
}

/// `None` stays `None`; a word that `find` does not know is an error.
pub(super) fn word<T>(
    column: &str,
    word: Option<String>,
    find: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    word.map(|word| find(&word).ok_or_else(|| unreadable(column))).transpose()
}
