//! A book, and how many of it there are.

use chassis::money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

chassis::define_id!(
    /// Names a book.
    BookId, "book"
);

/// What a reader wants to know about a book. How many there are is [`Stock`]: it changes with every sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// The identifier.
    pub id: BookId,
    /// A readable name, unique in the shop.
    #[schema(example = "pride-and-prejudice")]
    pub slug: String,
    /// The title that it is sold under.
    #[schema(example = "Pride and Prejudice")]
    pub title: String,
    /// The title in its own language, in Latin script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_title: Option<String>,
    /// Who wrote it.
    #[schema(example = json!(["Jane Austen"]))]
    pub authors: Vec<String>,
    /// The year it was first published; before our era it is negative.
    #[schema(example = 1813)]
    pub first_published: i32,
    /// Whether the year is an estimate.
    pub circa: bool,
    /// ISO 639 code of the language it was written in.
    #[schema(example = "en")]
    pub language: String,
    /// What it is about.
    pub subjects: Vec<String>,
    /// Two or three sentences.
    pub description: String,
    /// What one copy costs.
    pub price: Money,
    /// Counts the changes of this record.
    pub version: i32,
}

/// How many copies there are. `available + reserved + sold` changes only when somebody corrects the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stock {
    /// Copies that can be bought now.
    pub available: i32,
    /// Copies held for orders that are being paid.
    pub reserved: i32,
    /// Copies sold.
    pub sold: i32,
}
