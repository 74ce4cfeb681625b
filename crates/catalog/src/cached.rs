//! The fast read: a book comes from Redis if it is there, from PostgreSQL if not (cache-aside).
//!
//! What is cached is the whole answer, so a hit costs no SQL and no connection. A cached book lives for a bounded time,
//! which is also the longest that a lost invalidation can matter. Stock is never cached: it decides what can be bought.

use std::time::Duration;

use chassis::db::DbError;

use crate::app::State;
use crate::domain::{Book, BookId};
use crate::store::books;

/// The book, from wherever it is fastest.
pub async fn find_book(state: &State, id: BookId) -> Result<Option<Book>, DbError> {
    let key = key(id);
    if let Some(book) = state.cache.get("book", &key).await {
        return Ok(Some(book));
    }
    let mut connection = state.database.get().await?;
    let book = books::find(&mut connection, id).await?;
    // Identifiers that do not exist are not remembered: a stranger could invent them without end.
    if let Some(book) = &book {
        state.cache.put(&key, book, Duration::from_secs(state.settings.books.cache_seconds)).await;
    }
    Ok(book)
}

/// The version in the key stands for the shape of the value: a release that changes [`Book`] changes it,
/// and never reads what the release before wrote.
fn key(id: BookId) -> String {
    format!("catalog:book:v1:{id}")
}
