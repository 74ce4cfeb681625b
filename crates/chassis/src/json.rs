//! Bodies: JSON in, parsed and validated at the edge, so that handlers only ever see values that fit.

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError, UrlencodedError};
use actix_web::web::{FormConfig, JsonConfig, PathConfig, QueryConfig};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::problem;

/// A JSON body whose rules (`#[derive(garde::Validate)]`) all hold.
///
/// When they do not, the answer lists every fault with a JSON pointer, so that a form can show them all at once.
#[derive(Debug)]
pub struct Valid<T>(pub T);

impl<T> FromRequest for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()> + 'static,
{
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Json::<T>::from_request(request, payload);
        async move {
            let web::Json(body) = body.await?;
            body.validate().map_err(|report| invalid(&report))?;
            Ok(Self(body))
        }
        .boxed_local()
    }
}

/// The problem that lists every fault of `report`.
pub fn invalid(report: &garde::Report) -> Problem {
    report.iter().fold(Problem::new(problem::INVALID_REQUEST), |problem, (path, error)| {
        problem.error(pointer(&path.to_string()), error.message())
    })
}

/// garde writes `lines[0].quantity`; RFC 6901 writes `/lines/0/quantity`. A field that is called like a keyword is
/// `r#match` in Rust, and `match` to everybody else.
fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.strip_prefix("r#").unwrap_or(part));
    parts.fold(String::new(), |pointer, part| pointer + "/" + part)
}

/// How a body, a query or a path that cannot be read is answered, and how large a body may be.
pub(crate) fn configure(config: &mut web::ServiceConfig, body_limit: usize) {
    config
        .app_data(
            JsonConfig::default()
                .limit(body_limit)
                .error_handler(|error, _| unreadable_json(error).into()),
        )
        .app_data(
            FormConfig::default()
                .limit(body_limit)
                .error_handler(|error, _| unreadable_form(&error).into()),
        )
        .app_data(web::PayloadConfig::new(body_limit))
        .app_data(QueryConfig::default().error_handler(|error, _| unreadable_query(&error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| unreadable_path(&error).into()));
}

fn unreadable_json(error: JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            Problem::new(problem::BODY_TOO_LARGE)
        }
        JsonPayloadError::ContentType => Problem::new(problem::UNSUPPORTED_MEDIA_TYPE)
            .detail("send `Content-Type: application/json`"),
        // serde's message names the field, the expected type and the position: exactly what the caller needs.
        JsonPayloadError::Deserialize(error) if error.is_data() => {
            Problem::new(problem::INVALID_REQUEST).error("", error.to_string())
        }
        error => Problem::new(problem::MALFORMED_REQUEST).detail(error.to_string()),
    }
}

fn unreadable_form(error: &UrlencodedError) -> Problem {
    match error {
        UrlencodedError::Overflow { .. } => Problem::new(problem::BODY_TOO_LARGE),
        UrlencodedError::ContentType => Problem::new(problem::UNSUPPORTED_MEDIA_TYPE)
            .detail("send `Content-Type: application/x-www-form-urlencoded`"),
        error => Problem::new(problem::MALFORMED_REQUEST).detail(error.to_string()),
    }
}

fn unreadable_query(error: &QueryPayloadError) -> Problem {
    Problem::new(problem::MALFORMED_REQUEST).detail(error.to_string())
}

/// A path segment of the wrong shape names nothing that exists.
fn unreadable_path(error: &PathError) -> Problem {
    Problem::new(problem::NOT_FOUND).detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::pointer;

    #[test]
    fn paths_become_json_pointers() {
        assert_eq!(pointer("lines[0].quantity"), "/lines/0/quantity");
        assert_eq!(pointer("email"), "/email");
        assert_eq!(pointer("r#match.path"), "/match/path");
    }
}
