//! HTTP in, HTTP out, for tests. Everything is JSON, every answer too, and every error a problem document.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use chassis::Problem;
use chassis::json::Valid;
use chassis::problem;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use garde::Validate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::barriers::{BarrierWish, Counts};
use super::faults::{Fault, FaultWish};
use super::ledger::Ledger;
use super::misbehaviour::Misbehaviour;
use super::operator::Operator;
use super::{Control, Full};
use crate::app::State;
use crate::store;

/// How long a question may wait for its answer.
const LONGEST_WAIT_MS: u64 = 30_000;
/// Ten years at once, and not into a time that PostgreSQL cannot hold.
const FARTHEST_SECONDS: i64 = 315_360_000;
const LAST_YEAR: i32 = 9000;
/// At most so many keys in one statement.
const BATCH: i64 = 1000;

/// Adds a fault.
pub async fn add_fault(
    _: Operator,
    control: web::Data<Control>,
    Valid(wish): Valid<FaultWish>,
) -> Result<HttpResponse, Problem> {
    if wish.saves_what_is_never_saved() {
        let fault = "is never saved under a key, so it can only strike before the effect";
        return Err(Problem::new(problem::INVALID_REQUEST).error("/status", fault));
    }
    let id = control.faults().add(wish)?;
    Ok(HttpResponse::Created().json(json!({"id": id})))
}

/// All faults, and how often each struck.
pub async fn list_faults(_: Operator, control: web::Data<Control>) -> web::Json<Vec<Fault>> {
    web::Json(control.faults().list())
}

/// Forgets all faults.
pub async fn clear_faults(_: Operator, control: web::Data<Control>) -> web::Json<Value> {
    web::Json(json!({"deleted": control.faults().clear()}))
}

/// Forgets one fault.
pub async fn delete_fault(
    _: Operator,
    control: web::Data<Control>,
    id: web::Path<String>,
) -> Result<web::Json<Value>, Problem> {
    if !control.faults().remove(&id) {
        return Err(Problem::new(problem::NOT_FOUND));
    }
    Ok(web::Json(json!({"deleted": 1})))
}

/// Adds a barrier.
pub async fn add_barrier(
    _: Operator,
    control: web::Data<Control>,
    Valid(wish): Valid<BarrierWish>,
) -> Result<HttpResponse, Problem> {
    let id = control.add_barrier(wish)?;
    Ok(HttpResponse::Created().json(json!({"id": id})))
}

/// All barriers, and how many requests are at each.
pub async fn list_barriers(_: Operator, control: web::Data<Control>) -> web::Json<Value> {
    let all = control.barriers().list();
    let shown = all.into_iter().map(|(id, wish, Counts { held, passed })| {
        json!({"id": id, "match": wish.r#match, "point": wish.point, "times": wish.times,
               "held": held, "passed": passed})
    });
    web::Json(shown.collect())
}

/// Forgets all barriers and lets all requests go that they hold.
pub async fn clear_barriers(_: Operator, control: web::Data<Control>) -> web::Json<Value> {
    web::Json(json!({"deleted": control.barriers().clear()}))
}

/// How long to wait for a held request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    #[serde(default)]
    wait_ms: u64,
}

/// How many requests a barrier holds: as soon as it holds one, or when the wait is over.
pub async fn read_barrier(
    _: Operator,
    control: web::Data<Control>,
    id: web::Path<String>,
    patience: web::Query<Patience>,
) -> Result<web::Json<Value>, Problem> {
    if patience.wait_ms > LONGEST_WAIT_MS {
        let fault = format!("greater than {LONGEST_WAIT_MS}");
        return Err(Problem::new(problem::INVALID_REQUEST).error("wait_ms", fault));
    }
    let barrier = control.barrier(&id).ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    let Counts { held, passed } = barrier.watch(Duration::from_millis(patience.wait_ms)).await;
    Ok(web::Json(json!({"id": *id, "held": held, "passed": passed})))
}

/// Forgets a barrier and lets all requests go that it holds.
pub async fn release_barrier(
    _: Operator,
    control: web::Data<Control>,
    id: web::Path<String>,
) -> Result<web::Json<Value>, Problem> {
    let released = control.release(&id).ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    Ok(web::Json(json!({"id": *id, "released": released})))
}

/// How webhooks misbehave.
pub async fn read_webhooks(_: Operator, control: web::Data<Control>) -> web::Json<Misbehaviour> {
    web::Json(control.misbehaviour())
}

/// Lets webhooks misbehave like this, and no longer like before.
pub async fn set_webhooks(
    _: Operator,
    control: web::Data<Control>,
    Valid(how): Valid<Misbehaviour>,
) -> web::Json<Misbehaviour> {
    control.misbehave(how);
    web::Json(control.misbehaviour())
}

/// Lets webhooks be honest again.
pub async fn clear_webhooks(_: Operator, control: web::Data<Control>) -> web::Json<Misbehaviour> {
    control.misbehave(Misbehaviour::default());
    web::Json(control.misbehaviour())
}

/// How far to turn the clock.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Forward only: time that went back would be another fault than any that a client must survive.
    #[garde(range(min = 0, max = FARTHEST_SECONDS))]
    advance_seconds: i64,
}

/// What time it is.
pub async fn read_clock(_: Operator, state: web::Data<State>) -> web::Json<Value> {
    now(state.clock.now())
}

/// Turns the clock, and wakes those who wait for a time.
pub async fn turn_clock(
    _: Operator,
    state: web::Data<State>,
    Valid(turn): Valid<Turn>,
) -> Result<web::Json<Value>, Problem> {
    let by = TimeDelta::seconds(turn.advance_seconds);
    if (state.clock.now() + by).year() > LAST_YEAR {
        let fault = format!("leads beyond the year {LAST_YEAR}");
        return Err(Problem::new(problem::INVALID_REQUEST).error("/advance_seconds", fault));
    }
    state.clock.advance(by);
    state.wake.notify_one();
    Ok(now(state.clock.now()))
}

fn now(at: DateTime<Utc>) -> web::Json<Value> {
    web::Json(json!({"now": at}))
}

/// Whose money to account for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    order_id: Option<String>,
}

/// The truth about all money, or about one order's.
pub async fn read_ledger(
    _: Operator,
    state: web::Data<State>,
    whose: web::Query<Whose>,
) -> Result<web::Json<Ledger>, Problem> {
    let order_id = whose.into_inner().order_id;
    let mut connection = state.database.get().await?;
    let mut read = connection.build_transaction().repeatable_read().read_only();
    let ledger = read.run(async |tx| Ledger::read(tx, order_id.as_deref()).await);
    Ok(web::Json(ledger.await?))
}

/// Forgets all idempotency keys, as if their day were over.
pub async fn prune_keys(_: Operator, state: web::Data<State>) -> Result<web::Json<Value>, Problem> {
    let mut connection = state.database.get().await?;
    // Keys that are written meanwhile may stay; those that are there now are older than this.
    let all = state.clock.now() + TimeDelta::days(1);
    let mut pruned = 0;
    loop {
        match store::idempotency::prune(&mut connection, all, BATCH).await? {
            0 => return Ok(web::Json(json!({"pruned": pruned}))),
            some => pruned += some,
        }
    }
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        Self::new(problem::INVALID_REQUEST).error("", full.to_string())
    }
}
