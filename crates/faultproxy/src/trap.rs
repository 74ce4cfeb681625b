//! Traps: one connection is stopped at the very byte that matters.
//!
//! A trap goes through stages, always forwards: it is armed; a chunk with the pattern comes and it has taken a
//! connection; for the actions "after", the chunk is forwarded; it is sprung, and whoever waits for that is told;
//! at last its connection is released or lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::{Shared, lock};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client: requests.
    ToServer,
    /// From the server: answers.
    ToClient,
}

impl Direction {
    pub(crate) fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// Where to stop a connection, and how.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Which bytes to look at.
    pub direction: Direction,
    /// What to look for. An empty pattern is found once in each chunk that passes.
    pub pattern: Vec<u8>,
    /// At which occurrence, counted from 1 over all connections since the trap was laid (0 counts as 1).
    pub nth: usize,
    /// What to do there.
    pub then: Action,
}

/// What a trap does with the connection that it has caught.
///
/// While a connection is held, the other direction goes on, and so does the pattern's own after `HoldAfter`: only what
/// is named here stands still. A held connection ends when its client does: the server then sees a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The pattern and what follows it are not forwarded. (When it arrives in two pieces, the first has passed already.)
    HoldBefore,
    /// The pattern is forwarded, and nothing that comes back afterwards: "it was done, and nobody was told".
    HoldAfter,
    /// As `HoldBefore`, but both ends are reset.
    CutBefore,
    /// As `HoldAfter`, but both ends are reset as soon as something comes back, or after a second.
    CutAfter,
}

/// A trap that was laid. Dropping it disarms the trap; a connection that it still holds is reset.
#[must_use = "dropping it disarms the trap"]
#[derive(Debug)]
pub struct TrapHandle {
    snare: Arc<Snare>,
    shared: Arc<Shared>,
}

impl TrapHandle {
    pub(crate) fn lay(trap: Trap, shared: Arc<Shared>) -> Self {
        let stage = watch::Sender::new(Stage::Armed);
        let snare = Arc::new(Snare { trap, seen: AtomicUsize::new(0), stage });
        lock(&shared.traps.0).push(Arc::clone(&snare));
        Self { snare, shared }
    }

    /// Waits until the trap has caught a connection: `true`. `false` says that the proxy was healed or dropped before.
    ///
    /// "Before" has happened when the bytes stand here; "after" when the other side has answered (its answer is here and
    /// held back), so that what it was asked for is done, or has let a second pass. A cut has happened when both ends
    /// are reset.
    pub async fn sprung(&self) -> bool {
        let is_over = |stage: &Stage| *stage == Stage::Disarmed || *stage >= Stage::Sprung;
        self.snare.wait(is_over).await != Stage::Disarmed
    }

    /// Whether it has caught a connection.
    pub fn is_sprung(&self) -> bool {
        *self.snare.stage.borrow() >= Stage::Sprung
    }

    /// Lets a held connection go on, with the bytes that were held back. A trap that is still armed stays so.
    pub fn release(&self) {
        if *self.snare.stage.borrow() >= Stage::Taken {
            self.snare.advance(Stage::Released);
        }
    }

    /// Takes the trap away, as dropping it does.
    pub fn disarm(self) {}
}

impl Drop for TrapHandle {
    fn drop(&mut self) {
        // Under the lock, so that no connection runs into it at this very moment and stays in a trap without a handle.
        let mut snares = lock(&self.shared.traps.0);
        snares.retain(|snare| !Arc::ptr_eq(snare, &self.snare));
        self.snare.disarm();
    }
}

/// How far a trap has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It was taken away before it caught anything.
    Disarmed,
    Armed,
    /// It has a connection; the bytes are on their way.
    Taken,
    /// "After": the bytes have been forwarded, the answer is awaited.
    Forwarded,
    Sprung,
    Released,
    /// It was taken away while it had a connection: that one is reset.
    Lost,
}

/// A trap as the connections know it.
#[derive(Debug)]
pub(crate) struct Snare {
    trap: Trap,
    /// How many occurrences have passed.
    seen: AtomicUsize,
    stage: watch::Sender<Stage>,
}

