//! What comes after a crash.

use crate::support::{Shop, signal, wait_until};

#[test]
fn after_kill_9_nothing_outlives_the_command() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    assert!(shop.processes().len() > 7, "{:?}", shop.processes());

    running.kill();

    shop.wait_until_nothing_runs();
}

#[test]
fn after_kill_9_the_next_start_works_at_once_and_has_the_data() {
    let shop = Shop::new();
    let mut first = shop.open(&[]);
    let key = shop.signing_key();

    first.kill();
    // At once, while everything is still stopping.
    let _second = shop.open(&[]);

    assert_eq!(shop.signing_key(), key);
}

#[test]
fn a_service_that_hangs_after_kill_9_does_not_bar_the_next_start() {
    let shop = Shop::new();
    let mut first = shop.open(&[]);
    signal(shop.pid_of("orders"), "STOP");
    let hanging = shop.pid_of("orders");

    first.kill();
    let _second = shop.open(&[]);

    assert_ne!(shop.pid_of("orders"), hanging);
    let gone = |line: &String| !line.starts_with(&format!("{hanging} "));
    assert!(shop.processes().iter().all(gone), "{:?}", shop.processes());
}

#[test]
fn fresh_begins_anew_and_spares_what_is_not_ours() {
    let shop = Shop::new();
    let mut first = shop.open(&[]);
    let key = shop.signing_key();
    first.signal("TERM");
    first.end();
    std::fs::write(shop.data_dir().join("thesis.odt"), "three years of work").unwrap();

    let _second = shop.open(&["--fresh", "--yes"]);

    assert_ne!(shop.signing_key(), key);
    assert!(shop.data_dir().join("thesis.odt").exists());
}

#[test]
fn a_start_killed_half_way_is_made_up_for() {
    let shop = Shop::new();
    let mut first = shop.run(&[]);
    // Secrets are there, databases are not.
    wait_until("the start has begun", || shop.data_dir().join("postgres").exists());
    first.kill();

    let _second = shop.open(&[]);

    assert!(shop.signing_key().contains("keys"));
}
