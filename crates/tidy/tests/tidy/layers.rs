//! Who knows what: domains nothing of HTTP and SQL, the chassis nothing of the business, handlers no failing status.

use crate::tree::Tree;

/// What a domain does not know.
const TOOLS: [&str; 4] = ["actix", "diesel", "reqwest", "redis"];

/// What the chassis does not know, also in the plural.
const NOUNS: [&str; 4] = ["book", "order", "payment", "account"];

/// Phrases in which "order" is a sequence, and the chassis may say it.
const SEQUENCES: &str = "in order, in the order, in that order, in the same order, order of, order by, \
                         order in which, other order, out of order";

/// The statuses that any handler may choose, because nothing went wrong: `StatusCode::NO_CONTENT` and
/// `HttpResponse::NoContent` without what distinguishes them.
const SUCCESSES: &str = "ok created accepted nocontent resetcontent partialcontent movedpermanently found \
                         seeother notmodified temporaryredirect permanentredirect";

/// Domains that use a tool.
pub(crate) fn domains(tree: &Tree, report: &mut Vec<String>) {
    for source in tree.rust("/src/domain") {
        for token in &source.tokens {
            if token.text.split('_').any(|part| TOOLS.contains(&part)) {
                let (path, line, tool) = (&source.path, token.line, &token.text);
                report.push(format!("{path}:{line}: a domain knows no {tool}: move this out"));
            }
        }
    }
}

/// Documentation of the chassis that needs the business to be understood.
pub(crate) fn nouns(tree: &Tree, report: &mut Vec<String>) {
    for source in tree.rust("crates/chassis/src/") {
        let lines = source.lines().map(|(number, line)| (number, line.trim_start()));
        let lines = lines.filter(|(_, line)| line.starts_with("///") || line.starts_with("//!"));
        let words = lines.flat_map(|(number, line)| {
            let words = line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
            words.map(move |word| (number, word.to_lowercase()))
        });
        let (numbers, words): (Vec<_>, Vec<_>) = words.unzip();
        for (index, (line, word)) in numbers.iter().zip(&words).enumerate() {
            let is_noun = NOUNS.contains(&word.strip_suffix('s').unwrap_or(word));
            if is_noun && !is_sequence(&words, index) {
                let path = &source.path;
                report.push(format!("{path}:{line}: the chassis knows no {word}: rephrase"));
            }
        }
    }
}

/// Whether the word at `index` is the "order" of one of [`SEQUENCES`].
fn is_sequence(words: &[String], index: usize) -> bool {
    SEQUENCES.split(", ").any(|phrase| {
        let before = phrase.split(' ').take_while(|word| *word != "order").count();
        let from = index.checked_sub(before).and_then(|start| words.get(start..));
        from.is_some_and(|words| phrase.split(' ').eq(words.iter().take(phrase.split(' ').count())))
    })
}

/// Handlers that choose the status of a failure.
pub(crate) fn statuses(tree: &Tree, report: &mut Vec<String>) {
    let choosers = ["/routes/problems.rs", "/routes/errors.rs"];
    for source in tree.rust("/src/routes").chain(tree.rust("/src/app.rs")) {
        if choosers.iter().any(|end| source.path.ends_with(end)) {
            continue;
        }
        let chosen = ["StatusCode ::", "HttpResponse ::"].map(|kind| source.after(kind)).concat();
        for token in chosen.iter().filter_map(|(_, rest)| rest.first()) {
            let (path, line, status) = (&source.path, token.line, &token.text);
            let is_status = status.starts_with(|first: char| first.is_ascii_uppercase());
            let plain = status.replace('_', "").to_lowercase();
            let is_success = SUCCESSES.split(' ').any(|success| success == plain);
            if is_status && !is_success && !source.is_test(line) {
                report.push(format!("{path}:{line}: {status}: leave it to routes/problems.rs"));
            }
        }
    }
}

#[test]
fn a_domain_that_knows_a_tool_is_reported() {
    let files = [
        ("crates/x/src/domain/a.rs", "//! No diesel.\nfn redirect() -> &'static str { \"redis\" }"),
        ("crates/x/src/domain/b.rs", "use std::fmt;\nuse actix_web::web;"),
        ("crates/x/src/routes/c.rs", "use actix_web::web;"),
    ];
    assert_eq!(crate::places(domains, &files), ["crates/x/src/domain/b.rs:2"]);
}

#[test]
fn a_business_noun_in_the_chassis_is_reported() {
    let text = "//! Steps in\n//! order, in the order in which they come.\n// An order.\n/// Bookings.\n\
                fn order() {}\n/// Pays an order_id.\nfn a() {}\n/// Of Accounts.\nfn b() {}";
    let files = [("crates/chassis/src/a.rs", text), ("crates/orders/src/lib.rs", "//! Orders.")];
    let expected = [6, 8].map(|line| format!("crates/chassis/src/a.rs:{line}"));
    assert_eq!(crate::places(nouns, &files), expected);
}

#[test]
fn a_failing_status_in_a_handler_is_reported() {
    let good = "fn a() { (StatusCode::NOT_MODIFIED, HttpResponse::Ok(), HttpResponse::build(b)) }";
    let bad = "fn a() {\n StatusCode::CONFLICT;\n HttpResponse::NotFound();\n}\n\
               #[cfg(test)]\nuse StatusCode::GONE;";
    let path = "crates/x/src/routes/a.rs";
    assert!(crate::places(statuses, &[(path, good), ("x/src/routes/errors.rs", bad)]).is_empty());
    let expected = [2, 3].map(|line| format!("{path}:{line}"));
    assert_eq!(crate::places(statuses, &[(path, bad)]), expected);
}
