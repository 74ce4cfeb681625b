//! Routes: whatever handles a request is documented, listed in the OpenAPI document, and reachable.

use crate::source::{Source, find};
use crate::tree::Tree;

/// Handlers that a client cannot find, or cannot read about.
pub(crate) fn check(tree: &Tree, report: &mut Vec<String>) {
    for source in tree.rust("/src/routes/") {
        let Some((folder, file)) = source.path.split_once("/routes/") else { continue };
        let module = file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let app = tree.rust(folder).find(|app| app.path == format!("{folder}/app.rs"));
        for function in source.functions().filter(|function| function.is_handler) {
            let name = format!("{module} :: {}", function.name);
            let faults = [
                (
                    function.is_documented,
                    "add #[utoipa::path], or make it pub(crate) if it is no handler",
                ),
                (app.is_some_and(|app| is_listed(app, &name)), "add it to `paths(…)` in app.rs"),
                (
                    app.is_some_and(|app| is_routed(app, &name)),
                    "add it to the table in app.rs, or remove it",
                ),
            ];
            for (_, what) in faults.iter().filter(|(is_fine, _)| !is_fine) {
                report.push(format!("{}:{}: {what}", source.path, function.line));
            }
        }
    }
}

/// Whether the handler of this name stands in `paths(…)`.
fn is_listed(app: &Source, name: &str) -> bool {
    app.after("paths (").iter().any(|(_, rest)| {
        let list = rest.split(|token| token.text == ")").next();
        list.is_some_and(|list| !find(list, name).is_empty())
    })
}

/// Whether it stands behind a method: `.get(…)`, or `.to(…)`.
fn is_routed(app: &Source, name: &str) -> bool {
    let methods = ["get", "head", "post", "put", "patch", "delete", "to"];
    methods.iter().any(|method| !app.after(&format!("{method} ( {name}")).is_empty())
}

#[test]
fn handlers_that_nobody_can_find_are_reported() {
    let app = "fn configure() {\n  resource(\"/\").get(books::good).put(books::bare).post(books::unlisted);\n}\n\
               #[openapi(paths(books::good, books::bare, books::lost), tags())]\nstruct Documentation;";
    let routes = "#[utoipa::path(get)]\npub async fn good() {}\npub async fn bare() {}\n#[utoipa::path(get)]\n\
                  pub async fn unlisted() {}\n#[utoipa::path(get)]\npub async fn lost() {}\n\
                  pub async fn wrap(next: middleware::Next<B>) {}\npub(crate) async fn help() {}";
    let files = [("crates/x/src/app.rs", app), ("crates/x/src/routes/books.rs", routes)];
    let expected = [3, 5, 7].map(|line| format!("crates/x/src/routes/books.rs:{line}"));
    assert_eq!(crate::places(check, &files), expected);
}
