//! A private PostgreSQL.
//!
//! `<data_dir>/cluster` holds the databases, `password` the superuser's password, and
//! `postgres.log` what the server of this start says.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::cluster::Cluster;
use crate::error::{Engine, Error};
use crate::guard::{Guard, Program};
use crate::home::Home;
use crate::launch;
use crate::lock::Lock;
use crate::tools::{self, PostgresTools};

/// What every server here is told, whatever its configuration file says.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    // Sockets in the file system have a length limit that deep data directories exceed.
    "unix_socket_directories=",
    // Each test has its own pool, and many run at once.
    "max_connections=200",
    "shared_buffers=32MB",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// What makes a server fast and forgetful: when it is killed it loses what was committed last,
/// and a power cut may ruin its files.
const NOT_DURABLE: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// How to run a [`Postgres`].
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// A folder of its own, made if need be. Root gives it to the user whom the server runs as.
    pub data_dir: PathBuf,
    /// Whether what was committed survives `kill -9` and a power cut. Tests can do without.
    pub durable: bool,
}

/// A running PostgreSQL, which stops when this is dropped.
pub struct Postgres {
    // Fields are dropped in this order: the lock is held until the server has gone.
    guard: Guard,
    _lock: Lock,
    password: String,
    port: u16,
}

impl Postgres {
    /// Starts the server, and returns when it takes connections.
    ///
    /// The first start in a folder makes the databases, which takes about a second.
    pub fn start(options: PostgresOptions) -> Result<Self, Error> {
        let PostgresOptions { data_dir, durable } = options;
        let tools = tools::find_postgres()?;
        let home = Home::prepare(Engine::Postgres, &data_dir, "postgres.log")?;
        let lock = Lock::acquire_named(&home.dir, "postgres.lock")?;
        home.start_log()?;
        let cluster = Cluster::in_home(&home);
        cluster.clear_orphan(&home, &tools)?;
        let password = cluster.open(&home, &tools)?;
        let (guard, port) = launch::on_free_port(
            &home,
            launch::LIMIT,
            |port| Guard::spawn(&home, &server(&tools, &cluster, port, durable)),
            |_| cluster.is_ready(),
        )?;
        Ok(Self { guard, _lock: lock, password, port })
    }

    /// Where to connect as the superuser: `postgres://postgres:<password>@127.0.0.1:<port>/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Stops the server: open transactions are rolled back, and everything committed is kept.
    pub fn stop(mut self) -> Result<(), Error> {
        self.guard.stop()
    }
}

/// Without the password, which has no business in a log.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("port", &self.port).finish_non_exhaustive()
    }
}

fn server(tools: &PostgresTools, cluster: &Cluster, port: u16, durable: bool) -> Program {
    let mut arguments: Vec<OsString> = vec!["-D".into(), cluster.dir.clone().into()];
    arguments.extend(["-p".into(), port.to_string().into()]);
    let forgetful: &[&str] = if durable { &[] } else { &NOT_DURABLE };
    for setting in SETTINGS.iter().chain(forgetful) {
        arguments.extend(["-c".into(), setting.into()]);
    }
    let path = tools.bin_dir.join("postgres");
    // INT is PostgreSQL's "fast shutdown": it does not wait for clients to leave.
    Program { path, arguments, stop_signal: "INT" }
}
