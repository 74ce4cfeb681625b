//! What can go wrong with a database, in the three ways that a caller reacts differently to.

use diesel::result::{DatabaseErrorKind, Error};

use crate::Problem;
use crate::problem;

/// A failure of the database, not of the caller's input.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The settings cannot work.
    #[error("{0}")]
    Setup(String),
    /// It cannot be reached at the moment, or has no connection free.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// A statement failed.
    #[error("a statement failed: {0}")]
    Statement(#[from] Error),
}

impl DbError {
    /// The name of the constraint that refused the statement, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Statement(error) => constraint(error),
            _ => None,
        }
    }
}

/// The name of the constraint that refused a statement: the database keeps the invariant, the caller translates.
pub fn constraint(error: &Error) -> Option<&str> {
    match error {
        Error::DatabaseError(_, information) => information.constraint_name(),
        _ => None,
    }
}

/// Whether the same statement may succeed when it is tried again: the server went away, a lock took too long,
/// two transactions were in each other's way.
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::DatabaseError(kind, information) => {
            matches!(
                kind,
                DatabaseErrorKind::SerializationFailure
                    | DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ReadOnlyTransaction
            ) || TRANSIENT_MESSAGES.iter().any(|message| information.message().contains(message))
        }
        Error::BrokenTransactionManager => true,
        _ => false,
    }
}

/// diesel does not pass on the SQLSTATE of these (57P01, 57P03, 57014, 55P03, 40P01, 53100, 53300).
const TRANSIENT_MESSAGES: &[&str] = &[
    "terminating connection",
    "the database system is",
    "canceling statement due to",
    "deadlock detected",
    "No space left on device",
    "too many clients",
    "connection closed",
];

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let unavailable = match &error {
            DbError::Unavailable(_) => true,
            DbError::Statement(error) => is_transient(error),
            DbError::Setup(_) => false,
        };
        if unavailable {
            return Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error);
        }
        Self::internal(error)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        DbError::from(error).into()
    }
}
