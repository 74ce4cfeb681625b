//! PostgreSQL's files: made whole or not at all, checked, and freed of what a crash left behind.
//!
//! PostgreSQL calls the folder with all databases of one server a *cluster*.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::error::{Engine, Error};
use crate::guard::{Guard, Program};
use crate::home::Home;
use crate::process;
use crate::tools::PostgresTools;

/// A process number that no system gives out; in a pid file, it stands for a dead server.
const NOBODY: u32 = i32::MAX as u32;

/// It takes a second; a slow disk in a busy machine may need many.
const INITDB_LIMIT: Duration = Duration::from_mins(2);

/// Beside the cluster, not in it, where PostgreSQL keeps everything else.
const PASSWORD_FILE: &str = "password";

/// The files of one server.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) dir: PathBuf,
    pid_file: PathBuf,
}

impl Cluster {
    pub(crate) fn in_home(home: &Home) -> Self {
        let dir = home.dir.join("cluster");
        let pid_file = dir.join("postmaster.pid");
        Self { dir, pid_file }
    }

    /// Makes the cluster unless there is one, and returns the superuser's password.
    pub(crate) fn open(&self, home: &Home, tools: &PostgresTools) -> Result<String, Error> {
        if !self.dir.exists() {
            // The password comes first, so that no cluster ever lacks its own.
            let password = Uuid::new_v4().simple().to_string();
            home.write_secret(PASSWORD_FILE, &password)?;
            self.create(home, tools)?;
        }
        // Asked of the files, because PostgreSQL itself would only tell the log.
        let made_by = read(home, &self.dir.join("PG_VERSION"), "cluster/PG_VERSION")?;
        if made_by != tools.major.to_string() {
            let dir = home.dir.clone();
            return Err(Error::OtherVersion { dir, made_by, installed: tools.major });
        }
        read(home, &home.dir.join(PASSWORD_FILE), PASSWORD_FILE)
    }

    /// Frees the cluster of a server that an earlier owner left running, or left traces of.
    ///
    /// The caller holds the lock of this folder: a server that still runs here has lost its owner.
    pub(crate) fn clear_orphan(&self, home: &Home, tools: &PostgresTools) -> Result<(), Error> {
        let Some(text) = self.read_pid_file()? else { return Ok(()) };
        // A full disk or a crash may have left it empty; there is no process zero to find.
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        let is_running = || process::runs_with_argument(pid, &self.dir);
        // First so that it writes everything out, then so that it recovers at its next start.
        for mode in ["fast", "immediate"] {
            if is_running() {
                self.pg_ctl_stop(home, tools, mode)?;
            }
        }
        if !process::wait_until(Duration::from_secs(2), || !is_running()) {
            return Err(Error::StillRunning { engine: Engine::Postgres, pid });
        }
        self.disarm_pid_file()
    }

    /// Whether the server that was started last says that it takes connections.
    pub(crate) fn is_ready(&self) -> bool {
        let text = fs::read_to_string(&self.pid_file).unwrap_or_default();
        let disarmed = text.lines().next() == Some(&NOBODY.to_string());
        // The eighth line is the server's status, kept for programs such as `pg_ctl`.
        !disarmed && text.lines().nth(7).is_some_and(|status| status.trim_end() == "ready")
    }

    /// Makes the files aside and moves them into place in one step: a first start that is killed
    /// half-way leaves no cluster, rather than half of one.
    fn create(&self, home: &Home, tools: &PostgresTools) -> Result<(), Error> {
        remove_leftovers(home);
        let aside = home.dir.join(format!("cluster.new-{}", Uuid::new_v4().simple()));
        // C.UTF-8 sorts alike everywhere; macOS lacks it, and has the plainer C.
        let made = initdb(home, tools, &aside, "C.UTF-8")?
            || (home.log_tail().contains("invalid locale name")
                && initdb(home, tools, &aside, "C")?);
        if !made {
            return Err(home.start_failure());
        }
        fs::rename(&aside, &self.dir).map_err(|error| Error::from_io("make", &self.dir, error))
    }

    fn pg_ctl_stop(&self, home: &Home, tools: &PostgresTools, mode: &str) -> Result<(), Error> {
        let arguments = ["stop", "-w", "-t", "10", "-m", mode, "-D"].map(OsString::from);
        let program = Program {
            path: tools.bin_dir.join("pg_ctl"),
            arguments: arguments.into_iter().chain([self.dir.clone().into()]).collect(),
            stop_signal: "TERM",
        };
        // Its answer does not matter: the caller looks whether the server has gone.
        Guard::spawn(home, &program)?.wait(Duration::from_secs(15));
        Ok(())
    }

    /// Makes a dead server's pid file harmless, without removing it.
    ///
    /// PostgreSQL refuses to start when the number belongs to any living process of its user, so
    /// another one takes its place. The other lines stay: with them PostgreSQL finds out by itself
    /// whether helpers of the dead server are still at work on the data.
    fn disarm_pid_file(&self) -> Result<(), Error> {
        let Some(text) = self.read_pid_file()? else { return Ok(()) };
        let changed = match text.split_once('\n') {
            Some((_, rest)) => fs::write(&self.pid_file, format!("{NOBODY}\n{rest}")),
            None => fs::remove_file(&self.pid_file),
        };
        changed.map_err(|error| Error::from_io("clear", &self.pid_file, error))
    }

    /// A server that runs, or that died; one that ended well removed its file.
    fn read_pid_file(&self) -> Result<Option<String>, Error> {
        match fs::read_to_string(&self.pid_file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from_io("read", &self.pid_file, error)),
        }
    }
}

/// Runs `initdb`; says whether it succeeded. It removes what it made when it did not.
fn initdb(home: &Home, tools: &PostgresTools, dir: &Path, locale: &str) -> Result<bool, Error> {
    let mut arguments: Vec<OsString> =
        ["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--no-instructions"]
            .map(Into::into)
            .into();
    arguments.push(format!("--locale={locale}").into());
    arguments.extend(["--pwfile".into(), home.dir.join(PASSWORD_FILE).into()]);
    arguments.extend(["--pgdata".into(), dir.into()]);
    // Right after a build the disk is busy, and waiting for it would spoil the first impression.
    // A power cut in the first half minute may cost a database that is half a minute old.
    arguments.push("--no-sync".into());
    let path = tools.bin_dir.join("initdb");
    let program = Program { path, arguments, stop_signal: "TERM" };
    let mut guard = Guard::spawn(home, &program)?;
    Ok(guard.wait(INITDB_LIMIT).is_some_and(|status| status.success()))
}

/// Removes what killed first starts left. Whatever cannot be removed is in nobody's way.
fn remove_leftovers(home: &Home) {
    for entry in fs::read_dir(&home.dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("cluster.new-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Reads a one-line file that every cluster has.
fn read(home: &Home, path: &Path, missing: &'static str) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::Damaged { dir: home.dir.clone(), missing })
        }
        Err(error) => Err(Error::from_io("read", path, error)),
    }
}
