//! Problem types: the code and `docs/problems.md` name the same ones, and services mean the same by one name.

use std::collections::BTreeMap;

use crate::links::Page;
use crate::source::Token;
use crate::tree::Tree;

const DOCUMENT: &str = "docs/problems.md";

/// Types without a heading, types that disagree, and headings without a type.
pub(crate) fn check(tree: &Tree, report: &mut Vec<String>) {
    let mut headings = Page::read(tree.files.get(DOCUMENT).map_or("", |file| &file.text)).headings;
    headings.retain(|heading| heading.level as usize == 2);
    let mut known = BTreeMap::new();
    for source in tree.rust("/src/") {
        for (call, rest) in source.after("ProblemType :: new (") {
            if source.is_test(call.line) {
                continue;
            }
            let (path, line) = (&source.path, call.line);
            let mut arguments = rest.split(|token| token.text == ",");
            let mut argument = || arguments.next().unwrap_or_default();
            let (slug, status, title) = (argument().first(), argument().last(), argument().first());
            let (slug, meaning) = (text(slug), [text(status), text(title)]);
            if !headings.iter().any(|heading| heading.text == slug) {
                report.push(format!("{path}:{line}: describe it under `## {slug}` in {DOCUMENT}"));
            }
            let (first, expected) = known.entry(slug).or_insert((path, meaning));
            if *expected != meaning {
                report.push(format!("{path}:{line}: {slug} is {expected:?} in {first}: agree"));
            }
        }
    }
    for heading in headings.iter().filter(|heading| !known.contains_key(&*heading.text)) {
        let (line, slug) = (heading.line, &heading.text);
        report.push(format!("{DOCUMENT}:{line}: nothing answers {slug}: remove it"));
    }
}

/// A word, or what stands between the quotes of a literal.
fn text(token: Option<&Token>) -> &str {
    token.map_or("", |token| token.text.trim_matches('"'))
}

#[test]
fn types_and_headings_without_each_other_are_reported() {
    let code = "const A: X = ProblemType::new(\"a\", StatusCode::GONE, \"A, b\");\n\
                const B: X =\n  ProblemType::new(\n  \"b\",\n  StatusCode::GONE,\n  \"B\",\n);";
    let files = [("crates/x/src/a.rs", code), (DOCUMENT, "# Problems\n\n## a\n\n## c\n\n### d\n")];
    assert_eq!(crate::places(check, &files), ["crates/x/src/a.rs:3", "docs/problems.md:5"]);
}

#[test]
fn types_that_disagree_are_reported() {
    let files = [
        ("crates/a/src/x.rs", "const A: X = ProblemType::new(\"a\", S::GONE, \"A\");"),
        ("crates/b/src/x.rs", "const A: X = ProblemType::new(\"a\", http::S::GONE, \"A\",);"),
        ("crates/c/src/x.rs", "const A: X = ProblemType::new(\"a\", S::CONFLICT, \"A\");"),
        ("crates/d/src/x.rs", "const A: X = ProblemType::new(\"a\", S::GONE, \"B\");"),
        (DOCUMENT, "## a"),
    ];
    assert_eq!(crate::places(check, &files), ["crates/c/src/x.rs:1", "crates/d/src/x.rs:1"]);
}
