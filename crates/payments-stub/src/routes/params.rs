//! Parameters in, as Stripe's clients write them: nested forms (`metadata[order_id]=o1&expand[]=latest_charge`),
//! parsed at the edge into structs of text, then by the small functions below into types that cannot be wrong.
//!
//! An empty value means "not given". A parameter that an endpoint does not have is refused by name.

mod values;

use std::collections::BTreeMap;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_qs::{Config, DuplicateKeyBehavior};
use url::form_urlencoded;
use utoipa::ToSchema;

use super::errors::StripeError;
use crate::domain::event::Origin;
use crate::domain::idempotency::Fingerprint;
use crate::domain::metadata::{Metadata, MetadataChange};
use crate::domain::refusal::BadParameter;
use crate::idempotency::Request;

pub use values::{boolean, integer, moment, positive, required, text, word};

/// Stripe's own parameters are three levels deep at most here.
const FORM: Config = Config::new()
    .use_form_encoding(true)
    .max_depth(3)
    .duplicate_key_behavior(DuplicateKeyBehavior::Error);

const EXPAND: &str = "expand";
/// Where cards go in Stripe's API, past and present. This gateway wants none.
const CARDS: [&str; 3] = ["payment_method_data", "card", "source"];

/// A form in the body.
#[derive(Debug)]
pub struct Form<T> {
    /// The parameters.
    pub params: T,
    /// What to show whole.
    pub expand: Expand,
    endpoint: String,
    fingerprint: Fingerprint,
}

impl<T> Form<T> {
    /// What makes this request the same as another one.
    pub fn request(&self, origin: Origin) -> Request {
        Request { endpoint: self.endpoint.clone(), fingerprint: self.fingerprint, origin }
    }
}

/// Parameters in the query.
#[derive(Debug)]
pub struct Query<T> {
    /// The parameters.
    pub params: T,
    /// What to show whole.
    pub expand: Expand,
}

/// For an endpoint that has no parameters but `expand`.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `expand[]=…`: which objects to show whole instead of their names. Every endpoint takes it, and ignores what its
/// object does not have; what no object here has is refused by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expand {
    /// The last charge of a PaymentIntent.
    pub latest_charge: bool,
}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = StripeError;
    type Future = LocalBoxFuture<'static, Result<Self, StripeError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let endpoint = request.path().to_owned();
        let content_type =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form =
            content_type.is_none_or(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let body = web::Bytes::from_request(request, payload);
        async move {
            let body = body.await.map_err(|error| unreadable_body(&error))?;
            if !is_form && !body.is_empty() {
                let message = "Send the parameters of a POST as application/x-www-form-urlencoded.";
                return Err(StripeError::unreadable(message));
            }
            let (params, expand, fingerprint) = parse(&body)?;
            Ok(Self { params, expand, endpoint, fingerprint })
        }
        .boxed_local()
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = StripeError;
    type Future = std::future::Ready<Result<Self, StripeError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(
            parse(request.query_string().as_bytes())
                .map(|(params, expand, _)| Self { params, expand }),
        )
    }
}

/// The error for a body that did not arrive whole, or is too large.
pub(crate) fn unreadable_body(error: &actix_web::Error) -> StripeError {
    match error.as_response_error().status_code().as_u16() {
        413 => StripeError::too_large(),
        _ => StripeError::unreadable("The request body cannot be read."),
    }
}

fn parse<T: DeserializeOwned>(encoded: &[u8]) -> Result<(T, Expand, Fingerprint), StripeError> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(encoded).into_owned().collect();
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        // PostgreSQL's text cannot hold it, and no honest client sends it.
        return Err(StripeError::unreadable("A parameter contains a NUL character."));
    }
    let deserializer =
        serde_qs::Deserializer::with_config(FORM, encoded).map_err(|_malformed| {
            StripeError::unreadable(
                "The parameters cannot be read: check their brackets and their encoding.",
            )
        })?;
    let mut track = serde_path_to_error::Track::new();
    let mut unknown = None;
    let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    let outcome = serde_ignored::deserialize(deserializer, |path| {
        let name = bracketed(&path.to_string());
        if name != EXPAND {
            unknown.get_or_insert(name);
        }
    });
    let params = outcome.map_err(|_unfitting| {
        let param = bracketed(&track.path().to_string());
        let message = format!(
            "Invalid value for {param}: it is given twice, or is not of the documented shape."
        );
        BadParameter::new(param, message)
    })?;
    match unknown {
        Some(name) if CARDS.contains(&name.as_str()) => Err(BadParameter::raw_card(&name).into()),
        Some(name) => Err(BadParameter::unknown(&name).into()),
        None => Ok((params, read_expand(&pairs)?, Fingerprint::of(pairs))),
    }
}

fn read_expand(pairs: &[(String, String)]) -> Result<Expand, BadParameter> {
    let mut expand = Expand::default();
    for (name, value) in pairs.iter().filter(|(name, _)| name.split('[').next() == Some(EXPAND)) {
        match value.as_str() {
            // A list's objects are its `data`.
            "latest_charge" | "data.latest_charge" => expand.latest_charge = true,
            "" => {}
            _ => {
                let shown: String = value.chars().take(64).collect();
                let message = format!("This property cannot be expanded ({shown}).");
                return Err(BadParameter::new(name.chars().take(64).collect::<String>(), message));
            }
        }
    }
    Ok(expand)
}

/// `automatic_payment_methods.?.enabled` as clients write it: `automatic_payment_methods[enabled]`.
fn bracketed(path: &str) -> String {
    let mut parts = path.split('.').filter(|part| !part.is_empty() && *part != "?");
    let first = parts.next().unwrap_or_default().to_owned();
    let name = parts.fold(first, |name, part| format!("{name}[{part}]"));
    // A stranger's name is repeated in the error, but not a page of it.
    name.chars().take(100).collect()
}

/// `metadata[key]=value`, or `metadata=` to forget all.
#[derive(Debug, Clone, Default, ToSchema)]
#[schema(value_type = std::collections::HashMap<String, String>)]
pub struct MetadataParam(Option<BTreeMap<String, String>>);

impl<'de> Deserialize<'de> for MetadataParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = MetadataParam;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("keys and values")
            }

            /// `metadata=`.
            fn visit_unit<E: serde::de::Error>(self) -> Result<MetadataParam, E> {
                Ok(MetadataParam(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<MetadataParam, A::Error> {
                let entries =
                    BTreeMap::<String, String>::deserialize(MapAccessDeserializer::new(entries))?;
                // `metadata=x` beside `metadata[a]=b` arrives as an entry without a name.
                if entries.contains_key("") {
                    return Err(A::Error::custom("an entry without a name"));
                }
                Ok(MetadataParam(Some(entries)))
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

impl MetadataParam {
    /// What to do with the notes that are there.
    pub fn into_change(self) -> MetadataChange {
        self.0.map_or(MetadataChange::Clear, MetadataChange::Merge)
    }
}

/// The notes of a new object.
pub fn new_metadata(param: Option<MetadataParam>) -> Result<Metadata, BadParameter> {
    param.map_or_else(
        || Ok(Metadata::default()),
        |param| Metadata::default().apply(&param.into_change()),
    )
}
