//! The two ways in which a piece of work ends without its effect: it was refused, or the database failed.

use chassis::db::DbError;

use crate::domain::refusal::{BadParameter, Refusal};

/// See the module's documentation. In a transaction either one rolls everything back.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules say no: the client has to do something else.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database says no: the client may try again.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<BadParameter> for Failure {
    fn from(fault: BadParameter) -> Self {
        Self::Refused(fault.into())
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}
