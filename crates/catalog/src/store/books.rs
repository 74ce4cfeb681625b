//! Reading books and stock, and writing the sample catalogue.

use chassis::db::Connection;
use chassis::money::Money;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Float, Nullable, Text};
use diesel_async::RunQueryDsl;
use iso_currency::Currency;
use uuid::Uuid;

use super::schema::{books, stock};
use crate::domain::{Book, BookId, Stock};

/// One book.
pub async fn find(connection: &mut Connection, id: BookId) -> QueryResult<Option<Book>> {
    let row =
        books::table.find(id.0).select(BookRow::as_select()).first(connection).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The books with these identifiers; those that do not exist are missing from the answer.
pub async fn find_many(connection: &mut Connection, ids: &[BookId]) -> QueryResult<Vec<Book>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<BookRow> = books::table
        .filter(books::id.eq_any(ids))
        .order(books::id)
        .select(BookRow::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Up to `limit` books in the order of their titles, after `(title, id)`.
pub async fn list(
    connection: &mut Connection,
    after: Option<&(String, BookId)>,
    limit: i64,
) -> QueryResult<Vec<Book>> {
    let mut query = books::table.select(BookRow::as_select()).into_boxed();
    if let Some((title, id)) = after {
        // Row comparison, (title, id) > ($1, $2), is one range of the index; diesel spells it out.
        query = query
            .filter(books::title.ge(title))
            .filter(books::title.gt(title).or(books::id.gt(id.0)));
    }
    let rows: Vec<BookRow> =
        query.order((books::title, books::id)).limit(limit).load(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Up to `limit` books that match `words`, the best first, after `(rank, id)`.
///
/// `words` is what a person types: quotes and a minus sign work as in other search engines, nothing is an error.
pub async fn search(
    connection: &mut Connection,
    words: &str,
    after: Option<(f32, BookId)>,
    limit: i64,
) -> QueryResult<Vec<(Book, f32)>> {
    let rows: Vec<RankedRow> = diesel::sql_query(SEARCH)
        .bind::<Text, _>(words)
        .bind::<Nullable<Float>, _>(after.map(|(rank, _)| rank))
        .bind::<Nullable<diesel::sql_types::Uuid>, _>(after.map(|(_, id)| id.0))
        .bind::<BigInt, _>(limit)
        .load(connection)
        .await?;
    rows.into_iter().map(|row| Ok((row.book.try_into()?, row.rank))).collect()
}

/// Names are indexed as they are written, everything else by its stem, so both forms of the words are asked for.
const SEARCH: &str = "
    SELECT books.*, ranked.rank
    FROM (SELECT websearch_to_tsquery('english', $1) || websearch_to_tsquery('simple', $1) AS query) AS asked
    CROSS JOIN books
    CROSS JOIN LATERAL (SELECT ts_rank(books.search, asked.query) AS rank) AS ranked
    WHERE books.search @@ asked.query
      AND ($2 IS NULL OR ranked.rank < $2 OR (ranked.rank = $2 AND books.id > $3))
    ORDER BY ranked.rank DESC, books.id
    LIMIT $4";

/// How many copies of a book there are.
pub async fn find_stock(connection: &mut Connection, id: BookId) -> QueryResult<Option<Stock>> {
    let row: Option<(i32, i32, i32)> = stock::table
        .find(id.0)
        .select((stock::available, stock::reserved, stock::sold))
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(|(available, reserved, sold)| Stock { available, reserved, sold }))
}

/// A book to put into the catalogue, with its first stock.
#[derive(Clone, Debug)]
pub struct NewBook {
    /// The book; its version is 1.
    pub book: Book,
    /// How many copies there are.
    pub available: i32,
}

/// Adds books that are not there yet, by their slugs; the others stay as they are. Answers how many were added.
pub async fn insert_missing(
    connection: &mut Connection,
    new_books: &[NewBook],
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let rows: Vec<BookRow> = new_books.iter().map(|new| BookRow::new(&new.book, now)).collect();
    let added: Vec<Uuid> = diesel::insert_into(books::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .returning(books::id)
        .get_results(connection)
        .await?;
    let first_stock: Vec<_> = new_books
        .iter()
        .filter(|new| added.contains(&new.book.id.0))
        .map(|new| (stock::book_id.eq(new.book.id.0), stock::available.eq(new.available)))
        .collect();
    diesel::insert_into(stock::table).values(first_stock).execute(connection).await?;
    Ok(added.len())
}

#[derive(Queryable, Selectable, Insertable, QueryableByName)]
#[diesel(table_name = books, check_for_backend(diesel::pg::Pg))]
struct BookRow {
    id: Uuid,
    slug: String,
    title: String,
    original_title: Option<String>,
    authors: Vec<String>,
    first_published: i32,
    circa: bool,
    language: String,
    subjects: Vec<String>,
    description: String,
    price_amount: i64,
    price_currency: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct RankedRow {
    #[diesel(embed)]
    book: BookRow,
    #[diesel(sql_type = Float)]
    rank: f32,
}

impl BookRow {
    fn new(book: &Book, now: DateTime<Utc>) -> Self {
        let book = book.clone();
        Self {
            id: book.id.0,
            slug: book.slug,
            title: book.title,
            original_title: book.original_title,
            authors: book.authors,
            first_published: book.first_published,
            circa: book.circa,
            language: book.language,
            subjects: book.subjects,
            description: book.description,
            price_amount: book.price.amount(),
            price_currency: book.price.currency().code().to_owned(),
            version: book.version,
            created_at: now,
            updated_at: now,
        }
    }
}

impl TryFrom<BookRow> for Book {
    type Error = diesel::result::Error;

    /// Fails only if somebody wrote a currency into the table that ISO 4217 does not know.
    fn try_from(row: BookRow) -> QueryResult<Self> {
        let currency = Currency::from_code(&row.price_currency).ok_or_else(|| {
            diesel::result::Error::DeserializationError("unknown currency".into())
        })?;
        Ok(Self {
            id: BookId(row.id),
            slug: row.slug,
            title: row.title,
            original_title: row.original_title,
            authors: row.authors,
            first_published: row.first_published,
            circa: row.circa,
            language: row.language,
            subjects: row.subjects,
            description: row.description,
            price: Money::new(row.price_amount, currency),
            version: row.version,
        })
    }
}
