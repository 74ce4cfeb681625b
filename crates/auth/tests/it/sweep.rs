//! Nothing that a stranger can make stays for ever.

use reqwest::StatusCode;

use crate::{Auth, PASSWORD, mailbox, new_address};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_deleted_and_the_rest_is_kept() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let (waiting, expired) = (new_address(), new_address());
    for address in [&waiting, &expired] {
        auth.sign_up(address, PASSWORD).await;
    }
    let (live, over, ended) =
        (auth.sign_in(&email).await, auth.sign_in(&email).await, auth.sign_in(&email).await);
    let session = |tokens: &crate::Tokens| {
        crate::access_tokens::claims(&tokens.access)["sid"].to_string().replace('"', "'")
    };
    let age = format!(
        "UPDATE sign_ups SET expires_at = now() - interval '1 second' WHERE email = '{expired}';
         UPDATE sessions SET created_at = now() - interval '9 days', expires_at = now() - interval '25 hours' WHERE id = {};
         UPDATE sessions SET ended_at = now() - interval '25 hours' WHERE id = {};",
        session(&over),
        session(&ended),
    );
    auth.sql().await.batch_execute(&age).await.unwrap();
    // Workers begin with a step.
    let database = auth.service.stop_keeping_database().await.unwrap();
    let auth = Auth::start_with(&[("database.url", database.url())]).await;
    testkit::eventually("the dead are gone", async || {
        auth.count("SELECT (SELECT count(*) FROM sign_ups) + (SELECT count(*) FROM sessions)").await
            == 2
    })
    .await;
    assert_eq!(auth.count("SELECT count(*) FROM refresh_tokens").await, 1);
    auth.refresh(&live).await;
    assert_eq!(
        auth.confirm(&mailbox::token(&mailbox::mail(&waiting, 1).await)).await,
        StatusCode::NO_CONTENT
    );
    auth.stop().await;
    database.drop().await;
}
