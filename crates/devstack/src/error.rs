//! What can go wrong, each with a sentence that says what to do about it.
//!
//! The reader of these messages has just typed their first command in this repository.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The two kinds of server that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, which holds the truth.
    Postgres,
    /// Redis, or Valkey, which only makes things faster.
    Redis,
}

impl Engine {
    /// The oldest major version that Backbone works with.
    pub fn minimum_major(self) -> u32 {
        match self {
            Self::Postgres => 15,
            Self::Redis => 7,
        }
    }

    /// The environment variable that names a server of one's own instead.
    fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        })
    }
}

/// A server could not be started, or not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The programs are not installed, or not where anyone would look.
    #[error(
        "{engine} {} or newer was not found: run scripts/up, which installs it, or set {}",
        engine.minimum_major(), engine.variable()
    )]
    MissingTool {
        /// The server that was looked for.
        engine: Engine,
    },

    /// Only versions were found that Backbone does not work with.
    #[error(
        "{engine} {found} is too old, Backbone needs {} or newer: run scripts/up, which installs \
         it, or set {}",
        engine.minimum_major(), engine.variable()
    )]
    TooOld {
        /// The server that was looked for.
        engine: Engine,
        /// The major version that was found.
        found: u32,
    },

    /// The data belongs to another major version, whose files this one cannot read.
    #[error(
        "data in {} was made by PostgreSQL {made_by}, but {installed} is installed: run \
         `backbone up --fresh` to begin anew, or install PostgreSQL {made_by}", dir.display()
    )]
    OtherVersion {
        /// The data directory.
        dir: PathBuf,
        /// What its `PG_VERSION` says.
        made_by: String,
        /// The major version that would have to read it.
        installed: u32,
    },

    /// A file without which the data is of no use has gone.
    #[error(
        "the data in {} lacks its file {missing}: put it back, or run `backbone up --fresh` to \
         begin anew", dir.display()
    )]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// The file that should be in it.
        missing: &'static str,
    },

    /// The folder cannot be written to.
    #[error("cannot write to {}: change its permissions, or choose a folder with --data-dir", path.display())]
    Unwritable {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// Run as root, and the servers' own user may not walk to the folder.
    #[error(
        "the servers do not run as root, and their user cannot enter {}: choose a folder outside \
         it with --data-dir, instead of {}", parent.display(), dir.display()
    )]
    Unreachable {
        /// The data directory.
        dir: PathBuf,
        /// The folder on the way to it that is closed.
        parent: PathBuf,
    },

    /// Run as root on a system that has no user to hand the servers to.
    #[error(
        "the servers do not run as root, and /etc/passwd has neither a user postgres nor nobody: \
         run this as an ordinary user"
    )]
    NoAccount,

    /// No room is left.
    #[error("the disk that holds {} is full: free some space and start again", dir.display())]
    DiskFull {
        /// The folder on that disk.
        dir: PathBuf,
    },

    /// Another process that is still alive owns the folder.
    #[error(
        "Backbone already runs from {} (process {pid}): stop it first, or use --data-dir",
        dir.display()
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Its owner.
        pid: u32,
    },

    /// The server ended while it was starting.
    #[error(
        "{engine} ended while it was starting: look for the reason in {}, whose last lines \
         are:\n{tail}", log.display()
    )]
    StartFailed {
        /// The server.
        engine: Engine,
        /// Where it wrote what it had to say.
        log: PathBuf,
        /// The end of that.
        tail: String,
    },

    /// The server runs, but is not ready to work.
    #[error(
        "{engine} was not ready after {seconds} seconds: look for the reason in {}, whose last \
         lines are:\n{tail}", log.display()
    )]
    StartTimeout {
        /// The server.
        engine: Engine,
        /// How long it was waited for.
        seconds: u64,
        /// Where it wrote what it had to say.
        log: PathBuf,
        /// The end of that.
        tail: String,
    },

    /// A server that was told to end, and then killed, is still there.
    #[error("{engine} does not stop: end process {pid} by hand, then start again")]
    StillRunning {
        /// The server.
        engine: Engine,
        /// Its process, or that of its guard.
        pid: u32,
    },

    /// Anything else that the system refused.
    #[error("could not {action} {}: check that the folder is whole, and try again", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Sorts what the system said into what the reader can do about it.
    pub fn from_io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { dir: path }
            }
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory => Self::Unwritable { path, source },
            _ => Self::Io { action, path, source },
        }
    }
}
