//! Holding stock for orders: for services, not for people.

use actix_web::web;
use chassis::Problem;
use chassis::identity::Service;
use chassis::json::Valid;
use chassis::problem::{self, ProblemDocument};
use chrono::TimeDelta;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::State;
use crate::domain::{Line, Lines, Reservation};
use crate::reserve;
use crate::store::reservations as store;

/// What a service must be allowed to do all of this.
const SCOPE: &str = "reservations:write";

/// What to hold.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NewReservation {
    /// From 1 to 50 lines, each book once.
    lines: Vec<Line>,
}

/// Holds stock for an order, all of it or none. Repeating the request is safe and answers the same.
#[utoipa::path(put, path = "/v1/reservations/{order_id}", tag = "reservations", params(("order_id" = Uuid, Path)),
    request_body = NewReservation, security(("access_token" = [])), responses(
    (status = 200, description = "The stock is held", body = Reservation),
    (status = 409, description = "Not enough copies, or the order has another reservation", body = ProblemDocument),
    (status = 422, description = "The lines are not valid", body = ProblemDocument),
))]
pub async fn reserve(
    service: Service,
    state: web::Data<State>,
    order_id: web::Path<Uuid>,
    Valid(new): Valid<NewReservation>,
) -> Result<web::Json<Reservation>, Problem> {
    service.require(SCOPE)?;
    let lines = Lines::parse(new.lines)?;
    let lifetime = TimeDelta::seconds(state.settings.reservations.lifetime_seconds.into());
    let reservation =
        reserve::hold(&state.database, &state.clock, *order_id, &lines, lifetime).await?;
    Ok(web::Json(reservation))
}

/// Reads the reservation of an order.
#[utoipa::path(get, path = "/v1/reservations/{order_id}", tag = "reservations", params(("order_id" = Uuid, Path)),
    security(("access_token" = [])), responses(
    (status = 200, description = "The reservation", body = Reservation),
    (status = 404, description = "The order has none", body = ProblemDocument),
))]
pub async fn read(
    service: Service,
    state: web::Data<State>,
    order_id: web::Path<Uuid>,
) -> Result<web::Json<Reservation>, Problem> {
    service.require(SCOPE)?;
    let mut connection = state.database.get().await?;
    let found = store::find(&mut connection, *order_id).await?;
    found.map(web::Json).ok_or_else(|| Problem::new(problem::NOT_FOUND))
}

/// Sells what is held. Repeating the request is safe.
#[utoipa::path(post, path = "/v1/reservations/{order_id}/commit", tag = "reservations",
    params(("order_id" = Uuid, Path)), security(("access_token" = [])), responses(
    (status = 200, description = "The copies are sold", body = Reservation),
    (status = 404, description = "The order has none", body = ProblemDocument),
    (status = 409, description = "It was released, or it has expired", body = ProblemDocument),
))]
pub async fn commit(
    service: Service,
    state: web::Data<State>,
    order_id: web::Path<Uuid>,
) -> Result<web::Json<Reservation>, Problem> {
    service.require(SCOPE)?;
    Ok(web::Json(reserve::commit(&state.database, &state.clock, *order_id).await?))
}

/// Gives back what is held. Repeating the request is safe; so is releasing what was never held.
#[utoipa::path(post, path = "/v1/reservations/{order_id}/release", tag = "reservations",
    params(("order_id" = Uuid, Path)), security(("access_token" = [])), responses(
    (status = 200, description = "The copies can be bought again", body = Reservation),
    (status = 409, description = "They are sold", body = ProblemDocument),
))]
pub async fn release(
    service: Service,
    state: web::Data<State>,
    order_id: web::Path<Uuid>,
) -> Result<web::Json<Reservation>, Problem> {
    service.require(SCOPE)?;
    Ok(web::Json(reserve::release(&state.database, &state.clock, *order_id).await?))
}
