//! Doing something once, however often it is asked for.
//!
//! Everything happens in one transaction: take the key's lock, look the key up, do the work, save the answer under the
//! key. A crash at any point leaves either the effect with its saved answer, or neither; there is no state in between
//! that somebody would have to clean up.
//!
//! | the key is | the answer |
//! |---|---|
//! | absent, or new, and a parameter is wrong | the refusal; nothing is saved, and the key stays free |
//! | absent, or new | the work is done, and its answer saved: a success, a decline, or that the object cannot do this now |
//! | saved, same endpoint and parameters | the saved answer, byte for byte |
//! | saved, other endpoint or parameters | 400 |
//! | being worked under by another request | 409 |

use chassis::db::Connection;
use diesel_async::AsyncConnection as _;
use futures_util::future::BoxFuture;

use crate::app::State;
use crate::control::barriers::Point;
use crate::control::plan::Plan;
use crate::domain::event::Origin;
use crate::domain::idempotency::{Fingerprint, IdempotencyKey};
use crate::domain::refusal::Refusal;
use crate::failure::Failure;
use crate::routes::errors::StripeError;
use crate::store;
use crate::store::idempotency::SavedAnswer;

/// What makes a request the same as another one.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path.
    pub endpoint: String,
    /// The parameters.
    pub fingerprint: Fingerprint,
    /// The request itself, with its key if it has one.
    pub origin: Origin,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as JSON.
    pub body: String,
    /// What came of the charge that was attempted, for the metric.
    pub charged: Option<&'static str>,
}

/// What a request comes to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The work was done now.
    Executed(Answer),
    /// It was done by an earlier request.
    Replayed {
        /// What that one was answered.
        answer: Answer,
        /// Its name.
        original: String,
    },
}

/// Does `effect` once under the request's key; without a key, simply does it.
pub async fn once<E>(state: &State, request: Request, effect: E) -> Result<Outcome, Failure>
where
    E: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<Answer, Failure>> + Send,
{
    // What a test arranged for this request; hardly ever anything.
    let plan = state.control.as_ref().and_then(|control| control.plan_of(&request.origin.request));
    let arranged = plan.clone();
    let mut connection = state.database.get().await?;
    let request = &request;
    let outcome = connection.transaction(async move |tx| -> Result<Outcome, Failure> {
        let Some(key) = &request.origin.key else { return effect(tx).await.map(Outcome::Executed) };
        if !store::idempotency::try_lock(tx, key).await? {
            return Err(Refusal::KeyInUse(key.as_str().to_owned()).into());
        }
        if let Some(saved) = store::idempotency::find(tx, key).await? {
            return replay(saved, request);
        }
        let mut answer = effect(tx).await?;
        if let Some(plan) = &arranged {
            answer = plan.answer_to_keep(answer);
        }
        save(tx, key, request, &answer).await?;
        Ok(Outcome::Executed(answer))
    });
    let outcome = match outcome.await {
        Err(Failure::Refused(refusal)) if refusal.is_answer() => {
            keep_refusal(&mut connection, request, refusal, plan.as_deref()).await?
        }
        outcome => outcome?,
    };
    // Whoever is held below needs none.
    drop(connection);
    if let Outcome::Executed(answer) = &outcome {
        // Only now is it true: a count, and news for the webhook workers.
        state.meters.count_charge(answer.charged);
        if request.origin.has_news() {
            state.wake.notify_one();
        }
        if let Some(plan) = plan {
            plan.hold(Point::AfterEffect).await;
        }
    }
    Ok(outcome)
}

/// Saves that the rules said no. The work was rolled back with its transaction, so this is one of its own; when another
/// request with the key was faster in between, its answer counts.
async fn keep_refusal(
    connection: &mut Connection,
    request: &Request,
    refusal: Refusal,
    plan: Option<&Plan>,
) -> Result<Outcome, Failure> {
    let Some(key) = &request.origin.key else { return Err(refusal.into()) };
    let kept = connection.transaction(async move |tx| -> Result<Outcome, Failure> {
        if !store::idempotency::try_lock(tx, key).await? {
            return Err(Refusal::KeyInUse(key.as_str().to_owned()).into());
        }
        if let Some(saved) = store::idempotency::find(tx, key).await? {
            return replay(saved, request);
        }
        let refused = StripeError::from(refusal).into_answer();
        let answer = match plan {
            Some(plan) => plan.answer_to_keep(refused),
            None => refused,
        };
        save(tx, key, request, &answer).await?;
        Ok(Outcome::Executed(answer))
    });
    kept.await
}

fn replay(saved: SavedAnswer, request: &Request) -> Result<Outcome, Failure> {
    if saved.endpoint != request.endpoint {
        let (key, first, this) = (saved.key, saved.endpoint, request.endpoint.clone());
        return Err(Refusal::KeyForOtherEndpoint { key, this, first }.into());
    }
    if saved.fingerprint != request.fingerprint.0 {
        return Err(Refusal::KeyWithOtherParameters(saved.key).into());
    }
    let status = u16::try_from(saved.status).unwrap_or_default();
    let answer = Answer { status, body: saved.body, charged: None };
    Ok(Outcome::Replayed { answer, original: saved.request_id })
}

async fn save(
    tx: &mut Connection,
    key: &IdempotencyKey,
    request: &Request,
    answer: &Answer,
) -> Result<(), Failure> {
    let saved = SavedAnswer {
        key: key.as_str().to_owned(),
        endpoint: request.endpoint.clone(),
        fingerprint: request.fingerprint.0.to_vec(),
        status: i16::try_from(answer.status).unwrap_or_default(),
        body: answer.body.clone(),
        request_id: request.origin.request.to_string(),
        created_at: request.origin.at,
    };
    Ok(store::idempotency::insert(tx, saved).await?)
}
