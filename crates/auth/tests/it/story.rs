//! One person's story, from the first visit to the last click.

use reqwest::StatusCode;
use serde_json::Value;

use crate::{Auth, PASSWORD, Tokens, mailbox, new_address};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_confirms_signs_in_refreshes_and_signs_out() {
    let auth = Auth::start().await;
    let email = new_address();

    let answer = auth.sign_up(&email, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let mail = mailbox::mail(&email, 1).await;
    assert!(mail.contains("Subject: Please confirm your address"), "{mail}");
    assert_eq!(auth.confirm(&mailbox::token(&mail)).await, StatusCode::NO_CONTENT);

    let answer = auth.try_sign_in(&email, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let tokens = Tokens::read(answer).await;

    let account: Value = auth.account(&tokens.access).await.json().await.unwrap();
    assert_eq!(account["email"], email.as_str());
    assert_eq!(account["roles"], serde_json::json!(["customer"]));
    assert_eq!(account["created_at"], account["email_verified_at"]);

    let tokens = auth.refresh(&tokens).await;
    let same: Value = auth.account(&tokens.access).await.json().await.unwrap();
    assert_eq!(account, same);

    let signed_out = auth.service.http.delete("/v1/sessions/current").bearer_auth(&tokens.access);
    assert_eq!(signed_out.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(auth.account(&tokens.access).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(auth.try_refresh(&tokens.refresh).await.status(), StatusCode::BAD_REQUEST);
    auth.stop().await;
}
