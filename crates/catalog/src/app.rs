//! What the catalog offers: the state that handlers share, and the only route table.

use actix_web::web;
use chassis::cache::Cache;
use chassis::clock::Clock;
use chassis::db::Database;
use chassis::identity::Verifier;
use utoipa::OpenApi;

use crate::Settings;
use crate::routes::{books, reservations};

/// What every handler can reach.
#[derive(Clone)]
pub struct State {
    /// The truth.
    pub database: Database,
    /// What makes reads fast; it may vanish.
    pub cache: Cache,
    /// Time.
    pub clock: Clock,
    /// The settings in force.
    pub settings: Settings,
}

/// All routes, nothing else.
pub fn configure(config: &mut web::ServiceConfig, state: &State, verifier: &Verifier) {
    config
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::new(verifier.clone()))
        .service(web::resource("/v1/books").get(books::list))
        .service(web::resource("/v1/books/{id}").get(books::read))
        .service(web::resource("/v1/books/{id}/stock").get(books::stock))
        .service(
            web::resource("/v1/reservations/{order_id}")
                .put(reservations::reserve)
                .get(reservations::read),
        )
        .service(web::resource("/v1/reservations/{order_id}/commit").post(reservations::commit))
        .service(web::resource("/v1/reservations/{order_id}/release").post(reservations::release));
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backbone catalog",
        description = "Books, prices, search, stock and its reservations.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        books::list,
        books::read,
        books::stock,
        reservations::reserve,
        reservations::read,
        reservations::commit,
        reservations::release,
    ),
    tags((name = "books", description = "For everyone"), (name = "reservations", description = "For services"))
)]
struct Documentation;

/// The OpenAPI document, generated from the handlers' own annotations.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
