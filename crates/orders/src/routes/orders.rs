//! Placing and reading orders.

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::json::Valid;
use chassis::mail;
use chassis::page::{Page, PageQuery, PageRequest};
use chassis::problem::{self, ProblemDocument};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::headers::{idempotency_key, preferred_wait};
use super::outcome::{answer, finish, wait};
use super::views::{OrderView, is_payment_method};
use crate::app::State;
use crate::domain::OrderId;
use crate::domain::lines::{Cart, CartLine};
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
    #[garde(custom(mail::is_address), length(max = 254))]
    #[schema(example = "reader@example.com")]
    receipt_email: String,
}

/// Places an order and waits for the outcome for a few seconds. Repeating the request with the same key is safe.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", request_body = PlaceOrder,
    params(("Idempotency-Key" = String, Header, description = "A new random value for each order", max_length = 255),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: how long to wait for the outcome (RFC 7240)")),
    security(("access_token" = [])), responses(
    (status = 201, description = "The order is paid", body = OrderView),
    (status = 202, description = "The order is placed; its outcome is not known yet: read it at `Location`", body = OrderView),
    (status = 400, description = "There is no key", body = ProblemDocument),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 402, description = "The card was declined, nothing was charged; another card may be tried at `/payment`", body = ProblemDocument),
    (status = 409, description = "Not enough copies, or it was not paid in time, or cancelled; nothing was charged", body = ProblemDocument),
    (status = 422, description = "The order is not valid, or the key was used for another one", body = ProblemDocument),
))]
pub async fn place(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    Valid(body): Valid<PlaceOrder>,
) -> Result<HttpResponse, Problem> {
    let (key, preferred) = (idempotency_key(&request)?, preferred_wait(&request, &state));
    let cart = Cart::parse(body.lines)?;
    let wish =
        Wish { cart, payment_method: body.payment_method, receipt_email: body.receipt_email };
    let order = match place_order(&state, customer.id, &key, wish).await? {
        Placed::New(id) => finish(&state, id, preferred).await?,
        Placed::Before(id) => {
            state.counters.replay();
            wait(&state, id, preferred).await?
        }
    };
    answer(&state, order, preferred).await
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
        data: OrderView::of_all(&mut connection, page.data).await?,
        next: page.next,
    }))
}

/// Reads one's own order, with its history and its refunds.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = OrderId, Path),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: how long to wait until it is decided (RFC 7240)")),
    security(("access_token" = [])), responses(
    (status = 200, description = "The order", body = OrderView),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
))]
pub async fn read(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<OrderId>,
) -> Result<HttpResponse, Problem> {
    let mut connection = state.database.get().await?;
    let found = store::find_own(&mut connection, *id, customer.id).await?;
    let mut order = found.ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    drop(connection);
    let preferred = preferred_wait(&request, &state).filter(|_| order.state.is_in_progress());
    if preferred.is_some() {
        order = wait(&state, *id, preferred).await?;
    }
    let mut connection = state.database.get().await?;
    let view = OrderView::with_history(&mut connection, order).await?;
    Ok(super::headers::applied(&mut HttpResponse::Ok(), preferred).json(view))
}
