//! From `main` to a running service: command line, configuration, telemetry, listeners.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::telemetry::{self, OtelEnvironment};

/// What a service has to say about itself.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name: in logs, metrics and traces, and in front of its variables.
    pub name: &'static str,
    /// Its `config/default.toml`.
    pub defaults: &'static str,
}

/// The settings that every service has; a service's own tree gives access to them.
pub trait ServiceSettings: DeserializeOwned + Serialize + Send + 'static {
    /// `[http]`.
    fn http(&self) -> &crate::http::Settings;
    /// `[log]`.
    fn log(&self) -> &telemetry::Settings;
}

/// What a service's `run` starts from.
pub struct Boot {
    /// The service's name.
    pub name: &'static str,
    /// Its metrics.
    pub metrics: Metrics,
    /// Its health.
    pub health: Health,
    /// Where it gets the time from.
    pub clock: Clock,
    /// Cancelled when the service should stop.
    pub shutdown: CancellationToken,
    /// Where it listens.
    pub listeners: Listeners,
}

/// The two sockets of a service, already bound: a taken port is an error before anything else has started.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub public: TcpListener,
    /// For operators: `/metrics`, `/livez`, `/readyz`, `/startupz`. Never exposed by accident.
    pub management: TcpListener,
}

/// Why a service did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The metrics clash.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// An address cannot be listened on.
    #[error("{setting} = {address} cannot be used: {reason}")]
    Listen {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What to do about it.
        reason: String,
    },
    /// The server failed.
    #[error("the HTTP server failed: {0}")]
    Serve(#[source] std::io::Error),
    /// A setting makes no sense in combination with the rest.
    #[error("{0}")]
    Setting(String),
    /// What the service does before it is ready failed for good.
    #[error("the start failed: {0:#}")]
    Startup(anyhow::Error),
}

impl RunError {
    /// For `map_err`: a part of the service that its settings do not allow to be built.
    pub fn setting(error: impl std::fmt::Display) -> Self {
        Self::Setting(error.to_string())
    }
}

impl Listeners {
    /// Binds both addresses.
    pub fn bind(settings: &crate::http::Settings) -> Result<Self, RunError> {
        Ok(Self {
            public: bind("http.public", settings.public)?,
            management: bind("http.management", settings.management)?,
        })
    }
}

/// Listens on the address of a setting, or says what is in the way. For the listeners that a service adds itself.
pub fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another port".to_owned()
            }
            _ => error.to_string(),
        };
        RunError::Listen { setting, address, reason }
    })
}

impl Boot {
    /// A boot on these listeners; also what tests start from.
    pub fn new(name: &'static str, listeners: Listeners) -> Result<Self, RunError> {
        let metrics = Metrics::new(name)?;
        let health = Health::new(metrics.clone());
        let shutdown = CancellationToken::new();
        Ok(Self { name, metrics, health, clock: Clock::default(), shutdown, listeners })
    }
}

const USAGE: &str = "\
options:
  --config FILE    read settings from this TOML file too
  --check-config   print the effective settings, secrets masked, and where each came from
  --stop-with-parent  stop when standard input closes: the parent has gone
  --version        print the version
";

#[derive(Debug, Default)]
struct Options {
    file: Option<PathBuf>,
    check: bool,
    stop_with_parent: bool,
}

/// The whole of a service's `main`: reads the command line and the settings, and runs `run` until it is told to stop.
pub fn main<S, F>(
    description: Description,
    arguments: impl IntoIterator<Item = String>,
    run: impl FnOnce(S, Boot) -> F,
) -> ExitCode
where
    S: ServiceSettings,
    F: Future<Output = Result<(), RunError>>,
{
    let options = match parse(arguments) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Print(text)) => return print(&text.replace("{name}", description.name)),
        Err(message) => return fail(description.name, &format!("{message}\n{USAGE}"), 2),
    };
    // A name or value that is no Unicode is not refused here: it may be somebody else's variable. In one of ours the
    // replacement characters make the setting wrong, and its error shows them.
    let environment = std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    let loaded: Loaded<S> = match config::load(
        description.name,
        description.defaults,
        options.file.as_deref(),
        environment,
    ) {
        Ok(loaded) => loaded,
        Err(error) => return fail(description.name, &error.to_string(), 2),
    };
    if options.check {
        return print(&loaded.describe());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(description.name, &format!("no runtime: {error}"), 1),
    };
    match runtime.block_on(start(description, loaded.settings, options.stop_with_parent, run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(description.name, &error.to_string(), 1),
    }
}

async fn start<S, F>(
    description: Description,
    settings: S,
    stop_with_parent: bool,
    run: impl FnOnce(S, Boot) -> F,
) -> Result<(), RunError>
where
    S: ServiceSettings,
    F: Future<Output = Result<(), RunError>>,
{
    let telemetry =
        telemetry::init(description.name, settings.log(), &OtelEnvironment::from_process())
            .map_err(|error| RunError::Setting(error.to_string()))?;
    let listeners = Listeners::bind(settings.http())?;
    let boot = Boot::new(description.name, listeners)?;
    tokio::spawn(cancel_on_signal(boot.shutdown.clone()));
    if stop_with_parent {
        cancel_when_parent_goes(boot.shutdown.clone());
    }
    let outcome = run(settings, boot).await;
    telemetry.shutdown().await;
    outcome
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received: only SIGKILL will stop this process");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to stop");
    shutdown.cancel();
}

/// The parent holds the other end of our standard input and never writes to it: end of file means that it has gone,
/// even when it was killed and could not say so.
fn cancel_when_parent_goes(shutdown: CancellationToken) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        shutdown.cancel();
    });
}

enum Command {
    Run(Options),
    Print(String),
}

fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--config" => {
                options.file = Some(arguments.next().ok_or("--config needs a file")?.into());
            }
            "--check-config" => options.check = true,
            "--stop-with-parent" => options.stop_with_parent = true,
            "--version" => {
                return Ok(Command::Print(format!("{{name}} {}\n", env!("CARGO_PKG_VERSION"))));
            }
            "--help" | "-h" => {
                return Ok(Command::Print(format!("usage: {{name}} [options]\n{USAGE}")));
            }
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(Command::Run(options))
}

#[expect(clippy::print_stdout, reason = "the answer to --check-config, --help and --version")]
fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "nothing else is running yet, or any more")]
fn fail(name: &str, message: &str, code: u8) -> ExitCode {
    eprintln!("{name}: {message}");
    ExitCode::from(code)
}
