//! Which failure gets which status: the only place where statuses are chosen.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use chassis::Problem;
use chassis::problem::{self, ProblemType};

use crate::domain::InvalidSignUp;
use crate::keyring::SignError;
use crate::passwords::HashError;
use crate::refresh::RefreshError;
use crate::sign_in::SignInError;
use crate::sign_up::{ConfirmError, SignUpError};

/// The address and the password do not belong together, or the address was never confirmed.
pub const INVALID_CREDENTIALS: ProblemType = ProblemType::new(
    "invalid-credentials",
    StatusCode::UNAUTHORIZED,
    "The address and the password do not belong together",
);
/// A link that was used, has expired, or was replaced by a newer one.
pub const SPENT_LINK: ProblemType = ProblemType::new(
    "spent-link",
    StatusCode::GONE,
    "The link has been used, replaced, or has expired",
);
/// RFC 6749 §5.2 `invalid_grant`.
pub const INVALID_GRANT: ProblemType = ProblemType::new(
    "invalid-grant",
    StatusCode::BAD_REQUEST,
    "The refresh token does not work (any more)",
);
/// RFC 6749 §5.2 `invalid_client`.
pub const INVALID_CLIENT: ProblemType = ProblemType::new(
    "invalid-client",
    StatusCode::UNAUTHORIZED,
    "The client is unknown or has not proved who it is",
);
/// RFC 6749 §5.2 `unsupported_grant_type`.
pub const UNSUPPORTED_GRANT_TYPE: ProblemType = ProblemType::new(
    "unsupported-grant-type",
    StatusCode::BAD_REQUEST,
    "There is no such grant type here",
);
/// RFC 6749 §5.2 `invalid_scope`.
pub const INVALID_SCOPE: ProblemType = ProblemType::new(
    "invalid-scope",
    StatusCode::BAD_REQUEST,
    "The client may not have this scope",
);

/// Why the token endpoint gives nothing.
#[derive(Debug)]
pub enum TokenProblem {
    /// The form cannot be read, with the reason that the framework gave.
    Unreadable(actix_web::Error),
    /// A parameter is missing.
    Missing(&'static str),
    /// A grant type that we do not know.
    UnsupportedGrantType,
    /// Not a client of ours.
    InvalidClient,
    /// More than the client may have.
    InvalidScope,
    /// The refresh token was not exchanged.
    Refresh(RefreshError),
    /// No token can be signed.
    Sign(SignError),
}

impl From<InvalidSignUp> for Problem {
    fn from(InvalidSignUp(faults): InvalidSignUp) -> Self {
        faults.into_iter().fold(Self::new(problem::INVALID_REQUEST), |problem, fault| {
            problem.error(format!("/{}", fault.field), fault.detail)
        })
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::new(problem::OVERLOADED).retry_after(1).caused_by(error),
            HashError::Broken(_) | HashError::Died(_) => Self::internal(error),
        }
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        match error {
            SignError::NotReady => Self::new(problem::UNAVAILABLE).retry_after(1).caused_by(error),
            SignError::Broken(_) => Self::internal(error),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Hash(error) => error.into(),
            SignUpError::Random(_) => Self::internal(error),
            SignUpError::Database(error) => error.into(),
        }
    }
}

impl From<ConfirmError> for Problem {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Spent => Self::new(SPENT_LINK),
            ConfirmError::Database(error) => error.into(),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            // Every 401 carries a challenge (RFC 9110 §15.5.2).
            SignInError::InvalidCredentials => Self::new(INVALID_CREDENTIALS)
                .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            SignInError::Hash(error) => error.into(),
            SignInError::Random(_) => Self::internal(error),
            SignInError::Sign(error) => error.into(),
            SignInError::Database(error) => error.into(),
        }
    }
}

/// Problem documents like all others, with the member that OAuth clients look at.
impl From<TokenProblem> for Problem {
    fn from(error: TokenProblem) -> Self {
        let oauth = |kind, code: &str| Self::new(kind).extension("error", code);
        match error {
            TokenProblem::Unreadable(error) => {
                let kind = error.as_error::<Self>().map_or(problem::MALFORMED_REQUEST, Self::kind);
                oauth(kind, "invalid_request")
            }
            TokenProblem::Missing(parameter) => {
                oauth(problem::MALFORMED_REQUEST, "invalid_request")
                    .detail(format!("{parameter} is missing"))
            }
            TokenProblem::UnsupportedGrantType => {
                oauth(UNSUPPORTED_GRANT_TYPE, "unsupported_grant_type")
                    .detail("grant_type must be refresh_token or client_credentials")
            }
            TokenProblem::InvalidClient => oauth(INVALID_CLIENT, "invalid_client")
                .header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"backbone\"")),
            TokenProblem::InvalidScope => oauth(INVALID_SCOPE, "invalid_scope"),
            // One answer for a token that is unknown, used or over: more would only help whoever is not its owner.
            TokenProblem::Refresh(error @ RefreshError::Refused(_)) => {
                oauth(INVALID_GRANT, "invalid_grant").caused_by(error)
            }
            TokenProblem::Refresh(RefreshError::Sign(error)) | TokenProblem::Sign(error) => {
                error.into()
            }
            TokenProblem::Refresh(RefreshError::Database(error)) => error.into(),
        }
    }
}

/// The session of an access token that is still good has ended.
pub fn session_over() -> Problem {
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    Problem::new(problem::UNAUTHENTICATED)
        .header(WWW_AUTHENTICATE, challenge)
        .detail("the session is over")
}
