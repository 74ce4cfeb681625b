//! A service that runs for one test.

use std::collections::HashMap;
use std::sync::OnceLock;

use chassis::boot::{Boot, Description, Listeners, RunError, ServiceSettings};
use chassis::clock::Clock;
use chassis::config;
use chassis::metrics::Metrics;
use chassis::telemetry::{self, OtelEnvironment};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{TestDatabase, database, eventually, stack};

/// A running service and the way to it.
pub struct Running {
    /// The public address, such as `http://127.0.0.1:41234`.
    pub url: String,
    /// The management address.
    pub management: String,
    /// A client of the public address.
    pub http: Http,
    /// The service's clock: advance it instead of waiting.
    pub clock: Clock,
    /// The service's metrics.
    pub metrics: Metrics,
    /// Its database, for looking behind the scenes and for starting a second instance on it.
    pub database_url: String,
    shutdown: CancellationToken,
    task: Option<JoinHandle<Result<(), RunError>>>,
    database: Option<TestDatabase>,
}

/// Starts a service with `overrides` (dotted key, value) on top of its defaults, and waits until it is ready.
///
/// It gets a fresh database, unless `database.url` is among the overrides, and the shared Redis.
pub async fn start<S, F>(
    description: Description,
    overrides: &[(&str, &str)],
    run: impl Fn(S, Boot) -> F + Copy + Send + 'static,
) -> Running
where
    S: ServiceSettings,
    F: Future<Output = Result<(), RunError>> + Send + 'static,
{
    if let Some((_, url)) = overrides.iter().find(|(key, _)| *key == "database.url") {
        return launch(description, overrides, run, (*url).to_owned(), None).await;
    }
    let template = template(description, overrides, run).await;
    let database = TestDatabase::create(Some(&template)).await;
    launch(description, overrides, run, database.url().to_owned(), Some(database)).await
}

/// The template of a service is what the service itself makes of an empty database, at its first start.
async fn template<S, F>(
    description: Description,
    overrides: &[(&str, &str)],
    run: impl Fn(S, Boot) -> F + Copy + Send + 'static,
) -> String
where
    S: ServiceSettings,
    F: Future<Output = Result<(), RunError>> + Send + 'static,
{
    static TEMPLATES: OnceLock<Mutex<HashMap<&'static str, String>>> = OnceLock::new();
    let mut templates = TEMPLATES.get_or_init(Mutex::default).lock().await;
    if let Some(template) = templates.get(description.name) {
        return template.clone();
    }
    let template = database::template(description.name, async |url| {
        launch(description, overrides, run, url, None).await.stop().await;
    })
    .await;
    templates.insert(description.name, template.clone());
    template
}

async fn launch<S, F>(
    description: Description,
    overrides: &[(&str, &str)],
    run: impl Fn(S, Boot) -> F + Send + 'static,
    database_url: String,
    database: Option<TestDatabase>,
) -> Running
where
    S: ServiceSettings,
    F: Future<Output = Result<(), RunError>> + Send + 'static,
{
    start_telemetry();
    let redis_url = stack::redis_url();
    let mut settings = vec![
        ("http.public", "127.0.0.1:0"),
        ("http.management", "127.0.0.1:0"),
        ("http.workers", "1"),
        ("database.pool_size", "8"),
        // Patient: a machine that runs many tests at once is slow, and that is not what they are about.
        ("database.connect_timeout_ms", "10000"),
        ("database.wait_timeout_ms", "10000"),
        ("http.request_timeout_ms", "30000"),
        ("database.url", &database_url),
    ];
    if description.defaults.contains("[cache]") {
        settings.push(("cache.url", &redis_url));
    }
    settings.extend(overrides);
    let prefix = config::variable_prefix(description.name);
    let environment = settings.into_iter().map(|(key, value)| {
        (format!("{prefix}__{}", key.replace('.', "__").to_uppercase()), value.to_owned())
    });
    let loaded = config::load::<S>(description.name, description.defaults, None, environment)
        .unwrap_or_else(|error| panic!("{error}"));
    let listeners = Listeners::bind(loaded.settings.http()).unwrap();
    let url = format!("http://{}", listeners.public.local_addr().unwrap());
    let management = format!("http://{}", listeners.management.local_addr().unwrap());
    let boot = Boot::new(description.name, listeners).unwrap();
    let (clock, metrics, shutdown, health) =
        (boot.clock.clone(), boot.metrics.clone(), boot.shutdown.clone(), boot.health.clone());
    let task = tokio::spawn(run(loaded.settings, boot));
    let running = Running {
        http: Http::new(&url),
        url,
        management,
        clock,
        metrics,
        database_url,
        shutdown,
        task: Some(task),
        database,
    };
    eventually("the service is ready", async || {
        assert!(
            !running.task.as_ref().unwrap().is_finished(),
            "{} ended during its start",
            description.name
        );
        health.is_started()
    })
    .await;
    running
}

/// Trace ids come from the tracing layer. `BACKBONE_TEST_LOG=info` shows the services' logs.
fn start_telemetry() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
        let filter = std::env::var("BACKBONE_TEST_LOG").unwrap_or_else(|_| "off".to_owned());
        let settings = telemetry::Settings { format: telemetry::LogFormat::Pretty, filter };
        telemetry::init("test", &settings, &OtelEnvironment::default()).unwrap();
    });
}

impl Running {
    /// Stops the service as SIGTERM would, and drops its database.
    pub async fn stop(mut self) {
        self.stop_service().await;
        if let Some(database) = self.database.take() {
            database.drop().await;
        }
    }

    /// Stops the service and keeps its database, for a second instance; the caller drops it.
    pub async fn stop_keeping_database(mut self) -> Option<TestDatabase> {
        self.stop_service().await;
        self.database.take()
    }

    async fn stop_service(&mut self) {
        self.shutdown.cancel();
        self.task.take().unwrap().await.unwrap().unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Running {
    /// A test that fails, or forgets to stop, leaves a database that the next start of the test servers clears away.
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A client of one base address; each method starts a request that the test completes.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: String,
}

impl Http {
    /// A client of `base`.
    pub fn new(base: &str) -> Self {
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: base.to_owned(),
        }
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("GET", path)
    }

    /// `POST path`.
    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("POST", path)
    }

    /// `PUT path`.
    pub fn put(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("PUT", path)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("DELETE", path)
    }

    /// Any method.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }
}
