//! HTTP: how a service's routes become two running servers that stop without losing a request.

mod limit;
mod management;
mod observe;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, Server};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError as _, web};
use serde::{Deserialize, Serialize};

use crate::boot::{Boot, RunError};
use crate::problem::{self, Problem, ProblemType};
use crate::worker::Worker;
use crate::{json, openapi};

/// Addresses and limits. Every limit is on something that a stranger could otherwise make grow.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where clients connect.
    pub public: SocketAddr,
    /// Where operators connect.
    pub management: SocketAddr,
    /// Threads that answer requests.
    pub workers: usize,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How long a client may take to send its headers, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How many requests may run at once; the rest are refused at once, before they can queue.
    pub max_in_flight: usize,
    /// How long to stay up but not ready before closing, in milliseconds, so that load balancers notice.
    pub drain_delay_ms: u64,
    /// How long the requests that still run may take to finish, in seconds.
    pub shutdown_timeout_seconds: u64,
}

/// Turns a kind of problem into an answer. Almost every service answers with problem documents.
pub type ErrorShape = fn(ProblemType) -> HttpResponse;

/// What runs before the service is ready: reach the database, bring its schema up to date, seed it.
pub type Startup = Pin<Box<dyn Future<Output = Result<(), anyhow::Error>> + Send>>;

/// Adds a service's routes and state.
pub type Routes = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// Looks at every new connection of the public listener, and may keep something of it for its requests, which find it
/// with `HttpRequest::conn_data`.
pub type OnConnect = Arc<dyn Fn(&TcpStream, &mut Extensions) + Send + Sync>;

/// The parts that a service puts together.
pub struct Assembly {
    /// The route table of the service's `app.rs`, with the state that handlers extract.
    pub routes: Routes,
    /// The documentation generated from the same handlers.
    pub openapi: utoipa::openapi::OpenApi,
    /// What runs before the service is ready.
    pub startup: Startup,
    /// What runs beside the requests, from then on.
    pub workers: Vec<Worker>,
    /// How errors look that no handler made (unknown route, overload): [`problem_shape`] nearly everywhere.
    pub error_shape: ErrorShape,
    /// What handlers must know about connections: nothing, nearly everywhere.
    pub on_connect: Option<OnConnect>,
}

/// The ordinary [`ErrorShape`].
pub fn problem_shape(kind: ProblemType) -> HttpResponse {
    Problem::new(kind).error_response()
}

impl Boot {
    /// Serves until the service is told to stop, then stops in order: readiness fails, requests finish,
    /// workers end between two steps.
    pub async fn serve(self, settings: &Settings, assembly: Assembly) -> Result<(), RunError> {
        let Self { name, metrics, health, shutdown, listeners, clock: _ } = self;
        metrics.watch_runtime();
        let shared =
            observe::Shared::new(metrics.clone(), health.clone(), assembly.error_shape, settings);
        let document = openapi::render(assembly.openapi);
        let routes: Routes = Arc::new(move |config| {
            openapi::configure(config, &document);
            (assembly.routes)(config);
        });
        let server = build_server(listeners.public, shared, routes, assembly.on_connect, settings)?;
        let management = management::server(listeners.management, metrics.clone(), health.clone())?;
        let (server_handle, management_handle) = (server.handle(), management.handle());
        let (mut server, management) = (tokio::spawn(server), tokio::spawn(management));

        let workers = tokio_util::task::TaskTracker::new();
        let startup = async {
            assembly.startup.await.map_err(RunError::Startup)?;
            health.set_started();
            tracing::info!("{name} is ready");
            for worker in assembly.workers {
                workers.spawn(worker.run(metrics.clone(), shutdown.clone()));
            }
            Ok::<_, RunError>(())
        };
        let outcome = tokio::select! {
            outcome = async { startup.await?; shutdown.cancelled().await; Ok(()) } => outcome,
            () = shutdown.cancelled() => Ok(()),
            ended = &mut server => match ended {
                Ok(outcome) => outcome.map_err(RunError::Serve),
                Err(error) => Err(RunError::Serve(std::io::Error::other(error))),
            },
        };
        health.set_stopping();
        shutdown.cancel();
        if outcome.is_ok() {
            tokio::time::sleep(Duration::from_millis(settings.drain_delay_ms)).await;
        }
        server_handle.stop(true).await;
        workers.close();
        workers.wait().await;
        management_handle.stop(false).await;
        // It ended because we stopped it.
        let _ = management.await;
        tracing::info!("{name} has stopped");
        outcome
    }

    /// A server on one more listener, for callers who are neither clients nor operators. It has the limits, the logs and
    /// the errors of the public one; the service awaits it beside [`Boot::serve`], and stops it afterwards.
    pub fn further_server(
        &self,
        listener: TcpListener,
        routes: Routes,
        settings: &Settings,
    ) -> Result<Server, RunError> {
        let shared = observe::Shared::new(
            self.metrics.clone(),
            self.health.clone(),
            problem_shape,
            settings,
        );
        build_server(listener, shared, routes, None, settings)
    }
}

/// Every worker thread builds the same application around the service's routes.
fn build_server(
    listener: TcpListener,
    shared: observe::Shared,
    routes: Routes,
    on_connect: Option<OnConnect>,
    settings: &Settings,
) -> Result<Server, RunError> {
    let body_limit = settings.body_limit;
    let server = HttpServer::new(move || {
        shared.metrics.watch_runtime();
        let routes = Arc::clone(&routes);
        App::new()
            .app_data(web::Data::new(shared.clone()))
            .configure(|config| json::configure(config, body_limit))
            .configure(move |config| routes(config))
            .default_service(web::to(no_such_route))
            .wrap(from_fn(limit::limit))
            // The last one wraps all the others: it sees every answer.
            .wrap(from_fn(observe::observe))
    });
    let server = match on_connect {
        Some(look) => server.on_connect(move |connection, data| {
            // Without TLS, which a proxy in front of us has ended, every connection is one.
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                look(stream, data);
            }
        }),
        None => server,
    };
    let server = server
        .workers(settings.workers)
        .client_request_timeout(Duration::from_millis(settings.header_timeout_ms))
        .shutdown_timeout(settings.shutdown_timeout_seconds)
        .disable_signals()
        .listen(listener);
    Ok(server.map_err(RunError::Serve)?.run())
}

async fn no_such_route(shared: web::Data<observe::Shared>, _: HttpRequest) -> HttpResponse {
    shared.error(problem::NO_SUCH_ROUTE)
}
