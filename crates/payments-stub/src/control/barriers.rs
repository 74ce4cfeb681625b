//! Barriers: points at which requests are held until a test lets them go, so that it can kill something exactly there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::matching::{Facts, Match};
use super::{Full, MOST};

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Before the handler: nothing has happened.
    Arrived,
    /// Right after the commit, before the answer is built. Requests that change nothing have no such point.
    AfterEffect,
    /// The answer is there, and not one byte of it is written.
    BeforeAnswer,
}

/// A barrier as a test asks for it.
#[derive(Clone, Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct BarrierWish {
    /// Which requests it holds.
    #[serde(default)]
    #[garde(dive)]
    pub r#match: Match,
    /// Where.
    #[garde(skip)]
    pub point: Point,
    /// How many; 0: all.
    #[serde(default = "once")]
    #[garde(skip)]
    pub times: u64,
}

fn once() -> u64 {
    1
}

/// How many requests are at a barrier, and went by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Waiting now.
    pub held: u64,
    /// Fitted and went on without the barrier's leave: not the nth, more than `times`, never at the point, or their
    /// client has gone.
    pub passed: u64,
}

/// A barrier as the requests know it that it concerns; clones share it.
#[derive(Clone, Debug)]
pub struct Barrier {
    /// Where it holds.
    pub point: Point,
    /// Open for ever once it is cancelled: by a release, or because the service stops.
    gate: CancellationToken,
    counts: watch::Sender<Counts>,
    /// How many requests it caught: they are held, were, or are on their way to the point.
    caught: Arc<AtomicU64>,
}

/// A request that a barrier will hold at its point. One that ends before it gets there, a replay at `after_effect` say,
/// has only passed, and leaves its place to another.
#[derive(Debug)]
pub struct Caught {
    barrier: Barrier,
    has_entered: AtomicBool,
}

/// All barriers.
#[derive(Debug, Default)]
pub struct Barriers {
    list: Vec<Entry>,
    made: u64,
}

#[derive(Debug)]
struct Entry {
    id: String,
    wish: BarrierWish,
    /// How many requests fitted.
    seen: u64,
    barrier: Barrier,
}

/// A held request; not held any more when this is dropped, however that comes about.
pub struct Held<'a> {
    barrier: &'a Barrier,
    was_released: bool,
}

impl Caught {
    /// Where it will be held.
    pub fn point(&self) -> Point {
        self.barrier.point
    }

    /// Counts it as held.
    pub fn enter(&self) -> Held<'_> {
        self.has_entered.store(true, Ordering::Relaxed);
        self.barrier.counts.send_modify(|counts| counts.held += 1);
        Held { barrier: &self.barrier, was_released: false }
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if !self.has_entered.load(Ordering::Relaxed) {
            self.barrier.caught.fetch_sub(1, Ordering::Relaxed);
            self.barrier.counts.send_modify(|counts| counts.passed += 1);
        }
    }
}

impl Barrier {
    /// Waits for a held request, but not for longer than `patience`, nor once the barrier is open.
    pub async fn watch(&self, patience: Duration) -> Counts {
        let mut counts = self.counts.subscribe();
        let somebody = async {
            let _ = counts.wait_for(|counts| counts.held > 0).await;
        };
        tokio::select! {
            () = somebody => {}
            () = self.gate.cancelled() => {}
            () = tokio::time::sleep(patience) => {}
        }
        *self.counts.borrow()
    }

    fn open(&self) -> u64 {
        let held = self.counts.borrow().held;
        self.gate.cancel();
        held
    }
}

impl Held<'_> {
    /// Waits until the barrier opens.
    pub async fn released(&mut self) {
        self.barrier.gate.cancelled().await;
        self.was_released = true;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.barrier.counts.send_modify(|counts| {
            counts.held -= 1;
            counts.passed += u64::from(!self.was_released);
        });
    }
}

impl Barriers {
    /// Adds one, and says its name. `shutdown` opens it, too.
    pub fn add(&mut self, wish: BarrierWish, shutdown: &CancellationToken) -> Result<String, Full> {
        if self.list.len() >= MOST {
            return Err(Full("barriers"));
        }
        self.made += 1;
        let id = format!("barrier_{}", self.made);
        let counts = watch::Sender::new(Counts::default());
        let (gate, caught) = (shutdown.child_token(), Arc::default());
        let barrier = Barrier { point: wish.point, gate, counts, caught };
        self.list.push(Entry { id: id.clone(), wish, seen: 0, barrier });
        Ok(id)
    }

    /// The one of this name.
    pub fn find(&self, id: &str) -> Option<Barrier> {
        self.list.iter().find(|entry| entry.id == id).map(|entry| entry.barrier.clone())
    }

    /// All of them, with how many requests are at each.
    pub fn list(&self) -> Vec<(String, BarrierWish, Counts)> {
        let entries = self.list.iter();
        entries
            .map(|entry| (entry.id.clone(), entry.wish.clone(), *entry.barrier.counts.borrow()))
            .collect()
    }

    /// Forgets all and lets all go that they hold; says how many there were.
    pub fn clear(&mut self) -> usize {
        let all = std::mem::take(&mut self.list);
        for entry in &all {
            entry.barrier.open();
        }
        all.len()
    }

    /// Forgets one and lets all go that it holds; says how many, or that there is no such barrier.
    pub fn release(&mut self, id: &str) -> Option<u64> {
        let index = self.list.iter().position(|entry| entry.id == id)?;
        Some(self.list.remove(index).barrier.open())
    }

    /// The requests that are of interest.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        self.list.iter().map(|entry| &entry.wish.r#match)
    }

    /// Counts a request, and says which barriers will hold it.
    pub fn catch(&mut self, facts: &Facts) -> Vec<Arc<Caught>> {
        self.list
            .iter_mut()
            .filter(|entry| entry.wish.r#match.fits(facts))
            .filter_map(Entry::catch)
            .collect()
    }
}

impl Entry {
    fn catch(&mut self) -> Option<Arc<Caught>> {
        self.seen += 1;
        let caught = self.barrier.caught.load(Ordering::Relaxed);
        let is_meant = self.wish.r#match.is_nth(self.seen)
            && (self.wish.times == 0 || caught < self.wish.times);
        if !is_meant {
            self.barrier.counts.send_modify(|counts| counts.passed += 1);
            return None;
        }
        self.barrier.caught.fetch_add(1, Ordering::Relaxed);
        let has_entered = AtomicBool::new(false);
        Some(Arc::new(Caught { barrier: self.barrier.clone(), has_entered }))
    }
}
