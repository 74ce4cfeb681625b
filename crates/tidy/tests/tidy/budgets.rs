//! How long things may be. A budget is a smoke alarm: split where the meaning splits, never squeeze code to fit.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::source::Function;
use crate::tree::{Tree, crate_of};

/// Lines between the braces of a function, of a handler, and of half and of nine tenths of a crate's functions.
const FUNCTION: usize = 60;
const HANDLER: usize = 20;
const MEDIAN: usize = 12;
const P90: usize = 40;
/// Lines of a file, tests apart.
const FILE: usize = 300;
/// Lines of a service that are comments, in a hundred.
const COMMENTS: RangeInclusive<usize> = 10..=35;

/// The figures of a crate.
#[derive(Default)]
struct Figures {
    /// The lengths of its functions, sorted.
    functions: Vec<usize>,
    lines: usize,
    comments: usize,
}

/// What is too long, and files that do not begin with what they are for.
pub(crate) fn check(tree: &Tree, report: &mut Vec<String>) {
    for source in tree.rust("/src/") {
        let (path, lines) = (&source.path, source.lines().count());
        if !source.text.starts_with("//! ") {
            report.push(format!("{path}:1: open the file with `//! ` and what it is for"));
        }
        if lines > FILE {
            report.push(format!("{path}:1: {lines} lines, {FILE} are allowed: move a subject out"));
        }
        for function in source.functions() {
            let Function { name, line, lines, is_handler, is_documented } = function;
            let is_handler = is_handler && is_documented && path.contains("/src/routes/");
            let limit = if is_handler { HANDLER } else { FUNCTION };
            if lines > limit {
                report.push(format!(
                    "{path}:{line}: {name} has {lines} lines, {limit} are allowed: split it"
                ));
            }
        }
    }
    for (name, figures) in figures(tree) {
        let [median, p90] = [50, 90].map(|percent| figures.percentile(percent));
        if median > MEDIAN || p90 > P90 {
            let what =
                format!("median {median} (<= {MEDIAN}), p90 {p90} (<= {P90}): split functions");
            report.push(format!("crates/{name}:1: {what}"));
        }
        let share = figures.share();
        let is_service = tree.files.contains_key(&format!("crates/{name}/src/app.rs"));
        if is_service && !COMMENTS.contains(&share) {
            report.push(format!(
                "crates/{name}:1: {share} % comments, not {COMMENTS:?}: say why, once"
            ));
        }
    }
}

/// The figures of all crates, to print.
pub(crate) fn table(tree: &Tree) -> String {
    let rows = figures(tree).into_iter().map(|(name, figures)| {
        let [median, p90, max] = [50, 90, 100].map(|percent| figures.percentile(percent));
        let (count, lines, share) = (figures.functions.len(), figures.lines, figures.share());
        format!("\n{name:<18}{count:>8}{median:>8}{p90:>5}{max:>5}{lines:>8}{share:>8} %")
    });
    String::from("crate            functions  median  p90  max   lines  comments")
        + &rows.collect::<String>()
}

fn figures(tree: &Tree) -> BTreeMap<&str, Figures> {
    let mut crates = BTreeMap::<&str, Figures>::new();
    for source in tree.rust("/src/").filter(|source| source.is_in_src()) {
        let figures = crates.entry(crate_of(&source.path)).or_default();
        figures.functions.extend(source.functions().map(|function| function.lines));
        figures.functions.sort_unstable();
        figures.lines += source.lines().count();
        let comments = source.lines().filter(|(_, line)| line.trim_start().starts_with("//"));
        figures.comments += comments.count();
    }
    crates
}

impl Figures {
    /// The length that so many in a hundred functions do not exceed.
    fn percentile(&self, percent: usize) -> usize {
        let rank = (self.functions.len() * percent).div_ceil(100);
        self.functions.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many in a hundred lines are comments.
    fn share(&self) -> usize {
        self.comments * 100 / self.lines.max(1)
    }
}

#[cfg(test)]
fn places(path: &str, text: &str) -> Vec<String> {
    crate::places(check, &[(&format!("crates/x/src/{path}"), text)])
}

#[test]
fn long_functions_and_handlers_are_reported() {
    // Among ten short ones and a test of a hundred lines.
    let text = |attribute: &str, lines| {
        let (calm, [lines, tests]) =
            ("fn a() {}\n".repeat(10), [lines, 100].map(|count| "();\n".repeat(count)));
        let tests = format!("#[cfg(test)]\nfn b() {{\n{tests}}}");
        format!("//! X.\n{calm}{attribute}pub async fn f() {{\n{lines}}}\n{tests}")
    };
    assert!(places("a.rs", &text("", 60)).is_empty());
    assert_eq!(places("a.rs", &text("", 61)), ["crates/x/src/a.rs:12"]);
    let handler = |lines| text("#[utoipa::path(get)]", lines);
    assert!(places("routes/a.rs", &handler(20)).is_empty());
    assert_eq!(places("routes/a.rs", &handler(21)), ["crates/x/src/routes/a.rs:12"]);
}

#[test]
fn crates_of_long_functions_are_reported() {
    let text = |lines| format!("//! X.\nfn f() {{\n{}}}\n", "();\n".repeat(lines));
    assert!(places("lib.rs", &text(12)).is_empty());
    assert_eq!(places("lib.rs", &text(13)), ["crates/x:1"]);
    let calm = "fn a() {}\n".repeat(8);
    assert!(places("lib.rs", &format!("{}{calm}", text(40))).is_empty());
    assert_eq!(places("lib.rs", &format!("{}{calm}", text(41))), ["crates/x:1"]);
}

#[test]
fn long_files_are_reported_and_those_without_an_opening() {
    let text = |lines| "//! X.\n".repeat(lines);
    assert!(places("a.rs", &text(300)).is_empty());
    assert_eq!(places("a.rs", &text(301)), ["crates/x/src/a.rs:1"]);
    assert_eq!(places("a.rs", &text(0)), ["crates/x/src/a.rs:1"]);
}

#[test]
fn services_with_too_many_or_too_few_comments_are_reported() {
    let text = |comments| "//! X.\n".repeat(comments) + &"use x;\n".repeat(100 - comments);
    assert!(places("app.rs", &text(10)).is_empty() && places("app.rs", &text(35)).is_empty());
    assert_eq!([9, 36].map(|share| places("app.rs", &text(share))), [["crates/x:1"]; 2]);
}
