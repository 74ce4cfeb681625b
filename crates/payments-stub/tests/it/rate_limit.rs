//! How often clients may call.

use futures_util::future::join_all;

use crate::{Answer, Gateway, KEY, send};

const PATH: &str = "/v1/payment_intents";
/// One request, and the next one a second later.
const ONE: [(&str, &str); 2] = [("api.requests_per_second", "1"), ("api.burst", "1")];

impl Gateway {
    /// Many simultaneous requests: more than any rate of one a second lets through.
    async fn twenty(&self) -> Vec<Answer> {
        join_all((0..20).map(|_| send(self.get(PATH)))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_refused_in_a_way_that_clients_repeat() {
    let gateway = Gateway::start_with(&ONE).await;
    let answers = gateway.twenty().await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(
        (refused.status, refused.error()),
        (429, ("invalid_request_error", "rate_limit", ""))
    );
    assert_eq!(
        (refused.header("retry-after"), refused.header("stripe-should-retry")),
        ("1", "true")
    );
    assert!(refused.header("request-id").starts_with("req_"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_leaves_its_key_free() {
    let gateway = Gateway::start_with(&ONE).await;
    let create = |amount: &'static str| {
        let form = [("amount", amount), ("currency", "eur")];
        send(gateway.post(PATH, &form).header("idempotency-key", amount))
    };
    let amounts = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];
    let answers = join_all(amounts.map(create)).await;
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    let amount = amounts.iter().find(|amount| refused.header("idempotency-key") == **amount);
    testkit::eventually("the same key works", async || {
        let again = create(amount.unwrap()).await;
        assert_eq!(again.header("idempotent-replayed"), "");
        again.status == 200
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_use_up_the_limit_of_those_who_have_the_key() {
    let gateway = Gateway::start_with(&ONE).await;
    let strangers = (0..20).map(|_| send(gateway.service.http.get(PATH).bearer_auth("sk_test_no")));
    assert!(join_all(strangers).await.iter().all(|answer| answer.status == 401));
    assert_eq!(send(gateway.service.http.get(PATH).bearer_auth(KEY)).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_limit_is_generous() {
    let gateway = Gateway::start().await;
    assert!(gateway.twenty().await.iter().all(|answer| answer.status == 200));
    gateway.stop().await;
}
