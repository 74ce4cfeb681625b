//! What a failed call means to its caller.

use std::time::Duration;

use reqwest::StatusCode;
use serde::de::DeserializeOwned;

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// We asked for something wrong: asking again is no use.
    Ours,
    /// The peer failed.
    Theirs,
    /// Something between us.
    Network,
}

/// What happened to a call.
#[derive(Debug)]
pub enum Cause {
    /// The peer answered with an error.
    Status {
        /// 400 or above.
        status: StatusCode,
        /// Its explanation, at most one mebibyte.
        body: Vec<u8>,
        /// When it asks us to come back.
        retry_after: Option<Duration>,
    },
    /// No connection: the peer never saw the request.
    Unreachable(String),
    /// No complete answer in time.
    TimedOut,
    /// The connection broke after the request may have been sent.
    Broken(String),
    /// The answer is larger than we read.
    AnswerTooLarge,
    /// The answer is not what the peer's documentation promises.
    Unreadable(String),
    /// Recent calls failed so often that this one was not made.
    CircuitOpen,
}

/// A failed call. Its text names the peer and never contains what was sent.
#[derive(Debug)]
pub struct CallError {
    peer: &'static str,
    cause: Cause,
    unknown_before: bool,
}

impl CallError {
    pub(super) fn new(peer: &'static str, cause: Cause) -> Self {
        Self { peer, cause, unknown_before: false }
    }

    /// An answer that cannot be understood: found by the typed client that reads it.
    pub fn unreadable(peer: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::new(peer, Cause::Unreadable(reason.to_string()))
    }

    /// Remembers that an earlier try of the same call may have taken effect.
    pub(super) fn after_unknown(mut self, unknown_before: bool) -> Self {
        self.unknown_before |= unknown_before;
        self
    }

    /// What happened.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The status, when the peer answered.
    pub fn status(&self) -> Option<StatusCode> {
        match &self.cause {
            Cause::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The peer's explanation as JSON, when it gave one of this shape.
    pub fn explanation<T: DeserializeOwned>(&self) -> Option<T> {
        match &self.cause {
            Cause::Status { body, .. } => serde_json::from_slice(body).ok(),
            _ => None,
        }
    }

    /// Who has to do something about it.
    pub fn blame(&self) -> Blame {
        match &self.cause {
            Cause::Status { status, .. } if status.is_server_error() || is_busy(*status) => {
                Blame::Theirs
            }
            Cause::Status { .. } => Blame::Ours,
            Cause::AnswerTooLarge | Cause::Unreadable(_) | Cause::CircuitOpen => Blame::Theirs,
            Cause::Unreachable(_) | Cause::TimedOut | Cause::Broken(_) => Blame::Network,
        }
    }

    /// Whether the same call, with the same idempotency key, may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.blame() != Blame::Ours && !matches!(self.cause, Cause::CircuitOpen)
    }

    /// Whether the effect that was asked for may have happened although the call failed.
    ///
    /// Then nobody may assume that it did not: ask the peer, with the same key.
    pub fn may_have_happened(&self) -> bool {
        let this_try = match &self.cause {
            Cause::Status { status, .. } => status.is_server_error(),
            Cause::Unreachable(_) | Cause::CircuitOpen => false,
            Cause::TimedOut | Cause::Broken(_) | Cause::AnswerTooLarge | Cause::Unreadable(_) => {
                true
            }
        };
        // A definite answer to a later try says nothing about an earlier one that was lost.
        this_try || self.unknown_before
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A word for metrics.
    pub(super) fn label(&self) -> &'static str {
        match &self.cause {
            Cause::Status { status, .. } if status.is_server_error() => "server_error",
            Cause::Status { .. } => "client_error",
            Cause::Unreachable(_) => "unreachable",
            Cause::TimedOut => "timeout",
            Cause::Broken(_) => "broken",
            Cause::AnswerTooLarge | Cause::Unreadable(_) => "unreadable",
            Cause::CircuitOpen => "circuit_open",
        }
    }
}

/// "Not now" is not a mistake of ours.
fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
}

impl Cause {
    pub(super) fn from_reqwest(error: &reqwest::Error) -> Self {
        // The URL may hold what must not be logged; the chain below it holds the reason.
        let mut reason = String::new();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            reason = inner.to_string();
            source = inner.source();
        }
        if error.is_connect() {
            Self::Unreachable(reason)
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken(reason)
        }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peer = self.peer;
        match &self.cause {
            Cause::Status { status, .. } => write!(formatter, "{peer} answered {status}"),
            Cause::Unreachable(reason) => write!(formatter, "{peer} cannot be reached: {reason}"),
            Cause::TimedOut => write!(formatter, "{peer} did not answer in time"),
            Cause::Broken(reason) => write!(formatter, "the connection to {peer} broke: {reason}"),
            Cause::AnswerTooLarge => write!(formatter, "{peer} answered with more than is read"),
            Cause::Unreadable(reason) => {
                write!(formatter, "the answer of {peer} cannot be read: {reason}")
            }
            Cause::CircuitOpen => write!(formatter, "{peer} failed too often; the circuit is open"),
        }
    }
}

impl std::error::Error for CallError {}
