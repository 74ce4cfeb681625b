//! A second process that owns servers, to be killed: the test binary itself, run once more.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use devstack::{Lock, Postgres, PostgresOptions, Redis, RedisOptions};

use crate::support::{Folder, wait_until};

const FOLDER: &str = "DEVSTACK_TEST_FOLDER";

/// The owner of a folder's lock and of both its servers.
pub(crate) struct Owner(Child);

impl Owner {
    /// Returns at once; the servers start meanwhile.
    pub(crate) fn spawn(folder: &Folder) -> Self {
        let child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "owner::hold_both_servers", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("start the owner");
        Self(child)
    }

    /// Returns when both servers are ready.
    pub(crate) fn start(folder: &Folder) -> Self {
        let owner = Self::spawn(folder);
        wait_until("the servers are ready", || ready_file(folder.path()).exists());
        owner
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// As `kill -9` does: the process has no chance to clean up.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("kill the owner");
        self.0.wait().expect("bury the owner");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Only matters to a test that failed half-way.
        let _ = self.0.kill();
    }
}

#[test]
#[ignore = "the second process of other tests"]
fn hold_both_servers() {
    let folder = PathBuf::from(env::var_os(FOLDER).expect("started by Owner::spawn"));
    let _lock = Lock::acquire(&folder).expect("the lock");
    let redis = Redis::start(RedisOptions { data_dir: folder.join("redis") });
    let _redis = redis.expect("Redis starts");
    let data_dir = folder.join("postgres");
    let postgres = Postgres::start(PostgresOptions { data_dir, durable: true });
    let postgres = postgres.expect("PostgreSQL starts");
    // Renamed into place, or it might be read between its making and its writing.
    let draft = folder.join("draft");
    fs::write(&draft, postgres.url()).expect("write the URL");
    fs::rename(&draft, ready_file(&folder)).expect("say that all is ready");
    // Until the test ends, should it forget to kill us.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

pub(crate) fn ready_file(folder: &Path) -> PathBuf {
    folder.join("ready")
}
