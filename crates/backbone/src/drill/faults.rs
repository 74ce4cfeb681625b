//! The faults F0–F26, as in the design's matrix: what goes wrong, while customers buy.

mod nothing;

use futures_util::future::BoxFuture;

use super::run::Run;

/// One row of the matrix.
pub(crate) struct Fault {
    /// `F2`.
    pub(crate) id: &'static str,
    /// What goes wrong.
    pub(crate) what: &'static str,
    /// Makes it go wrong, drives the customers, and returns when they have gone. What it broke is healed afterwards.
    pub(crate) strike: for<'a> fn(&'a Run<'a>) -> BoxFuture<'a, anyhow::Result<()>>,
}

/// All of them.
pub(crate) const FAULTS: &[Fault] = &[Fault {
    id: "F0",
    what: "nothing: the drill itself",
    strike: |run| Box::pin(nothing::strike(run)),
}];

/// The fault of this name.
pub(crate) fn find(id: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.id.eq_ignore_ascii_case(id))
}
