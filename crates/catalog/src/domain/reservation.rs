//! Stock held for an order: all of its books or none.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::BookId;

/// So many copies of one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The book.
    pub book_id: BookId,
    /// How many copies.
    #[schema(minimum = 1, maximum = 1000)]
    pub quantity: i32,
}

/// The most lines of one reservation, and the most copies on one line.
pub const MAX_LINES: usize = 50;
/// See [`MAX_LINES`].
pub const MAX_QUANTITY: i32 = 1000;

/// The lines of a reservation: at least one, each book once, in the order of their identifiers.
///
/// The order matters: everybody who locks several rows of stock locks them in this order, so nobody can hold
/// what another waits for while waiting for what the other holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines(Vec<Line>);

/// Why lines are not acceptable; one message a fault, with the index of the line.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidLines(pub Vec<(Option<usize>, &'static str)>);

impl Lines {
    /// Checks and sorts.
    pub fn parse(mut lines: Vec<Line>) -> Result<Self, InvalidLines> {
        let mut faults = Vec::new();
        if lines.is_empty() || lines.len() > MAX_LINES {
            faults.push((None, "must have from 1 to 50 lines"));
        }
        for (index, line) in lines.iter().enumerate() {
            if !(1..=MAX_QUANTITY).contains(&line.quantity) {
                faults.push((Some(index), "quantity must be from 1 to 1000"));
            }
            if lines.iter().take(index).any(|earlier| earlier.book_id == line.book_id) {
                faults.push((Some(index), "this book stands on an earlier line already"));
            }
        }
        if !faults.is_empty() {
            return Err(InvalidLines(faults));
        }
        lines.sort_unstable();
        Ok(Self(lines))
    }

    /// In the order of the books' identifiers.
    pub fn as_slice(&self) -> &[Line] {
        &self.0
    }
}

/// Where a reservation stands. `held` is the only state that it can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// The copies are set aside.
    Held,
    /// The copies are sold.
    Committed,
    /// The order gave the copies back.
    Released,
    /// Nobody came for the copies in time.
    Expired,
}

impl ReservationState {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Held, Self::Committed, Self::Released, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A reservation as it is told to the service that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// The order that it is for.
    pub order_id: Uuid,
    /// Where it stands.
    pub state: ReservationState,
    /// When held copies come back by themselves.
    pub expires_at: DateTime<Utc>,
    /// What is held.
    pub lines: Vec<Line>,
}

/// A book of which there are not enough copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shortage {
    /// The book.
    pub book_id: BookId,
    /// How many were asked for.
    pub requested: i32,
    /// How many there are.
    pub available: i32,
}

/// Why stock was not held, sold or given back.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Not enough copies: nothing was held, not even of the books that there are enough of.
    #[error("not enough copies of {} books", .0.len())]
    Insufficient(Vec<Shortage>),
    /// A line names a book that does not exist.
    #[error("a line names a book that does not exist")]
    UnknownBook,
    /// The order already has a reservation of other books or quantities.
    #[error("this order has a reservation with other lines")]
    OtherLines,
    /// The reservation has ended in a state that does not allow this.
    #[error("the reservation is {}", .0.as_str())]
    Ended(ReservationState),
    /// There is none.
    #[error("there is no reservation for this order")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] chassis::db::DbError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(book_id: BookId, quantity: i32) -> Line {
        Line { book_id, quantity }
    }

    #[test]
    fn lines_are_sorted_so_that_all_lock_in_one_order() {
        let (first, second) = (BookId(Uuid::from_u128(1)), BookId(Uuid::from_u128(2)));
        let lines = Lines::parse(vec![line(second, 1), line(first, 2)]).unwrap();
        assert_eq!(lines.as_slice(), [line(first, 2), line(second, 1)]);
    }

    #[test]
    fn every_fault_is_named() {
        let book = BookId::generate();
        let faults = Lines::parse(vec![line(book, 0), line(book, 1001)]).unwrap_err().0;
        assert_eq!(
            faults.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(1)]
        );
        assert!(Lines::parse(vec![]).is_err());
    }

    #[test]
    fn states_read_back_as_they_were_written() {
        for state in ["held", "committed", "released", "expired"] {
            assert_eq!(ReservationState::parse(state).unwrap().as_str(), state);
        }
    }
}
