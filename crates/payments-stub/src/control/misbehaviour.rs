//! How webhooks go wrong: lost, repeated, late, in another order, or forged.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LONGEST_DELAY_MS;
use super::dice::Dice;
use crate::domain::event::EventType;
use crate::domain::signature;
use crate::store::deliveries::Claimed;

/// As many copies as one delivery can have.
const MOST_COPIES: usize = 100;
/// The longest delay of a reordered delivery when none is given.
const REORDER_MS: u64 = 1000;
/// As many deliveries as can be late at once; more are sent in time.
const MOST_LATE: usize = 10_000;

/// What a test asks for; all of it may be combined.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches, and any of them may be on")]
pub struct Misbehaviour {
    /// Never send it: it stays listed as undelivered.
    #[garde(skip)]
    pub drop: bool,
    /// Send so many copies beside it, all at once.
    #[garde(range(max = MOST_COPIES))]
    pub duplicate: usize,
    /// Let each be late by a random time, up to `delay_ms`.
    #[garde(skip)]
    pub reorder: bool,
    /// Let each be late by this time.
    #[garde(range(max = LONGEST_DELAY_MS))]
    pub delay_ms: u64,
    /// Sign it as of an hour ago.
    #[garde(custom(|stale: &bool, _context: &()| not_both(*stale, self.future_t)))]
    pub stale_t: bool,
    /// Sign it as of an hour ahead.
    #[garde(skip)]
    pub future_t: bool,
    /// Send a signature that nobody made.
    #[garde(skip)]
    pub bad_sig: bool,
    /// Sign it with a secret that is not the endpoint's.
    #[garde(skip)]
    pub wrong_secret: bool,
    /// Add one to the amount after signing.
    #[garde(skip)]
    pub tamper_amount: bool,
    /// Only these types, or groups such as `charge.*`; all when empty.
    #[garde(length(max = 50), inner(custom(|value, _context| is_event_type(value))))]
    pub types: Vec<String>,
    /// What the random times begin with.
    #[garde(skip)]
    pub seed: u64,
}

fn not_both(stale: bool, future: bool) -> garde::Result {
    if stale && future { Err(garde::Error::new("excludes future_t")) } else { Ok(()) }
}

fn is_event_type(name: &str) -> garde::Result {
    EventType::matching("types", name).map(drop).map_err(|fault| garde::Error::new(fault.message))
}

/// What becomes of one delivery.
#[derive(Debug)]
pub enum Treatment {
    /// It is sent, honestly or not.
    Send(Forgery),
    /// It is sent later.
    Postpone(TimeDelta),
    /// It is never sent.
    Drop,
}

/// What is wrong with what is sent; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgery {
    /// How many copies are sent beside it.
    pub copies: usize,
    age: TimeDelta,
    bad_signature: bool,
    wrong_secret: bool,
    tampered: bool,
}

/// The current misbehaviour, and what it has to remember.
#[derive(Debug)]
pub struct Courier {
    current: Misbehaviour,
    dice: Dice,
    /// The deliveries that were postponed and are to be sent the next time.
    late: HashSet<i64>,
}

impl Default for Courier {
    fn default() -> Self {
        Self::new(Misbehaviour::default())
    }
}

impl Courier {
    /// From now on like this.
    pub fn new(current: Misbehaviour) -> Self {
        let dice = Dice::new(current.seed);
        Self { current, dice, late: HashSet::new() }
    }

    /// As it is now.
    pub fn current(&self) -> &Misbehaviour {
        &self.current
    }

    /// Decides about a delivery.
    pub fn treat(&mut self, delivery: &Claimed) -> Treatment {
        if !self.concerns(&delivery.body) {
            return Treatment::Send(Forgery::default());
        }
        if self.current.drop {
            return Treatment::Drop;
        }
        if !self.late.remove(&delivery.id) && self.late.len() < MOST_LATE {
            let delay = self.delay();
            if delay > TimeDelta::zero() {
                self.late.insert(delivery.id);
                return Treatment::Postpone(delay);
            }
        }
        Treatment::Send(self.current.forgery())
    }

    fn concerns(&self, body: &str) -> bool {
        let types = &self.current.types;
        let kind =
            || serde_json::from_str::<Value>(body).ok()?.get("type")?.as_str().map(str::to_owned);
        types.is_empty()
            || kind().is_some_and(|kind| types.iter().any(|filter| means(filter, &kind)))
    }

    fn delay(&mut self) -> TimeDelta {
        let milliseconds = match (self.current.reorder, self.current.delay_ms) {
            (true, 0) => self.dice.up_to(REORDER_MS),
            (true, most) => self.dice.up_to(most),
            (false, exactly) => exactly,
        };
        TimeDelta::milliseconds(i64::try_from(milliseconds).unwrap_or_default())
    }
}

fn means(filter: &str, kind: &str) -> bool {
    let group = EventType::matching("types", filter).unwrap_or_default();
    group.iter().any(|known| known.as_str() == kind)
}

impl Misbehaviour {
    fn forgery(&self) -> Forgery {
        let age = match (self.stale_t, self.future_t) {
            (true, _) => TimeDelta::hours(1),
            (false, true) => -TimeDelta::hours(1),
            (false, false) => TimeDelta::zero(),
        };
        Forgery {
            copies: self.duplicate,
            age,
            bad_signature: self.bad_sig,
            wrong_secret: self.wrong_secret,
            tampered: self.tamper_amount,
        }
    }
}

impl Forgery {
    /// The moment that the signature speaks of.
    pub fn signed_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.age
    }

    /// What is sent in the place of the honest signature of `body`.
    pub fn signature(&self, honest: String, at: DateTime<Utc>, body: &[u8]) -> String {
        if self.bad_signature {
            return format!("t={},v1={}", at.timestamp(), "0".repeat(64));
        }
        if self.wrong_secret {
            return signature::sign(&["whsec_of_somebody_else"], at, body);
        }
        honest
    }

    /// What is sent in the place of the body that was signed.
    pub fn body(&self, signed: &str) -> String {
        if self.tampered {
            return tamper(signed).unwrap_or_else(|| signed.to_owned());
        }
        signed.to_owned()
    }
}

/// One cent more.
fn tamper(body: &str) -> Option<String> {
    let mut event = serde_json::from_str::<Value>(body).ok()?;
    let amount = event.pointer_mut("/data/object/amount")?;
    *amount = Value::from(amount.as_i64()?.checked_add(1)?);
    serde_json::to_string(&event).ok()
}
