//! The control plane: makes this gateway fail on command, so that its clients can be tested against every failure of a
//! real one. It can lose answers, hold requests at a point, lie in webhooks, turn the clock and forget keys.
//!
//! It is off by default. When it is on, it has a listener, a route table and a token of its own, and no API key opens
//! it: whoever may take payments must not thereby be able to falsify them, and a key that leaks from a shop's
//! configuration must not make its gateway lie. In the other direction the token pays for nothing.
//!
//! Reading order: [`app`] (what there is) → [`routes`] (HTTP in, HTTP out) → [`matching`] (which requests) →
//! [`faults`], [`barriers`], [`misbehaviour`] (what can be arranged) → [`strike`] (how it meets a request) → [`damage`]
//! (what the client then sees).
//!
//! All of it lives in memory: a restart forgets every fault and barrier, and is honest again. What a fault wrote (a
//! saved error, a dropped delivery) was written like everything else, and stays.

pub mod app;
pub mod barriers;
pub mod connection;
pub mod damage;
pub mod dice;
pub mod faults;
pub mod ledger;
pub mod matching;
pub mod misbehaviour;
pub mod operator;
pub mod plan;
pub mod routes;
pub mod strike;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::Method;
use tokio_util::sync::CancellationToken;

use crate::domain::id::RequestId;
use crate::store::deliveries::Claimed;
use barriers::{Barrier, BarrierWish, Barriers};
use connection::Connection;
use faults::Faults;
use matching::{Facts, Match};
use misbehaviour::{Courier, Misbehaviour, Treatment};
use plan::Plan;

/// As many faults, and as many barriers, as there can be.
const MOST: usize = 100;
/// Longer than any client waits.
const LONGEST_DELAY_MS: u64 = 600_000;

/// There are as many as there can be.
#[derive(Debug, thiserror::Error)]
#[error("there are {MOST} {0} already: delete some")]
pub struct Full(&'static str);

/// Everything that is arranged; clones share it. No lock is held while something is waited for.
#[derive(Clone, Debug)]
pub struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    faults: Mutex<Faults>,
    barriers: Mutex<Barriers>,
    courier: Mutex<Courier>,
    /// What awaits the requests that run.
    plans: Mutex<HashMap<RequestId, Arc<Plan>>>,
    shutdown: CancellationToken,
}

/// How much of a request has to be known to say whether anything awaits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing awaits it.
    None,
    /// Its method and path are enough.
    Path,
    /// Its metadata, too.
    Metadata,
}

/// Forgets what awaited a request when the request is over.
pub struct Registered<'a> {
    control: &'a Control,
    request: RequestId,
}

impl Control {
    /// Nothing is arranged. `shutdown` ends every wait.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                faults: Mutex::default(),
                barriers: Mutex::default(),
                courier: Mutex::default(),
                plans: Mutex::default(),
                shutdown,
            }),
        }
    }

    /// The faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.inner.faults)
    }

    /// Adds a barrier, and says its name.
    pub fn add_barrier(&self, wish: BarrierWish) -> Result<String, Full> {
        lock(&self.inner.barriers).add(wish, &self.inner.shutdown)
    }

    /// The barrier of this name.
    pub fn barrier(&self, id: &str) -> Option<Barrier> {
        lock(&self.inner.barriers).find(id)
    }

    /// The barriers.
    pub fn barriers(&self) -> MutexGuard<'_, Barriers> {
        lock(&self.inner.barriers)
    }

    /// Forgets a barrier and lets all go that it holds; says how many.
    pub fn release(&self, id: &str) -> Option<u64> {
        lock(&self.inner.barriers).release(id)
    }

    /// How webhooks misbehave.
    pub fn misbehaviour(&self) -> Misbehaviour {
        lock(&self.inner.courier).current().clone()
    }

    /// Lets webhooks misbehave like this from now on.
    pub fn misbehave(&self, how: Misbehaviour) {
        *lock(&self.inner.courier) = Courier::new(how);
    }

    /// What becomes of a delivery that is due.
    pub fn treat(&self, delivery: &Claimed) -> Treatment {
        lock(&self.inner.courier).treat(delivery)
    }

    /// What has to be known of a request with this method and path.
    pub fn interest(&self, method: &Method, path: &str) -> Interest {
        let mut interest = Interest::None;
        let mut note = |wanted: &Match| match interest {
            _ if !wanted.fits_path(method, path) => {}
            _ if wanted.needs_metadata() => interest = Interest::Metadata,
            Interest::None => interest = Interest::Path,
            Interest::Path | Interest::Metadata => {}
        };
        self.faults().matches().for_each(&mut note);
        lock(&self.inner.barriers).matches().for_each(&mut note);
        interest
    }

    /// Counts a request with all faults and barriers, and says what awaits it.
    pub fn arrange(&self, facts: &Facts, connection: Option<Connection>) -> Option<Plan> {
        let strike = self.faults().strike(facts);
        let barriers = lock(&self.inner.barriers).catch(facts);
        Plan::new(strike, barriers, connection, self.inner.shutdown.clone())
    }

    /// Lets [`Control::plan_of`] find a plan as long as the answer to this call lives.
    pub fn register(&self, request: RequestId, plan: Arc<Plan>) -> Registered<'_> {
        lock(&self.inner.plans).insert(request.clone(), plan);
        Registered { control: self, request }
    }

    /// What awaits this request.
    pub fn plan_of(&self, request: &RequestId) -> Option<Arc<Plan>> {
        lock(&self.inner.plans).get(request).cloned()
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        lock(&self.control.inner.plans).remove(&self.request);
    }
}

/// No code panics while it holds one of these locks; if it did, what it guards would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_awaits_a_request_is_forgotten_with_it() {
        let control = Control::new(CancellationToken::new());
        let wish = serde_json::from_value(json!({"action": "reset"})).unwrap();
        control.faults().add(wish).unwrap();
        assert_eq!(control.interest(&Method::GET, "/v1/events"), Interest::Path);
        let facts = Facts { method: Method::GET, path: "/v1/events".to_owned(), metadata: vec![] };
        let plan = Arc::new(control.arrange(&facts, None).unwrap());
        let request = RequestId::generate();
        let registered = control.register(request.clone(), plan);
        assert!(control.plan_of(&request).is_some());
        drop(registered);
        assert!(control.plan_of(&request).is_none());
        // The fault has done its work.
        assert_eq!(control.interest(&Method::GET, "/v1/events"), Interest::None);
    }
}
