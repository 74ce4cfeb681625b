//! What springs a trap, and what becomes of it.

use std::io::ErrorKind;

use faultproxy::Action;

use crate::support::{Client, MOMENT, Server, proxy, soon, sprung, trap};

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_is_found_across_two_reads() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;

    client.ask("a COM").await;
    client.say("MIT;").await;
    sprung(&trap).await;

    assert_eq!(server.heard(), "a COM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_is_not_put_together_from_two_connections() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldBefore);
    let (mut one, mut other) = (Client::connect(&proxy).await, Client::connect(&proxy).await);

    one.ask("COM").await;
    other.ask("MIT").await;

    assert!(!trap.is_sprung());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nth_occurrence_is_counted_over_all_connections() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "x", 4, Action::HoldBefore);
    let (mut one, mut other) = (Client::connect(&proxy).await, Client::connect(&proxy).await);

    one.ask("x").await;
    other.ask("x").await;
    // Two in one chunk: the third passes, the fourth does not.
    one.say("-x-x-").await;
    sprung(&trap).await;

    one.hears("-X-").await;
    one.hears_nothing().await;
    assert_eq!(server.heard(), "xx-x-");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occurrence_is_counted_once_though_the_tail_is_read_again() {
    let proxy = proxy(&Server::start().await);
    let _longer = trap(&proxy, "never found, but it keeps a long tail", 1, Action::HoldBefore);
    let trap = trap(&proxy, "xy", 2, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;

    client.ask("xy").await;
    client.ask("ab").await;
    client.ask("cd").await;

    assert!(!trap.is_sprung());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_pattern_counts_chunks() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "", 2, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;

    client.ask("one").await;
    client.say("two").await;
    sprung(&trap).await;

    assert_eq!(server.heard(), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_springs_once() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "x", 1, Action::HoldBefore);
    let (mut one, mut other) = (Client::connect(&proxy).await, Client::connect(&proxy).await);
    one.say("x").await;
    sprung(&trap).await;

    other.ask("x").await;

    assert_eq!(proxy.stats().traps_sprung, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_released_can_be_caught_again() {
    let proxy = proxy(&Server::start().await);
    let first = trap(&proxy, "x", 1, Action::HoldBefore);
    let second = trap(&proxy, "x", 1, Action::HoldAfter);
    let mut client = Client::connect(&proxy).await;
    client.say("x").await;
    sprung(&first).await;
    first.release();
    client.hears("X").await;

    client.say("x").await;
    sprung(&second).await;

    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_that_is_disarmed_catches_nothing() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "x", 1, Action::CutBefore);

    trap.disarm();

    Client::connect(&proxy).await.ask("x").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_resets_what_it_holds() {
    for action in [Action::HoldBefore, Action::HoldAfter] {
        let server = Server::start().await;
        let proxy = proxy(&server);
        let trap = trap(&proxy, "x", 1, action);
        let mut client = Client::connect(&proxy).await;
        client.say("x").await;
        sprung(&trap).await;

        drop(trap);

        client.is_reset().await;
        assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healing_resets_what_a_trap_holds() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "x", 1, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;
    client.say("x").await;
    sprung(&trap).await;

    proxy.heal().unwrap();

    client.is_reset().await;
    assert_eq!(server.heard(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn healing_disarms_a_trap_and_tells_who_waits_for_it() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "x", 1, Action::CutBefore);
    assert!(tokio::time::timeout(MOMENT, trap.sprung()).await.is_err());

    proxy.heal().unwrap();

    assert!(!soon(trap.sprung()).await);
    Client::connect(&proxy).await.ask("x").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing_a_trap_that_has_caught_nothing_leaves_it_armed() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "x", 1, Action::HoldBefore);

    trap.release();
    assert!(!trap.is_sprung());

    let mut client = Client::connect(&proxy).await;
    client.say("x").await;
    sprung(&trap).await;
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_what_a_trap_holds() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "x", 1, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;
    client.say("x").await;
    sprung(&trap).await;

    proxy.cut_all();

    client.is_reset().await;
}
