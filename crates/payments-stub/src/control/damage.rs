//! What a fault makes of an answer, as the client sees it.

use std::io;
use std::iter::{once, repeat_n};

use actix_web::body::{self, BodyStream, BoxBody, SizedStream};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError as _};
use futures_util::stream::{self, StreamExt as _};

use super::faults::{Action, Strike};
use super::plan::Plan;
use crate::routes::errors::StripeError;

const JSON: &str = "application/json";
/// The answer of a handler that did not run; it claims nothing about any payment.
const NOTHING: &str =
    r#"{"object":"nothing","message":"A test arranged that this request was not handled."}"#;
const GARBAGE: &str = r#"{"id": "pi_"#;
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n\
                    <body><h1>Bad Gateway</h1><p>A proxy has something to say.</p></body></html>\n";
/// 160 pieces of 64 KiB: ten megabytes.
const PIECES: usize = 160;
static PIECE: [u8; 65_536] = [b'x'; 65_536];

/// What there is to damage when the handler did not run.
pub fn nothing() -> HttpResponse {
    HttpResponse::Ok().content_type(JSON).body(NOTHING)
}

/// One line for whoever wonders what happened to this request.
pub fn log(strike: &Strike) {
    let (action, when) = (strike.action, strike.when);
    tracing::warn!(fault = strike.fault, ?action, ?when, "a fault strikes, as a test arranged it");
}

/// What `strike` leaves of `answer`.
pub async fn inflict(strike: &Strike, plan: &Plan, answer: HttpResponse) -> HttpResponse {
    log(strike);
    match strike.action {
        Action::Reset => {
            plan.reset_connection();
            cut()
        }
        Action::Hang => {
            plan.silence().await;
            cut()
        }
        Action::Delay => {
            plan.pause(strike.delay).await;
            answer
        }
        // The answer that was kept under the key is on its way already, perhaps for the second time.
        Action::Status if answer.status() == strike.status => answer,
        Action::Status => StripeError::arranged(strike.status).error_response(),
        Action::Truncate => truncated(answer).await,
        Action::GarbageJson => HttpResponse::Ok().content_type(JSON).body(GARBAGE),
        Action::Html => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(PAGE),
        Action::WrongContentType => {
            let mut answer = answer;
            let wrong = HeaderValue::from_static("application/octet-stream");
            answer.headers_mut().insert(CONTENT_TYPE, wrong);
            answer
        }
        Action::SlowBody => slow(answer, strike, plan).await,
        Action::HugeBody => huge(),
    }
}

/// An answer that never leaves: its body fails before its head is written, and so the connection is dropped.
pub fn cut() -> HttpResponse {
    let body = SizedStream::new(1, stream::once(async { Err::<Bytes, _>(broken()) }));
    // A status for our own log and metrics; nobody else sees it.
    HttpResponse::InternalServerError().content_type(JSON).body(body)
}

fn broken() -> io::Error {
    io::Error::other("a test arranged that this answer is cut off")
}

/// The length of the whole, and the first half of it.
async fn truncated(answer: HttpResponse) -> HttpResponse {
    let (answer, whole) = read(answer).await;
    let length = u64::try_from(whole.len()).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let cut_off = async {
        // A body that fails at once takes with it what is not written yet.
        tokio::task::yield_now().await;
        Err(broken())
    };
    let body = stream::once(async { Ok(half) }).chain(stream::once(cut_off));
    answer.set_body(BoxBody::new(SizedStream::new(length, body)))
}

/// One byte at a time.
async fn slow(answer: HttpResponse, strike: &Strike, plan: &Plan) -> HttpResponse {
    let (answer, whole) = read(answer).await;
    let length = u64::try_from(whole.len()).unwrap_or_default();
    let (delay, plan) = (strike.delay, plan.clone());
    let body = stream::unfold(whole, move |mut rest| {
        let plan = plan.clone();
        async move {
            if rest.is_empty() {
                return None;
            }
            plan.pause(delay).await;
            let byte = rest.split_to(1);
            Some((Ok::<_, io::Error>(byte), rest))
        }
    });
    answer.set_body(BoxBody::new(SizedStream::new(length, body)))
}

/// Without a length, so that the client has to count.
fn huge() -> HttpResponse {
    let padding = repeat_n(Bytes::from_static(&PIECE), PIECES);
    let (start, end) = (Bytes::from_static(b"{\"padding\":\""), Bytes::from_static(b"\"}"));
    let body = stream::iter(once(start).chain(padding).chain(once(end)).map(Ok::<_, io::Error>));
    HttpResponse::Ok().content_type(JSON).body(BodyStream::new(body))
}

/// The head and the whole body of an answer.
async fn read(answer: HttpResponse) -> (HttpResponse<()>, Bytes) {
    let (head, body) = answer.into_parts();
    // They are in memory already: reading them cannot fail.
    (head, body::to_bytes(body).await.unwrap_or_default())
}
