//! What orders offers: the state that handlers and workers share, and the only route table.

use std::sync::Arc;

use actix_web::web;
use chassis::clock::Clock;
use chassis::db::Database;
use chassis::identity::Verifier;
use chassis::mail::Mailer;
use chassis::metrics::Metrics;
use chrono::TimeDelta;
use prometheus::{IntCounter, IntCounterVec, Opts};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use crate::Settings;
use crate::clients::catalog::Catalog;
use crate::clients::gateway::Gateway;
use crate::domain::{Order, OrderState, RefundState};
use crate::routes::{changes, orders, refunds, stream, webhooks};
use crate::store::Lease;
use crate::transition::Terms;
use crate::watching::{Audience, Moves};

/// What every handler and worker can reach.
#[derive(Clone)]
pub struct State {
    /// The truth.
    pub database: Database,
    /// Where stock is held.
    pub catalog: Catalog,
    /// Where money is moved.
    pub gateway: Gateway,
    /// Where receipts go.
    pub mailer: Mailer,
    /// Time.
    pub clock: Clock,
    /// The chassis' measurements.
    pub metrics: Metrics,
    /// Our own.
    pub counters: Counters,
    /// Notified when a mail was promised.
    pub outbox_wake: Arc<Notify>,
    /// Notified when something was promised to the catalog.
    pub stock_wake: Arc<Notify>,
    /// Notified when a webhook was stored.
    pub inbox_wake: Arc<Notify>,
    /// Notified when the shop owes somebody money.
    pub refund_wake: Arc<Notify>,
    /// The moves that this process makes.
    pub moves: Moves,
    /// Who watches.
    pub audience: Audience,
    /// Cancelled when the service is told to stop.
    pub shutdown: CancellationToken,
    /// The settings in force.
    pub settings: Settings,
}

impl State {
    /// How long nobody else works on something that has just been taken.
    pub fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(self.settings.checkout.lease_seconds.into())
    }

    /// What a worker claims by, now.
    pub fn claim(&self) -> Lease {
        let (now, checkout) = (self.clock.now(), &self.settings.checkout);
        let longest_pause = TimeDelta::milliseconds(checkout.longest_pause_ms.into());
        let deadline = TimeDelta::seconds(checkout.deadline_seconds.into());
        let horizon = now + deadline.max(self.lease()).max(longest_pause);
        Lease { now, until: now + self.lease(), horizon }
    }

    /// What a transition that happens now needs to know.
    pub fn terms(&self) -> Terms<'_> {
        let (counters, planted) = (&self.counters, self.settings.planted);
        Terms { now: self.clock.now(), lease: self.lease(), counters, planted }
    }

    /// Tells everybody in this process whom an order's move concerns.
    pub fn announce(&self, order: &Order) {
        self.moves.announce(order.id);
        if order.state.is_final() {
            self.outbox_wake.notify_one();
            self.stock_wake.notify_one();
        }
        // Money for an order that is over, or was about to be, goes back.
        if order.state.ended_unpaid() || order.cancel_requested {
            self.refund_wake.notify_one();
        }
    }
}

/// What the business asks: how many orders, how do they end, does the gateway reach us?
#[derive(Clone)]
pub struct Counters {
    states: IntCounterVec,
    alarms: IntCounter,
    webhooks: IntCounterVec,
    replays: IntCounter,
    reconciled: IntCounter,
    refunds: IntCounterVec,
}

impl Counters {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let states = IntCounterVec::new(
            Opts::new("shop_orders_total", "Orders that reached a state."),
            &["state"],
        )?;
        let alarms = IntCounter::new(
            "shop_order_alarms_total",
            "Contradictions that a person must look at.",
        )?;
        let webhooks =
            Opts::new("shop_webhooks_total", "Webhooks of the gateway, by what became of them.");
        let webhooks = IntCounterVec::new(webhooks, &["outcome"])?;
        let replays = IntCounter::new(
            "shop_idempotent_replays_total",
            "Wishes to buy that were made before.",
        )?;
        let reconciled = IntCounter::new(
            "shop_reconciled_events_total",
            "Events of the gateway that no webhook had brought.",
        )?;
        let refunds = Opts::new("shop_refunds_total", "Refunds, by what became of them.");
        let refunds = IntCounterVec::new(refunds, &["state"])?;
        let registry = metrics.registry();
        registry.register(Box::new(reconciled.clone()))?;
        registry.register(Box::new(refunds.clone()))?;
        registry.register(Box::new(states.clone()))?;
        registry.register(Box::new(alarms.clone()))?;
        registry.register(Box::new(webhooks.clone()))?;
        registry.register(Box::new(replays.clone()))?;
        Ok(Self { states, alarms, webhooks, replays, reconciled, refunds })
    }

    /// An order reached `state`.
    pub fn moved(&self, state: OrderState) {
        self.states.with_label_values(&[state.as_str()]).inc();
    }

    /// Something contradicts an order.
    pub fn alarm(&self) {
        self.alarms.inc();
    }

    /// A webhook was `stored`, `ignored`, or was forged in one way or another.
    pub fn webhook(&self, outcome: &str) {
        self.webhooks.with_label_values(&[outcome]).inc();
    }

    /// So many events were found in the gateway's list.
    pub fn reconciled(&self, events: u32) {
        self.reconciled.inc_by(events.into());
    }

    /// A refund reached `state`.
    pub fn refund(&self, state: RefundState) {
        self.refunds.with_label_values(&[state.as_str()]).inc();
    }

    /// A wish to buy that was made before.
    pub fn replay(&self) {
        self.replays.inc();
    }
}

/// All routes, nothing else.
pub fn configure(config: &mut web::ServiceConfig, state: &State, verifier: &Verifier) {
    config
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::new(verifier.clone()))
        .service(web::resource("/v1/orders").post(orders::place).get(orders::list))
        .service(web::resource("/v1/orders/{id}").get(orders::read))
        .service(web::resource("/v1/orders/{id}/payment").post(changes::pay))
        .service(web::resource("/v1/orders/{id}/cancel").post(changes::cancel))
        .service(web::resource("/v1/orders/{id}/refunds").post(refunds::create))
        .service(web::resource("/v1/orders/{id}/events").get(stream::watch))
        .service(web::resource("/v1/webhooks/gateway").post(webhooks::receive));
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backbone orders",
        description = "Checkout, orders, refunds. An order is charged once or not at all, whatever fails on the way.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        orders::place, orders::list, orders::read, changes::pay, changes::cancel, refunds::create,
        stream::watch, webhooks::receive,
    ),
    tags((name = "orders", description = "For customers"), (name = "webhooks", description = "For the payment gateway"))
)]
struct Documentation;

/// The OpenAPI document, generated from the handlers' own annotations.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
