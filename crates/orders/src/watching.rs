//! Waiting for an order: for requests that prefer to wait, and for pages that show it live.
//!
//! Every move that this process makes is announced to whoever waits in it; a move that another replica made is found
//! by looking once a second. PostgreSQL could tell all replicas by `NOTIFY`, but every transaction that does so takes
//! one lock that all of them share while it commits, and checkout would pay for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::db::DbError;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::app::State;
use crate::config::Stream;
use crate::domain::{Order, OrderId};
use crate::store::orders;

/// How many moves somebody who waits may be behind; more only means that they look once for nothing.
const BACKLOG: usize = 256;
/// How often to look when nothing is announced.
const LOOK: Duration = Duration::from_secs(1);

/// The moves that this process has made, for whoever listens.
#[derive(Clone)]
pub struct Moves(broadcast::Sender<OrderId>);

impl Default for Moves {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Moves {
    /// Tells everybody who waits.
    pub fn announce(&self, id: OrderId) {
        // Nobody waits most of the time.
        let _ = self.0.send(id);
    }

    /// From now on.
    pub fn listen(&self, id: OrderId) -> Listener {
        Listener { moves: self.0.subscribe(), id }
    }
}

/// The pages that watch, counted: each holds a connection.
#[derive(Clone)]
pub struct Audience {
    most: usize,
    most_per_customer: usize,
    seats: Arc<Mutex<HashMap<Uuid, usize>>>,
}

impl Audience {
    /// Nobody yet.
    pub fn new(settings: &Stream) -> Self {
        let Stream { most, most_per_customer, .. } = *settings;
        Self { most, most_per_customer, seats: Arc::default() }
    }

    /// A seat for this customer, if there is one left. It is free again when it is dropped.
    pub fn admit(&self, customer: Uuid) -> Option<Seat> {
        let mut seats = lock(&self.seats);
        let own = seats.get(&customer).copied().unwrap_or(0);
        if own >= self.most_per_customer || seats.values().sum::<usize>() >= self.most {
            return None;
        }
        seats.insert(customer, own + 1);
        Some(Seat { seats: Arc::clone(&self.seats), customer })
    }
}

/// See [`Audience::admit`].
pub struct Seat {
    seats: Arc<Mutex<HashMap<Uuid, usize>>>,
    customer: Uuid,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.seats);
        if let Some(own) = seats.get_mut(&self.customer) {
            *own -= 1;
            if *own == 0 {
                seats.remove(&self.customer);
            }
        }
    }
}

/// Counting cannot panic, so a poisoned lock is as good as another.
fn lock(seats: &Mutex<HashMap<Uuid, usize>>) -> MutexGuard<'_, HashMap<Uuid, usize>> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who waits for one order.
pub struct Listener {
    moves: broadcast::Receiver<OrderId>,
    id: OrderId,
}

impl Listener {
    /// Returns when the order may have moved, or it is time to look: at `deadline`, and at least once a second.
    pub async fn moved(&mut self, deadline: Instant) {
        let until = deadline.min(Instant::now() + LOOK);
        let announced = async {
            // Having missed some is a reason to look, too.
            while matches!(self.moves.recv().await, Ok(id) if id != self.id) {}
        };
        let _ = timeout_at(until, announced).await;
    }
}

/// Reads an order until it is no longer in progress, or `deadline` has come. `None`: there is no such order.
pub async fn wait_until_decided(
    state: &State,
    id: OrderId,
    deadline: Instant,
) -> Result<Option<Order>, DbError> {
    let mut listener = state.moves.listen(id);
    loop {
        let mut connection = state.database.get().await?;
        let order = orders::find(&mut connection, id).await?;
        drop(connection);
        let waits = order.as_ref().is_some_and(|order| order.state.is_in_progress());
        if !waits || Instant::now() >= deadline || state.shutdown.is_cancelled() {
            return Ok(order);
        }
        tokio::select! {
            () = listener.moved(deadline) => {}
            () = state.shutdown.cancelled() => {}
        }
    }
}
