//! Taking money and giving it back. Every function runs inside the caller's transaction: lock the row, ask the domain,
//! write what it decided, tell what happened. The commit makes all of it true at once, or nothing.

use chassis::db::Connection;

use crate::domain::charge::{Charge, NewRefund, Outcome, Refund, Refundable};
use crate::domain::event::{EventType, Origin};
use crate::domain::id::PaymentIntentId;
use crate::domain::metadata::MetadataChange;
use crate::domain::payment_intent::{CancellationReason, NewPaymentIntent, PaymentIntent, Verdict};
use crate::domain::payment_method::PaymentMethod;
use crate::domain::refusal::{BadParameter, Refusal};
use crate::events::record;
use crate::failure::Failure;
use crate::{store, wire};

/// A PaymentIntent, and the charge that was made of it in this request, if any.
#[derive(Debug)]
pub struct Attempted {
    /// As it stands now.
    pub intent: PaymentIntent,
    /// The charge, successful or not.
    pub charge: Option<Charge>,
}

/// What a client wants to change about a PaymentIntent.
#[derive(Debug, Default)]
pub struct Change {
    /// New words about it.
    pub description: Option<String>,
    /// New notes.
    pub metadata: Option<MetadataChange>,
    /// What to charge.
    pub payment_method: Option<PaymentMethod>,
}

/// Makes a PaymentIntent, and confirms it at once when asked to.
pub async fn create(
    tx: &mut Connection,
    wish: NewPaymentIntent,
    confirm: bool,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let mut intent = PaymentIntent::new(wish, origin.at);
    store::payment_intents::insert(tx, &intent).await?;
    record(tx, origin, EventType::PaymentIntentCreated, &wire(&intent)).await?;
    let charge = if confirm { attempt(tx, &mut intent, None, origin).await? } else { None };
    Ok(Attempted { intent, charge })
}

/// Confirms a PaymentIntent: the moment at which money moves.
pub async fn confirm(
    tx: &mut Connection,
    id: &PaymentIntentId,
    method: Option<PaymentMethod>,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let mut intent = lock(tx, id).await?;
    let charge = attempt(tx, &mut intent, method, origin).await?;
    Ok(Attempted { intent, charge })
}

/// Changes what may still be changed.
pub async fn update(
    tx: &mut Connection,
    id: &PaymentIntentId,
    change: Change,
) -> Result<PaymentIntent, Failure> {
    let mut intent = lock(tx, id).await?;
    if let Some(method) = change.payment_method {
        intent.attach(method)?;
    }
    if let Some(metadata) = &change.metadata {
        intent.metadata = intent.metadata.apply(metadata)?;
    }
    if change.description.is_some() {
        intent.description = change.description;
    }
    store::payment_intents::update(tx, &intent).await?;
    Ok(intent)
}

/// Gives a PaymentIntent up: afterwards nobody can be charged for it.
pub async fn cancel(
    tx: &mut Connection,
    id: &PaymentIntentId,
    reason: Option<CancellationReason>,
    origin: &Origin,
) -> Result<PaymentIntent, Failure> {
    let mut intent = lock(tx, id).await?;
    intent.cancel(reason, origin.at)?;
    store::payment_intents::update(tx, &intent).await?;
    record(tx, origin, EventType::PaymentIntentCanceled, &wire(&intent)).await?;
    Ok(intent)
}

/// Gives money back, never more than was taken: refunds of one charge take turns at the lock on its row.
pub async fn refund(
    tx: &mut Connection,
    wish: NewRefund,
    origin: &Origin,
) -> Result<Refund, Failure> {
    let mut charge = lock_refundable(tx, &wish.of).await?;
    let refund = charge.refund(wish, origin.at)?;
    store::refunds::insert(tx, &refund).await?;
    store::charges::update_refunded(tx, &charge).await?;
    record(tx, origin, EventType::RefundCreated, &wire::refund::Refund::from(&refund)).await?;
    record(tx, origin, EventType::ChargeRefunded, &wire::charge::Charge::from(&charge)).await?;
    Ok(refund)
}

/// One attempt at the money of `intent`, whose row the caller has made or locked.
async fn attempt(
    tx: &mut Connection,
    intent: &mut PaymentIntent,
    method: Option<PaymentMethod>,
    origin: &Origin,
) -> Result<Option<Charge>, Failure> {
    let charge = match intent.confirm(method, origin.at)? {
        Verdict::ActionNeeded => {
            store::payment_intents::update(tx, intent).await?;
            record(tx, origin, EventType::PaymentIntentRequiresAction, &wire(intent)).await?;
            return Ok(None);
        }
        Verdict::Charged(charge) => charge,
    };
    // In this order: the PaymentIntent refers to the charge.
    store::charges::insert(tx, &charge).await?;
    store::payment_intents::update(tx, intent).await?;
    let (charge_event, intent_event) = match charge.outcome {
        Outcome::Succeeded => (EventType::ChargeSucceeded, EventType::PaymentIntentSucceeded),
        Outcome::Failed(_) => (EventType::ChargeFailed, EventType::PaymentIntentPaymentFailed),
    };
    record(tx, origin, charge_event, &wire::charge::Charge::from(&charge)).await?;
    record(tx, origin, intent_event, &wire(intent)).await?;
    Ok(Some(charge))
}

async fn lock(tx: &mut Connection, id: &PaymentIntentId) -> Result<PaymentIntent, Failure> {
    let intent = store::payment_intents::lock(tx, id).await?;
    Ok(intent.ok_or_else(|| Refusal::not_found("payment_intent", id.as_str()))?)
}

async fn lock_refundable(tx: &mut Connection, of: &Refundable) -> Result<Charge, Failure> {
    match of {
        Refundable::Charge(id) => {
            let charge = store::charges::lock(tx, id).await?;
            Ok(charge.ok_or_else(|| BadParameter::no_such("charge", "charge", id.as_str()))?)
        }
        Refundable::PaymentIntent(id) => {
            if let Some(charge) = store::charges::lock_success_of(tx, id).await? {
                return Ok(charge);
            }
            let intent = store::payment_intents::find(tx, id).await?;
            intent.ok_or_else(|| {
                BadParameter::no_such("payment_intent", "payment_intent", id.as_str())
            })?;
            Err(Refusal::NothingToRefund(id.clone()).into())
        }
    }
}

fn wire(intent: &PaymentIntent) -> wire::payment_intent::PaymentIntent {
    wire::payment_intent::PaymentIntent::new(intent, None)
}
