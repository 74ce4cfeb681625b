//! `list`.

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// Always `list`.
    pub object: &'static str,
    /// The path of the list.
    pub url: String,
    /// Whether another page follows. It becomes `false` at the end: all SDKs page until then.
    pub has_more: bool,
    /// The objects.
    pub data: Vec<T>,
}

impl<T> List<T> {
    /// A page of the list at `url`.
    pub fn new(url: &str, data: Vec<T>, has_more: bool) -> Self {
        Self { object: "list", url: url.to_owned(), has_more, data }
    }
}
