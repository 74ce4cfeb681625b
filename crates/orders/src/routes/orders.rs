//! Placing and reading orders.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::json::Valid;
use chassis::money::Money;
use chassis::page::{Page, PageQuery, PageRequest};
use chassis::problem::{self, ProblemDocument};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument as _;
use utoipa::ToSchema;

use super::problems;
use crate::app::State;
use crate::checkout::{self, CheckoutError};
use crate::domain::lines::{Cart, CartLine};
use crate::domain::{Cause, Order, OrderId, OrderLine, OrderState};
use crate::place::{Placed, Wish, place as place_order};
use crate::store::orders as store;

/// A wish to buy.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// From 1 to 50 books, each once.
    #[garde(skip)]
    lines: Vec<CartLine>,
    /// The gateway's name for a card: `pm_…`. Card numbers never come here.
    #[garde(custom(is_payment_method))]
    #[schema(example = "pm_card_visa")]
    payment_method: String,
    /// Where the receipt goes.
    #[garde(email, length(max = 254))]
    #[schema(example = "reader@example.com")]
    receipt_email: String,
}

/// An order, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// The identifier.
    id: OrderId,
    /// Where it stands.
    state: OrderState,
    /// What is charged.
    total: Money,
    /// What was bought, at the prices of that moment.
    lines: Vec<OrderLine>,
    /// The gateway's name for the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_intent: Option<String>,
    /// Why it was rejected or declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Value>,
    /// When it was placed.
    created_at: DateTime<Utc>,
    /// The states that it was in; only when a single order is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<HistoryEntry>>,
}

/// One state that an order was in.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The state.
    state: String,
    /// Who brought it there: the customer's `request`, the gateway's `webhook`, or the worker that `resume`s.
    cause: String,
    /// When.
    at: DateTime<Utc>,
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            state: order.state,
            total: order.total,
            lines: order.lines,
            payment_intent: order.intent_id,
            failure: order.failure,
            created_at: order.created_at,
            history: None,
        }
    }
}

/// Places an order and waits for the outcome for a few seconds. Repeating the request with the same key is safe.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", request_body = PlaceOrder,
    params(("Idempotency-Key" = String, Header, description = "A new random value for each order", max_length = 255)),
    security(("access_token" = [])), responses(
    (status = 201, description = "The order is paid", body = OrderView),
    (status = 202, description = "The order is placed; its outcome is not known yet: read it at `Location`", body = OrderView),
    (status = 400, description = "There is no key", body = ProblemDocument),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 402, description = "The card was declined; nothing was charged", body = ProblemDocument),
    (status = 409, description = "Not enough copies; nothing was charged", body = ProblemDocument),
    (status = 422, description = "The order is not valid, or the key was used for another one", body = ProblemDocument),
))]
pub async fn place(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    Valid(body): Valid<PlaceOrder>,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(&request)?;
    let cart = Cart::parse(body.lines)?;
    let wish =
        Wish { cart, payment_method: body.payment_method, receipt_email: body.receipt_email };
    let order = match place_order(&state, customer.id, &key, wish).await? {
        Placed::New(id) => finish(&state, id).await?,
        Placed::Before(order) => {
            state.counters.replay();
            order
        }
    };
    answer(order)
}

/// Takes the order further for as long as the customer should wait. The work is a task of its own: it goes on when the
/// customer hangs up, and the resume worker takes over when this process dies.
async fn finish(state: &web::Data<State>, id: OrderId) -> Result<Order, Problem> {
    let wait = Duration::from_millis(state.settings.checkout.wait_ms);
    let working = web::Data::clone(state);
    let task = tokio::spawn(
        async move { checkout::advance(&working, id, Cause::Request).await }
            .instrument(tracing::Span::current()),
    );
    match tokio::time::timeout(wait, task).await {
        Ok(Ok(Ok(order))) => return Ok(order),
        // The order exists; what failed is retried beside this request, so the customer learns where it stands.
        Ok(Ok(Err(error))) => {
            tracing::warn!(order_id = %id, cause = %error, "the order has to wait");
        }
        Ok(Err(error)) => tracing::error!(order_id = %id, cause = %error, "the checkout panicked"),
        Err(_elapsed) => {}
    }
    let mut connection = state.database.get().await?;
    let order = store::find(&mut connection, id).await?;
    order.ok_or_else(|| CheckoutError::Gone.into())
}

/// The order as an answer to the wish to buy: the same for the first request and for every repetition.
fn answer(order: Order) -> Result<HttpResponse, Problem> {
    if let Some(problem) = problems::of_order(&order) {
        return Err(problem);
    }
    let status = if order.state.is_final() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let location = format!("/v1/orders/{}", order.id);
    Ok(HttpResponse::build(status).insert_header((LOCATION, location)).json(OrderView::from(order)))
}

/// Lists one's own orders, the newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(PageQuery), security(("access_token" = [])), responses(
    (status = 200, description = "A page of orders", body = Page<OrderView>),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 422, description = "A parameter is not valid", body = ProblemDocument),
))]
pub async fn list(
    customer: Customer,
    state: web::Data<State>,
    query: web::Query<PageQuery>,
) -> Result<web::Json<Page<OrderView>>, Problem> {
    let request = PageRequest::<OrderId>::parse(query.limit, query.after.as_deref())?;
    let mut connection = state.database.get().await?;
    let rows =
        store::list_own(&mut connection, customer.id, request.after, request.fetch()).await?;
    let page = request.page(rows, |order| order.id);
    Ok(web::Json(Page {
        data: page.data.into_iter().map(OrderView::from).collect(),
        next: page.next,
    }))
}

/// Reads one's own order, with its history.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders", params(("id" = OrderId, Path)),
    security(("access_token" = [])), responses(
    (status = 200, description = "The order", body = OrderView),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
))]
pub async fn read(
    customer: Customer,
    state: web::Data<State>,
    id: web::Path<OrderId>,
) -> Result<web::Json<OrderView>, Problem> {
    let mut connection = state.database.get().await?;
    let order = store::find_own(&mut connection, *id, customer.id).await?;
    let mut view = OrderView::from(order.ok_or_else(|| Problem::new(problem::NOT_FOUND))?);
    let history = store::history(&mut connection, *id).await?;
    view.history = Some(
        history.into_iter().map(|(state, cause, at)| HistoryEntry { state, cause, at }).collect(),
    );
    Ok(web::Json(view))
}

fn idempotency_key(request: &HttpRequest) -> Result<String, Problem> {
    let key = request
        .headers()
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .map(str::trim);
    // The draft's structured-header syntax puts the key in quotes; both spellings name the same key.
    let key =
        key.map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    key.filter(|key| (1..=255).contains(&key.len()))
        .map(str::to_owned)
        .ok_or_else(problems::key_missing)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes the context by reference")]
fn is_payment_method(value: &str, _: &()) -> garde::Result {
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
