//! Faults: what goes wrong, for which requests, and how often.

use std::time::Duration;

use actix_web::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::matching::{Facts, Match};
use super::{Full, LONGEST_DELAY_MS, MOST};

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Before the handler, which then does not run: nothing happened, and the client cannot know.
    #[default]
    Before,
    /// After the handler and its commit: it happened, and the client cannot know.
    AfterEffect,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The connection is reset instead of an answer.
    Reset,
    /// There is no answer until the client goes.
    Hang,
    /// The answer takes `delay_ms`; nothing else is wrong with it.
    Delay,
    /// The answer is an error with this `status`. After the effect it is kept under the request's key, and repeated.
    Status,
    /// The answer ends in the middle.
    Truncate,
    /// The answer says that it is JSON and is not.
    GarbageJson,
    /// A proxy's page instead of the answer.
    Html,
    /// The answer, under another content type.
    WrongContentType,
    /// The answer, one byte each `delay_ms`.
    SlowBody,
    /// Ten megabytes instead of the answer.
    HugeBody,
}

/// A fault as a test asks for it.
#[derive(Clone, Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct FaultWish {
    /// Which requests it strikes.
    #[serde(default)]
    #[garde(dive)]
    pub r#match: Match,
    /// When.
    #[serde(default)]
    #[garde(skip)]
    pub when: When,
    /// What goes wrong.
    #[garde(skip)]
    pub action: Action,
    /// For [`Action::Status`].
    #[serde(default = "internal_server_error")]
    #[garde(range(min = 400, max = 599))]
    pub status: u16,
    /// For [`Action::Delay`] and [`Action::SlowBody`].
    #[serde(default)]
    #[garde(range(max = LONGEST_DELAY_MS))]
    pub delay_ms: u64,
    /// How often it strikes; 0: for ever.
    #[serde(default = "once")]
    #[garde(skip)]
    pub times: u64,
    /// How likely it strikes a request that it could.
    #[serde(default = "always")]
    #[garde(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// What chance begins with: the same seed, the same decisions.
    #[serde(default)]
    #[garde(skip)]
    pub seed: u64,
}

impl FaultWish {
    /// Whether it would save under a key what the gateway never saves: that somebody is not known, is too fast, or has
    /// to wait for another request.
    pub fn saves_what_is_never_saved(&self) -> bool {
        self.action == Action::Status
            && self.when == When::AfterEffect
            && [401, 409, 429].contains(&self.status)
    }
}

fn internal_server_error() -> u16 {
    500
}

fn once() -> u64 {
    1
}

fn always() -> f64 {
    1.0
}

/// A fault, and what it has done so far.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    id: String,
    #[serde(flatten)]
    wish: FaultWish,
    /// How many requests it could have been about.
    seen: u64,
    /// How many it has struck.
    struck: u64,
    #[serde(skip)]
    dice: Dice,
}

/// What a fault does to one request.
#[derive(Clone, Debug)]
pub struct Strike {
    /// The fault.
    pub fault: String,
    /// When.
    pub when: When,
    /// What.
    pub action: Action,
    /// For [`Action::Status`].
    pub status: StatusCode,
    /// For [`Action::Delay`] and [`Action::SlowBody`].
    pub delay: Duration,
}

/// All faults, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    made: u64,
}

impl Faults {
    /// Adds one, and says its name. When there is no room, the oldest one that has done its work makes it.
    pub fn add(&mut self, wish: FaultWish) -> Result<String, Full> {
        if self.list.len() >= MOST {
            let spent = self.list.iter().position(Fault::is_spent).ok_or(Full("faults"))?;
            self.list.remove(spent);
        }
        self.made += 1;
        let id = format!("fault_{}", self.made);
        let dice = Dice::new(wish.seed);
        self.list.push(Fault { id: id.clone(), wish, seen: 0, struck: 0, dice });
        Ok(id)
    }

    /// All of them.
    pub fn list(&self) -> Vec<Fault> {
        self.list.clone()
    }

