//! Auth, from the outside: a real service, a real PostgreSQL, mail in files.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access_tokens;
mod clients;
mod confirmation;
mod documentation;
mod keys;
mod mailbox;
mod program;
mod refresh;
mod sessions;
mod sign_up;
mod story;
mod sweep;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use testkit::Running;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A password that nothing is wrong with.
const PASSWORD: &str = "i would prefer not to";
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CLIENT_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A running auth.
struct Auth {
    service: Running,
}

/// What signing in and refreshing give.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tokens {
    access: String,
    refresh: String,
}

impl Auth {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(overrides: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("keys.master_key", MASTER_KEY),
            ("clients.orders.secret", CLIENT_SECRET),
            ("clients.orders.scope", "stock:read stock:reserve"),
            // The same for all tests, which then share one template: see `mailbox`.
            ("mail.folder", mailbox::FOLDER),
        ];
        all.extend(overrides);
        Self { service: testkit::start(auth::DESCRIPTION, &all, auth::run).await }
    }

    async fn stop(self) {
        self.service.stop().await;
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.service.http.post(path).json(&body).send().await.unwrap()
    }

    async fn sign_up(&self, email: &str, password: &str) -> Response {
        self.post("/v1/accounts", json!({ "email": email, "password": password })).await
    }

    async fn confirm(&self, token: &str) -> StatusCode {
        self.post("/v1/email-verifications", json!({ "token": token })).await.status()
    }

    /// Signs a new person up, confirms the address, and returns it.
    async fn register(&self) -> String {
        let email = new_address();
        self.register_as(&email).await;
        email
    }

    async fn register_as(&self, email: &str) {
        assert_eq!(self.sign_up(email, PASSWORD).await.status(), StatusCode::ACCEPTED);
        let token = mailbox::token(&mailbox::mail(email, 1).await);
        assert_eq!(self.confirm(&token).await, StatusCode::NO_CONTENT);
    }

    async fn try_sign_in(&self, email: &str, password: &str) -> Response {
        self.post("/v1/sessions", json!({ "email": email, "password": password })).await
    }

    async fn sign_in(&self, email: &str) -> Tokens {
        let answer = self.try_sign_in(email, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        Tokens::read(answer).await
    }

    /// A new person, signed in.
    async fn someone(&self) -> Tokens {
        self.sign_in(&self.register().await).await
    }

    async fn tokens(&self, form: &[(&str, &str)]) -> Response {
        self.service.http.post("/v1/tokens").form(form).send().await.unwrap()
    }

    async fn try_refresh(&self, refresh_token: &str) -> Response {
        self.tokens(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    async fn refresh(&self, tokens: &Tokens) -> Tokens {
        let answer = self.try_refresh(&tokens.refresh).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Tokens::read(answer).await
    }

    async fn account(&self, access_token: &str) -> Response {
        self.service.http.get("/v1/account").bearer_auth(access_token).send().await.unwrap()
    }

    async fn sql(&self) -> Client {
        connect(&self.service.database_url).await
    }

    async fn count(&self, query: &str) -> i64 {
        self.sql().await.query_one(query, &[]).await.unwrap().get(0)
    }
}

impl Tokens {
    async fn read(answer: Response) -> Self {
        let body: Value = answer.json().await.unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// An address that no other test has.
fn new_address() -> String {
    format!("reader-{}@example.com", Uuid::new_v4().simple())
}

async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// A problem document: its type's last part, and the document.
async fn problem(answer: Response) -> (String, Value) {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let document: Value = answer.json().await.unwrap();
    (document["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), document)
}
