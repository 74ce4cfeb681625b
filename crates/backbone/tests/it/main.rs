//! Tests of the command, through the real binary: it starts, it stops, it survives, it refuses.
//!
//! Each test has a folder and ports of its own, and looks at real processes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

mod drill;
mod logs;
mod recover;
mod refuse;
mod smoke;
mod start;
mod stop;
mod traces;
