//! Pages of a list, as Stripe cuts them: newest first, from a cursor that is an object's identifier.

use chrono::{DateTime, Utc};

use super::refusal::BadParameter;

const DEFAULT_LIMIT: i64 = 10;
const MAX_LIMIT: i64 = 100;

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct Listing {
    limit: i64,
    /// Where it starts; at the newest when absent.
    pub cursor: Option<Cursor>,
    /// Nothing older than this.
    pub created_from: Option<DateTime<Utc>>,
    /// Nothing that is not older than this.
    pub created_before: Option<DateTime<Utc>>,
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The page of older objects that follows this one.
    After(String),
    /// The page of newer objects that precedes this one.
    Before(String),
}

impl Listing {
    /// Checks what a client asked for.
    pub fn new(
        limit: Option<i64>,
        starting_after: Option<String>,
        ending_before: Option<String>,
    ) -> Result<Self, BadParameter> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let message = format!("limit must be between 1 and {MAX_LIMIT}.");
            return Err(BadParameter::new("limit", message).code("parameter_invalid_integer"));
        }
        let cursor = match (starting_after, ending_before) {
            (Some(_), Some(_)) => {
                let message =
                    "You may only specify one of these parameters: starting_after, ending_before.";
                return Err(BadParameter::new("starting_after", message));
            }
            (Some(after), None) => Some(Cursor::After(after)),
            (None, Some(before)) => Some(Cursor::Before(before)),
            (None, None) => None,
        };
        Ok(Self { limit, cursor, created_from: None, created_before: None })
    }

    /// How many rows to ask the database for: one more than the page, to learn whether there are more.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The fault of a cursor that names nothing: an empty page instead would look like the end of the list.
    pub fn unknown_cursor(&self, object: &str) -> BadParameter {
        match &self.cursor {
            Some(Cursor::Before(id)) => BadParameter::no_such(object, "ending_before", id),
            Some(Cursor::After(id)) => BadParameter::no_such(object, "starting_after", id),
            None => BadParameter::no_such(object, "starting_after", ""),
        }
    }

    /// Cuts the extra row off and puts the page in order; whether there are more comes with it.
    pub fn page<T>(&self, mut rows: Vec<T>) -> (Vec<T>, bool) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        if matches!(self.cursor, Some(Cursor::Before(_))) {
            // They were read away from the cursor, oldest first.
            rows.reverse();
        }
        (rows, has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_too_many_says_that_there_are_more() {
        let listing = Listing::new(Some(2), None, None).unwrap();
        assert_eq!(listing.page(vec![3, 2, 1]), (vec![3, 2], true));
        assert_eq!(listing.page(vec![3, 2]), (vec![3, 2], false));
    }

    #[test]
    fn a_page_before_a_cursor_is_newest_first_too() {
        let listing = Listing::new(Some(2), None, Some("x".to_owned())).unwrap();
        assert_eq!(listing.page(vec![4, 5, 6]), (vec![5, 4], true));
    }

    #[test]
    fn nonsense_is_refused() {
        for limit in [0, -1, 101, i64::MAX] {
            assert!(Listing::new(Some(limit), None, None).is_err());
        }
        assert!(Listing::new(None, Some("a".to_owned()), Some("b".to_owned())).is_err());
    }
}
