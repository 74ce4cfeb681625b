//! What has passed: the proof that a fault struck.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::trap::Direction;

/// What a proxy has seen since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted, also those that were reset at once.
    pub connections: u64,
    /// How many of them are still there.
    pub open: u64,
    /// Bytes that were passed on to the server.
    pub bytes_to_server: u64,
    /// Bytes that were passed on to clients.
    pub bytes_to_client: u64,
    /// Bytes that were swallowed by [`Weather::Silent`](crate::Weather::Silent).
    pub bytes_lost: u64,
    /// Traps that have caught a connection.
    pub traps_sprung: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    connections: AtomicU64,
    ended: AtomicU64,
    bytes_to_server: AtomicU64,
    bytes_to_client: AtomicU64,
    bytes_lost: AtomicU64,
    traps_sprung: AtomicU64,
}

impl Counters {
    pub(crate) fn began(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn passed(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::ToServer => &self.bytes_to_server,
            Direction::ToClient => &self.bytes_to_client,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, bytes: usize) {
        self.bytes_lost.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sprung(&self) {
        self.traps_sprung.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // The ends first, so that there are never more of them than connections.
        let ended = read(&self.ended);
        let connections = read(&self.connections);
        Stats {
            connections,
            open: connections.saturating_sub(ended),
            bytes_to_server: read(&self.bytes_to_server),
            bytes_to_client: read(&self.bytes_to_client),
            bytes_lost: read(&self.bytes_lost),
            traps_sprung: read(&self.traps_sprung),
        }
    }
}
