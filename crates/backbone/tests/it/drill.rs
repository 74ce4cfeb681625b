//! The drill passes, and it finds what it is there to find.

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// One drill at a time: each is a whole shop or several, and its faults depend on time.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `backbone drill checkout` with these options.
fn drill(options: &[&str]) -> Output {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(env!("CARGO_BIN_EXE_backbone"));
    command.args(["drill", "checkout"]).args(options).output().unwrap()
}

fn printed(output: &Output) -> String {
    let text =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    text.concat()
}

#[test]
fn no_fault_breaks_an_invariant() {
    let output = drill(&["--jobs", "3", "--seeds", "2", "--checkouts", "6"]);
    assert!(output.status.success(), "{}", printed(&output));
}

/// Drills the fault that should find the bug, and expects that it does, by one of these invariants.
fn finds(bug: &str, fault: &str, invariants: &[&str]) {
    let options = [
        "--bug",
        bug,
        "--fault",
        fault,
        // It stops at the first that finds it; where a fault strikes is chance, and some strike beside the bug.
        "--seeds",
        "40",
        "--checkouts",
        "8",
        // Beside other tests everything takes longer, and what is only late must not be what is found.
        "--patience",
        "30",
        "--stop",
    ];
    let output = drill(&options);
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    for invariant in invariants {
        assert!(printed.contains(&format!(": {invariant}: ")), "{invariant} holds: {printed}");
    }
}

#[test]
fn calls_without_the_rows_key_are_found() {
    finds("no_key", "F2", &["I1"]);
}

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    finds("early_acknowledgement", "F16", &["I4"]);
}

#[test]
fn refunds_without_a_lock_are_found() {
    finds("unlocked_refund", "F25", &["I5"]);
}

#[test]
fn a_confirmation_before_the_identifier_is_stored_is_found() {
    finds("early_confirm", "F24", &["I2", "I3"]);
}

#[test]
fn a_replica_that_writes_past_its_lease_is_found() {
    finds("no_fencing", "F23", &["I11"]);
}

#[test]
fn a_timeout_that_is_taken_for_a_decline_is_found() {
    finds("timeout_is_failure", "F3", &["I11"]);
}
