//! The faults F0–F26, as in the design's matrix: what goes wrong, while customers buy.
//!
//! Each is a function that arranges the fault, drives the customers through it, and says what really struck: a matrix
//! that is green because nothing happened proves nothing. What a fault broke is healed by [`super::run`] afterwards,
//! except what only the fault itself knows how to undo.

mod auth;
mod catalog;
mod clicks;
mod clock;
mod database;
mod forged;
mod gateway;
mod kill;
mod mail;
mod nothing;
mod races;
mod refunds;
mod replicas;
mod webhooks;

use std::pin::pin;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::load::{self, Plan};
use super::run::Run;

/// One row of the matrix.
pub(crate) struct Fault {
    /// `F2`.
    pub(crate) id: &'static str,
    /// What goes wrong.
    pub(crate) what: &'static str,
    /// Makes it go wrong, drives the customers, and returns when they have gone.
    pub(crate) strike: for<'a> fn(&'a Run<'a>) -> BoxFuture<'a, anyhow::Result<()>>,
}

/// A row of the table below.
macro_rules! fault {
    ($id:literal, $what:literal, $strike:path) => {
        Fault { id: $id, what: $what, strike: |run| Box::pin($strike(run)) }
    };
}

/// All of them.
pub(crate) const FAULTS: &[Fault] = &[
    fault!("F0", "nothing: the drill itself", nothing::strike),
    fault!("F1", "kill -9 of orders, at each step of a checkout", kill::strike),
    fault!("F2", "charged, and the answer is a reset", gateway::reset),
    fault!("F3", "charged, and the answer comes after the time-out", gateway::late),
    fault!("F4", "charged, and the answer is 500, again and again", gateway::repeated_500),
    fault!("F5", "not charged: 500, 502, 503, connections refused", gateway::down),
    fault!("F6", "hangs, slow, cut, garbled and huge answers", gateway::garbled),
    fault!("F7", "429, and 409 for a key that is in use", gateway::busy),
    fault!("F8", "kill -9 of the gateway after the effect", gateway::killed),
    fault!("F9", "the gateway forgets its idempotency keys", gateway::forgetful),
    fault!("F10", "thirty clicks at once; many who want the last copy", clicks::strike),
    fault!("F11", "each webhook eleven times at once", webhooks::repeated),
    fault!("F12", "webhooks that overtake the answer", webhooks::early),
    fault!("F13", "webhooks in another order", webhooks::reordered),
    fault!("F14", "no webhook at all", webhooks::lost),
    fault!("F15", "forged webhooks of every kind", forged::strike),
    fault!("F16", "orders hangs, or dies, while it takes a webhook", webhooks::refused),
    fault!("F17", "PostgreSQL is cut at COMMIT, and restarts", database::cut),
    fault!("F18", "PostgreSQL read-only, locked, full, 40001", database::refusing),
    fault!("F19", "Redis down, slow, flushed, with wrong prices", catalog::cache),
    fault!("F20", "auth is down", auth::strike),
    fault!("F21", "the catalog is down, hangs, changes its prices", catalog::down),
    fault!("F22", "the mail server refuses, hangs, cuts", mail::strike),
    fault!("F23", "two replicas, one paused past its lease", replicas::strike),
    fault!("F24", "cancelling and expiring while it is being paid", races::strike),
    fault!("F25", "refunds at once, too large, with lost answers", refunds::strike),
    fault!("F26", "the clock of orders jumps by an hour", clock::strike),
];

/// The fault of this name.
pub(crate) fn find(id: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.id.eq_ignore_ascii_case(id))
}

/// How long a fault may wait for its occasion after the last customer has gone: receipts and webhooks come late.
const LATE: Duration = Duration::from_secs(3);

/// Runs `strike` while customers follow their plans. It is given up when its occasion does not come.
async fn meanwhile(
    run: &Run<'_>,
    plans: &[Plan],
    strike: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut strike = pin!(strike);
    let mut load = pin!(load::follow_all(&run.world.customers, plans));
    tokio::select! {
        struck = &mut strike => {
            struck?;
            load.await;
            Ok(())
        }
        () = &mut load => timeout(LATE, strike).await.unwrap_or(Ok(())),
    }
}
