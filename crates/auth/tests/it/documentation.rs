//! The documentation says what the code does.

use crate::Auth;

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_openapi_document_is_the_generated_one() {
    testkit::assert_openapi_is_current(
        auth::app::openapi(),
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_the_page_works_offline() {
    let auth = Auth::start().await;
    testkit::assert_operations_are_routed(&auth.service, &auth::app::openapi()).await;
    testkit::assert_documentation_is_served(&auth.service).await;
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_problem_is_explained() {
    use auth::routes::problems::{
        INVALID_CLIENT, INVALID_CREDENTIALS, INVALID_GRANT, INVALID_SCOPE, SPENT_LINK,
        UNSUPPORTED_GRANT_TYPE,
    };
    let auth = Auth::start().await;
    for kind in [
        INVALID_CLIENT,
        INVALID_CREDENTIALS,
        INVALID_GRANT,
        INVALID_SCOPE,
        SPENT_LINK,
        UNSUPPORTED_GRANT_TYPE,
    ] {
        let answer =
            auth.service.http.get(&format!("/problems/{}", kind.slug)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{} is not in docs/problems.md", kind.slug);
    }
    auth.stop().await;
}