impl Snare {
    pub(crate) fn action(&self) -> Action {
        self.trap.then
    }

    pub(crate) fn cuts(&self) -> bool {
        matches!(self.trap.then, Action::CutBefore | Action::CutAfter)
    }

    pub(crate) fn acts_before(&self) -> bool {
        matches!(self.trap.then, Action::CutBefore | Action::HoldBefore)
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.stage.borrow() >= Stage::Released
    }

    /// Goes on to this stage, if it is not further already.
    pub(crate) fn advance(&self, to: Stage) {
        self.stage.send_if_modified(|stage| std::mem::replace(stage, to.max(*stage)) < to);
    }

    /// Waits for this stage, or a later one.
    pub(crate) async fn reached(&self, stage: Stage) {
        self.wait(|now| *now >= stage).await;
    }

    /// Waits until the connection may go on: `true`, or must not: `false`.
    pub(crate) async fn released(&self) -> bool {
        self.wait(|stage| *stage >= Stage::Released).await == Stage::Released
    }

    async fn wait(&self, until: impl FnMut(&Stage) -> bool) -> Stage {
        let mut stage = self.stage.subscribe();
        // The sender lives in `self`, so there is always somebody to wait for.
        stage.wait_for(until).await.map_or(Stage::Lost, |stage| *stage)
    }

    fn disarm(&self) {
        self.stage.send_modify(|stage| {
            *stage = match *stage {
                Stage::Disarmed | Stage::Armed => Stage::Disarmed,
                Stage::Taken | Stage::Forwarded | Stage::Sprung | Stage::Lost => Stage::Lost,
                // Its connection is free already, even if it does not know yet.
                Stage::Released => Stage::Released,
            };
        });
    }

    fn watches(&self, direction: Direction) -> bool {
        self.trap.direction == direction && *self.stage.borrow() == Stage::Armed
    }

    /// Counts the occurrences that end after the first `old` bytes, up to the one that is waited for: its start.
    fn find(&self, bytes: &[u8], old: usize) -> Option<usize> {
        let pattern = self.trap.pattern.as_slice();
        if pattern.is_empty() {
            return self.is_nth().then_some(old);
        }
        let windows =
            bytes.windows(pattern.len()).enumerate().skip((old + 1).saturating_sub(pattern.len()));
        let mut starts = windows.filter(|(_, window)| *window == pattern).map(|(start, _)| start);
        starts.find(|_| self.is_nth())
    }

    fn is_nth(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1 >= self.trap.nth
    }
}

/// The traps of a proxy whose handles live.
#[derive(Debug, Default)]
pub(crate) struct Traps(Mutex<Vec<Arc<Snare>>>);

impl Traps {
    /// The trap into which this chunk runs, and at which byte of it.
    ///
    /// One chunk springs one trap, the oldest; the younger ones do not count what is in it. `tail` is what the caller
    /// keeps for this direction of its connection: the last bytes that passed, in which a pattern may have begun.
    pub(crate) fn check(
        &self,
        direction: Direction,
        tail: &mut Vec<u8>,
        chunk: &[u8],
    ) -> Option<(Arc<Snare>, usize)> {
        // Two connections must not both be the nth: the lock is held to the end.
        let snares = lock(&self.0);
        let watching = || snares.iter().filter(|snare| snare.watches(direction));
        let Some(longest) = watching().map(|snare| snare.trap.pattern.len()).max() else {
            tail.clear();
            return None;
        };
        let old = tail.len();
        tail.extend_from_slice(chunk);
        let caught = watching().find_map(|snare| Some((Arc::clone(snare), snare.find(tail, old)?)));
        tail.drain(..(tail.len() + 1).saturating_sub(longest.max(1)));
        let (snare, start) = caught?;
        snare.advance(Stage::Taken);
        Some((snare, start.saturating_sub(old)))
    }

    /// Takes all traps away.
    pub(crate) fn disarm(&self) {
        lock(&self.0).drain(..).for_each(|snare| snare.disarm());
    }
}
