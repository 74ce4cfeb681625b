//! The same request, again: because an answer was lost, a finger was quick, or a process died.

use chrono::TimeDelta;
use payments_stub::domain::idempotency::IdempotencyKey;
use reqwest::RequestBuilder;

use crate::{Answer, Gateway, data, ok, send};

const CREATE: &str = "/v1/payment_intents";
const FORM: [(&str, &str); 4] = [
    ("amount", "1000"),
    ("currency", "eur"),
    ("payment_method", "pm_card_visa"),
    ("confirm", "true"),
];

fn with_key(request: RequestBuilder, key: &str) -> RequestBuilder {
    request.header("idempotency-key", key)
}

impl Gateway {
    async fn create_with_key(&self, form: &[(&str, &str)], key: &str) -> Answer {
        send(with_key(self.post(CREATE, form), key)).await
    }

    async fn count_intents(&self) -> usize {
        data(&ok(self.get("/v1/payment_intents?limit=100")).await).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_gets_the_same_bytes_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let first = gateway.create_with_key(&FORM, "order-1").await;
    let again = gateway.create_with_key(&FORM, "order-1").await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!((again.header("idempotency-key"), gateway.count_intents().await), ("order-1", 1));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_recognised_however_it_is_written() {
    let gateway = Gateway::start().await;
    let post = |body: &'static str| {
        let request = gateway.service.http.post(CREATE).bearer_auth(crate::KEY).body(body);
        send(with_key(request.header("content-type", "application/x-www-form-urlencoded"), "k"))
    };
    let first = post("amount=1000&currency=eur&metadata[a]=b+c").await;
    let again = post("currency=eur&metadata%5Ba%5D=b%20c&amount=1000").await;
    assert_eq!((first.status, again.text), (200, first.text));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_parameters_under_the_same_key_are_refused() {
    let gateway = Gateway::start().await;
    gateway.create_with_key(&FORM, "k").await;
    let mut other = FORM;
    other[0].1 = "1001";
    let refused = gateway.create_with_key(&other, "k").await;
    assert_eq!((refused.status, refused.error().0), (400, "idempotency_error"));
    assert!(refused.text.contains("same parameters they were first used with"), "{}", refused.text);
    assert_eq!(gateway.count_intents().await, 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_endpoint_under_the_same_key_is_refused() {
    let gateway = Gateway::start().await;
    let intent = gateway.create_with_key(&FORM, "k").await.body;
    let refused =
        send(with_key(gateway.post("/v1/refunds", &[("payment_intent", crate::id(&intent))]), "k"))
            .await;
    assert_eq!((refused.status, refused.error().0), (400, "idempotency_error"));
    assert!(refused.text.contains("('/v1/refunds' vs '/v1/payment_intents')"), "{}", refused.text);
    assert_eq!(data(&ok(gateway.get("/v1/refunds")).await).len(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_simultaneous_requests_with_one_key_make_one_payment() {
    let gateway = Gateway::start_with(&[("database.wait_timeout_ms", "20000")]).await;
    let requests = (0..30).map(|_| tokio::spawn(send(with_key(gateway.post(CREATE, &FORM), "k"))));
    let mut bodies = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        let answer = request.await.unwrap();
        match answer.status {
            200 => bodies.push(answer.text),
            409 => assert_eq!(answer.error().1, "idempotency_key_in_use"),
            other => panic!("{other}: {}", answer.text),
        }
    }
    bodies.dedup();
    assert_eq!((bodies.len(), gateway.count_intents().await), (1, 1));
    assert_eq!(data(&ok(gateway.get("/v1/charges")).await).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_request_runs_a_second_one_is_told_to_wait() {
    let gateway = Gateway::start().await;
    let mut sql = gateway.sql().await;
    let first = sql.transaction().await.unwrap();
    let lock = IdempotencyKey::parse("k").unwrap().lock_number();
    first.execute("SELECT pg_advisory_xact_lock($1)", &[&lock]).await.unwrap();
    let refused = gateway.create_with_key(&FORM, "k").await;
    assert_eq!(
        (refused.status, refused.error()),
        (409, ("invalid_request_error", "idempotency_key_in_use", ""))
    );
    assert_eq!(
        gateway.create_with_key(&FORM, "other").await.status,
        200,
        "another key has another lock"
    );
    first.rollback().await.unwrap();
    assert_eq!(gateway.create_with_key(&FORM, "k").await.status, 200, "the conflict was not saved");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_is_kept() {
    let gateway = Gateway::start().await;
    let mut form = FORM;
    form[2].1 = "pm_card_chargeDeclined";
    let first = gateway.create_with_key(&form, "k").await;
    let again = gateway.create_with_key(&form, "k").await;
    assert_eq!((first.status, again.status, &again.text), (402, 402, &first.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(data(&ok(gateway.get("/v1/charges")).await).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_parameter_is_not_kept_and_the_key_stays_free() {
    let gateway = Gateway::start().await;
    let refused = gateway.create_with_key(&[("amount", "0"), ("currency", "eur")], "k").await;
    assert_eq!((refused.status, refused.error().0), (400, "invalid_request_error"));
    let accepted = gateway.create_with_key(&FORM, "k").await;
    assert_eq!((accepted.status, accepted.header("idempotent-replayed")), (200, ""));

    let intent = accepted.body;
    let refund = |amount: &'static str| {
        let form = [("payment_intent", crate::id(&intent)), ("amount", amount)];
        send(with_key(gateway.post("/v1/refunds", &form), "r"))
    };
    assert_eq!(refund("1001").await.status, 400);
    assert_eq!(refund("1000").await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_an_object_cannot_do_this_now_is_kept_even_when_it_could_later() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let path = format!("/v1/payment_intents/{}/confirm", crate::id(&intent));
    let confirm = || send(with_key(gateway.post(&path, &[]), "k"));
    let refused = confirm().await;
    assert_eq!(refused.error().1, "payment_intent_unexpected_state");

    // Now it could.
    let attach = format!("/v1/payment_intents/{}", crate::id(&intent));
    ok(gateway.post(&attach, &[("payment_method", "pm_card_visa")])).await;
    let again = confirm().await;
    assert_eq!((again.status, &again.text), (400, &refused.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(gateway.reread(&intent).await["status"], "requires_confirmation");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_fit_is_refused_and_not_ignored() {
    let gateway = Gateway::start().await;
    for key in ["", &"k".repeat(256)] {
        let refused = gateway.create_with_key(&FORM, key).await;
        assert_eq!(
            (refused.status, refused.error().2),
            (400, "Idempotency-Key"),
            "{}",
            refused.text
        );
    }
    let two = with_key(with_key(gateway.post(CREATE, &FORM), "a"), "b");
    assert_eq!(send(two).await.status, 400);
    assert_eq!(gateway.create_with_key(&FORM, &"k".repeat(255)).await.status, 200);
    assert_eq!(gateway.count_intents().await, 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_new_again_after_a_day() {
    let gateway = Gateway::start_with(&[("idempotency.prune_seconds", "1")]).await;
    let first = gateway.create_with_key(&FORM, "k").await;
    gateway.service.clock.advance(TimeDelta::hours(23));
    assert_eq!(gateway.create_with_key(&FORM, "k").await.text, first.text);
    gateway.service.clock.advance(TimeDelta::hours(2));
    testkit::eventually("the key is forgotten", async || {
        gateway.create_with_key(&FORM, "k").await.body["id"] != first.body["id"]
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_in_the_middle_leaves_neither_effect_nor_key() {
    let gateway = Gateway::start().await;
    let intent = gateway.create(&[]).await;
    let confirm = || with_key(gateway.confirm(&intent, "pm_card_visa"), "k");
    let mut sql = gateway.sql().await;
    let blocker = sql.transaction().await.unwrap();
    blocker.execute("SELECT 1 FROM payment_intents FOR UPDATE", &[]).await.unwrap();
    let request = tokio::spawn(send(confirm()));

    let murderer = gateway.sql().await;
    testkit::eventually("the request waits for the row, and its connection is ended", async || {
        let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        !murderer.query(ended, &[]).await.unwrap().is_empty()
    })
    .await;
    let failed = request.await.unwrap();
    assert_eq!((failed.status, failed.error().0), (503, "api_error"), "{}", failed.text);
    assert_eq!(failed.header("retry-after"), "1");
    blocker.rollback().await.unwrap();

    assert!(gateway.charges(&intent, "succeeded").await.is_empty());
    assert_eq!(ok(confirm()).await["status"], "succeeded");
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_the_process() {
    let gateway = Gateway::start().await;
    let first = gateway.create_with_key(&FORM, "k").await;
    let database = gateway.stop_keeping_database().await;
    let gateway = Gateway::start_with(&[("database.url", database.url())]).await;
    assert_eq!(gateway.create_with_key(&FORM, "k").await.text, first.text);
    gateway.stop().await;
    database.drop().await;
}
