//! Pages: every object once, and an end.

use std::collections::HashSet;

use chrono::TimeDelta;

use crate::{Gateway, data, id, ok, send};

#[tokio::test(flavor = "multi_thread")]
async fn paging_forward_shows_every_object_once_and_ends() {
    let gateway = Gateway::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(id(&gateway.create(&[]).await).to_owned());
    }
    made.reverse();
    let (mut seen, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = ok(gateway.get(&format!("/v1/payment_intents?limit=3{after}"))).await;
        seen.extend(data(&page).iter().map(|intent| id(intent).to_owned()));
        pages += 1;
        assert!(pages < 10, "it never ends");
        if page["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", seen.last().unwrap());
    }
    assert_eq!((seen, pages), (made, 3));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_exactly_full_is_the_last_one() {
    let gateway = Gateway::start().await;
    for _ in 0..3 {
        gateway.create(&[]).await;
    }
    let page = ok(gateway.get("/v1/payment_intents?limit=3")).await;
    assert_eq!((data(&page).len(), &page["has_more"]), (3, &false.into()));
    let last = id(&data(&page)[2]).to_owned();
    let empty = ok(gateway.get(&format!("/v1/payment_intents?starting_after={last}"))).await;
    assert_eq!((data(&empty).len(), &empty["has_more"]), (0, &false.into()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_backward_leads_to_the_newer_neighbours() {
    let gateway = Gateway::start().await;
    for _ in 0..5 {
        gateway.create(&[]).await;
    }
    let all = ok(gateway.get("/v1/payment_intents")).await;
    let before = id(&data(&all)[3]).to_owned();
    let page =
        ok(gateway.get(&format!("/v1/payment_intents?limit=2&ending_before={before}"))).await;
    assert_eq!((data(&page), &page["has_more"]), (&data(&all)[1..3], &true.into()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_objects_do_not_disturb_a_walk() {
    let gateway = Gateway::start().await;
    for _ in 0..4 {
        gateway.create(&[]).await;
    }
    let first = ok(gateway.get("/v1/payment_intents?limit=2")).await;
    gateway.create(&[]).await;
    let next = format!("/v1/payment_intents?limit=2&starting_after={}", id(&data(&first)[1]));
    let second = ok(gateway.get(&next)).await;
    let ids: HashSet<_> = data(&first).iter().chain(data(&second)).map(id).collect();
    assert_eq!(ids.len(), 4);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_time_includes_its_ends() {
    let gateway = Gateway::start().await;
    let old = gateway.create(&[]).await;
    gateway.service.clock.advance(TimeDelta::hours(1));
    let new = gateway.create(&[]).await;
    let (then, now) = (old["created"].as_i64().unwrap(), new["created"].as_i64().unwrap());
    let get = async |query: String| {
        ok(gateway.get(&format!("/v1/payment_intents?{query}"))).await["data"].clone()
    };
    assert_eq!(get(format!("created[gte]={now}")).await, serde_json::json!([new]));
    assert_eq!(get(format!("created[lte]={then}")).await, serde_json::json!([old]));
    assert_eq!(
        get(format!("created[gte]={then}&created[lte]={now}")).await,
        serde_json::json!([new, old])
    );
    assert_eq!(get(format!("created[gte]={}", now + 1)).await, serde_json::json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_names_itself_and_refuses_a_bad_page() {
    let gateway = Gateway::start().await;
    for path in
        ["/v1/payment_intents", "/v1/charges", "/v1/refunds", "/v1/events", "/v1/webhook_endpoints"]
    {
        let list = ok(gateway.get(path)).await;
        assert_eq!((&list["object"], &list["url"]), (&"list".into(), &path.into()));
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=many", "limit"),
            ("starting_after=xx_nothing", "starting_after"),
            ("ending_before=xx_nothing", "ending_before"),
            ("starting_after=a&ending_before=b", "starting_after"),
            ("created[gte]=yesterday", "created[gte]"),
            ("created[lte]=99999999999999", "created[lte]"),
            ("offset=5", "offset"),
            ("created[between]=1", "created[between]"),
        ] {
            let refused = send(gateway.get(&format!("{path}?{query}"))).await;
            assert_eq!(
                (refused.status, refused.error().2),
                (400, param),
                "{path}?{query}: {}",
                refused.text
            );
        }
    }
    gateway.stop().await;
}
