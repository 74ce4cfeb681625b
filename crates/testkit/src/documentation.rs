//! That a service's documentation says what the service does.

use utoipa::openapi::OpenApi;

use crate::Running;

/// The committed document is the one that the code generates. `UPDATE_OPENAPI=1` writes it instead.
pub fn assert_openapi_is_current(generated: OpenApi, committed: &str) {
    let generated = &chassis::openapi::render(generated).json;
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(committed, generated).unwrap();
        return;
    }
    let on_disk = std::fs::read_to_string(committed).unwrap_or_default();
    assert!(
        *generated == on_disk,
        "{committed} is out of date: run scripts/openapi and review the difference"
    );
}

/// Every operation of the document reaches a handler: none is answered as an unknown path or a wrong method.
pub async fn assert_operations_are_routed(service: &Running, document: &OpenApi) {
    let document = serde_json::to_value(document).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let path = path.replace(['{', '}'], "");
            let answer = service.http.request(&method.to_uppercase(), &path).send().await.unwrap();
            let status = answer.status();
            let body = answer.text().await.unwrap();
            let unrouted = status == 405
                || body.contains("no-such-route")
                || body.contains("Unrecognized request URL");
            assert!(!unrouted, "{method} {path} is documented but not routed: {status} {body}");
            operations += 1;
        }
    }
    assert!(operations > 0, "the document has no operations");
}

/// `/openapi.json` and `/docs/` are served, and the page refers to nothing outside the service.
pub async fn assert_documentation_is_served(service: &Running) {
    let document: serde_json::Value =
        service.http.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let page = service.http.get("/docs/").send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "{page}");
    let script = service.http.get("/docs/swagger-ui-bundle.js").send().await.unwrap();
    assert_eq!(script.status(), 200);
}
