//! Reading the catalogue.

use actix_web::http::header::{
    CACHE_CONTROL, ETAG, EntityTag, Header as _, IF_NONE_MATCH, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::Problem;
use chassis::page::{Page, PageRequest};
use chassis::problem::{self, ProblemDocument};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::State;
use crate::cached;
use crate::domain::{Book, BookId, Stock};
use crate::store::books;

/// How many books may be asked for by name at once: as many as an order has lines.
const MAX_IDS: usize = 50;

/// The parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Words to search for, in titles, authors, subjects and descriptions. Quotes and a minus sign work as usual.
    #[param(max_length = 200, example = "white whale")]
    q: Option<String>,
    /// Up to 50 identifiers, separated by commas: just these books, in one page, never cached.
    ids: Option<String>,
    /// How many books a page has.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Lists books by title, or those that match a search, the best first.
#[utoipa::path(get, path = "/v1/books", tag = "books", params(ListQuery), responses(
    (status = 200, description = "A page of books", body = Page<Book>),
    (status = 422, description = "A parameter is not valid", body = ProblemDocument),
))]
pub async fn list(
    state: web::Data<State>,
    query: web::Query<ListQuery>,
) -> Result<web::Json<Page<Book>>, Problem> {
    let ListQuery { q, ids, limit, after } = query.into_inner();
    let page = match (ids, q) {
        (Some(ids), _) => by_ids(&state, &ids).await?,
        (None, Some(words)) => by_words(&state, &words, limit, after.as_deref()).await?,
        (None, None) => by_title(&state, limit, after.as_deref()).await?,
    };
    Ok(web::Json(page))
}

async fn by_ids(state: &State, ids: &str) -> Result<Page<Book>, Problem> {
    let ids: Result<Vec<BookId>, _> = ids.split(',').take(MAX_IDS + 1).map(str::parse).collect();
    let ids = ids.ok().filter(|ids| ids.len() <= MAX_IDS).ok_or_else(|| {
        Problem::new(problem::INVALID_REQUEST).error("ids", "must be up to 50 identifiers of books")
    })?;
    let mut connection = state.database.get().await?;
    let data = books::find_many(&mut connection, &ids).await?;
    Ok(Page { data, next: None })
}

async fn by_title(
    state: &State,
    limit: Option<i64>,
    after: Option<&str>,
) -> Result<Page<Book>, Problem> {
    let request = PageRequest::<(String, BookId)>::parse(limit, after)?;
    let mut connection = state.database.get().await?;
    let rows = books::list(&mut connection, request.after.as_ref(), request.fetch()).await;
    let rows = rows?;
    Ok(request.page(rows, |book| (book.title.clone(), book.id)))
}

async fn by_words(
    state: &State,
    words: &str,
    limit: Option<i64>,
    after: Option<&str>,
) -> Result<Page<Book>, Problem> {
    if words.chars().count() > 200 {
        return Err(
            Problem::new(problem::INVALID_REQUEST).error("q", "must have at most 200 characters")
        );
    }
    let request = PageRequest::<(f32, BookId)>::parse(limit, after)?;
    let mut connection = state.database.get().await?;
    let rows = books::search(&mut connection, words, request.after, request.fetch()).await;
    let page = request.page(rows?, |(book, rank)| (*rank, book.id));
    Ok(Page { data: page.data.into_iter().map(|(book, _)| book).collect(), next: page.next })
}

/// Reads a book. `Server-Timing` tells whether it came from the cache.
#[utoipa::path(get, path = "/v1/books/{id}", tag = "books", params(("id" = BookId, Path)), responses(
    (status = 200, description = "The book", body = Book),
    (status = 304, description = "The client's copy (`If-None-Match`) is current"),
    (status = 404, description = "There is no such book", body = ProblemDocument),
))]
pub async fn read(
    state: web::Data<State>,
    id: web::Path<BookId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let book =
        cached::find_book(&state, *id).await?.ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    let tag = EntityTag::new_strong(format!("v{}", book.version));
    let mut response =
        if is_current(&request, &tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag.to_string()));
    response.insert_header((
        CACHE_CONTROL,
        format!("public, max-age={}", state.settings.books.cache_seconds),
    ));
    Ok(if is_current(&request, &tag) { response.finish() } else { response.json(book) })
}

/// Whether the client has this version already (RFC 9110 §13.1.2).
fn is_current(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key(IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Tells how many copies there are, at this moment.
#[utoipa::path(get, path = "/v1/books/{id}/stock", tag = "books", params(("id" = BookId, Path)), responses(
    (status = 200, description = "The stock", body = Stock),
    (status = 404, description = "There is no such book", body = ProblemDocument),
))]
pub async fn stock(
    state: web::Data<State>,
    id: web::Path<BookId>,
) -> Result<web::Json<Stock>, Problem> {
    let mut connection = state.database.get().await?;
    let stock = books::find_stock(&mut connection, *id).await?;
    stock.map(web::Json).ok_or_else(|| Problem::new(problem::NOT_FOUND))
}
