//! From text to values that cannot be wrong: one small function for each kind of parameter.

use chrono::{DateTime, Utc};

use crate::domain::refusal::BadParameter;

/// A text, unless it is absent or empty.
pub fn text(
    name: &str,
    value: Option<String>,
    longest: usize,
) -> Result<Option<String>, BadParameter> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    if value.chars().count() > longest {
        return Err(BadParameter::new(
            name,
            format!("{name} can have up to {longest} characters."),
        ));
    }
    Ok(Some(value))
}

/// A text that must be there.
pub fn required(name: &str, value: Option<String>, longest: usize) -> Result<String, BadParameter> {
    text(name, value, longest)?.ok_or_else(|| BadParameter::missing(name))
}

/// An integer.
pub fn integer(name: &str, value: Option<String>) -> Result<Option<i64>, BadParameter> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    // The value is not repeated: it could be a card number in the wrong field.
    let invalid = || {
        BadParameter::new(name, format!("Invalid integer in {name}."))
            .code("parameter_invalid_integer")
    };
    value.parse().map(Some).map_err(|_not_an_integer| invalid())
}

/// An integer of at least one.
pub fn positive(name: &str, value: Option<String>) -> Result<Option<i64>, BadParameter> {
    let value = integer(name, value)?;
    if value.is_some_and(|value| value < 1) {
        let message = "This value must be greater than or equal to 1.";
        return Err(BadParameter::new(name, message).code("parameter_invalid_integer"));
    }
    Ok(value)
}

/// `true` or `false`.
pub fn boolean(name: &str, value: Option<&str>) -> Result<Option<bool>, BadParameter> {
    match value {
        None | Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => {
            Err(BadParameter::new(name, format!("Invalid boolean in {name}: use true or false.")))
        }
    }
}

/// One of a few words.
pub fn word<T>(
    name: &str,
    value: Option<String>,
    find: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, BadParameter> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    find(&value)
        .map(Some)
        .ok_or_else(|| BadParameter::new(name, format!("Invalid {name}: see the documentation.")))
}

/// A moment in seconds since 1970.
pub fn moment(name: &str, value: Option<String>) -> Result<Option<DateTime<Utc>>, BadParameter> {
    let Some(seconds) = integer(name, value)? else { return Ok(None) };
    // PostgreSQL's calendar and ours end at different places; nobody asks for the year 10000.
    let at =
        DateTime::from_timestamp(seconds, 0).filter(|_| (0..253_402_300_800).contains(&seconds));
    at.map(Some).ok_or_else(|| BadParameter::new(name, format!("Invalid timestamp in {name}.")))
}
