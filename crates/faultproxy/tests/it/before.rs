//! Traps that stop a connection before the bytes pass.

use std::io::ErrorKind;

use faultproxy::{Action, Direction};

use crate::support::{Client, Server, proxy, sprung, trap, trap_towards};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_before_does_not_reach_the_server() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::established(&proxy).await;

    client.say("insert;COMMIT;").await;
    sprung(&trap).await;

    // What came before the pattern has passed, though it arrived with it.
    server.hears("hiinsert;").await;
    client.hears("INSERT;").await;
    client.hears_nothing().await;
    assert_eq!(server.heard(), "hiinsert;");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_before_goes_on_when_it_is_released() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;
    client.say("COMMIT;").await;
    sprung(&trap).await;

    trap.release();
    drop(trap);

    client.hears("COMMIT;").await;
    client.ask("more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_before_resets_both_ends_and_the_server_never_hears_of_it() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::CutBefore);
    let mut client = Client::established(&proxy).await;

    client.say("COMMIT;").await;
    sprung(&trap).await;

    client.is_reset().await;
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
    assert_eq!(server.heard(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_while_it_is_held_has_sent_nothing() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::established(&proxy).await;
    client.say("COMMIT;").await;
    sprung(&trap).await;

    drop(client);

    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
    assert_eq!(server.heard(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_held_before_the_client_has_it() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap_towards(&proxy, Direction::ToClient, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::established(&proxy).await;

    client.say("commit").await;
    sprung(&trap).await;

    client.hears_nothing().await;
    // The way up is open.
    client.say("?").await;
    server.hears("hicommit?").await;
    trap.release();
    client.hears("COMMIT?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_while_its_answer_is_held_is_a_reset_for_the_server() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap_towards(&proxy, Direction::ToClient, "COMMIT", 1, Action::HoldBefore);
    let mut client = Client::connect(&proxy).await;
    client.say("commit").await;
    sprung(&trap).await;

    drop(client);

    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}
