//! How connections end, and that nothing of them is left.

use std::io::ErrorKind;

use faultproxy::Stats;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::support::{Client, Server, eventually, proxy, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_by_the_client_is_a_reset_for_the_server() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let client = Client::established(&proxy).await;

    client.0.set_zero_linger().unwrap();
    drop(client);

    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_slows_the_server_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = faultproxy::Proxy::start(listener.local_addr().unwrap()).unwrap();
    let _client = Client::connect(&proxy).await;
    let (mut server, _) = soon(listener.accept()).await.unwrap();

    // More than all the sockets on the way can hold.
    let flood = vec![0; 64 << 20];
    let written = tokio::time::timeout(std::time::Duration::from_secs(1), server.write_all(&flood));

    assert!(written.await.is_err());
    assert!(proxy.stats().bytes_to_client < flood.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_say_what_passed() {
    let proxy = proxy(&Server::start().await);

    let mut client = Client::connect(&proxy).await;
    client.say("abc").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.rest().await.0, "ABC.");
    eventually(|| proxy.stats().open == 0).await;

    let expected =
        Stats { connections: 1, bytes_to_server: 3, bytes_to_client: 4, ..Stats::default() };
    assert_eq!(proxy.stats(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_leave_nothing_behind() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();

    for index in 0..1000 {
        let mut client = Client::established(&proxy).await;
        match index % 4 {
            0 => client.0.set_zero_linger().unwrap(),
            1 => client.0.shutdown().await.unwrap(),
            2 => client.say("and no more").await,
            _ => proxy.cut_all(),
        }
    }

    eventually(|| proxy.stats().open == 0 && tasks() == before).await;
    assert_eq!(proxy.stats().connections, 1000);
}
