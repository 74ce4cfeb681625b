//! An order, live: server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::identity::Customer;
use chassis::problem::{self, ProblemDocument};
use futures_util::{Stream, stream};
use tokio::time::Instant;

use crate::app::State;
use crate::domain::{Order, OrderId, OrderState};
use crate::store::orders as store;
use crate::watching::{Listener, Seat};

/// Something is sent at least so often, so that nobody in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Watches one's own order: an event `state` whenever it has moved, beginning with where it stands. Ends when the order
/// does. Who connects again with `Last-Event-ID` after the end is told 204. (A browser's own `EventSource` sends no
/// `Authorization`; a page reads this with `fetch`, a backend-for-frontend with its own client.)
#[utoipa::path(get, path = "/v1/orders/{id}/events", tag = "orders", params(("id" = OrderId, Path),
        ("Last-Event-ID" = Option<i64>, Header, description = "The `id` of the last event that was read")),
    security(("access_token" = [])), responses(
    (status = 200, description = "`id: 4`, `event: state`, `data: {\"state\":\"paid\"}`", content_type = "text/event-stream", body = String),
    (status = 204, description = "The last event was the end"),
    (status = 401, description = "Nobody is signed in", body = ProblemDocument),
    (status = 404, description = "There is no such order, or it is somebody else's", body = ProblemDocument),
    (status = 503, description = "Too many pages are watching", body = ProblemDocument),
))]
pub async fn watch(
    customer: Customer,
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<OrderId>,
) -> Result<HttpResponse, Problem> {
    let busy = || Problem::new(problem::UNAVAILABLE).retry_after(5);
    let seat = state.audience.admit(customer.id).ok_or_else(busy)?;
    let listener = state.moves.listen(*id);
    let mut connection = state.database.get().await?;
    let order = store::find_own(&mut connection, *id, customer.id).await?;
    let order = order.ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    drop(connection);
    let told = last_event_id(&request);
    if ends(&order) && told == Some(order.version) {
        // The page knows the end already: no content tells it not to come back.
        return Ok(HttpResponse::NoContent().finish());
    }
    let watcher = Watcher::new(web::Data::clone(&state), (listener, seat), order);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(watcher.events())))
}

/// Whether nothing more will happen. What is paid and was cancelled before is about to be refunded.
fn ends(order: &Order) -> bool {
    order.state.is_final() && !(order.state == OrderState::Paid && order.cancel_requested)
}

fn last_event_id(request: &HttpRequest) -> Option<i64> {
    request.headers().get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// Somebody who watches.
struct Watcher {
    state: web::Data<State>,
    listener: Listener,
    order: Order,
    /// The version that was told last.
    told: Option<i64>,
    ends_at: Instant,
    /// Free again when the connection ends, however it does.
    _seat: Seat,
}

impl Watcher {
    fn new(state: web::Data<State>, (listener, seat): (Listener, Seat), order: Order) -> Self {
        let lifetime = Duration::from_secs(state.settings.stream.lifetime_seconds);
        let ends_at = Instant::now() + lifetime;
        Self { state, listener, order, told: None, ends_at, _seat: seat }
    }

    /// All that it will see.
    fn events(self) -> impl Stream<Item = Result<web::Bytes, actix_web::Error>> {
        stream::unfold(self, |mut watcher| async move {
            let event = watcher.next().await?;
            Some((Ok(web::Bytes::from(event)), watcher))
        })
    }

    /// The next event; `None` when there will be no more.
    async fn next(&mut self) -> Option<String> {
        if self.told.is_some() && (ends(&self.order) || Instant::now() >= self.ends_at) {
            return None;
        }
        let quiet_until = Instant::now() + KEEP_ALIVE;
        while self.told == Some(self.order.version) {
            let now = Instant::now();
            if now >= quiet_until.min(self.ends_at) {
                // A comment: it says that we are still there.
                return Some(":\n\n".to_owned());
            }
            tokio::select! {
                () = self.listener.moved(quiet_until) => {}
                () = self.state.shutdown.cancelled() => return None,
            }
            self.look().await?;
        }
        self.told = Some(self.order.version);
        let data = serde_json::json!({ "state": self.order.state });
        Some(format!("id: {}\nevent: state\ndata: {data}\n\n", self.order.version))
    }

    /// When the database falters, the stream ends, and the browser comes back later.
    async fn look(&mut self) -> Option<()> {
        let mut connection = self.state.database.get().await.ok()?;
        let before = (self.order.state, self.order.version);
        self.order = store::find(&mut connection, self.order.id).await.ok()??;
        if self.order.state == before.0 && self.told == Some(before.1) {
            // A worker has taken it up; to somebody who watches, nothing has happened.
            self.told = Some(self.order.version);
        }
        Some(())
    }
}
