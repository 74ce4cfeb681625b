//! The truth about all money, for whoever judges a shop: what was taken, held and given back, and what the books say.

use std::collections::BTreeMap;

use chassis::db::Connection;
use diesel::QueryResult;
use serde::Serialize;

use crate::domain::charge::{Charge, Refund};
use crate::domain::payment_intent::PaymentIntent;
use crate::store;
use crate::store::transfers::StoredTransfer;
use crate::wire;

/// Everything about the PaymentIntents that were asked for.
#[derive(Debug, Serialize)]
pub struct Ledger {
    payment_intents: Vec<Entry>,
    /// By currency and account, in minor units. The accounts of a currency add up to zero.
    balances: BTreeMap<String, BTreeMap<String, i64>>,
}

/// One PaymentIntent, with all that belongs to it.
#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    order_id: Option<String>,
    metadata: BTreeMap<String, String>,
    amount: i64,
    currency: String,
    status: &'static str,
    captured: i64,
    refunded: i64,
    charges: Vec<wire::charge::Charge>,
    refunds: Vec<wire::refund::Refund>,
    transfers: Vec<StoredTransfer>,
}

impl Ledger {
    /// Reads it in the caller's transaction, which sees one moment: money must not move between two of the questions.
    pub async fn read(connection: &mut Connection, order_id: Option<&str>) -> QueryResult<Self> {
        let intents = store::payment_intents::all(connection, order_id).await?;
        let ids: Vec<_> = intents.iter().map(|intent| intent.id.as_str()).collect();
        let charges = store::charges::all_of(connection, &ids).await?;
        let refunds = store::refunds::all_of(connection, &ids).await?;
        let charge_ids: Vec<_> = charges.iter().map(|charge| charge.id.as_str()).collect();
        let transfers = store::transfers::all_of(connection, &charge_ids).await?;
        let balances = balance(&transfers);
        let entries =
            intents.iter().map(|intent| Entry::new(intent, &charges, &refunds, &transfers));
        Ok(Self { payment_intents: entries.collect(), balances })
    }
}

impl Entry {
    fn new(
        intent: &PaymentIntent,
        charges: &[Charge],
        refunds: &[Refund],
        transfers: &[StoredTransfer],
    ) -> Self {
        let charges: Vec<_> =
            charges.iter().filter(|charge| charge.payment_intent == intent.id).collect();
        let ours = |transfer: &&StoredTransfer| {
            charges.iter().any(|charge| charge.id.as_str() == transfer.charge)
        };
        Self {
            id: intent.id.to_string(),
            order_id: intent.metadata.entries().get("order_id").cloned(),
            metadata: intent.metadata.entries().clone(),
            amount: intent.amount.amount(),
            currency: intent.amount.currency().code().to_lowercase(),
            status: intent.status.as_str(),
            captured: charges.iter().map(|charge| charge.captured()).sum(),
            refunded: charges.iter().map(|charge| charge.amount_refunded).sum(),
            transfers: transfers.iter().filter(ours).cloned().collect(),
            refunds: refunds
                .iter()
                .filter(|refund| refund.payment_intent == intent.id)
                .map(wire::refund::Refund::from)
                .collect(),
            charges: charges.into_iter().map(wire::charge::Charge::from).collect(),
        }
    }
}

/// What each account holds, from nothing but the transfers.
fn balance(transfers: &[StoredTransfer]) -> BTreeMap<String, BTreeMap<String, i64>> {
    let mut balances = BTreeMap::<String, BTreeMap<String, i64>>::new();
    for transfer in transfers {
        let accounts = balances.entry(transfer.currency.to_lowercase()).or_default();
        *accounts.entry(transfer.debit.clone()).or_default() -= transfer.amount;
        *accounts.entry(transfer.credit.clone()).or_default() += transfer.amount;
    }
    balances
}
