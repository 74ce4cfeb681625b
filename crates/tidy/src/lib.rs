//! Nothing to call: this crate is its tests, the rules of the house that neither the compiler nor clippy knows.
//!
//! `cargo test -p tidy` runs them; `tests/tidy/main.rs` lists them, and says how to see the figures.
