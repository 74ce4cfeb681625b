//! Confirming an address, by program and by button.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::{Auth, PASSWORD, mailbox, new_address, problem};

impl Auth {
    /// Signs up and returns the token of the link.
    async fn link(&self) -> String {
        let email = new_address();
        self.sign_up(&email, PASSWORD).await;
        mailbox::token(&mailbox::mail(&email, 1).await)
    }

    async fn accounts(&self) -> i64 {
        self.count("SELECT count(*) FROM accounts").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_once() {
    let auth = Auth::start().await;
    let token = auth.link().await;
    assert_eq!(auth.confirm(&token).await, StatusCode::NO_CONTENT);
    let again = auth.post("/v1/email-verifications", serde_json::json!({ "token": token })).await;
    assert_eq!(again.status(), StatusCode::GONE);
    assert_eq!(problem(again).await.0, "spent-link");
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_one_link_at_once_one_succeeds() {
    let auth = Auth::start().await;
    let token = auth.link().await;
    let mut statuses = join_all((0..8).map(|_| auth.confirm(&token))).await;
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::NO_CONTENT);
    assert!(statuses[1..].iter().all(|status| *status == StatusCode::GONE), "{statuses:?}");
    assert_eq!(auth.accounts().await, 1);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_for_an_hour() {
    let auth = Auth::start().await;
    let (early, late) = (auth.link().await, auth.link().await);
    auth.service.clock.advance(TimeDelta::minutes(59));
    assert_eq!(auth.confirm(&early).await, StatusCode::NO_CONTENT);
    auth.service.clock.advance(TimeDelta::minutes(1));
    assert_eq!(auth.confirm(&late).await, StatusCode::GONE);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_a_token_is_a_spent_link() {
    let auth = Auth::start().await;
    for token in ["", "abc", &"A".repeat(43), &"A".repeat(10_000)] {
        assert_eq!(auth.confirm(token).await, StatusCode::GONE);
    }
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_scanner_that_follows_the_link_confirms_nothing_and_the_button_does() {
    let auth = Auth::start().await;
    let token = auth.link().await;
    let path = format!("/verify-email?token={token}");
    for _ in 0..2 {
        let followed =
            auth.service.http.get(&format!("{path}&utm_source=scanner")).send().await.unwrap();
        assert_eq!(followed.status(), StatusCode::OK);
    }
    assert_eq!(auth.accounts().await, 0);

    let page = auth.service.http.get(&path).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self'"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    assert!(page.contains(&format!("name=\"token\" value=\"{token}\"")), "{page}");

    let press = async || {
        auth.service.http.post("/verify-email").form(&[("token", &token)]).send().await.unwrap()
    };
    let first = press().await;
    assert_eq!(first.status(), StatusCode::OK);
    assert!(first.text().await.unwrap().contains("Your address is confirmed"));
    assert_eq!(auth.accounts().await, 1);
    let second = press().await;
    assert_eq!(second.status(), StatusCode::GONE);
    assert!(second.text().await.unwrap().contains("does not work any more"));
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_a_script_in_it_shows_the_script_as_text() {
    let auth = Auth::start().await;
    let request =
        auth.service.http.get("/verify-email").query(&[("token", "\"><script>alert(1)</script>")]);
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&quot;&gt;&lt;script&gt;") && !page.contains("<script"), "{page}");
    auth.stop().await;
}
