//! The documentation says what the code does.

use crate::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_openapi_document_is_the_generated_one() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    testkit::assert_openapi_is_current(payments_stub::app::openapi(), committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_the_page_works_offline() {
    let gateway = Gateway::start().await;
    testkit::assert_operations_are_routed(&gateway.service, &payments_stub::app::openapi()).await;
    testkit::assert_documentation_is_served(&gateway.service).await;
    gateway.stop().await;
}
