//! Settings: each has a reason, and what services share looks the same in all of them.

use std::collections::BTreeMap;

use crate::tree::Tree;

/// The sections that the chassis defines and every service has.
const SHARED: [&str; 3] = ["http", "log", "database"];

/// A line such as `key = 1`.
struct Setting<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    /// Whether the line above it is a comment.
    has_reason: bool,
}

/// Settings without a comment.
pub(crate) fn reasons(tree: &Tree, report: &mut Vec<String>) {
    for (path, file) in tree.under("crates/", "/config/default.toml") {
        for setting in settings(&file.text).iter().filter(|setting| !setting.has_reason) {
            report.push(format!("{path}:{}: say why in a comment above it", setting.line));
        }
    }
}

/// Shared sections whose keys are not those of the first service that has the section.
pub(crate) fn shapes(tree: &Tree, report: &mut Vec<String>) {
    let mut models = BTreeMap::new();
    for (path, file) in tree.under("crates/", "/config/default.toml") {
        for name in SHARED {
            let settings =
                settings(&file.text).into_iter().filter(|setting| setting.section == name);
            let (lines, keys): (Vec<_>, Vec<_>) =
                settings.map(|setting| (setting.line, setting.key)).unzip();
            let Some(line) = lines.first() else { continue };
            let (model, expected) = models.entry(name).or_insert_with(|| (path, keys.clone()));
            if *expected != keys {
                report.push(format!(
                    "{path}:{line}: [{name}] has {keys:?}, in {model} {expected:?}: agree"
                ));
            }
        }
    }
}

fn settings(text: &str) -> Vec<Setting<'_>> {
    let (mut found, mut section, mut above) = (Vec::new(), "", "");
    for (line, content) in (1..).zip(text.lines()) {
        // Lines of an array that goes on for several have no key: quotes, commas and spaces are not part of one.
        let is_key =
            |key: &str| key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let key = content.split_once('=').map(|(key, _)| key.trim()).filter(|key| is_key(key));
        if let Some(header) = content.strip_prefix('[') {
            section = header.trim_end_matches(']');
        } else if let Some(key) = key {
            found.push(Setting { line, section, key, has_reason: above.starts_with('#') });
        }
        above = content;
    }
    found
}

#[test]
fn a_setting_without_a_reason_is_reported() {
    let text = "# Why.\n[a]\n# Why.\na = [\n  \"x=1\",\n]\nb = { c = 1 }\n\n# Why.\n\nd = 1\n[x.y]\n# e = 1\ne.f = 1\n";
    let places = crate::places(
        reasons,
        &[("crates/x/config/default.toml", text), ("crates/x/other.toml", "a = 1")],
    );
    assert_eq!(places, [7, 11].map(|line| format!("crates/x/config/default.toml:{line}")));
}

#[test]
fn services_that_disagree_are_reported() {
    let files = [
        ("crates/a/config/default.toml", "[http]\nx = 1\ny = 2\n[own]\na = 1"),
        ("crates/b/config/default.toml", "[http]\nx = 3\n# Why.\ny = 4\n[own]\nb = 1"),
        ("crates/c/config/default.toml", "[own]\na = 1\n[http]\ny = 2\nx = 1"),
    ];
    assert_eq!(crate::places(shapes, &files), ["crates/c/config/default.toml:4"]);
}
