//! A TCP proxy that breaks connections on purpose.
//!
//! Put a [`Proxy`] between a client and a server, and the network between them does what you say: it refuses,
//! resets, hangs, dawdles ([`Weather`]), or stops one connection at the very byte you name ([`Trap`]).
//!
//! ```no_run
//! # async fn drill() -> std::io::Result<()> {
//! use faultproxy::{Action, Direction, Proxy, Trap, Weather};
//!
//! let proxy = Proxy::start("127.0.0.1:5432")?;
//! println!("connect to {}", proxy.address());
//!
//! proxy.set(Weather::Silent)?; // the server hangs, for everybody
//! proxy.heal()?;
//!
//! // The COMMIT is sent and done, and its acknowledgement never arrives.
//! let then = Action::HoldAfter;
//! let trap = proxy.trap(Trap { direction: Direction::ToServer, pattern: b"COMMIT".to_vec(), nth: 1, then });
//! trap.sprung().await;
//! // Here the client stands in the middle of its commit: kill it, and see what it makes of that at its next start.
//! # Ok(())
//! # }
//! ```
//!
//! # Reading order
//!
//! [`Proxy`] in this file (what a caller can do) → `weather.rs` (what all connections suffer) → `link.rs` (one
//! connection: two pumps, and how it ends) → `pump.rs` (how a chunk of bytes passes) → `trap.rs` (how one is caught) →
//! `door.rs` (how a port is closed and opened again).

mod door;
mod link;
mod pump;
mod stats;
mod trap;
mod weather;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use stats::Stats;
pub use trap::{Action, Direction, Trap, TrapHandle};
pub use weather::Weather;

use door::Door;
use link::Link;
use stats::Counters;
use trap::Traps;
use weather::{Chance, Sky};

/// How long the proxy waits before it accepts again, when the system gave it no connection (no descriptors left).
const BREATH: Duration = Duration::from_millis(50);

/// A running proxy before one server. Dropping it closes its port and resets its connections.
///
/// It lives in the tokio runtime in which it was started; all methods are called from within it.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// The task that accepts connections.
    usher: AbortHandle,
}

/// What the proxy and its connections know together.
#[derive(Debug)]
struct Shared {
    /// Where the server is: `host:port`.
    upstream: Mutex<String>,
    door: Mutex<Door>,
    sky: watch::Sender<Sky>,
    chance: Chance,
    traps: Traps,
    counters: Counters,
}

impl Proxy {
    /// Starts a proxy on a free port of 127.0.0.1. `upstream` is the server: a `SocketAddr`, or `"host:port"`.
    ///
    /// The server need not run yet: each connection dials it anew, and is reset when that fails.
    pub fn start(upstream: impl Into<Upstream>) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), upstream)
    }

    /// Starts a proxy on this very address.
    pub fn start_on(listen: SocketAddr, upstream: impl Into<Upstream>) -> io::Result<Self> {
        let door = Door::open_at(listen)?;
        let address = door.address();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream.into().0),
            door: Mutex::new(door),
            sky: watch::Sender::default(),
            chance: Chance::default(),
            traps: Traps::default(),
            counters: Counters::default(),
        });
        let usher = tokio::spawn(usher(Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, address, usher })
    }

    /// Where clients connect to. It stays the same for the life of the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections to another server. Established ones stay where they are; [`Proxy::cut_all`] ends them.
    pub fn set_upstream(&self, upstream: impl Into<Upstream>) {
        *lock(&self.shared.upstream) = upstream.into().0;
    }

    /// Changes the weather, for new and for established connections. See [`Weather`] for what each does to both.
    ///
    /// When this returns, the port is open or closed as the weather says. An error means that the port could not be
    /// taken again ([`Weather::Refused`]) or opened (any other); the same call may be repeated.
    pub fn set(&self, weather: Weather) -> io::Result<()> {
        // Whoever accepts needs the door as well, so nobody sees the new sky with the old door.
        let mut door = lock(&self.shared.door);
        self.shared.sky.send_modify(|sky| sky.turn(weather));
        match weather {
            Weather::Refused => door.shut(),
            Weather::Clear => {
                self.shared.traps.disarm();
                door.open()
            }
            _ => door.open(),
        }
    }

    /// The end of all faults, [`Weather::Clear`]: the next connection is as if there were no proxy.
    ///
    /// Traps are disarmed. What [`Weather::Silent`] or a trap held back is discarded and its connection reset: bytes
    /// that come out of a hang minutes later would be a fault of their own. ([`TrapHandle::release`] does that.)
    pub fn heal(&self) -> io::Result<()> {
        self.set(Weather::Clear)
    }

    /// Resets all connections that the proxy has accepted. New ones are served.
    pub fn cut_all(&self) {
        self.shared.sky.send_modify(Sky::cut);
    }

    /// Lays a trap. It stays armed until it has caught one connection, the handle is dropped, or the proxy heals.
    pub fn trap(&self, trap: Trap) -> TrapHandle {
        TrapHandle::lay(trap, Arc::clone(&self.shared))
    }

    /// Begins the sequence of chances anew: with the same seed, the nth late chunk is as late as in the last run.
    ///
    /// A proxy starts with the seed 0. Which connection draws next is up to the machine, not to the seed.
    pub fn seed(&self, seed: u64) {
        self.shared.chance.seed(seed);
    }

    /// What has passed since the start: so that a report can show that a fault really struck.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.usher.abort();
        lock(&self.shared.door).brick_up();
        self.shared.sky.send_modify(|sky| sky.turn(Weather::Refused));
        self.shared.traps.disarm();
    }
}

/// The address of a server: `host:port`.
#[derive(Clone, Debug)]
pub struct Upstream(String);

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl From<String> for Upstream {
    fn from(address: String) -> Self {
        Self(address)
    }
}

impl From<&str> for Upstream {
    fn from(address: &str) -> Self {
        Self(address.to_owned())
    }
}

/// Accepts connections, each into a task of its own.
async fn usher(shared: Arc<Shared>) {
    let mut sky = shared.sky.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = std::future::poll_fn(|context| lock(&shared.door).poll_accept(context)) => accepted,
            // Perhaps there is another door now.
            _ = sky.changed() => continue,
        };
        match accepted {
            Ok(client) => Link::start(client, Arc::clone(&shared)),
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// Nothing here can panic while it holds a lock, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
