//! What orders offers: the state that handlers and workers share, and the only route table.

use std::sync::Arc;

use actix_web::web;
use chassis::clock::Clock;
use chassis::db::Database;
use chassis::identity::Verifier;
use chassis::mail::Mailer;
use chassis::metrics::Metrics;
use prometheus::{IntCounter, IntCounterVec, Opts};
use tokio::sync::Notify;
use utoipa::OpenApi;

use crate::Settings;
use crate::clients::catalog::Catalog;
use crate::clients::gateway::Gateway;
use crate::domain::OrderState;
use crate::routes::{orders, webhooks};

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
    /// Notified when something was promised.
    pub outbox_wake: Arc<Notify>,
    /// Notified when a webhook was stored.
    pub inbox_wake: Arc<Notify>,
    /// The settings in force.
    pub settings: Settings,
}

/// What the business asks: how many orders, how do they end, does the gateway reach us?
#[derive(Clone)]
pub struct Counters {
    states: IntCounterVec,
    alarms: IntCounter,
    webhooks: IntCounterVec,
    replays: IntCounter,
}

impl Counters {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let states = IntCounterVec::new(
            Opts::new("shop_orders_total", "Orders that reached a state."),
            &["status"],
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
        let registry = metrics.registry();
        registry.register(Box::new(states.clone()))?;
        registry.register(Box::new(alarms.clone()))?;
        registry.register(Box::new(webhooks.clone()))?;
        registry.register(Box::new(replays.clone()))?;
        Ok(Self { states, alarms, webhooks, replays })
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
        .service(web::resource("/v1/webhooks/gateway").post(webhooks::receive));
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backbone orders",
        description = "Checkout and orders. An order is charged once or not at all, whatever fails on the way.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(orders::place, orders::list, orders::read, webhooks::receive),
    tags((name = "orders", description = "For customers"), (name = "webhooks", description = "For the payment gateway"))
)]
struct Documentation;

/// The OpenAPI document, generated from the handlers' own annotations.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
