//! What clients see of orders and refunds.

use chassis::db::Connection;
use chassis::money::Money;
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{
    Order, OrderId, OrderLine, OrderState, Refund, RefundId, RefundReason, RefundState,
};
use crate::store::{orders, refunds};

/// An order, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// The identifier.
    id: OrderId,
    /// Where it stands.
    state: OrderState,
    /// What is charged.
    total: Money,
    /// What went back to the customer, or is about to.
    refunded: Money,
    /// What was bought, at the prices of that moment.
    lines: Vec<OrderLine>,
    /// The gateway's name for the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_intent: Option<String>,
    /// What the customer has to do before the bank pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<NextActionView>,
    /// Why it was rejected or declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Value>,
    /// When it was placed.
    created_at: DateTime<Utc>,
    /// Until when it can be paid; only while it is not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    payable_until: Option<DateTime<Utc>>,
    /// The states that it was in; only when a single order is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<HistoryEntry>>,
    /// The money that went back; only when a single order is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<Vec<RefundView>>,
}

/// A page of the bank.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextActionView {
    /// Send the customer there; the bank sends them back.
    redirect_url: String,
}

/// One state that an order was in.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The state.
    state: String,
    /// Who brought it there: the customer's `request`, the gateway's `webhook`, the worker that `resume`s, a `refund`.
    cause: String,
    /// When.
    at: DateTime<Utc>,
}

/// Money that goes back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundView {
    /// The identifier.
    id: RefundId,
    /// Of which order.
    order_id: OrderId,
    /// How much.
    amount: Money,
    /// Why.
    reason: RefundReason,
    /// Where it stands.
    state: RefundState,
    /// When it was promised.
    created_at: DateTime<Utc>,
}

impl OrderView {
    /// One order.
    pub(super) async fn of(connection: &mut Connection, order: Order) -> QueryResult<Self> {
        let lines = orders::lines_of(connection, &order).await?;
        Ok(Self::new(order, lines))
    }

    /// Many orders, with one question for all their lines.
    pub(super) async fn of_all(
        connection: &mut Connection,
        found: Vec<Order>,
    ) -> QueryResult<Vec<Self>> {
        let lines = orders::lines(connection, &found.iter().collect::<Vec<_>>()).await?;
        let own = |id: OrderId| {
            lines.iter().filter(move |(of, _)| *of == id).map(|(_, line)| line.clone())
        };
        Ok(found
            .into_iter()
            .map(|order| {
                let lines = own(order.id).collect();
                Self::new(order, lines)
            })
            .collect())
    }

    /// One order with all that has happened to it.
    pub(super) async fn with_history(
        connection: &mut Connection,
        order: Order,
    ) -> QueryResult<Self> {
        let history = orders::history(connection, order.id).await?;
        let history =
            history.into_iter().map(|(state, cause, at)| HistoryEntry { state, cause, at });
        let refunds = refunds::of_order(connection, &order).await?;
        let refunds = refunds.iter().map(|refund| RefundView::new(refund, &order)).collect();
        let history = Some(history.collect());
        Ok(Self { history, refunds: Some(refunds), ..Self::of(connection, order).await? })
    }

    fn new(order: Order, lines: Vec<OrderLine>) -> Self {
        let redirect =
            order.payment.redirect_url.filter(|_| order.state == OrderState::RequiresAction);
        Self {
            id: order.id,
            state: order.state,
            total: order.total,
            refunded: Money::new(order.payment.refunded_amount, order.total.currency()),
            lines,
            payment_intent: order.payment.intent_id,
            next_action: redirect.map(|redirect_url| NextActionView { redirect_url }),
            failure: order.failure,
            created_at: order.created_at,
            payable_until: (!order.state.is_final()).then_some(order.deadline_at),
            history: None,
            refunds: None,
        }
    }
}

impl RefundView {
    /// A refund of `order`.
    pub(super) fn new(refund: &Refund, order: &Order) -> Self {
        Self {
            id: refund.id,
            order_id: refund.order_id,
            amount: Money::new(refund.amount, order.total.currency()),
            reason: refund.reason,
            state: refund.state,
            created_at: refund.created_at,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes the context by reference")]
pub(super) fn is_payment_method(value: &str, _: &()) -> garde::Result {
    let is_name = |rest: &str| {
        (1..=64).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if value.strip_prefix("pm_").is_some_and(is_name) {
        return Ok(());
    }
    // The value is not repeated: somebody may have typed a card number.
    Err(garde::Error::new("must be the gateway's name for a payment method, such as pm_card_visa"))
}