    /// Forgets one; says whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|fault| fault.id != id);
        self.list.len() < before
    }

    /// Forgets all; says how many.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.list).len()
    }

    /// The requests that are of interest, as far as there are faults that still strike.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        self.list.iter().filter(|fault| !fault.is_spent()).map(|fault| &fault.wish.r#match)
    }

    /// Counts a request, and says what happens to it: the oldest fault that strikes does so alone.
    pub fn strike(&mut self, facts: &Facts) -> Option<Strike> {
        let mut chosen = None;
        for fault in &mut self.list {
            // All of them count, whichever strikes.
            if fault.strikes(facts) && chosen.is_none() {
                fault.struck += 1;
                chosen = Some(fault.strike());
            }
        }
        chosen
    }
}

impl Fault {
    fn is_spent(&self) -> bool {
        let Match { nth, .. } = self.wish.r#match;
        nth.is_some_and(|nth| self.seen >= nth)
            || (self.wish.times > 0 && self.struck >= self.wish.times)
    }

    fn strikes(&mut self, facts: &Facts) -> bool {
        if self.is_spent() || !self.wish.r#match.fits(facts) {
            return false;
        }
        self.seen += 1;
        self.wish.r#match.is_nth(self.seen) && self.dice.decide(self.wish.probability)
    }

    fn strike(&self) -> Strike {
        Strike {
            fault: self.id.clone(),
            when: self.wish.when,
            action: self.wish.action,
            // Checked when it came in.
            status: StatusCode::from_u16(self.wish.status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            delay: Duration::from_millis(self.wish.delay_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use serde_json::json;

    use super::*;

    fn faults(wishes: &[serde_json::Value]) -> Faults {
        let mut faults = Faults::default();
        for wish in wishes {
            faults.add(serde_json::from_value(wish.clone()).unwrap()).unwrap();
        }
        faults
    }

    /// Which of `count` requests are struck, and by which action.
    fn struck(faults: &mut Faults, count: usize) -> Vec<Option<Action>> {
        let facts = Facts { method: Method::GET, path: "/v1/x".to_owned(), metadata: vec![] };
        (0..count).map(|_| faults.strike(&facts).map(|strike| strike.action)).collect()
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_should() {
        let often = |wish| struck(&mut faults(&[wish]), 5).iter().flatten().count();
        assert_eq!(often(json!({"action": "reset"})), 1);
        assert_eq!(often(json!({"action": "reset", "times": 3})), 3);
        assert_eq!(often(json!({"action": "reset", "times": 0})), 5);
        let third = struck(&mut faults(&[json!({"action": "hang", "match": {"nth": 3}})]), 4);
        assert_eq!(third, [None, None, Some(Action::Hang), None]);
    }

    #[test]
    fn every_fault_counts_every_request_and_the_oldest_strikes() {
        let first = json!({"action": "reset"});
        let second = json!({"action": "hang", "match": {"nth": 2}});
        assert_eq!(
            struck(&mut faults(&[first, second]), 3),
            [Some(Action::Reset), Some(Action::Hang), None]
        );
    }

    #[test]
    fn chance_repeats_itself_with_its_seed() {
        let wish =
            |seed: u64| json!({"action": "reset", "times": 0, "probability": 0.5, "seed": seed});
        let decisions = |seed| struck(&mut faults(&[wish(seed)]), 64);
        assert_eq!(decisions(7), decisions(7));
        assert_ne!(decisions(7), decisions(8));
        let count = decisions(7).iter().flatten().count();
        assert!((20..=44).contains(&count), "{count} of 64");
    }

    #[test]
    fn there_is_room_for_a_hundred_and_the_spent_make_more() {
        let mut many = faults(&vec![json!({"action": "reset", "times": 0}); MOST - 1]);
        many.add(serde_json::from_value(json!({"action": "hang"})).unwrap()).unwrap();
        let one_more = || serde_json::from_value(json!({"action": "delay"})).unwrap();
        assert!(many.add(one_more()).is_err());
        many.list[MOST - 1].struck = 1;
        assert_eq!(many.add(one_more()).unwrap(), "fault_101");
        assert_eq!(many.list().len(), MOST);
    }
}
