//! What the tests share: a folder, a way to wait, and a look at processes.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use devstack::{Error, Postgres, PostgresOptions, Redis, RedisOptions};

/// A temporary folder with room for both servers, which any user may enter.
pub(crate) struct Folder {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("open it");
        // As the servers' arguments name it: on macOS, /var is a link.
        let path = fs::canonicalize(dir.path()).expect("it is there");
        Self { path, _dir: dir }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.path().join("postgres")
    }

    pub(crate) fn redis(&self) -> PathBuf {
        self.path().join("redis")
    }

    pub(crate) fn start_postgres(&self) -> Postgres {
        start_postgres_in(self.postgres()).expect("PostgreSQL starts")
    }

    pub(crate) fn start_redis(&self) -> Redis {
        Redis::start(RedisOptions { data_dir: self.redis() }).expect("Redis starts")
    }

    /// The number that the server wrote when it started.
    pub(crate) fn postgres_pid(&self) -> u32 {
        first_number(&self.postgres().join("cluster/postmaster.pid"))
    }

    pub(crate) fn redis_pid(&self) -> u32 {
        first_number(&self.redis().join("redis.pid"))
    }

    /// The living processes that mention the folder: the servers and their guards.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let folder = self.path().to_str().expect("UTF-8");
        let listing = ps(&["-A", "-o", "pid=,args="]);
        let lines = listing.lines().filter(|line| line.contains(folder));
        let parts = lines.filter_map(|line| line.trim().split_once(' '));
        parts.map(|(pid, args)| (pid.parse().expect("a number"), args.to_owned())).collect()
    }

    /// The shells that guard the servers.
    pub(crate) fn guards(&self) -> Vec<u32> {
        let all = self.processes().into_iter();
        all.filter(|(_, args)| args.starts_with("sh -c")).map(|(pid, _)| pid).collect()
    }

    /// Asked to end, rather than killed: each says so in its log.
    pub(crate) fn assert_servers_ended_well(&self) {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let postgres = read(self.postgres().join("postgres.log"));
        assert!(postgres.is_empty() || postgres.contains("fast shutdown"), "{postgres}");
        let redis = read(self.redis().join("redis.log"));
        assert!(redis.is_empty() || redis.contains("bye bye"), "{redis}");
    }

    pub(crate) fn wait_until_empty(&self) {
        wait_until("no process is left", || self.processes().is_empty());
    }
}

pub(crate) fn start_postgres_in(data_dir: PathBuf) -> Result<Postgres, Error> {
    Postgres::start(PostgresOptions { data_dir, durable: false })
}

/// Waits for a condition, with a limit that only a failure reaches, even on a busy machine.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Runs one statement and returns what it printed.
pub(crate) fn sql(url: &str, statement: &str) -> String {
    let psql = devstack::find_postgres().expect("PostgreSQL").bin_dir.join("psql");
    let output = Command::new(psql)
        .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Sends commands on one connection and returns the answers, as they come.
pub(crate) fn redis_says(address: &str, commands: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("Redis listens");
    write!(stream, "{commands}\r\nQUIT\r\n").expect("send");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    answers
}

/// The `(password, host:port)` of a Redis URL.
pub(crate) fn redis_parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("redis://:").and_then(|rest| rest.strip_suffix("/0"));
    rest.and_then(|rest| rest.split_once('@')).expect("redis://:<password>@<host>:<port>/0")
}

pub(crate) fn kill(signal: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {signal} {pid}")]).status();
    assert!(status.expect("sh runs").success(), "kill -s {signal} {pid}");
}

pub(crate) fn kill_all(signal: &str, pids: &[u32]) {
    for pid in pids {
        kill(signal, *pid);
    }
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let listing = ps(&["-A", "-o", "ppid=,pid="]);
    let pairs = listing.lines().filter_map(|line| line.trim().split_once(' '));
    let children = pairs.filter(|(ppid, _)| ppid.parse() == Ok(parent));
    children.map(|(_, pid)| pid.trim().parse().expect("a number")).collect()
}

/// One column of `ps` for one process.
pub(crate) fn ps_column(pid: u32, column: &str) -> String {
    ps(&["-o", &format!("{column}="), "-p", &pid.to_string()]).trim().to_owned()
}

fn ps(arguments: &[&str]) -> String {
    let output = Command::new("ps").arg("-ww").args(arguments).output().expect("ps runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn first_number(path: &Path) -> u32 {
    let text = fs::read_to_string(path).expect("a pid file");
    text.lines().next().and_then(|line| line.trim().parse().ok()).expect("a number")
}
