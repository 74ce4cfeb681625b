//! Traps that stop a connection after the bytes have passed.

use std::io::ErrorKind;

use faultproxy::{Action, Direction};

use crate::support::{Client, Server, proxy, sprung, trap, trap_towards};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_after_was_done_and_nobody_is_told() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldAfter);
    let mut client = Client::established(&proxy).await;

    client.say("COMMIT;").await;
    sprung(&trap).await;

    assert_eq!(server.heard(), "hiCOMMIT;");
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_request_that_is_held_after_still_passes() {
    let server = Server::start_mute().await;
    let proxy = proxy(&server);
    let _trap = trap(&proxy, "COMMIT", 1, Action::HoldAfter);
    let mut client = Client::connect(&proxy).await;

    client.say("COMMIT").await;
    server.hears("COMMIT").await;
    client.say(" PREPARED").await;

    server.hears("COMMIT PREPARED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_held_comes_when_it_is_released() {
    let proxy = proxy(&Server::start().await);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldAfter);
    let mut client = Client::connect(&proxy).await;
    client.say("COMMIT;").await;
    sprung(&trap).await;

    trap.release();

    client.hears("COMMIT;").await;
    client.ask("more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_while_its_answer_is_kept_is_a_reset_for_the_server() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::HoldAfter);
    let mut client = Client::connect(&proxy).await;
    client.say("COMMIT;").await;
    sprung(&trap).await;

    drop(client);

    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_lets_the_server_have_the_bytes_and_the_client_no_answer() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::CutAfter);
    let mut client = Client::established(&proxy).await;

    client.say("COMMIT;").await;
    sprung(&trap).await;

    assert_eq!(server.heard(), "hiCOMMIT;");
    client.is_reset().await;
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_does_not_wait_for_ever_for_an_answer() {
    let server = Server::start_mute().await;
    let proxy = proxy(&server);
    let trap = trap(&proxy, "COMMIT", 1, Action::CutAfter);
    let mut client = Client::connect(&proxy).await;

    client.say("COMMIT;").await;
    sprung(&trap).await;

    client.is_reset().await;
    assert_eq!(server.heard(), "COMMIT;");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_let_through_and_what_the_client_makes_of_it_held() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let trap = trap_towards(&proxy, Direction::ToClient, "READY", 1, Action::HoldAfter);
    let mut client = Client::established(&proxy).await;

    client.ask("ready").await;
    client.say("go").await;
    sprung(&trap).await;

    assert_eq!(server.heard(), "hiready");
    trap.release();
    client.hears("GO").await;
}
