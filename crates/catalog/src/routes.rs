//! HTTP in, HTTP out.

pub mod books;
mod problems;
pub mod reservations;
