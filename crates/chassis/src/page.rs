//! Keyset pagination: `?limit=` (1–100, default 20) `&after=<opaque cursor>` → `{data, next}`.
//!
//! A cursor holds the sort key of the last row, so the next page starts with an index look-up however deep it is,
//! and rows that appear or vanish meanwhile neither repeat nor skip others. `OFFSET` does neither.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;
use crate::problem;

/// The most rows a page can have, and how many it has when nobody asks.
pub const MAX_LIMIT: i64 = 100;
const DEFAULT_LIMIT: i64 = 20;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Pass it as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page that was asked for, checked.
#[derive(Debug)]
pub struct PageRequest<K> {
    /// How many rows.
    pub limit: i64,
    /// The sort key of the row before the first.
    pub after: Option<K>,
}

impl<K: DeserializeOwned + Serialize> PageRequest<K> {
    /// Checks `limit` and decodes `after`, as they stand in the query.
    pub fn parse(limit: Option<i64>, after: Option<&str>) -> Result<Self, Problem> {
        let mut faults = Problem::new(problem::INVALID_REQUEST);
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        let limit_is_valid = (1..=MAX_LIMIT).contains(&limit);
        if !limit_is_valid {
            faults = faults.error("limit", format!("must be from 1 to {MAX_LIMIT}"));
        }
        match after.map(decode).transpose() {
            Ok(after) if limit_is_valid => Ok(Self { limit, after }),
            Ok(_) => Err(faults),
            Err(InvalidCursor) => {
                Err(faults.error("after", "is not a cursor that this list gave out"))
            }
        }
    }

    /// How many rows to ask the database for: one more than the page, to learn whether there is a next one.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the extra row off and makes the cursor from the last row that stays.
    pub fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| encode(&key(row)));
        Page { data: rows, next }
    }
}

/// A cursor that was not made by [`encode`] for this kind of key.
struct InvalidCursor;

fn encode<K: Serialize>(key: &K) -> String {
    // A sort key is strings, numbers and times: serialising it cannot fail.
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(cursor: &str) -> Result<K, InvalidCursor> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(InvalidCursor)
}

/// The query parameters of a list, as they arrive.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct PageQuery {
    /// How many rows, from 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = (String, u32);

    #[test]
    fn a_cursor_leads_to_the_row_after_the_last() {
        let request = PageRequest::<Key>::parse(Some(2), None).unwrap();
        let page = request.page(vec![1, 2, 3], |row| ("key".to_owned(), *row));
        assert_eq!(page.data, [1, 2]);
        let next = PageRequest::<Key>::parse(Some(2), page.next.as_deref()).unwrap();
        assert_eq!(next.after, Some(("key".to_owned(), 2)));
        assert_eq!(next.page(vec![3], |row| ("key".to_owned(), *row)).next, None);
    }

    #[test]
    fn nonsense_is_refused_all_at_once() {
        let problem = PageRequest::<Key>::parse(Some(0), Some("not a cursor")).unwrap_err();
        assert_eq!(problem.kind(), problem::INVALID_REQUEST);
        assert!(PageRequest::<Key>::parse(Some(101), None).is_err());
        assert!(PageRequest::<Key>::parse(None, Some("e30")).is_err());
    }
}
