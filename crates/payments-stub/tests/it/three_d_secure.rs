//! The page on which the customer proves who they are.

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::{Gateway, id, ok, send};

const BACK: &str = "https://shop.test/orders/1?from=bank";

impl Gateway {
    /// A PaymentIntent that waits for its customer, and the address of their page.
    async fn ask_customer(&self, form: &[(&str, &str)]) -> (Value, Url) {
        let mut all =
            vec![("confirm", "true"), ("payment_method", "pm_card_authenticationRequired")];
        all.extend(form);
        let intent = self.create(&all).await;
        assert_eq!(intent["status"], "requires_action");
        let action = &intent["next_action"];
        let url = action["redirect_to_url"]["url"]
            .as_str()
            .or(action["use_stripe_sdk"]["stripe_js"].as_str());
        let url = Url::parse(url.unwrap()).unwrap();
        // The service of a test listens elsewhere than its setting says.
        let here = format!("{}{}?{}", self.service.url, url.path(), url.query().unwrap());
        (intent, Url::parse(&here).unwrap())
    }
}

/// A browser that shows where it is sent instead of going there.
async fn answer(page: &Url, outcome: &str) -> reqwest::Response {
    let secret = page.query_pairs().find(|(name, _)| name == "client_secret").unwrap().1;
    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let form = [("client_secret", secret.as_ref()), ("outcome", outcome)];
    let mut bare = page.clone();
    bare.set_query(None);
    browser.post(bare).form(&form).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_it_is_charged_and_sent_back() {
    let gateway = Gateway::start().await;
    let (intent, page) = gateway.ask_customer(&[("return_url", BACK)]).await;
    let shown = reqwest::get(page.clone()).await.unwrap();
    assert!(shown.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(shown.text().await.unwrap().contains("10.00 EUR"));

    let sent = answer(&page, "complete").await;
    assert_eq!(sent.status(), 303);
    let back = Url::parse(sent.headers()["location"].to_str().unwrap()).unwrap();
    let pairs: Vec<_> = back.query_pairs().into_owned().collect();
    assert!(back.as_str().starts_with(BACK), "{back}");
    assert!(pairs.contains(&("payment_intent".to_owned(), id(&intent).to_owned())));
    assert!(pairs.contains(&("redirect_status".to_owned(), "succeeded".to_owned())));
    let paid = gateway.reread(&intent).await;
    assert_eq!((&paid["status"], &paid["next_action"]), (&json!("succeeded"), &json!(null)));

    // The button pressed twice is one charge.
    assert_eq!(answer(&page, "complete").await.status(), 303);
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_is_not_charged_and_may_try_another_card() {
    let gateway = Gateway::start().await;
    let (intent, page) = gateway.ask_customer(&[]).await;
    let shown = answer(&page, "fail").await;
    assert_eq!(shown.status(), 200);
    assert!(shown.text().await.unwrap().contains("requires_payment_method"));
    let failed = gateway.reread(&intent).await;
    let error = &failed["last_payment_error"];
    assert_eq!(error["code"], "payment_intent_authentication_failure");
    assert_eq!((&failed["latest_charge"], &error["charge"]), (&json!(null), &json!(null)));
    assert_eq!(ok(gateway.confirm(&intent, "pm_card_visa")).await["status"], "succeeded");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_can_be_declined_after_its_customer_was_asked() {
    let gateway = Gateway::start().await;
    let method = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let intent = gateway.create(&[("payment_method", method), ("confirm", "true")]).await;
    let secret = intent["client_secret"].as_str().unwrap();
    let page = format!("{}/3ds/{}?client_secret={secret}", gateway.service.url, id(&intent));
    answer(&Url::parse(&page).unwrap(), "complete").await;
    let failed = gateway.reread(&intent).await;
    assert_eq!(failed["last_payment_error"]["decline_code"], "insufficient_funds");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_buttons_pressed_at_once_lead_back_with_the_same_news() {
    let gateway = Gateway::start().await;
    for _ in 0..5 {
        let (intent, page) = gateway.ask_customer(&[("return_url", BACK)]).await;
        let (one, other) =
            futures_util::future::join(answer(&page, "complete"), answer(&page, "complete")).await;
        for sent in [one, other] {
            let back = sent.headers()["location"].to_str().unwrap();
            assert!(back.ends_with("redirect_status=succeeded"), "{} {back}", sent.status());
        }
        assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 1);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_too_late_is_told_that_it_failed() {
    let gateway = Gateway::start().await;
    let (intent, page) = gateway.ask_customer(&[("return_url", BACK)]).await;
    ok(gateway.post(&format!("/v1/payment_intents/{}/cancel", id(&intent)), &[])).await;
    let sent = answer(&page, "complete").await;
    assert!(sent.headers()["location"].to_str().unwrap().ends_with("redirect_status=failed"));
    assert_eq!(gateway.charges(&intent, "succeeded").await.len(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_client_secret_the_page_does_not_exist() {
    let gateway = Gateway::start().await;
    let (intent, mut page) = gateway.ask_customer(&[]).await;
    page.set_query(Some("client_secret=pi_guess_secret_guess"));
    assert_eq!(reqwest::get(page.clone()).await.unwrap().status(), 404);
    assert_eq!(answer(&page, "complete").await.status(), 404);
    page.set_query(None);
    assert_eq!(reqwest::get(page).await.unwrap().status(), 400);
    assert_eq!(gateway.reread(&intent).await["status"], "requires_action");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_is_not_there_is_a_decline() {
    let gateway = Gateway::start().await;
    let form = [
        ("amount", "1000"),
        ("currency", "eur"),
        ("payment_method", "pm_card_authenticationRequired"),
        ("confirm", "true"),
        ("off_session", "true"),
    ];
    let declined = send(gateway.post("/v1/payment_intents", &form)).await;
    assert_eq!((declined.status, declined.error().1), (402, "authentication_required"));
    gateway.stop().await;
}
