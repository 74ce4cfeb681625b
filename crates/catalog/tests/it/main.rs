//! The catalog, from the outside: a real service, a real PostgreSQL, a real Redis.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something else should fail loudly"
)]

mod books;
mod documentation;
mod reservations;

use testkit::{Issuer, Running};

/// A running catalog and the issuer of the tokens that it accepts.
struct Shop {
    catalog: Running,
    issuer: Issuer,
}

impl Shop {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(overrides: &[(&str, &str)]) -> Self {
        let issuer = Issuer::start().await;
        let (name, jwks_url) = (issuer.name(), issuer.jwks_url());
        let mut all =
            vec![("identity.issuer", name.as_str()), ("identity.jwks_url", jwks_url.as_str())];
        all.extend(overrides);
        let catalog = testkit::start(catalog::DESCRIPTION, &all, catalog::run).await;
        Self { catalog, issuer }
    }

    /// The `index`th book in the order of titles.
    async fn book_id(&self, index: usize) -> String {
        let page = json(self.catalog.http.get("/v1/books?limit=100")).await;
        page["data"][index]["id"].as_str().unwrap().to_owned()
    }
}

/// Sends a request that must succeed, and reads its JSON.
async fn json(request: reqwest::RequestBuilder) -> serde_json::Value {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await.unwrap());
    answer.json().await.unwrap()
}
