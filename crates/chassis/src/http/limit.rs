//! Limits on the whole of a request: when the first one may run, how many at once, and how long one may take.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::observe::Shared;
use crate::problem;

/// Refuses what comes before the service is ready: half a start answers half right, such as a fact that nobody is told
/// because those who want to know it are not known yet. Refuses at once what is over the limit, instead of letting it queue until everybody times out;
/// gives up on what takes too long.
pub(super) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(shared) = request.app_data::<web::Data<Shared>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    if !shared.health.is_started() {
        let mut response = shared.error(problem::UNAVAILABLE);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Ok(request.into_response(response));
    }
    let Ok(_permit) = shared.in_flight.try_acquire() else {
        shared.metrics.count_shed();
        let mut response = shared.error(problem::OVERLOADED);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Ok(request.into_response(response));
    };
    match tokio::time::timeout(shared.request_timeout, next.call(request)).await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(_elapsed) => {
            let mut response = shared.error(problem::TIMEOUT);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            Err(InternalError::from_response("the request took too long", response).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::HttpResponse;
    use tokio::sync::Notify;

    use super::*;
    use crate::boot::{Boot, Listeners};
    use crate::http::{Assembly, Settings, problem_shape};

    #[tokio::test(flavor = "multi_thread")]
    async fn before_its_start_is_finished_a_service_answers_that_it_is_not_ready() {
        let settings = Settings {
            public: ([127, 0, 0, 1], 0).into(),
            management: ([127, 0, 0, 1], 0).into(),
            workers: 1,
            body_limit: 1,
            header_timeout_ms: 5000,
            request_timeout_ms: 5000,
            max_in_flight: 1,
            drain_delay_ms: 0,
            shutdown_timeout_seconds: 1,
        };
        let boot = Boot::new("test", Listeners::bind(&settings).unwrap()).unwrap();
        let url = format!("http://{}/", boot.listeners.public.local_addr().unwrap());
        let (shutdown, may_finish) = (boot.shutdown.clone(), Arc::new(Notify::new()));
        let finished = Arc::clone(&may_finish);
        let assembly = Assembly {
            routes: Arc::new(|table| {
                table.route("/", web::get().to(HttpResponse::Ok));
            }),
            openapi: utoipa::openapi::OpenApi::default(),
            startup: Box::pin(async move {
                finished.notified().await;
                Ok(())
            }),
            workers: Vec::new(),
            error_shape: problem_shape,
            on_connect: None,
        };
        let service = tokio::spawn(async move { boot.serve(&settings, assembly).await });

        let early = reqwest::get(&url).await.unwrap();
        assert_eq!(
            (early.status().as_u16(), early.headers()["retry-after"].as_bytes()),
            (503, &b"1"[..])
        );
        may_finish.notify_one();
        while reqwest::get(&url).await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }

        shutdown.cancel();
        service.await.unwrap().unwrap();
    }
}
