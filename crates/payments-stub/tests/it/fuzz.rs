//! Bodies that no honest client sends: brackets in every spelling, deep nesting, repeated keys, broken encodings, a
//! megabyte of anything. Each is refused with a clear error or understood; nothing crashes, and nothing grows.

use futures_util::StreamExt as _;
use futures_util::stream;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Client;

use crate::KEY;
use crate::process::Process;

const BODIES: usize = 3000;
const PATHS: [&str; 8] = [
    "/v1/payment_intents",
    "/v1/payment_intents/pi_none",
    "/v1/payment_intents/pi_none/confirm",
    "/v1/payment_intents/pi_none/capture",
    "/v1/payment_intents/pi_none/cancel",
    "/v1/refunds",
    "/v1/webhook_endpoints",
    "/v1/webhook_endpoints/we_none/roll_secret",
];

/// Parts that mean something to the parser, so that what is put together reaches its corners.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "amount",
        "currency",
        "metadata",
        "expand",
        "confirm",
        "created",
        "limit",
        "payment_method",
        "enabled_events",
        "automatic_payment_methods",
        "enabled",
        "url",
        "card",
        "%5B",
        "%5D",
        "[",
        "]",
        "[]",
        "[0]",
        "[a]",
        "[[",
        "]]",
        "=",
        "&",
        "&&",
        ";",
        "+",
        "%",
        "%2",
        "%zz",
        "%00",
        "%ff",
        "%C3%28",
        "\u{0}",
        "\u{202e}",
        "é",
        "10",
        "-1",
        "99999999999999999999",
        "1e9",
        "eur",
        "true",
        "pm_card_visa",
        "4242424242424242",
    ]);
    prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

/// A body, and sometimes a very large or a very deep one.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let small = prop::collection::vec(part(), 0..24).prop_map(|parts| parts.concat());
    let deep =
        (1_usize..5000).prop_map(|depth| format!("metadata{}=1", "[a]".repeat(depth)).into_bytes());
    let many = (1_usize..3000).prop_map(|count| {
        let pairs = (0..count).map(|number| format!("metadata[k{number}]=v"));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    });
    let repeated = (1_usize..3000).prop_map(|count| "amount=1&".repeat(count).into_bytes());
    let large = part().prop_map(|part| {
        let part = if part.is_empty() { b"x".to_vec() } else { part };
        part.iter().copied().cycle().take(1_048_576).collect()
    });
    prop_oneof![60 => small, 2 => deep, 2 => many, 2 => repeated, 1 => large]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_is_answered_and_nothing_grows() {
    let http = Client::builder().no_proxy().build().unwrap();
    let mut gateway = Process::new().await;
    gateway.start(&http).await;

    // The same bodies in every run: a failure can be looked into.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let bodies: Vec<_> =
        (0..BODIES).map(|_| body().new_tree(&mut runner).unwrap().current()).collect();
    let sent = bodies.into_iter().enumerate().map(|(number, body)| {
        let (http, url) = (http.clone(), format!("{}{}", gateway.url, PATHS[number % PATHS.len()]));
        async move {
            let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let request = http.post(&url).bearer_auth(KEY).body(body);
            let kind = "application/x-www-form-urlencoded";
            let answer = request.header("content-type", kind).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{url} {shown}: {error}"));
            let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
            let value: serde_json::Value = serde_json::from_str(&text)
                .unwrap_or_else(|_| panic!("{url} {shown}: {status} is no JSON: {text}"));
            assert!(status < 500, "{url} {shown}: {status} {text}");
            assert_eq!(status == 200, value.get("error").is_none(), "{url} {shown}: {text}");
            status
        }
    });
    let statuses: Vec<u16> = stream::iter(sent).buffer_unordered(16).collect().await;

    // The parser was really reached: not everything was refused at the door.
    assert!(statuses.contains(&400) && statuses.contains(&404) && statuses.contains(&413));
    // Sixteen at once, of which each may hold the limit of 128 KiB several times: far less than the bodies that came.
    if let Some(peak) = gateway.peak_memory() {
        assert!(peak < 160 * 1024 * 1024, "it held {} MiB", peak / 1024 / 1024);
    }
    gateway.end().await;
}
