//! HTTP in, HTTP out: a handler extracts, calls, answers.

pub mod account;
pub mod accounts;
pub mod pages;
pub mod problems;
pub mod sessions;
pub mod tokens;
pub mod verifications;
pub mod verify_email;
pub mod well_known;
