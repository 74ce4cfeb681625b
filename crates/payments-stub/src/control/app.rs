//! What the control plane offers: its only route table, on a listener of its own.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web;
use chassis::boot::{self, Boot, RunError};
use chassis::config::Secret;
use chassis::http;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::operator::ControlToken;
use super::{Control, routes};
use crate::app::State;
use crate::config;

/// How long a request may be held, in milliseconds: the chassis's limit would answer in the place of a client that has
/// to notice by itself that there is no answer.
const HELD_MS: u64 = 86_400_000;

/// All routes, nothing else.
pub fn configure(
    table: &mut web::ServiceConfig,
    state: &State,
    control: &Control,
    token: &ControlToken,
) {
    table
        .app_data(web::Data::new(state.clone()))
        .app_data(web::Data::new(control.clone()))
        .app_data(web::Data::new(token.clone()))
        .service(
            web::resource("/_test/faults")
                .get(routes::list_faults)
                .post(routes::add_fault)
                .delete(routes::clear_faults),
        )
        .service(web::resource("/_test/faults/{id}").delete(routes::delete_fault))
        .service(
            web::resource("/_test/barriers")
                .get(routes::list_barriers)
                .post(routes::add_barrier)
                .delete(routes::clear_barriers),
        )
        .service(
            web::resource("/_test/barriers/{id}")
                .get(routes::read_barrier)
                .delete(routes::release_barrier),
        )
        .service(web::resource("/_test/barriers/{id}/release").post(routes::release_barrier))
        .service(
            web::resource("/_test/webhooks")
                .get(routes::read_webhooks)
                .put(routes::set_webhooks)
                .delete(routes::clear_webhooks),
        )
        .service(web::resource("/_test/clock").get(routes::read_clock).post(routes::turn_clock))
        .service(web::resource("/_test/ledger").get(routes::read_ledger))
        .service(web::resource("/_test/idempotency/prune").post(routes::prune_keys));
}

/// A control plane that is on: its listener is bound, and nobody is served yet.
#[derive(Debug)]
pub struct ControlPlane {
    listener: TcpListener,
    token: Secret,
    control: Control,
}

impl ControlPlane {
    /// `None` when the settings leave it off.
    pub fn bind(
        settings: &config::Control,
        shutdown: &CancellationToken,
    ) -> Result<Option<Self>, RunError> {
        let Some((address, token)) = settings.door()? else { return Ok(None) };
        let listener = boot::bind("control.listen", address)?;
        let control = Control::new(shutdown.clone());
        Ok(Some(Self { listener, token, control }))
    }

    /// What its tests arrange.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// [`Boot::serve`], with the control plane beside it.
    pub async fn serve(
        self,
        state: &State,
        boot: Boot,
        settings: &http::Settings,
        assembly: http::Assembly,
    ) -> Result<(), RunError> {
        let settings = http::Settings { request_timeout_ms: HELD_MS, ..settings.clone() };
        let on_connect: http::OnConnect = Arc::new(Connection::remember);
        let assembly = http::Assembly { on_connect: Some(on_connect), ..assembly };
        let server = self.start(state, &boot, &settings)?;
        let outcome = boot.serve(&settings, assembly).await;
        server.stop(true).await;
        outcome
    }

    fn start(
        self,
        state: &State,
        boot: &Boot,
        settings: &http::Settings,
    ) -> Result<ServerHandle, RunError> {
        if let Ok(address) = self.listener.local_addr() {
            tracing::warn!(
                "the control plane is on at {address}: whoever has its token can make this gateway fail and lie"
            );
        }
        let (state, control) = (state.clone(), self.control);
        let token = ControlToken::new(&self.token);
        let routes: http::Routes =
            Arc::new(move |config| configure(config, &state, &control, &token));
        let settings = http::Settings { workers: 1, ..settings.clone() };
        let server = boot.further_server(self.listener, routes, &settings)?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(handle)
    }
}
