//! Why `backbone up` gave up: one sentence each, which says what to do.
//!
//! The reader has perhaps just typed their first command in this repository.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use chassis::config::ConfigError;

/// The end of an `up` that did not go well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The folder, PostgreSQL or Redis.
    #[error(transparent)]
    Devstack(#[from] devstack::Error),

    /// A setting of a service makes no sense.
    #[error("{service}: {error}")]
    Setting { service: &'static str, error: ConfigError },

    /// `--fresh` has nobody to ask.
    #[error(
        "--fresh deletes everything in {}, and there is no terminal to ask on: add --yes if that is what you want",
        dir.display()
    )]
    NobodyToAsk { dir: PathBuf },

    /// The answer was no.
    #[error(
        "nothing was deleted, and nothing was started: run it without --fresh to keep what there is"
    )]
    Refused,

    /// Somebody listens where a service should.
    #[error(
        "port {} is taken, and {service} needs it: stop the program that listens there, or choose another port with \
         {variable}={}:PORT", address.port(), address.ip()
    )]
    PortTaken { service: &'static str, address: SocketAddr, variable: String },

    /// A service cannot listen where it should, for another reason.
    #[error(
        "{service} cannot listen on {address} ({error}): choose another address with {variable}"
    )]
    Address { service: &'static str, address: SocketAddr, variable: String, error: io::Error },

    /// The secrets do not fit the data.
    #[error("{} {reason}: put the file back as it was, or run `backbone up --fresh` to begin anew", path.display())]
    Secrets { path: PathBuf, reason: String },

    /// `DATABASE_URL` is not what it should be.
    #[error("DATABASE_URL {0}")]
    DatabaseUrl(String),

    /// A database could not be prepared.
    #[error(
        "the databases could not be prepared ({0}): see whether the server is well, and start again"
    )]
    Databases(String),

    /// A service could not be run at all.
    #[error(
        "{service} could not be run ({error}): see whether the machine has memory and processes to spare"
    )]
    Spawn { service: &'static str, error: io::Error },

    /// A service ended by itself.
    #[error(
        "{service} ended by itself ({status}), so everything was stopped; its last lines were:\n{tail}"
    )]
    Ended { service: &'static str, status: ExitStatus, tail: String },

    /// Some services did not get ready.
    #[error(
        "not ready after {seconds} seconds: {services}; everything was stopped: look for the reason in their logs above"
    )]
    NotReady { services: String, seconds: u64 },

    /// Nobody takes what we print.
    #[error(
        "the logs could not be written ({0}), so everything was stopped: free some space, or read them to the end"
    )]
    Output(io::Error),

    /// The system lacks something elementary.
    #[error("could not {action}: {error}")]
    System { action: &'static str, error: io::Error },
}

impl Failure {
    /// 2 when what was asked for makes no sense, as other commands do; else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Setting { .. }
            | Self::NobodyToAsk { .. }
            | Self::Refused
            | Self::DatabaseUrl(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
