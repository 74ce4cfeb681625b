//! What the gateway offers: the state that handlers share, and the only route table.

use std::sync::Arc;

use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, PathConfig};
use chassis::clock::Clock;
use chassis::db::Database;
use tokio::sync::Notify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::control::Control;
use crate::control::strike::strike;
use crate::domain::payment_intent::Terms;
use crate::meters::Meters;
use crate::routes::caller::ApiKey;
use crate::routes::errors::StripeError;
use crate::routes::lists::CreatedRange;
use crate::routes::rate::RateLimit;
use crate::routes::stamp::stamp;
use crate::routes::{
    authentication, charges, events, payment_intents, refunds, webhook_attempts, webhook_endpoints,
};

/// What every handler and worker can reach.
#[derive(Clone)]
pub struct State {
    /// The truth.
    pub database: Database,
    /// Time.
    pub clock: Clock,
    /// How this gateway does business.
    pub terms: Arc<Terms>,
    /// What is counted.
    pub meters: Meters,
    /// Notified after a commit: there may be webhooks to deliver.
    pub wake: Arc<Notify>,
    /// How often clients may call.
    pub rate: RateLimit,
    /// What tests have arranged; `None` when the control plane is off.
    pub control: Option<Control>,
}

/// All routes, nothing else.
pub fn configure(config: &mut web::ServiceConfig, state: &State, key: &ApiKey) {
    let v1 = web::scope("/v1")
        .wrap(Condition::new(state.control.is_some(), from_fn(strike)))
        // The last one wraps the others: whatever strikes a request, its answer has a name.
        .wrap(from_fn(stamp))
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::new(key.clone()))
        .app_data(
            PathConfig::default()
                .error_handler(|_, _| StripeError::unreadable("The path cannot be read.").into()),
        )
        .service(
            web::resource("/payment_intents")
                .get(payment_intents::list)
                .post(payment_intents::create),
        )
        .service(
            web::resource("/payment_intents/{id}")
                .get(payment_intents::read)
                .post(payment_intents::update),
        )
        .service(web::resource("/payment_intents/{id}/confirm").post(payment_intents::confirm))
        .service(web::resource("/payment_intents/{id}/capture").post(payment_intents::capture))
        .service(web::resource("/payment_intents/{id}/cancel").post(payment_intents::cancel))
        .service(web::resource("/charges").get(charges::list))
        .service(web::resource("/charges/{id}").get(charges::read))
        .service(web::resource("/refunds").get(refunds::list).post(refunds::create))
        .service(web::resource("/refunds/{id}").get(refunds::read).post(refunds::update))
        .service(web::resource("/events").get(events::list))
        .service(web::resource("/events/{id}").get(events::read))
        .service(
            web::resource("/webhook_endpoints")
                .get(webhook_endpoints::list)
                .post(webhook_endpoints::create),
        )
        .service(
            web::resource("/webhook_endpoints/{id}")
                .get(webhook_endpoints::read)
                .post(webhook_endpoints::update)
                .delete(webhook_endpoints::delete),
        )
        .service(
            web::resource("/webhook_endpoints/{id}/roll_secret")
                .post(webhook_endpoints::roll_secret),
        )
        .service(web::resource("/webhook_endpoints/{id}/attempts").get(webhook_attempts::list));
    // For the customer's browser: no key, the client secret in the address proves who comes.
    let authentication = web::resource("/3ds/{id}")
        .app_data(web::Data::new(state.clone()))
        .get(authentication::show)
        .post(authentication::finish);
    config.service(v1).service(authentication);
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backbone payments stub",
        description = "The third party: a payment gateway in the shape of Stripe's API. It moves no real money.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        payment_intents::create,
        payment_intents::list,
        payment_intents::read,
        payment_intents::update,
        payment_intents::confirm,
        payment_intents::capture,
        payment_intents::cancel,
        charges::list,
        charges::read,
        refunds::create,
        refunds::list,
        refunds::read,
        refunds::update,
        events::list,
        events::read,
        webhook_endpoints::create,
        webhook_endpoints::list,
        webhook_endpoints::read,
        webhook_endpoints::update,
        webhook_endpoints::delete,
        webhook_endpoints::roll_secret,
        webhook_attempts::list,
        authentication::show,
        authentication::finish,
    ),
    components(schemas(CreatedRange)),
    modifiers(&SecretKey),
    tags(
        (name = "payment_intents", description = "Wishes to be paid"),
        (name = "charges", description = "Attempts to take money"),
        (name = "refunds", description = "Money on its way back"),
        (name = "events", description = "What happened"),
        (name = "webhook_endpoints", description = "Who wants to know"),
        (name = "customers", description = "Pages for the customer's browser")
    )
)]
struct Documentation;

/// The key that clients send.
struct SecretKey;

impl Modify for SecretKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key that starts with sk_test_; also accepted as the user name of HTTP Basic.",
            ))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("secret_key", SecurityScheme::Http(scheme));
    }
}

/// The OpenAPI document, generated from the handlers' own annotations.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
