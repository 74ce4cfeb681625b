//! One direction of a connection: reads a chunk, asks the traps and the weather, writes it.
//!
//! A pump holds one chunk at most and reads no further before that has passed, so a sender that is faster than its
//! receiver is slowed down by TCP itself, as without a proxy.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::link::{Link, Reset};
use crate::trap::{Action, Direction, Snare, Stage};
use crate::weather::{Sky, Weather};

/// How many bytes are read at once.
const CHUNK: usize = 16 * 1024;
/// How many times a second something trickles, if it is fast enough for that.
const DROPS_PER_SECOND: u64 = 20;

pub(crate) struct Pump<'a> {
    link: &'a Link,
    direction: Direction,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    sky: watch::Receiver<Sky>,
    /// The number of the present weather, and how many bytes have passed under it.
    under: (u64, u64),
    /// The last bytes that passed: a pattern may have begun there.
    tail: Vec<u8>,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        link: &'a Link,
        direction: Direction,
        from: ReadHalf<'a>,
        to: WriteHalf<'a>,
    ) -> Self {
        let sky = link.shared.sky.subscribe();
        Self { link, direction, from, to, sky, under: (0, 0), tail: Vec::new() }
    }

    /// Pumps until the sender has no more to say.
    pub(crate) async fn run(mut self) -> Result<(), Reset> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = self.from.read(&mut buffer).await?;
            let chunk = buffer.get(..read).unwrap_or_default();
            if let Some(snare) = self.link.stopped(self.direction) {
                self.keep_answer(&snare).await?;
            }
            if self.look() == Weather::Silent {
                self.link.shared.counters.lost(read);
            } else if !chunk.is_empty() {
                self.pass(chunk).await?;
            } else if self.direction == Direction::ToServer && self.link.is_held() {
                return Err(Reset);
            } else {
                // The end of one direction only: the other side may still answer.
                self.to.shutdown().await?;
            }
            if chunk.is_empty() {
                return Ok(());
            }
        }
    }

    /// Passes a chunk on, unless it runs into a trap.
    async fn pass(&mut self, chunk: &[u8]) -> Result<(), Reset> {
        let Some((snare, at)) = self.link.spring(self.direction, &mut self.tail, chunk) else {
            return self.carry(chunk).await;
        };
        let (before, rest) = chunk.split_at(at);
        match snare.action() {
            Action::CutBefore => {
                self.carry(before).await?;
                Err(Reset)
            }
            Action::HoldBefore => {
                self.carry(before).await?;
                snare.advance(Stage::Sprung);
                self.hold(&snare).await?;
                self.carry(rest).await
            }
            Action::HoldAfter | Action::CutAfter => {
                self.carry(chunk).await?;
                snare.advance(Stage::Forwarded);
                Ok(())
            }
        }
    }

    /// What comes back after the pattern has been forwarded: it does not pass.
    async fn keep_answer(&mut self, snare: &Arc<Snare>) -> Result<(), Reset> {
        // Should it come while the pattern is still being written, it answers something earlier, but it stays here too.
        snare.reached(Stage::Forwarded).await;
        if snare.cuts() {
            return Err(Reset);
        }
        snare.advance(Stage::Sprung);
        self.hold(snare).await
    }

    /// Stands still until the trap lets go.
    async fn hold(&mut self, snare: &Arc<Snare>) -> Result<(), Reset> {
        let may_go_on = tokio::select! {
            biased;
            released = snare.released() => released,
            // A client that is killed here has not sent what is held, as far as the server will ever know. When it is
            // the server's bytes that are held, the other pump reads from the client, and sees its end.
            () = closed(&mut self.from), if self.direction == Direction::ToServer => false,
        };
        if may_go_on { Ok(()) } else { Err(Reset) }
    }

    /// Writes the bytes as the weather permits, which may change half-way.
    async fn carry(&mut self, mut bytes: &[u8]) -> Result<(), Reset> {
        let mut is_late = false;
        while !bytes.is_empty() {
            let is_downstream = self.direction == Direction::ToClient;
            let now = match self.look() {
                Weather::Silent => {
                    self.link.shared.counters.lost(bytes.len());
                    return Ok(());
                }
                Weather::Slow { delay, jitter } if !is_late => {
                    is_late = true;
                    self.pause(delay.saturating_add(self.link.shared.chance.up_to(jitter))).await;
                    continue;
                }
                Weather::Trickle { bytes_per_second } if is_downstream => {
                    let rate = bytes_per_second.max(1);
                    let drop = (rate / DROPS_PER_SECOND).max(1).min(bytes.len() as u64);
                    if !self.pause(Duration::from_nanos(drop * 1_000_000_000 / rate)).await {
                        continue;
                    }
                    drop
                }
                Weather::CutAfter { bytes: limit } if is_downstream => {
                    let left = limit.saturating_sub(self.under.1);
                    if left <= bytes.len() as u64 {
                        let last = usize::try_from(left).unwrap_or(bytes.len());
                        self.write(bytes.split_at(last).0).await?;
                        return Err(Reset);
                    }
                    bytes.len() as u64
                }
                _ => bytes.len() as u64,
            };
            let (now, later) = bytes.split_at(usize::try_from(now).unwrap_or(bytes.len()));
            self.write(now).await?;
            bytes = later;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Reset> {
        self.to.write_all(bytes).await?;
        self.under.1 += bytes.len() as u64;
        self.link.shared.counters.passed(self.direction, bytes.len());
        Ok(())
    }

    /// The present weather.
    fn look(&mut self) -> Weather {
        let Sky { weather, number, .. } = *self.sky.borrow();
        if number != self.under.0 {
            self.under = (number, 0);
        }
        weather
    }

    /// Waits so long, or until the weather changes: `false`.
    async fn pause(&mut self, duration: Duration) -> bool {
        let number = self.under.0;
        let change = self.sky.wait_for(|sky| sky.number != number);
        tokio::time::timeout(duration, change).await.is_err()
    }
}

/// Waits until the sender has closed, or died. What it sent before that is in the way of seeing it: then for ever.
async fn closed(from: &mut ReadHalf<'_>) {
    if from.peek(&mut [0]).await.is_ok_and(|read| read > 0) {
        std::future::pending::<()>().await;
    }
}
