//! Refreshing: rotation, replay, the answer that got lost, and all at once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::{Auth, Tokens, problem};

impl Auth {
    /// The whole session is over: nothing that belongs to it works any more.
    async fn assert_over(&self, family: &[&Tokens]) {
        for tokens in family {
            let answer = self.try_refresh(&tokens.refresh).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            let (slug, document) = problem(answer).await;
            assert_eq!(
                (slug.as_str(), document["error"].as_str()),
                ("invalid-grant", Some("invalid_grant"))
            );
            assert_eq!(self.account(&tokens.access).await.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_exchanged_for_another() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    let second = auth.refresh(&first).await;
    let third = auth.refresh(&second).await;
    assert!(
        first.refresh != second.refresh
            && second.refresh != third.refresh
            && first.refresh != third.refresh
    );
    assert_eq!(auth.account(&third.access).await.status(), StatusCode::OK);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_ends_the_session_for_both_who_have_it() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    let second = auth.refresh(&first).await;
    auth.service.clock.advance(TimeDelta::seconds(11));
    assert_eq!(auth.try_refresh(&first.refresh).await.status(), StatusCode::BAD_REQUEST);
    auth.assert_over(&[&first, &second]).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grandparent_ends_the_session_even_at_once() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    let second = auth.refresh(&first).await;
    let third = auth.refresh(&second).await;
    assert_eq!(auth.try_refresh(&first.refresh).await.status(), StatusCode::BAD_REQUEST);
    auth.assert_over(&[&first, &second, &third]).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_lost_our_answer_gets_the_same_successor_again() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    let lost = auth.refresh(&first).await;
    auth.service.clock.advance(TimeDelta::seconds(9));
    let again = auth.refresh(&first).await;
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(auth.account(&again.access).await.status(), StatusCode::OK);
    auth.refresh(&again).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_all_get_one_successor() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    let refreshed = join_all((0..8).map(|_| auth.refresh(&first))).await;
    assert!(refreshed.iter().all(|tokens| tokens.refresh == refreshed[0].refresh));
    assert_eq!(auth.count("SELECT count(*) FROM refresh_tokens").await, 2);
    auth.refresh(&refreshed[0]).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sessions_tokens_are_left_alone() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let (stolen, other) = (auth.sign_in(&email).await, auth.sign_in(&email).await);
    let second = auth.refresh(&stolen).await;
    auth.refresh(&second).await;
    assert_eq!(auth.try_refresh(&stolen.refresh).await.status(), StatusCode::BAD_REQUEST);
    auth.refresh(&other).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_for_a_week() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    auth.service.clock.advance(TimeDelta::days(6));
    let second = auth.refresh(&first).await;
    auth.service.clock.advance(TimeDelta::days(6));
    let third = auth.refresh(&second).await;
    auth.service.clock.advance(TimeDelta::days(7));
    auth.assert_over(&[&third]).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let auth = Auth::start().await;
    let mut tokens = auth.someone().await;
    for _ in 0..5 {
        auth.service.clock.advance(TimeDelta::days(5));
        tokens = auth.refresh(&tokens).await;
    }
    auth.service.clock.advance(TimeDelta::days(5));
    auth.assert_over(&[&tokens]).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_a_refresh_token_is_refused_like_one_that_is_used() {
    let auth = Auth::start().await;
    let tokens = auth.someone().await;
    for token in ["abc", &"A".repeat(43), &tokens.access] {
        let answer = auth.try_refresh(token).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let (_, document) = problem(answer).await;
        assert_eq!(document["error"], "invalid_grant");
        assert!(document.get("detail").is_none(), "{document}");
    }
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_granted_shows_at_the_next_refresh() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    auth.sql().await.execute("UPDATE accounts SET roles = '{customer,admin}'", &[]).await.unwrap();
    let second = auth.refresh(&first).await;
    let claims = crate::access_tokens::claims(&second.access);
    assert_eq!(claims["roles"], serde_json::json!(["customer", "admin"]));
    auth.stop().await;
}
