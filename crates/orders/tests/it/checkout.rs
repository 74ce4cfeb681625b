//! The straight way, the refusals, and the double click.

use chrono::TimeDelta;
use serde_json::{Value, json};
use testkit::eventually;

use crate::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_charged_once_sold_and_receipted_once() {
    let shop = Shop::start().await;
    let ((first, price), (second, other_price)) = (shop.book(0).await, shop.book(1).await);
    let (available, ..) = shop.stock(&first).await;
    let (status, order) = shop.order("k1", "pm_card_visa", &[(&first, 2), (&second, 1)]).await;
    assert_eq!((status.as_u16(), &order["state"]), (201, &json!("paid")), "{order}");
    let total = 2 * price + other_price;
    assert_eq!(order["total"], json!({"amount": total, "currency": "EUR"}));
    assert_eq!(shop.charges().await, [(total, true)]);
    eventually("the copies are sold", async || shop.stock(&first).await == (available - 2, 0, 2))
        .await;
    eventually("the receipt is there", async || shop.receipts().len() == 1).await;
    let receipt = &shop.receipts()[0];
    assert!(
        receipt.contains("To: reader@example.com")
            && receipt.contains(order["id"].as_str().unwrap()),
        "{receipt}"
    );

    let history: Vec<Value> = shop.read(&order["id"]).await["history"].as_array().unwrap().clone();
    let path: Vec<&str> = history.iter().map(|entry| entry["state"].as_str().unwrap()).collect();
    assert_eq!(path, ["created", "payment_pending", "confirming", "paid"]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_order_and_another_wish_under_it_is_refused() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let (first, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    let (again, same) = shop.order("\"k1\"", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!((first, again), (reqwest::StatusCode::CREATED, reqwest::StatusCode::CREATED));
    assert_eq!(order, same);
    let (status, problem) = shop.order("k1", "pm_card_visa", &[(&book, 2)]).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (422, &json!("/problems/idempotency-key-reused"))
    );
    assert_eq!(shop.charges().await, [(price, true)]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_clicks_are_one_order_and_one_charge() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let lines = [(book.as_str(), 1)];
    let clicks = (0..30).map(|_| shop.order("k1", "pm_card_visa", &lines));
    let answers = futures_util::future::join_all(clicks).await;
    let id = &answers[0].1["id"];
    for (status, order) in &answers {
        assert!(status.is_success() && order["id"] == *id, "{status}: {order}");
    }
    eventually("it is paid", async || shop.read(id).await["state"] == "paid").await;
    assert_eq!(shop.charges().await, [(price, true)]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_charges_nothing_and_holds_the_stock_until_the_deadline() {
    let shop = Shop::start().await;
    let (book, price) = shop.book(0).await;
    let before = shop.stock(&book).await;
    for _ in 0..2 {
        let (status, problem) = shop.order("k1", "pm_card_chargeDeclined", &[(&book, 1)]).await;
        assert_eq!(
            (status.as_u16(), &problem["type"]),
            (402, &json!("/problems/payment-declined")),
            "{problem}"
        );
        assert_eq!(problem["decline_code"], "generic_decline");
        assert_eq!(shop.read(&problem["order_id"]).await["state"], "declined");
    }
    assert_eq!(shop.stock(&book).await, (before.0 - 1, 1, 0));
    shop.orders.clock.advance(TimeDelta::seconds(1000));
    eventually("the stock is free", async || shop.stock(&book).await == before).await;
    assert_eq!(shop.charges().await, [(price, false)]);
    assert!(shop.receipts().is_empty());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_method_that_does_not_exist_is_a_decline() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let before = shop.stock(&book).await;
    let (status, problem) = shop.order("k1", "pm_card_nonsense", &[(&book, 1)]).await;
    assert_eq!(
        (status.as_u16(), &problem["decline_code"]),
        (402, &json!("resource_missing")),
        "{problem}"
    );
    let (status, order) = shop.act(&problem["order_id"], "cancel", None, json!({})).await;
    assert_eq!((status.as_u16(), &order["state"]), (200, &json!("cancelled")), "{order}");
    eventually("the stock is free", async || shop.stock(&book).await == before).await;
    assert!(shop.charges().await.is_empty());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_stock_is_refused_whole_before_any_money_is_asked_for() {
    let shop = Shop::start().await;
    let ((plenty, _), (scarce, _)) = (shop.book(0).await, shop.book(1).await);
    let (before, (available, ..)) = (shop.stock(&plenty).await, shop.stock(&scarce).await);
    let (status, problem) =
        shop.order("k1", "pm_card_visa", &[(&plenty, 1), (&scarce, available + 1)]).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (409, &json!("/problems/insufficient-stock")),
        "{problem}"
    );
    assert_eq!(problem["shortages"][0]["available"], available);
    assert_eq!(shop.stock(&plenty).await, before);
    assert!(shop.charges().await.is_empty());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_buyers_of_fifty_copies_are_fifty_paid_orders() {
    let shop = Shop::start_with(&[("checkout.most_open_orders", "1000")]).await;
    let (book, price) = shop.book(0).await;
    let (available, ..) = shop.stock(&book).await;
    // Leaves fifty copies, and then asks for two hundred times one.
    let (status, _) = shop.order("first", "pm_card_visa", &[(&book, available - 50)]).await;
    assert_eq!(status.as_u16(), 201);
    let keys: Vec<String> = (0..200).map(|buyer| format!("buyer-{buyer}")).collect();
    let lines = [(book.as_str(), 1)];
    let answers = futures_util::future::join_all(
        keys.iter().map(|key| shop.order(key, "pm_card_visa", &lines)),
    )
    .await;
    let count =
        |status: u16| answers.iter().filter(|(actual, _)| actual.as_u16() == status).count();
    assert_eq!((count(201), count(409)), (50, 150), "{answers:?}");
    let mut charges = shop.charges().await;
    charges.sort_unstable();
    assert_eq!(charges.len(), 51);
    assert_eq!(charges[..50], [(price, true); 50]);
    eventually("all are sold", async || shop.stock(&book).await == (0, 0, available)).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_order_does_not_exist() {
    let mut shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let (_, order) = shop.order("k1", "pm_card_visa", &[(&book, 1)]).await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    shop.customer = uuid::Uuid::new_v4();
    assert_eq!(shop.as_customer(shop.orders.http.get(&path)).await.0.as_u16(), 404);
    let (_, page) = shop.as_customer(shop.orders.http.get("/v1/orders")).await;
    assert_eq!(page["data"], json!([]));
    // The same key of another customer is another order.
    assert_ne!(shop.order("k1", "pm_card_visa", &[(&book, 1)]).await.1["id"], order["id"]);
    assert_eq!(shop.orders.http.get(&path).send().await.unwrap().status().as_u16(), 401);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_orders_are_listed_page_by_page_the_newest_first() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let mut placed = Vec::new();
    for key in ["a", "b", "c"] {
        placed.insert(0, shop.order(key, "pm_card_visa", &[(&book, 1)]).await.1["id"].clone());
    }
    let (_, first) = shop.as_customer(shop.orders.http.get("/v1/orders?limit=2")).await;
    let next = first["next"].as_str().unwrap();
    let (_, second) =
        shop.as_customer(shop.orders.http.get(&format!("/v1/orders?limit=2&after={next}"))).await;
    let ids = |page: &Value| {
        page["data"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!([ids(&first), ids(&second)].concat(), placed);
    assert!(second.get("next").is_none());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_wishes_are_refused_before_anything_happens() {
    let shop = Shop::start().await;
    let (book, _) = shop.book(0).await;
    let good = json!({"lines": [{"book_id": book, "quantity": 1}], "payment_method": "pm_card_visa",
        "receipt_email": "reader@example.com"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, key, status, pointer) in [
        (good.clone(), None, 400, None),
        (good.clone(), Some("x".repeat(256)), 400, None),
        (with("lines", json!([])), Some("k".into()), 422, Some("/lines")),
        (
            with("lines", json!([{"book_id": book, "quantity": 0}])),
            Some("k".into()),
            422,
            Some("/lines/0"),
        ),
        (
            with(
                "lines",
                json!([{"book_id": "book_00000000000070008000000000000000", "quantity": 1}]),
            ),
            Some("k".into()),
            422,
            Some("/lines/0/book_id"),
        ),
        (
            with("payment_method", json!("4242424242424242")),
            Some("k".into()),
            422,
            Some("/payment_method"),
        ),
        (with("receipt_email", json!("nobody")), Some("k".into()), 422, Some("/receipt_email")),
        (
            with("receipt_email", json!("a..b@example.com")),
            Some("k".into()),
            422,
            Some("/receipt_email"),
        ),
        (with("total", json!(1)), Some("k".into()), 422, Some("")),
    ] {
        let request = shop.orders.http.post("/v1/orders").json(&body);
        let request = match &key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        let (actual, problem) = shop.as_customer(request).await;
        assert_eq!(actual.as_u16(), status, "{body}: {problem}");
        if let Some(pointer) = pointer {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        assert!(!problem.to_string().contains("4242"), "a card number is repeated: {problem}");
    }
    let (_, page) = shop.as_customer(shop.orders.http.get("/v1/orders")).await;
    assert_eq!(page["data"], json!([]));
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_holds_only_so_much_stock_without_paying() {
    let shop = Shop::start_with(&[("checkout.most_open_orders", "2")]).await;
    let (book, _) = shop.book(0).await;
    let mut declined = Value::Null;
    for key in ["a", "b"] {
        let (status, problem) = shop.order(key, "pm_card_chargeDeclined", &[(&book, 1)]).await;
        assert_eq!(status.as_u16(), 402);
        declined = problem["order_id"].clone();
    }
    let (status, problem) = shop.order("c", "pm_card_visa", &[(&book, 1)]).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (429, &json!("/problems/too-many-open-orders"))
    );
    shop.act(&declined, "cancel", None, json!({})).await;
    assert_eq!(shop.order("c", "pm_card_visa", &[(&book, 1)]).await.0.as_u16(), 201);
    shop.stop().await;
}
