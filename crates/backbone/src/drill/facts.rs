//! What is true after a run, from every witness: the gateway's ledger, the databases, the mail server, the customers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use orders::clients::gateway::EVENTS_OF_INTEREST;
use orders::domain::OrderState;

use serde::{Deserialize, Serialize};

use super::history::Op;
use super::smtp::Mail;
use super::world::World;

/// Everything that the invariants are about. Plain data: a test can make a broken world of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Facts {
    pub(crate) ledger: Ledger,
    pub(crate) orders: Vec<Order>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) history: Vec<Moved>,
    /// The names of the gateway's events that orders has stored.
    pub(crate) events: Vec<Event>,
    /// The events that the gateway believes to be delivered, of the kinds from which orders learns something.
    pub(crate) delivered: Vec<Event>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) mails: Vec<Mail>,
    pub(crate) ops: Vec<Op>,
    /// What customers see of the orders of this run.
    pub(crate) views: Vec<View>,
    /// What was still to be done when the patience was over.
    pub(crate) backlog: Backlog,
    /// All tables of orders before and after forged messages.
    pub(crate) forged: Vec<(String, String)>,
    /// Whether keys were forgotten, so that a second PaymentIntent is nobody's mistake.
    pub(crate) keys_were_pruned: bool,
    /// The legal edges of an order's state.
    pub(crate) edges: Vec<(String, String)>,
}

/// The gateway's truth.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Ledger {
    pub(crate) payment_intents: Vec<Intent>,
    pub(crate) balances: BTreeMap<String, BTreeMap<String, i64>>,
}

/// A PaymentIntent of the ledger.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) order_id: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) charges: Vec<Charge>,
    pub(crate) refunds: Vec<GatewayRefund>,
}

/// A charge of the ledger.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) status: String,
}

/// A refund of the ledger.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct GatewayRefund {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// A row of `orders`, with its payment.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) key: String,
    pub(crate) state: String,
    pub(crate) total: i64,
    pub(crate) currency: String,
    pub(crate) intent_id: Option<String>,
    pub(crate) paid: bool,
    pub(crate) refunded: i64,
}

/// A row of `refunds`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) amount: i64,
    pub(crate) state: String,
}

/// A row of `order_history`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Moved {
    pub(crate) order_id: String,
    pub(crate) sequence: i64,
    pub(crate) state: String,
}

/// An event of the gateway, by its name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
}

/// A row of `stock`, and how many copies there were in the beginning.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Stock {
    pub(crate) book_id: String,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
    #[serde(default)]
    pub(crate) initial: i64,
}

/// An order, as `GET` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct View {
    pub(crate) id: String,
    pub(crate) status: Option<u16>,
    pub(crate) state: String,
    pub(crate) intent: Option<String>,
    pub(crate) refunded: i64,
}

/// What is not at rest.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) orders: i64,
    pub(crate) refunds: i64,
    pub(crate) outbox: i64,
    pub(crate) inbox: i64,
    #[serde(default)]
    pub(crate) deliveries: i64,
}

impl Backlog {
    /// Whether nothing is left to be done.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

const ORDERS: &str = "
    SELECT 'ord_' || replace(o.id::text, '-', '') AS id, o.user_id, o.idempotency_key AS key, o.state,
           o.total_amount AS total, o.currency, p.intent_id, p.paid_at IS NOT NULL AS paid,
           coalesce(p.refunded_amount, 0) AS refunded
    FROM orders o LEFT JOIN payments p ON p.order_id = o.id ORDER BY o.id";
const REFUNDS: &str = "
    SELECT 'ref_' || replace(id::text, '-', '') AS id, 'ord_' || replace(order_id::text, '-', '') AS order_id,
           amount, state FROM refunds";
const HISTORY: &str = "
    SELECT 'ord_' || replace(order_id::text, '-', '') AS order_id, sequence, state
    FROM order_history ORDER BY order_id, sequence";
/// A query for what orders has stored.
pub(crate) const EVENTS: &str = "SELECT event_id AS id, type AS kind FROM gateway_events";
const STOCK: &str = "SELECT book_id, available, reserved, sold FROM stock";

impl Facts {
    /// Asks every witness but the customers' own reading.
    pub(crate) async fn gather(world: &World) -> anyhow::Result<Self> {
        let database = &world.database;
        let mut stock: Vec<Stock> = database.rows("catalog", STOCK).await?;
        for row in &mut stock {
            row.initial = world.initial_stock(&row.book_id);
        }
        Ok(Self {
            ledger: world.stub.ledger().await?,
            orders: database.rows("orders", ORDERS).await?,
            refunds: database.rows("orders", REFUNDS).await?,
            history: database.rows("orders", HISTORY).await?,
            events: database.rows("orders", EVENTS).await?,
            delivered: database.rows("payments", &delivered()).await?,
            stock,
            mails: world.smtp.mails(),
            ops: world.history.ops(),
            keys_were_pruned: world.keys_were_pruned.load(Ordering::Relaxed),
            edges: edges(),
            ..Self::default()
        })
    }
}

/// A query for what the gateway has told orders, and orders has acknowledged.
pub(crate) fn delivered() -> String {
    let kinds = EVENTS_OF_INTEREST.map(|kind| format!("'{kind}'")).join(", ");
    format!(
        "SELECT e.id, e.type AS kind FROM webhook_deliveries d JOIN events e ON e.id = d.event_id
         WHERE d.delivered_at IS NOT NULL AND e.type IN ({kinds})"
    )
}

/// The legal edges of an order's state.
fn edges() -> Vec<(String, String)> {
    let name = |state: &OrderState| state.as_str().to_owned();
    OrderState::EDGES.iter().map(|(from, to)| (name(from), name(to))).collect()
}
