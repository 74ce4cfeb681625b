//! What a request waits for, and how the outcome is told.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use chassis::Problem;
use chrono::TimeDelta;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::headers::applied;
use super::problems;
use super::views::OrderView;
use crate::app::State;
use crate::checkout::{self, CheckoutError};
use crate::domain::{Cause, Order, OrderId};
use crate::watching;

/// When a worker takes up what a request could not finish.
const SOON: TimeDelta = TimeDelta::seconds(1);

/// Takes the order further for as long as the customer should wait. The work is a task of its own: it goes on when the
/// customer hangs up, and the resume worker takes over when this process dies.
pub(super) async fn finish(
    state: &web::Data<State>,
    id: OrderId,
    preferred: Option<Duration>,
) -> Result<Order, Problem> {
    let deadline = Instant::now() + preferred.unwrap_or_else(|| usual_wait(state));
    let working = web::Data::clone(state);
    let task = tokio::spawn(
        async move { checkout::advance(&working, id, (Cause::Request, SOON)).await }
            .instrument(tracing::Span::current()),
    );
    let outcome = tokio::select! {
        outcome = tokio::time::timeout_at(deadline, task) => outcome,
        // The task goes on for as long as the process lives; another one takes up what it leaves.
        () = state.shutdown.cancelled() => return current(state, id, Instant::now()).await,
    };
    match outcome {
        Ok(Ok(Ok(order))) if !order.state.is_in_progress() => return Ok(order),
        // Something that it needs does not answer: who does not prefer to wait is told so at once.
        Ok(Ok(Err(error))) => {
            tracing::warn!(order_id = %id, cause = %error, "the order has to wait");
            if preferred.is_none() {
                return current(state, id, Instant::now()).await;
            }
        }
        Ok(Err(error)) => tracing::error!(order_id = %id, cause = %error, "the checkout panicked"),
        _ => {}
    }
    current(state, id, deadline).await
}

/// Waits until the order is decided, for a client whose wish was made before or is none.
pub(super) async fn wait(
    state: &State,
    id: OrderId,
    preferred: Option<Duration>,
) -> Result<Order, Problem> {
    current(state, id, Instant::now() + preferred.unwrap_or_else(|| usual_wait(state))).await
}

async fn current(state: &State, id: OrderId, deadline: Instant) -> Result<Order, Problem> {
    let order = watching::wait_until_decided(state, id, deadline).await?;
    order.ok_or_else(|| CheckoutError::Gone.into())
}

fn usual_wait(state: &State) -> Duration {
    Duration::from_millis(state.settings.checkout.wait_ms)
}

/// The order as an answer to the wish to buy: the same for the first request and for every repetition.
pub(super) async fn answer(
    state: &State,
    order: Order,
    preferred: Option<Duration>,
) -> Result<HttpResponse, Problem> {
    if let Some(problem) = problems::of_order(&order) {
        return Err(problem);
    }
    let status = if order.state.is_final() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    tell(state, order, status, preferred).await
}

/// The order, with this status.
pub(super) async fn tell(
    state: &State,
    order: Order,
    status: StatusCode,
    preferred: Option<Duration>,
) -> Result<HttpResponse, Problem> {
    let location = format!("/v1/orders/{}", order.id);
    let mut connection = state.database.get().await?;
    let view = OrderView::of(&mut connection, order).await?;
    let mut answer = HttpResponse::build(status);
    Ok(applied(answer.insert_header((LOCATION, location)), preferred).json(view))
}
