//! Stopping, asked for or not.

use std::time::{Duration, Instant};

use devstack::Lock;

use crate::support::{Shop, signal};

/// What a person waits for without wondering.
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn sigterm_stops_everything_within_five_seconds_and_leaves_nothing() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    let asked = Instant::now();

    running.signal("TERM");
    let status = running.end();

    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(0), "{}", running.err());
    assert_eq!(shop.processes(), Vec::<String>::new());
    Lock::acquire(&shop.data_dir()).unwrap();
}

#[test]
fn services_stop_before_those_that_they_call() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);

    running.signal("INT");
    running.end();

    let log = running.out();
    let stopped = ["orders", "payments-stub", "catalog", "auth"]
        .map(|name| log.find(&format!("\"{name} has stopped\"")).unwrap());
    assert!(stopped.is_sorted(), "{log}");
}

#[test]
fn a_service_that_hangs_is_killed_in_time() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    signal(shop.pid_of("catalog"), "STOP");
    let asked = Instant::now();

    running.signal("TERM");
    let status = running.end();

    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(0), "{}", running.err());
    assert_eq!(shop.processes(), Vec::<String>::new());
}

#[test]
fn a_second_ctrl_c_kills_at_once() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    signal(shop.pid_of("orders"), "STOP");

    running.signal("INT");
    crate::support::wait_until("it is stopping", || running.err().contains("stopping"));
    let asked = Instant::now();
    running.signal("INT");
    let status = running.end();

    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    shop.wait_until_nothing_runs();
}

#[test]
fn sigterm_in_the_middle_of_a_start_leaves_nothing() {
    let shop = Shop::new();
    let mut running = shop.run(&[]);
    crate::support::wait_until("it is starting", || running.err().contains("starting PostgreSQL"));

    running.signal("TERM");
    let status = running.end();

    assert_eq!(status.code(), Some(0), "{}", running.err());
    assert!(!running.err().contains("The shop is open"), "{}", running.err());
    assert_eq!(shop.processes(), Vec::<String>::new());
}

#[test]
fn a_service_that_dies_takes_the_rest_with_it_and_is_named() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);

    signal(shop.pid_of("catalog"), "KILL");
    let status = running.end();

    assert_eq!(status.code(), Some(1));
    let said = running.err();
    assert!(said.contains("backbone: catalog ended by itself (signal: 9 (SIGKILL))"), "{said}");
    assert!(said.contains("catalog is ready"), "its last lines: {said}");
    assert_eq!(shop.processes(), Vec::<String>::new());
}
