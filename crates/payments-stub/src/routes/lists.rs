//! Lists and reads: the parameters they share, and their answers.

use actix_web::HttpResponse;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::errors::StripeError;
use super::params::{integer, moment, text};
use crate::domain::listing::Listing;
use crate::domain::refusal::BadParameter;
use crate::wire::list::List;

const LONGEST_CURSOR: usize = 64;

/// The parameters of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// From 1 to 100; 10 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The last identifier of the page before.
    starting_after: Option<String>,
    /// The first identifier of the page after.
    ending_before: Option<String>,
    /// `created[gte]` and `created[lte]`, in seconds since 1970.
    #[param(style = DeepObject, explode)]
    created: Option<CreatedRange>,
}

/// A window of time.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct CreatedRange {
    /// Nothing older.
    #[schema(value_type = Option<i64>)]
    gte: Option<String>,
    /// Nothing newer.
    #[schema(value_type = Option<i64>)]
    lte: Option<String>,
}

impl ListQuery {
    /// The page that is asked for.
    pub fn parse(self) -> Result<Listing, BadParameter> {
        page([self.limit, self.starting_after, self.ending_before], self.created)
    }
}

/// The page that `limit`, `starting_after`, `ending_before` and `created` ask for. (Lists with parameters of their own
/// repeat the four fields: serde's `flatten` would make every unknown parameter a known one.)
pub fn page(
    [limit, starting_after, ending_before]: [Option<String>; 3],
    created: Option<CreatedRange>,
) -> Result<Listing, BadParameter> {
    let starting_after = text("starting_after", starting_after, LONGEST_CURSOR)?;
    let ending_before = text("ending_before", ending_before, LONGEST_CURSOR)?;
    let created = created.unwrap_or_default();
    let mut listing = Listing::new(integer("limit", limit)?, starting_after, ending_before)?;
    listing.created_from = moment("created[gte]", created.gte)?;
    // Clients see whole seconds: an object of any moment within the last one belongs to the window.
    listing.created_before =
        moment("created[lte]", created.lte)?.map(|last| last + TimeDelta::seconds(1));
    Ok(listing)
}

/// A page of `rows` in its wire shape. `rows` are absent when the cursor named nothing.
pub fn answer<T, W: Serialize>(
    (url, object): (&str, &str),
    listing: &Listing,
    rows: Option<Vec<T>>,
    shape: impl Fn(&T) -> W,
) -> Result<HttpResponse, StripeError> {
    let (rows, has_more) = listing.page(rows.ok_or_else(|| listing.unknown_cursor(object))?);
    Ok(HttpResponse::Ok().json(List::new(url, rows.iter().map(shape).collect(), has_more)))
}
