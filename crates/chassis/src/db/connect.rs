//! One connection: TLS, timeouts on the server's side, and measurement.

use std::sync::Arc;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use futures_util::FutureExt as _;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::instrument::Measure;
use super::{DbError, Settings};
use crate::metrics::Metrics;

/// The manager from which the pool gets new connections.
pub(super) fn manager(
    service: &'static str,
    settings: &Settings,
    metrics: &Metrics,
) -> Result<AsyncDieselConnectionManager<AsyncPgConnection>, DbError> {
    let connector = Connector::new(service, settings, metrics)?;
    let mut config = ManagerConfig::default();
    // `Verified`, the default, costs a round trip before every use; `Fast` still notices closed connections.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let connector = connector.clone();
        async move { connector.connect().await }.boxed()
    });
    Ok(AsyncDieselConnectionManager::new_with_config(settings.url.expose(), config))
}

#[derive(Clone)]
pub(super) struct Connector {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    metrics: Metrics,
}

impl Connector {
    pub(super) fn new(
        service: &str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Self, DbError> {
        let url = settings.url.expose();
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|error| DbError::Setup(format!("setting `database.url`: {error}")))?;
        // What the URL itself asks for (`?options=-c search_path=…`) holds beside it.
        let own = config.get_options().unwrap_or_default().to_owned();
        config
            .application_name(service)
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            // The server gives up on its own, even when we are killed in the middle of a transaction.
            .options(format!(
                "{own} -c statement_timeout={0} -c lock_timeout={0} -c idle_in_transaction_session_timeout=30000",
                settings.statement_timeout_ms
            ));
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(verified_tls()?)
        } else {
            // `prefer` would fall back to plain text for anyone who can drop a packet: it promises nothing.
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls, metrics: metrics.clone() })
    }

    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, ConnectionError> {
        let failed = |error: tokio_postgres::Error| {
            // tokio-postgres' own message is "error connecting to server"; the reason is in its source.
            let reason =
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            ConnectionError::BadConnection(format!("{error}: {reason}"))
        };
        let mut connection = match &self.tls {
            Some(tls) => {
                let (client, driver) = self.config.connect(tls.clone()).await.map_err(failed)?;
                AsyncPgConnection::try_from_client_and_connection(client, driver).await?
            }
            None => {
                let (client, driver) = self.config.connect(NoTls).await.map_err(failed)?;
                AsyncPgConnection::try_from_client_and_connection(client, driver).await?
            }
        };
        connection.set_instrumentation(Measure::new(self.metrics.clone()));
        Ok(connection)
    }
}

/// TLS that checks the server's certificate and name against the system's trust store (or `SSL_CERT_FILE`).
fn verified_tls() -> Result<MakeRustlsConnect, DbError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
