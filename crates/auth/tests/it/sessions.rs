//! Signing in and out.

use reqwest::StatusCode;
use serde_json::json;

use crate::{Auth, PASSWORD, new_address, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_an_unknown_and_an_unconfirmed_address_get_the_same_answer() {
    let auth = Auth::start().await;
    let (known, waiting) = (auth.register().await, new_address());
    auth.sign_up(&waiting, PASSWORD).await;
    let mut answers = Vec::new();
    for (email, password) in [
        (known.as_str(), "a wrong password"),
        (known.as_str(), ""),
        (waiting.as_str(), PASSWORD),
        (new_address().as_str(), PASSWORD),
        ("not an address", PASSWORD),
    ] {
        let answer = auth.try_sign_in(email, password).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let mut names: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let (slug, document) = problem(answer).await;
        assert_eq!(slug, "invalid-credentials");
        answers.push((names, document));
    }
    // The only difference is the identifier for support.
    for (_, document) in &mut answers {
        document.as_object_mut().unwrap().remove("trace_id");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spelling_of_the_address_and_the_keyboard_do_not_matter() {
    let auth = Auth::start().await;
    let email = new_address();
    auth.sign_up(&email, "cr\u{e8}me br\u{fb}l\u{e9}e au caf\u{e9}").await;
    auth.confirm(&crate::mailbox::token(&crate::mailbox::mail(&email, 1).await)).await;
    let decomposed = "cre\u{300}me bru\u{302}le\u{301}e au cafe\u{301}";
    let answer = auth.try_sign_in(&format!("  {}", email.to_uppercase()), decomposed).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_and_no_other() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let (here, elsewhere) = (auth.sign_in(&email).await, auth.sign_in(&email).await);
    for _ in 0..2 {
        let request = auth.service.http.delete("/v1/sessions/current").bearer_auth(&here.access);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
    let refused = auth.account(&here.access).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    assert_eq!(auth.try_refresh(&here.refresh).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(auth.account(&elsewhere.access).await.status(), StatusCode::OK);
    auth.refresh(&elsewhere).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_twenty_sessions_at_most_and_the_oldest_makes_room() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let first = auth.sign_in(&email).await;
    let second = auth.sign_in(&email).await;
    for _ in 0..19 {
        auth.sign_in(&email).await;
    }
    assert_eq!(auth.count("SELECT count(*) FROM sessions WHERE ended_at IS NULL").await, 20);
    assert_eq!(auth.try_refresh(&first.refresh).await.status(), StatusCode::BAD_REQUEST);
    auth.refresh(&second).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_with_old_parameters_is_replaced_at_the_next_sign_in() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let sql = auth.sql().await;
    sql.execute("UPDATE accounts SET password_hash = $1", &[&weak_hash()]).await.unwrap();
    auth.sign_in(&email).await;
    let row = sql.query_one("SELECT password_hash FROM accounts", &[]).await.unwrap();
    let hash: String = row.get(0);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    auth.sign_in(&email).await;
    auth.stop().await;
}

/// The password, hashed as somebody might have done it years ago.
fn weak_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
    argon2.hash_password(PASSWORD.as_bytes()).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_with_anything_else_in_them_are_refused() {
    let auth = Auth::start().await;
    let body = json!({ "email": new_address(), "password": PASSWORD, "roles": ["admin"] });
    assert_eq!(auth.post("/v1/sessions", body).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    auth.stop().await;
}
