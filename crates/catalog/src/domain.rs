//! The rules of the catalog: types that cannot be wrong. Nothing here knows of HTTP or SQL.

pub mod book;
pub mod reservation;

pub use book::{Book, BookId, Stock};
pub use reservation::{Line, Lines, Reservation, ReservationState, ReserveError};
