//! One connection through the proxy: client, server, and how it ends.
//!
//! There are two ends only. A clean one, when both sides have said that they have nothing more to send. And a reset of
//! both sides, for everything else: bad weather, a trap that cuts, an error on either side.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::pump::Pump;
use crate::trap::{Direction, Snare, Stage};
use crate::weather::{Sky, Weather};
use crate::{Shared, lock};

/// How long a trap "after" waits for the answer of the other side.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection, without its sockets.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    /// The sky under which it was born.
    born: Sky,
    caught: watch::Sender<Option<Caught>>,
}

/// The trap in which a connection is, or was last.
#[derive(Clone, Debug)]
struct Caught {
    snare: Arc<Snare>,
    /// The direction that stands still.
    stopped: Direction,
}

/// Both ends are to be reset.
#[derive(Debug)]
pub(crate) struct Reset;

impl From<io::Error> for Reset {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Link {
    /// Serves a client in a task of its own.
    pub(crate) fn start(client: TcpStream, shared: Arc<Shared>) {
        shared.counters.began();
        let born = *shared.sky.borrow();
        let link = Self { shared, born, caught: watch::Sender::default() };
        tokio::spawn(link.serve(client));
    }

    async fn serve(self, mut client: TcpStream) {
        let mut server = None;
        let end = tokio::select! {
            biased;
            () = self.cut() => Err(Reset),
            () = self.lose_patience() => Err(Reset),
            end = self.exchange(&mut client, &mut server) => end,
        };
        for stream in [Some(client), server].into_iter().flatten() {
            if end.is_err() {
                // With nothing to linger for, closing sends RST instead of FIN. Where even that fails, it is a FIN.
                let _ = stream.set_zero_linger();
            }
        }
        // Whoever waits for a trap may now count on both ends being reset.
        if let Some(caught) = &*self.caught.borrow() {
            caught.snare.advance(Stage::Sprung);
        }
    }

    /// Waits for weather that ends this connection.
    async fn cut(&self) {
        if matches!(self.born.weather, Weather::Refused | Weather::Reset) {
            return;
        }
        let mut sky = self.shared.sky.subscribe();
        // The sender lives as long as `self.shared`.
        let _ = sky.wait_for(|sky| sky.cuts != self.born.cuts).await;
    }

    /// Carries bytes both ways until both sides have stopped sending.
    async fn exchange(
        &self,
        client: &mut TcpStream,
        server: &mut Option<TcpStream>,
    ) -> Result<(), Reset> {
        if self.born.weather == Weather::Silent {
            return self.swallow(client).await;
        }
        let upstream = lock(&self.shared.upstream).clone();
        let server = server.insert(TcpStream::connect(upstream).await?);
        // Each chunk leaves at once: what still waited in a socket at a reset would be lost, and `CutAfter` inexact.
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((client_reads, client_writes), (server_reads, server_writes)) =
            (client.split(), server.split());
        let up = Pump::new(self, Direction::ToServer, client_reads, server_writes);
        let down = Pump::new(self, Direction::ToClient, server_reads, client_writes);
        tokio::try_join!(up.run(), down.run())?;
        Ok(())
    }

    /// Serves a client that came in silence: there is no server to it.
    async fn swallow(&self, client: &mut TcpStream) -> Result<(), Reset> {
        let mut buffer = [0; 1024];
        loop {
            match client.read(&mut buffer).await? {
                0 => return Ok(()),
                read => self.shared.counters.lost(read),
            }
        }
    }

    /// The trap into which this chunk runs, if any, and at which byte.
    pub(crate) fn spring(
        &self,
        direction: Direction,
        tail: &mut Vec<u8>,
        chunk: &[u8],
    ) -> Option<(Arc<Snare>, usize)> {
        // One trap at a time. What passes meanwhile is not looked at, so no pattern begins in what passed before.
        if self.is_held() {
            tail.clear();
            return None;
        }
        let (snare, at) = self.shared.traps.check(direction, tail, chunk)?;
        self.shared.counters.sprung();
        let stopped = if snare.acts_before() { direction } else { direction.reverse() };
        self.caught.send_replace(Some(Caught { snare: Arc::clone(&snare), stopped }));
        Some((snare, at))
    }

    /// The trap that lets nothing pass in this direction, or has let nothing pass before it was released.
    pub(crate) fn stopped(&self, direction: Direction) -> Option<Arc<Snare>> {
        let caught = self.caught.borrow();
        let caught = caught.as_ref().filter(|caught| caught.stopped == direction);
        caught.map(|caught| Arc::clone(&caught.snare))
    }

    pub(crate) fn is_held(&self) -> bool {
        self.caught.borrow().as_ref().is_some_and(|caught| !caught.snare.is_over())
    }

    /// Gives up on an answer that does not come to a trap that awaits it; ends when the connection has to.
    async fn lose_patience(&self) {
        let mut caught = self.caught.subscribe();
        loop {
            let Ok(Some(Caught { snare, .. })) =
                caught.wait_for(Option::is_some).await.map(|caught| caught.clone())
            else {
                continue;
            };
            snare.reached(Stage::Forwarded).await;
            let _ = tokio::time::timeout(PATIENCE, snare.reached(Stage::Sprung)).await;
            if snare.cuts() {
                return;
            }
            snare.advance(Stage::Sprung);
            if !snare.released().await {
                return;
            }
            let _ = caught.changed().await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.counters.ended();
    }
}
