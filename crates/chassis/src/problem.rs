//! Failures, told twice: to the client as a problem document (RFC 9457), to the log as a chain of causes.
//!
//! The client's half never contains the cause of a server error; the log's half always does.
//! Each service chooses its statuses in one file, `routes/problems.rs`, from types declared as [`ProblemType`]s.
//! A problem's `type` is a URL of the service itself, which answers with the section of `docs/problems.md`.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of problem that clients can tell apart: its slug is a heading in `docs/problems.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// The last part of the `type` URL.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// A short summary, the same every time.
    pub title: &'static str,
}

impl ProblemType {
    /// Declares a kind of problem.
    pub const fn new(slug: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { slug, status, title }
    }
}

/// The body is not what the documentation describes; `errors` lists every fault.
pub const INVALID_REQUEST: ProblemType = ProblemType::new(
    "invalid-request",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The request is not valid",
);
/// The body is not JSON at all, or a header or parameter cannot be read.
pub const MALFORMED_REQUEST: ProblemType =
    ProblemType::new("malformed-request", StatusCode::BAD_REQUEST, "The request cannot be read");
/// No route has this path.
pub const NO_SUCH_ROUTE: ProblemType =
    ProblemType::new("no-such-route", StatusCode::NOT_FOUND, "There is nothing at this path");
/// The path is right, the thing it names is not there (or not visible to the caller).
pub const NOT_FOUND: ProblemType =
    ProblemType::new("not-found", StatusCode::NOT_FOUND, "There is no such thing");
/// The path does not take this method; `Allow` lists the ones it takes.
pub const METHOD_NOT_ALLOWED: ProblemType = ProblemType::new(
    "method-not-allowed",
    StatusCode::METHOD_NOT_ALLOWED,
    "This path does not take this method",
);
/// The body's `Content-Type` is not one that the route reads.
pub const UNSUPPORTED_MEDIA_TYPE: ProblemType = ProblemType::new(
    "unsupported-media-type",
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "The content type is not supported",
);
/// The body is larger than the limit.
pub const BODY_TOO_LARGE: ProblemType =
    ProblemType::new("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
/// No token, or one that is not valid (any more).
pub const UNAUTHENTICATED: ProblemType =
    ProblemType::new("unauthenticated", StatusCode::UNAUTHORIZED, "A valid access token is needed");
/// A valid token that may not do this.
pub const FORBIDDEN: ProblemType =
    ProblemType::new("forbidden", StatusCode::FORBIDDEN, "This access token may not do this");
/// More requests than the limit allows.
pub const TOO_MANY_REQUESTS: ProblemType =
    ProblemType::new("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests");
/// More requests at once than the service takes on; try again after `Retry-After`.
pub const OVERLOADED: ProblemType =
    ProblemType::new("overloaded", StatusCode::SERVICE_UNAVAILABLE, "The service is at its limit");
/// The request took longer than the service allows. What it began may still have happened.
pub const TIMEOUT: ProblemType =
    ProblemType::new("timeout", StatusCode::SERVICE_UNAVAILABLE, "The request took too long");
/// Something that the service needs does not answer.
pub const UNAVAILABLE: ProblemType = ProblemType::new(
    "unavailable",
    StatusCode::SERVICE_UNAVAILABLE,
    "The service cannot answer at the moment",
);
/// A defect of ours. The log has the cause under the same trace id.
pub const INTERNAL: ProblemType = ProblemType::new(
    "internal",
    StatusCode::INTERNAL_SERVER_ERROR,
    "Something went wrong on our side",
);

/// What the client reads: an RFC 9457 problem document.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// A URL, relative to the service, whose answer explains this kind of problem.
    #[schema(example = "/problems/invalid-request")]
    pub r#type: String,
    /// A short summary of the kind.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is particular to this occurrence. Absent for server errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Every fault of the request, at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Names this request in logs and traces: quote it to support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Members that this kind of problem adds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub extensions: serde_json::Map<String, serde_json::Value>,
}

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or a parameter's name.
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "lower than 1")]
    pub detail: String,
}

/// A failure on its way out of a handler. See the module's documentation.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    // Boxed, because almost no problem has either, and every handler's `Result` carries their size.
    headers: Option<Box<HeaderMap>>,
    extensions: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    cause: Option<anyhow::Error>,
}

impl Problem {
    /// A problem of this kind, with nothing particular to say.
    pub fn new(kind: ProblemType) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            headers: None,
            extensions: None,
            cause: None,
        }
    }

    /// A defect of ours: the client learns nothing, the log learns `cause`.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(INTERNAL).caused_by(cause)
    }

    /// What is particular to this occurrence, for the client.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// One more fault of the request.
    pub fn error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// A header beside the document.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// When to try again.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A member that this kind of problem adds to the document.
    pub fn extension(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extensions.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// Why it happened, for the log alone.
    pub fn caused_by(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// The log's half.
    pub fn cause(&self) -> Option<&anyhow::Error> {
        self.cause.as_ref()
    }

    fn document(&self) -> ProblemDocument {
        ProblemDocument {
            r#type: format!("/problems/{}", self.kind.slug),
            title: self.kind.title.to_owned(),
            status: self.kind.status.as_u16(),
            // A server error's detail could only describe our inside.
            detail: self.detail.clone().filter(|_| !self.kind.status.is_server_error()),
            errors: self.errors.clone(),
            trace_id: crate::trace::current_trace_id(),
            extensions: self.extensions.as_deref().cloned().unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.kind.title)?;
        if let Some(detail) = &self.detail {
            write!(formatter, ": {detail}")?;
        }
        Ok(())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status).json(self.document());
        let headers = response.headers_mut();
        for (name, value) in self.headers.iter().flat_map(|headers| headers.iter()) {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_error_tells_the_client_nothing_and_the_log_everything() {
        let problem = Problem::new(UNAVAILABLE)
            .detail("10.0.0.7:5432 refused")
            .caused_by(anyhow::anyhow!("refused"));
        assert_eq!(problem.document().detail, None);
        assert_eq!(problem.cause().unwrap().to_string(), "refused");
    }

    #[test]
    fn a_client_error_lists_every_fault() {
        let problem = Problem::new(INVALID_REQUEST)
            .error("/email", "not an address")
            .error("/password", "too short");
        let document = serde_json::to_value(problem.document()).unwrap();
        assert_eq!(document["errors"][1]["pointer"], "/password");
        assert_eq!(document["type"], "/problems/invalid-request");
    }
}
