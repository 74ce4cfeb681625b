//! Taking money and giving it back. Every function runs inside the caller's transaction: lock the row, ask the domain,
//! write what it decided, tell what happened. The commit makes all of it true at once, or nothing.

use chassis::db::Connection;

use crate::domain::charge::{Charge, NewRefund, Refund, Refundable};
use crate::domain::event::{EventType, Origin};
use crate::domain::id::{PaymentIntentId, RefundId};
use crate::domain::metadata::MetadataChange;
use crate::domain::payment_intent::{
    CancellationReason, Confirmation, Moved, NewPaymentIntent, PaymentIntent, Terms,
};
use crate::domain::payment_method::PaymentMethod;
use crate::domain::refusal::{BadParameter, Refusal};
use crate::events::{Happening, record};
use crate::failure::Failure;
use crate::{store, wire};

/// A PaymentIntent, and the charge that was made or changed in this request, if any.
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
    confirm: Option<Confirmation>,
    terms: &Terms,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let intent = PaymentIntent::new(wish, origin.at)?;
    store::payment_intents::insert(tx, &intent).await?;
    let created = Happening::new(EventType::PaymentIntentCreated, &wire(&intent))?;
    record(tx, origin, vec![created]).await?;
    let Some(confirmation) = confirm else { return Ok(Attempted { intent, charge: None }) };
    let mut confirmed = intent;
    let moved = confirmed.confirm(confirmation, terms, origin.at)?;
    write(tx, confirmed, moved, origin).await
}

/// Confirms a PaymentIntent: the moment at which money moves.
pub async fn confirm(
    tx: &mut Connection,
    id: &PaymentIntentId,
    confirmation: Confirmation,
    terms: &Terms,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let mut intent = lock(tx, id).await?;
    let moved = intent.confirm(confirmation, terms, origin.at)?;
    write(tx, intent, moved, origin).await
}

/// Goes on where the customer was sent away to prove who they are.
pub async fn authenticate(
    tx: &mut Connection,
    id: &PaymentIntentId,
    passed: bool,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let mut intent = lock(tx, id).await?;
    let moved = intent.authenticate(passed, origin.at)?;
    write(tx, intent, moved, origin).await
}

/// Takes what is held.
pub async fn capture(
    tx: &mut Connection,
    id: &PaymentIntentId,
    amount: Option<i64>,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    let mut intent = lock(tx, id).await?;
    let charge = latest_charge(tx, &intent).await?;
    let moved = intent.capture(charge, amount)?;
    write(tx, intent, moved, origin).await
}

/// Writes down what a slow bank has answered about `charge`; nothing, when another worker was faster.
pub async fn settle(
    tx: &mut Connection,
    charge: &Charge,
    origin: &Origin,
) -> Result<Option<Charge>, Failure> {
    let mut intent = lock(tx, &charge.payment_intent).await?;
    let Some(charge) = latest_charge(tx, &intent).await?.filter(Charge::is_pending) else {
        return Ok(None);
    };
    let moved = intent.settle(charge)?;
    Ok(write(tx, intent, moved, origin).await?.charge)
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
    let charge = latest_charge(tx, &intent).await?;
    let moved = intent.cancel(charge, reason, origin.at)?;
    Ok(write(tx, intent, moved, origin).await?.intent)
}

/// Gives money back, never more than was taken: refunds of one charge take turns at the locks.
pub async fn refund(
    tx: &mut Connection,
    wish: NewRefund,
    origin: &Origin,
) -> Result<Refund, Failure> {
    let mut charge = lock_refundable(tx, &wish.of).await?;
    let (refund, transfer) = charge.refund(wish, origin.at)?;
    store::refunds::insert(tx, &refund).await?;
    store::charges::put(tx, &charge).await?;
    store::transfers::insert(tx, &[transfer], origin.at).await?;
    let happenings = vec![
        Happening::new(EventType::RefundCreated, &wire::refund::Refund::from(&refund))?,
        Happening::new(EventType::ChargeRefunded, &wire::charge::Charge::from(&charge))?,
    ];
    record(tx, origin, happenings).await?;
    Ok(refund)
}

/// Changes the notes of a refund.
pub async fn update_refund(
    tx: &mut Connection,
    id: &RefundId,
    change: MetadataChange,
    origin: &Origin,
) -> Result<Refund, Failure> {
    let refund = store::refunds::lock(tx, id).await?;
    let mut refund = refund.ok_or_else(|| Refusal::not_found("refund", id.as_str()))?;
    refund.metadata = refund.metadata.apply(&change)?;
    store::refunds::update_metadata(tx, &refund).await?;
    let updated = Happening::new(EventType::RefundUpdated, &wire::refund::Refund::from(&refund))?;
    record(tx, origin, vec![updated]).await?;
    Ok(refund)
}

/// Writes down a move: the charge first, because the PaymentIntent and the transfers refer to it; the events last,
/// because they show the objects as they are then.
async fn write(
    tx: &mut Connection,
    intent: PaymentIntent,
    moved: Moved,
    origin: &Origin,
) -> Result<Attempted, Failure> {
    if let Some(charge) = &moved.charge {
        store::charges::put(tx, charge).await?;
    }
    store::payment_intents::update(tx, &intent).await?;
    store::transfers::insert(tx, &moved.transfers, origin.at).await?;
    let happenings = moved.events.into_iter().map(|event| match &moved.charge {
        Some(charge) if event.is_about_charges() => {
            Happening::new(event, &wire::charge::Charge::from(charge))
        }
        _ => Happening::new(event, &wire(&intent)),
    });
    record(tx, origin, happenings.collect::<Result<_, _>>()?).await?;
    Ok(Attempted { intent, charge: moved.charge })
}

async fn lock(tx: &mut Connection, id: &PaymentIntentId) -> Result<PaymentIntent, Failure> {
    let intent = store::payment_intents::lock(tx, id).await?;
    Ok(intent.ok_or_else(|| Refusal::not_found("payment_intent", id.as_str()))?)
}

/// The last attempt of a PaymentIntent whose row is locked. Its own row is locked too, against refunds.
async fn latest_charge(
    tx: &mut Connection,
    intent: &PaymentIntent,
) -> Result<Option<Charge>, Failure> {
    match &intent.latest_charge {
        Some(id) => Ok(store::charges::lock(tx, id).await?),
        None => Ok(None),
    }
}

/// The PaymentIntent first and its charge then, as everywhere: whoever took them the other way round could wait for
/// somebody who waits for them.
async fn lock_refundable(tx: &mut Connection, of: &Refundable) -> Result<Charge, Failure> {
    match of {
        Refundable::Charge(id) => {
            let no_such = || BadParameter::no_such("charge", "charge", id.as_str());
            let found = store::charges::find(tx, id).await?.ok_or_else(no_such)?;
            store::payment_intents::lock(tx, &found.payment_intent).await?;
            Ok(store::charges::lock(tx, id).await?.ok_or_else(no_such)?)
        }
        Refundable::PaymentIntent(id) => {
            store::payment_intents::lock(tx, id).await?.ok_or_else(|| {
                BadParameter::no_such("payment_intent", "payment_intent", id.as_str())
            })?;
            let charge = store::charges::lock_captured_of(tx, id).await?;
            Ok(charge.ok_or_else(|| Refusal::NothingToRefund(id.clone()))?)
        }
    }
}

fn wire(intent: &PaymentIntent) -> wire::payment_intent::PaymentIntent {
    wire::payment_intent::PaymentIntent::new(intent, None)
}
