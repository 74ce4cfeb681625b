//! A private Redis, or Valkey: a cache and nothing else, so it keeps nothing on disk.
//!
//! `<data_dir>/redis.conf` holds the settings, the password among them, and `redis.log` what
//! the server of this start says.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::error::{Engine, Error};
use crate::guard::{Guard, Program};
use crate::home::Home;
use crate::launch;
use crate::lock::Lock;
use crate::process;
use crate::tools;

/// Settings that are the same at every start.
///
/// The process title stays as it was started, because it tells our server from others'.
const SETTINGS: &str = r#"bind 127.0.0.1
protected-mode yes
daemonize no
pidfile redis.pid
set-proc-title no
appendonly no
save ""
maxmemory 64mb
maxmemory-policy allkeys-lru
"#;

/// How to run a [`Redis`].
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// A folder of its own, made if need be. Root gives it to the user whom the server runs as.
    pub data_dir: PathBuf,
}

/// A running Redis, which stops when this is dropped.
pub struct Redis {
    // Fields are dropped in this order: the lock is held until the server has gone.
    guard: Guard,
    _lock: Lock,
    password: String,
    port: u16,
}

impl Redis {
    /// Starts the server, empty and with a new password, and returns when it answers.
    pub fn start(options: RedisOptions) -> Result<Self, Error> {
        let RedisOptions { data_dir } = options;
        let tools = tools::find_redis()?;
        let home = Home::prepare(Engine::Redis, &data_dir, "redis.log")?;
        let lock = Lock::acquire_named(&home.dir, "redis.lock")?;
        home.start_log()?;
        clear_orphan(&home)?;
        let password = Uuid::new_v4().simple().to_string();
        let (guard, port) = launch::on_free_port(
            &home,
            launch::LIMIT,
            |port| {
                // In a file that others cannot read; the command line is visible to everyone.
                let settings = format!("{SETTINGS}port {port}\nrequirepass {password}\n");
                let path = home.write_secret("redis.conf", &settings)?;
                let arguments = vec![path.into()];
                let program =
                    Program { path: tools.server.clone(), arguments, stop_signal: "TERM" };
                Guard::spawn(&home, &program)
            },
            |port| answers(port, &password).unwrap_or(false),
        )?;
        Ok(Self { guard, _lock: lock, password, port })
    }

    /// Where to connect: `redis://:<password>@127.0.0.1:<port>/0`.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// Stops the server; what it held is gone.
    pub fn stop(mut self) -> Result<(), Error> {
        self.guard.stop()
    }
}

/// Without the password, which has no business in a log.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Whether a server with our password, and so ours, answers on this port.
fn answers(port: u16, password: &str) -> io::Result<bool> {
    let limit = Duration::from_millis(500);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "AUTH {password}\r\nPING\r\n")?;
    let mut answer = [0; b"+OK\r\n+PONG\r\n".len()];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+OK\r\n+PONG\r\n")
}

/// Ends a server that an earlier owner left running: the caller holds the lock of this folder.
fn clear_orphan(home: &Home) -> Result<(), Error> {
    let pid_file = home.dir.join("redis.pid");
    let settings = home.dir.join("redis.conf");
    let written = fs::read_to_string(&pid_file).unwrap_or_default();
    let Ok(pid) = written.trim().parse() else { return Ok(()) };
    if process::runs_with_argument(pid, &settings) {
        // There is nothing to lose in a cache.
        process::signal(pid, "KILL");
        let has_gone = || !process::runs_with_argument(pid, &settings);
        if !process::wait_until(Duration::from_secs(3), has_gone) {
            return Err(Error::StillRunning { engine: Engine::Redis, pid });
        }
    }
    // Whoever gets this number next is not our server. One that ended well has removed it.
    match fs::remove_file(&pid_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::from_io("remove", &pid_file, error))
        }
        _ => Ok(()),
    }
}
