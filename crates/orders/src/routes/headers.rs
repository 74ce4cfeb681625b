//! The request headers that more than one handler understands.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponseBuilder};
use chassis::Problem;

use super::problems;
use crate::app::State;

/// The client's name for its wish: required wherever a repetition could do something twice.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<String, Problem> {
    let key = text(request.headers(), "idempotency-key").map(str::trim);
    // The draft's structured-header syntax puts the key in quotes; both spellings name the same key.
    let key =
        key.map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    key.filter(|key| (1..=255).contains(&key.len()))
        .map(str::to_owned)
        .ok_or_else(problems::key_missing)
}

/// How long the client prefers to wait (`Prefer: wait=10`, RFC 7240 §4.3), no longer than we allow.
pub(super) fn preferred_wait(request: &HttpRequest, state: &State) -> Option<Duration> {
    let preferences = text(request.headers(), "prefer")?.split([',', ';']);
    let seconds = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then(|| value.parse::<u64>().ok())?
    });
    let longest = Duration::from_millis(state.settings.checkout.longest_wait_ms);
    // Of a preference that is given twice, the first counts.
    seconds.into_iter().next().map(|seconds| Duration::from_secs(seconds).min(longest))
}

/// Says that the preference was honoured (RFC 7240 §3).
pub(super) fn applied(
    answer: &mut HttpResponseBuilder,
    preferred: Option<Duration>,
) -> &mut HttpResponseBuilder {
    if let Some(wait) = preferred {
        answer.insert_header(("Preference-Applied", format!("wait={}", wait.as_secs())));
    }
    answer
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
