//! The management listener: health and metrics, for orchestrators and Prometheus, not for clients.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::boot::RunError;
use crate::health::Health;
use crate::metrics::Metrics;

/// The server on `listener`; one thread is enough for probes and scrapes.
pub(super) fn server(
    listener: TcpListener,
    metrics: Metrics,
    health: Health,
) -> Result<Server, RunError> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(metrics.clone()))
            .app_data(web::Data::new(health.clone()))
            .service(web::resource("/livez").get(async || HttpResponse::Ok().body("ok\n")))
            .service(web::resource("/startupz").get(startupz))
            .service(web::resource("/readyz").get(readyz))
            .service(web::resource("/metrics").get(render))
    });
    let server = server.workers(1).disable_signals().shutdown_timeout(1).listen(listener);
    Ok(server.map_err(RunError::Serve)?.run())
}

async fn startupz(health: web::Data<Health>) -> HttpResponse {
    HttpResponse::build(status(health.is_started())).finish()
}

async fn readyz(health: web::Data<Health>) -> HttpResponse {
    let report = health.report().await;
    HttpResponse::build(status(report.ready)).json(report)
}

async fn render(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render())
}

fn status(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
