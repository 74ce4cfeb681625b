//! The documentation says what the code does.

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_openapi_document_is_the_generated_one() {
    testkit::assert_openapi_is_current(
        orders::app::openapi(),
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_the_page_works_offline() {
    let shop = crate::Shop::start().await;
    testkit::assert_operations_are_routed(&shop.orders, &orders::app::openapi()).await;
    testkit::assert_documentation_is_served(&shop.orders).await;
    shop.stop().await;
}
