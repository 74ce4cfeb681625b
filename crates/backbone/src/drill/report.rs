//! What a drill found, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::check::{INVARIANTS, Invariant, Violation};

/// How many broken invariants of one run are told; the JSON has all.
const SHOWN: usize = 6;

/// One run of one fault.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) fault: &'static str,
    pub(crate) seed: u64,
    /// Orders that were placed in it.
    pub(crate) orders: usize,
    pub(crate) took: Duration,
    /// What really happened, and how often.
    pub(crate) struck: BTreeMap<String, u64>,
    /// Why it could not happen on this machine.
    pub(crate) skipped: Option<String>,
    pub(crate) broken: Vec<Violation>,
}

/// All runs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Outcome>,
}

/// The runs of one fault.
#[derive(Default)]
struct Row {
    runs: usize,
    orders: usize,
    took: Duration,
    struck: BTreeMap<String, u64>,
    skipped: Option<String>,
    broken: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Whether every fault struck while somebody bought, and nothing broke. What was skipped did not pass, and did not fail.
    pub(crate) fn is_good(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.broken.is_empty())
            && self.rows().iter().all(|(_, row)| row.skipped.is_some() || row.proves_something())
    }

    /// The table, and below it where each fault struck and what broke.
    pub(crate) fn text(&self, describe: impl Fn(&str) -> &'static str, replay: &str) -> String {
        let rows = self.rows();
        let mut text = format!(
            "\n{:<6}{:<52}{:>5}{:>8}{:>9}{:>8}  {}\n",
            "fault", "what", "runs", "orders", "struck", "s/run", "broken"
        );
        for (fault, row) in &rows {
            let _ = writeln!(text, "{}", line(fault, describe(fault), row));
        }
        for (fault, row) in &rows {
            for (what, count) in &row.struck {
                let _ = writeln!(text, "  {fault}: {what}: {count}");
            }
        }
        for outcome in &self.outcomes {
            text.push_str(&broken(outcome, replay));
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, Row)> {
        let mut rows = Vec::<(&'static str, Row)>::new();
        for outcome in &self.outcomes {
            if rows.last().is_none_or(|(fault, _)| *fault != outcome.fault) {
                rows.push((outcome.fault, Row::default()));
            }
            if let Some((_, row)) = rows.last_mut() {
                row.add(outcome);
            }
        }
        rows
    }
}

impl Row {
    fn proves_something(&self) -> bool {
        !self.struck.is_empty() && self.orders > 0
    }

    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.orders += outcome.orders;
        self.took += outcome.took;
        for (what, count) in &outcome.struck {
            *self.struck.entry(what.clone()).or_default() += count;
        }
        self.skipped = self.skipped.take().or_else(|| outcome.skipped.clone());
        for violation in &outcome.broken {
            *self.broken.entry(violation.invariant).or_default() += 1;
        }
    }
}

fn line(fault: &str, what: &str, row: &Row) -> String {
    let struck: u64 = row.struck.values().sum();
    let each = row.took.as_secs_f64() / f64::from(u32::try_from(row.runs).unwrap_or(1).max(1));
    let broken = row.broken.iter().map(|(name, count)| format!("{name} ×{count}"));
    let broken = match (&row.skipped, row.broken.is_empty()) {
        (Some(why), _) => format!("skipped: {why}"),
        (None, false) => broken.collect::<Vec<_>>().join(", "),
        (None, true) if !row.proves_something() => "it never struck, or nobody bought".to_owned(),
        (None, true) => "-".to_owned(),
    };
    format!("{fault:<6}{what:<52}{:>5}{:>8}{struck:>9}{each:>8.1}  {broken}", row.runs, row.orders)
}

fn broken(outcome: &Outcome, replay: &str) -> String {
    let Outcome { fault, seed, .. } = outcome;
    let mut text = String::new();
    for Violation { invariant, what } in outcome.broken.iter().take(SHOWN) {
        let _ = writeln!(text, "BROKEN {fault} seed {seed}: {invariant}: {what}");
    }
    if let Some(more) = outcome.broken.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "       and {more} more");
    }
    for Invariant { name, says, .. } in &INVARIANTS {
        if outcome.broken.iter().any(|it| it.invariant == *name) {
            let _ = writeln!(text, "       {name} says: {says}");
        }
    }
    if !outcome.broken.is_empty() {
        let _ = writeln!(text, "       again: {replay} --fault {fault} --seed {seed} --seeds 1");
    }
    text
}
