//! The rules of the house, one test each; a failure lists every `file:line: what is wrong and what to do`.
//!
//! They read the files that git tracks or would track. Each rule stands in a module of its own, beside a test that
//! plants violations: a rule that never fails proves nothing.
//! `cargo test -p tidy -- --nocapture figures` prints the figures that the budgets are about.
#![expect(clippy::panic, clippy::expect_used, reason = "failing is what tests are for")]

mod budgets;
mod hygiene;
mod layers;
mod links;
mod migrations;
mod problems;
mod routes;
mod settings;
mod source;
mod tree;

use std::path::Path;
use std::sync::LazyLock;

use tree::Tree;

/// This repository, read once for all tests.
static REPOSITORY: LazyLock<Tree> =
    LazyLock::new(|| Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")));

/// Writes a test for each rule.
macro_rules! rules {
    ($($name:ident: $check:path,)*) => {$(
        #[test]
        fn $name() {
            let mut report = Vec::new();
            $check(&REPOSITORY, &mut report);
            assert!(report.is_empty(), "{} violations\n{}", report.len(), report.join("\n"));
        }
    )*};
}

rules! {
    functions_handlers_files_and_comments_stay_within_their_budgets: budgets::check,
    domains_know_neither_http_nor_sql: layers::domains,
    the_chassis_knows_no_business_noun: layers::nouns,
    statuses_are_chosen_in_one_place: layers::statuses,
    every_handler_is_documented_and_routed: routes::check,
    every_setting_has_a_reason: settings::reasons,
    services_share_the_shape_of_their_settings: settings::shapes,
    every_problem_type_is_documented: problems::check,
    every_relative_link_leads_somewhere: links::check,
    every_migration_explains_itself_and_can_be_undone: migrations::check,
    tests_do_not_sleep: hygiene::sleeps,
    every_script_runs_and_says_what_it_does: hygiene::scripts,
    files_are_clean_and_name_no_machine: hygiene::files,
}

#[test]
fn figures_of_every_crate() {
    println!("{}", budgets::table(&REPOSITORY));
}

/// Where a rule finds violations in a tree of these files: the `path:line` of each.
fn places(rule: fn(&Tree, &mut Vec<String>), files: &[(&str, &str)]) -> Vec<String> {
    let mut report = Vec::new();
    rule(&Tree::of(files), &mut report);
    report.iter().filter_map(|line| Some(line.split_once(": ")?.0.to_owned())).collect()
}
