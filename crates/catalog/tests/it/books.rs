//! Listing, searching, reading.

use std::collections::HashSet;

use reqwest::StatusCode;

use crate::{Shop, json};

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_title_hold_every_book_once() {
    let shop = Shop::start().await;
    let (mut seen, mut titles, mut after) = (HashSet::new(), Vec::new(), String::new());
    loop {
        let page = json(shop.catalog.http.get(&format!("/v1/books?limit=37{after}"))).await;
        for book in page["data"].as_array().unwrap() {
            assert!(seen.insert(book["id"].as_str().unwrap().to_owned()), "{book} came twice");
            titles.push(book["title"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert!(titles.is_sorted() && titles.len() >= 300, "{} books", titles.len());
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_authors_titles_and_stems_and_pages_without_gaps() {
    let shop = Shop::start().await;
    for (words, expected) in [
        ("austen pride", "Pride and Prejudice"),
        ("detecting hound", "The Hound of the Baskervilles"),
    ] {
        let page = json(shop.catalog.http.get("/v1/books").query(&[("q", words)])).await;
        let titles: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|book| book["title"].as_str().unwrap())
            .collect();
        assert!(titles.contains(&expected), "{words}: {titles:?}");
    }
    let all = json(shop.catalog.http.get("/v1/books?q=love&limit=100")).await;
    let all: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|book| book["id"].clone()).collect();
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(shop.catalog.http.get(&format!("/v1/books?q=love&limit=7{after}"))).await;
        paged.extend(page["data"].as_array().unwrap().iter().map(|book| book["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert!(all.len() > 14 && all.len() < 100, "{}", all.len());
    assert_eq!(all, paged);
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_person_can_type_into_a_search_is_an_error() {
    let shop = Shop::start().await;
    for words in
        ["", "   ", "'", "\"", "-", "a & | !", "((", "white -whale", "日本", "\\", "%", "or or or"]
    {
        let answer =
            shop.catalog.http.get("/v1/books").query(&[("q", words)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{words}");
    }
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_read_comes_from_the_cache_and_says_so() {
    let shop = Shop::start().await;
    // The tests share a Redis and have the same books: no other test may read this one.
    let path = format!("/v1/books/{}", shop.book_id(90).await);
    let first = shop.catalog.http.get(&path).send().await.unwrap();
    let second = shop.catalog.http.get(&path).send().await.unwrap();
    let timing =
        |answer: &reqwest::Response| answer.headers()["server-timing"].to_str().unwrap().to_owned();
    assert!(
        timing(&first).contains("cache;desc=\"miss\"") && timing(&first).contains("db;"),
        "{}",
        timing(&first)
    );
    assert!(
        timing(&second).contains("cache;desc=\"hit\"") && !timing(&second).contains("db;"),
        "{}",
        timing(&second)
    );
    assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_still_works() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = Shop::start_with(&[("cache.url", &format!("redis://{closed}/"))]).await;
    let path = format!("/v1/books/{}", shop.book_id(0).await);
    for _ in 0..20 {
        assert_eq!(shop.catalog.http.get(&path).send().await.unwrap().status(), StatusCode::OK);
    }
    let ready = testkit::Http::new(&shop.catalog.management).get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let report: serde_json::Value = ready.json().await.unwrap();
    assert_eq!(report["dependencies"][1], serde_json::json!({"name": "redis", "up": false}));
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_the_current_version_gets_no_body() {
    let shop = Shop::start().await;
    let path = format!("/v1/books/{}", shop.book_id(0).await);
    let tag = shop.catalog.http.get(&path).send().await.unwrap().headers()["etag"].clone();
    let answer = shop.catalog.http.get(&path).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    assert!(answer.bytes().await.unwrap().is_empty());
    shop.catalog.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_valid_is_a_problem_document() {
    let shop = Shop::start().await;
    let unknown = "/v1/books/book_00000000000070008000000000000000";
    for (method, path, status, slug) in [
        ("GET", unknown, 404, "not-found"),
        ("GET", "/v1/books/nonsense", 404, "not-found"),
        ("GET", "/v1/nonsense", 404, "no-such-route"),
        ("DELETE", "/v1/books", 405, "method-not-allowed"),
        ("GET", "/v1/books?limit=0", 422, "invalid-request"),
        ("GET", "/v1/books?after=nonsense", 422, "invalid-request"),
        ("GET", "/v1/books?colour=red", 400, "malformed-request"),
    ] {
        let answer = shop.catalog.http.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{method} {path}");
        assert_eq!(problem["trace_id"].as_str().map(str::len), Some(32), "{method} {path}");
        let explained = shop.catalog.http.get(&format!("/problems/{slug}")).send().await.unwrap();
        assert_eq!(explained.status(), 200, "{slug} is not in docs/problems.md");
    }
    shop.catalog.stop().await;
}
