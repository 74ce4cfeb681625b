//! The sample catalogue: real books in the public domain, readable in `data/books/`.

use chassis::clock::Clock;
use chassis::db::Database;
use chassis::money::Money;
use diesel_async::AsyncConnection as _;
use iso_currency::Currency;
use serde::Deserialize;

use crate::domain::{Book, BookId};
use crate::store;
use crate::store::books::NewBook;

/// By where the books come from; together one catalogue.
const FILES: [&str; 6] = [
    include_str!("../data/books/american-fiction.toml"),
    include_str!("../data/books/british-fiction.toml"),
    include_str!("../data/books/european-fiction.toml"),
    include_str!("../data/books/ideas-and-knowledge.toml"),
    include_str!("../data/books/poetry-and-drama.toml"),
    include_str!("../data/books/world-and-ancient.toml"),
];

/// Brings the schema up to date and, if asked, adds the sample books that are missing.
pub async fn prepare(database: Database, seed: bool, clock: Clock) -> anyhow::Result<()> {
    database.migrate([store::MIGRATIONS]).await?;
    if seed {
        let books = sample_books()?;
        let mut connection = database.get_patiently().await;
        let added = connection
            .transaction(async |tx| store::books::insert_missing(tx, &books, clock.now()).await)
            .await?;
        if added > 0 {
            tracing::info!(added, "sample books added");
        }
    }
    Ok(())
}

/// All sample books, each with a new identifier.
pub fn sample_books() -> Result<Vec<NewBook>, toml::de::Error> {
    let mut books = Vec::new();
    for file in FILES {
        let file: SampleFile = toml::from_str(file)?;
        books.extend(file.book.into_iter().map(NewBook::from));
    }
    Ok(books)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleFile {
    book: Vec<SampleBook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleBook {
    slug: String,
    title: String,
    original_title: Option<String>,
    authors: Vec<String>,
    first_published: i32,
    #[serde(default)]
    circa: bool,
    language: String,
    subjects: Vec<String>,
    /// Euro cents.
    price: i64,
    stock: i32,
    description: String,
}

impl From<SampleBook> for NewBook {
    fn from(sample: SampleBook) -> Self {
        let book = Book {
            id: BookId::generate(),
            slug: sample.slug,
            title: sample.title,
            original_title: sample.original_title,
            authors: sample.authors,
            first_published: sample.first_published,
            circa: sample.circa,
            language: sample.language,
            subjects: sample.subjects,
            description: sample.description,
            price: Money::new(sample.price, Currency::EUR),
            version: 1,
        };
        Self { book, available: sample.stock }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_sample_catalogue_is_complete_and_plausible() {
        let books = sample_books().unwrap();
        assert!(books.len() >= 300, "{} books", books.len());
        let slugs: HashSet<_> = books.iter().map(|new| &new.book.slug).collect();
        assert_eq!(slugs.len(), books.len(), "a slug stands twice");
        for NewBook { book, available } in &books {
            let Book { slug, description, .. } = book;
            assert!(
                (-2500..1930).contains(&book.first_published),
                "{slug}: {}",
                book.first_published
            );
            assert!((399..=3999).contains(&book.price.amount()) && *available > 0, "{slug}");
            assert!(
                (100..=500).contains(&description.chars().count()),
                "{slug}: length of the description"
            );
            assert!(!book.authors.is_empty() && !book.subjects.is_empty(), "{slug}");
            assert!((2..=3).contains(&book.language.len()), "{slug}: {}", book.language);
        }
    }
}
