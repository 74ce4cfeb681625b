//! What the database itself refuses, whatever the code above it believes.

use crate::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_successful_charge_is_refused() {
    let gateway = Gateway::start().await;
    gateway.pay(1000).await;
    for (status, captured) in [("captured", "amount"), ("authorized", "0"), ("pending", "0")] {
        let copy = format!(
            "INSERT INTO charges (id, payment_intent_id, amount, amount_captured, currency, status, payment_method, metadata, created_at) \
             SELECT 'ch_second', payment_intent_id, amount, {captured}, currency, '{status}', payment_method, metadata, created_at FROM charges"
        );
        assert_eq!(refused_by(&gateway, &copy).await, "charges_one_alive");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_can_be_written_but_not_rewritten() {
    let gateway = Gateway::start().await;
    gateway.pay(1000).await;
    let twice = "INSERT INTO transfers (kind, debit, credit, amount, currency, charge_id, created_at) \
                 SELECT kind, debit, credit, amount, currency, charge_id, created_at FROM transfers";
    assert_eq!(refused_by(&gateway, twice).await, "transfers_once");
    let elsewhere = "INSERT INTO transfers (kind, debit, credit, amount, currency, charge_id, created_at) \
                     SELECT 'hold', credit, debit, amount, currency, charge_id, created_at FROM transfers";
    assert_eq!(refused_by(&gateway, elsewhere).await, "transfers_accounts");
    for statement in ["UPDATE transfers SET amount = 1", "DELETE FROM transfers"] {
        let error = gateway.sql().await.batch_execute(statement).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().message(), "transfers are append-only");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_back_than_was_taken_is_refused() {
    let gateway = Gateway::start().await;
    gateway.pay(1000).await;
    assert_eq!(
        refused_by(&gateway, "UPDATE charges SET amount_refunded = 1001").await,
        "charges_refunded"
    );
    assert_eq!(
        refused_by(&gateway, "UPDATE charges SET amount_refunded = -1").await,
        "charges_refunded"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_a_charge_is_refused() {
    let gateway = Gateway::start().await;
    gateway.create(&[]).await;
    let paid = "UPDATE payment_intents SET status = 'succeeded'";
    assert_eq!(refused_by(&gateway, paid).await, "payment_intents_succeeded");
    gateway.stop().await;
}

/// The constraint that refuses `statement`.
async fn refused_by(gateway: &Gateway, statement: &str) -> String {
    let error = gateway.sql().await.batch_execute(statement).await.unwrap_err();
    error.as_db_error().unwrap().constraint().unwrap().to_owned()
}
