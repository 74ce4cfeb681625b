//! What clients see in each weather.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use faultproxy::{Action, Proxy, Weather};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Client, MOMENT, Server, eventually, proxy, soon, trap};

/// A time that no test waits for.
const LONG: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn clear_weather_passes_bytes_both_ways() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::connect(&proxy).await;

    client.ask("one").await;
    client.ask("two").await;

    server.hears("onetwo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_stopped_sending_still_gets_its_answer() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::connect(&proxy).await;

    client.say("bye").await;
    client.0.shutdown().await.unwrap();

    assert_eq!(client.rest().await, ("BYE.".to_owned(), Ok(())));
    assert_eq!(server.end().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_weather_refuses_new_connections() {
    let proxy = proxy(&Server::start().await);
    proxy.set(Weather::Refused).unwrap();

    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_weather_resets_established_connections() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::established(&proxy).await;

    proxy.set(Weather::Refused).unwrap();

    client.is_reset().await;
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_refused_weather_the_same_port_serves_again() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let address = proxy.address();
    Client::established(&proxy).await;

    for _ in 0..20 {
        proxy.set(Weather::Refused).unwrap();
        proxy.heal().unwrap();
        Client::established(&proxy).await;
    }

    assert_eq!(proxy.address(), address);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_refused_weather_the_port_is_given_to_nobody_else() {
    let proxy = proxy(&Server::start().await);
    proxy.set(Weather::Refused).unwrap();

    let taken = TcpSocket::new_v4().unwrap().bind(proxy.address()).unwrap_err();

    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_weather_resets_new_connections() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    proxy.set(Weather::Reset).unwrap();

    assert_eq!(Client::knock(&proxy).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(server.heard(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_weather_resets_established_connections() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::established(&proxy).await;

    proxy.set(Weather::Reset).unwrap();

    client.is_reset().await;
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_silence_an_established_connection_hangs_until_it_is_reset() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::established(&proxy).await;

    proxy.set(Weather::Silent).unwrap();
    client.say("hello?").await;
    client.hears_nothing().await;
    proxy.heal().unwrap();

    client.is_reset().await;
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
    assert_eq!(server.heard(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_silence_a_new_connection_hangs_until_it_is_reset_even_without_a_server() {
    let proxy = Proxy::start("127.0.0.1:1").unwrap();

    proxy.set(Weather::Silent).unwrap();
    let mut client = Client::connect(&proxy).await;
    client.say("hello?").await;
    client.hears_nothing().await;
    proxy.heal().unwrap();

    client.is_reset().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_silence_a_server_does_not_learn_that_its_client_has_gone() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let client = Client::established(&proxy).await;

    proxy.set(Weather::Silent).unwrap();
    drop(client);

    assert!(tokio::time::timeout(MOMENT, server.end()).await.is_err());
    proxy.heal().unwrap();
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_too_short_to_be_noticed_resets_as_well() {
    let proxy = proxy(&Server::start().await);
    let mut client = Client::established(&proxy).await;

    proxy.set(Weather::Silent).unwrap();
    proxy.heal().unwrap();

    client.is_reset().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_weather_delays_each_chunk_in_both_directions() {
    let proxy = proxy(&Server::start().await);
    let mut client = Client::established(&proxy).await;
    let delay = Duration::from_millis(40);
    proxy.set(Weather::Slow { delay, jitter: Duration::ZERO }).unwrap();

    let start = Instant::now();
    client.ask("a").await;
    client.ask("b").await;

    assert!(start.elapsed() >= delay * 4, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_comes_at_once_when_the_weather_clears() {
    let proxy = proxy(&Server::start().await);
    let mut client = Client::established(&proxy).await;
    proxy.set(Weather::Slow { delay: LONG, jitter: LONG }).unwrap();

    client.say("a").await;
    client.hears_nothing().await;
    proxy.heal().unwrap();

    client.hears("A").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_trickles() {
    let proxy = proxy(&Server::start().await);
    let mut client = Client::established(&proxy).await;
    proxy.set(Weather::Trickle { bytes_per_second: 100 }).unwrap();

    let start = Instant::now();
    client.ask("twenty bytes of this").await;

    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_trickled_runs_when_the_weather_clears() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    let mut client = Client::established(&proxy).await;
    proxy.set(Weather::Trickle { bytes_per_second: 20 }).unwrap();
    let text = "x".repeat(2000);

    client.say(&text).await;
    // The way up is not slow.
    server.hears(&format!("hi{text}")).await;
    client.hears("X").await;
    proxy.heal().unwrap();

    client.hears(&text.to_uppercase()[1..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_cut_after_exactly_so_many_bytes() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    proxy.set(Weather::CutAfter { bytes: 5 }).unwrap();
    let mut client = Client::connect(&proxy).await;

    client.ask("abc").await;
    client.say("defgh").await;

    assert_eq!(client.rest().await, ("DE".to_owned(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(server.end().await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_byte_that_passes_brings_the_cut() {
    let proxy = proxy(&Server::start().await);
    proxy.set(Weather::CutAfter { bytes: 3 }).unwrap();
    let mut client = Client::connect(&proxy).await;

    client.ask("abc").await;

    client.is_reset().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_before_the_weather_do_not_count_for_its_cut() {
    let proxy = proxy(&Server::start().await);
    let mut client = Client::connect(&proxy).await;
    client.ask("long before").await;

    for _ in 0..2 {
        proxy.set(Weather::CutAfter { bytes: 3 }).unwrap();
        client.ask("ab").await;
    }
    client.say("cd").await;

    assert_eq!(client.rest().await, ("C".to_owned(), Err(ErrorKind::ConnectionReset)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_no_bytes_spares_who_gets_no_answer() {
    let server = Server::start().await;
    let proxy = proxy(&server);
    proxy.set(Weather::CutAfter { bytes: 0 }).unwrap();
    let mut client = Client::connect(&proxy).await;
    client.hears_nothing().await;

    client.say("a").await;

    client.is_reset().await;
    server.hears("a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_all_resets_the_established_and_serves_the_new() {
    let proxy = proxy(&Server::start().await);
    let mut clients = [Client::established(&proxy).await, Client::established(&proxy).await];

    proxy.cut_all();

    for client in &mut clients {
        client.is_reset().await;
    }
    Client::established(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_go_to_the_new_upstream() {
    let (old, new) = (Server::start().await, Server::start().await);
    let proxy = proxy(&old);
    let mut first = Client::established(&proxy).await;

    proxy.set_upstream(new.address);
    Client::established(&proxy).await;
    first.ask("!").await;

    assert_eq!((old.heard(), new.heard()), ("hi!".to_owned(), "hi".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_run_is_a_reset() {
    let gone = Proxy::start("127.0.0.1:1").unwrap();

    assert_eq!(Client::knock(&gone).await, Err(ErrorKind::ConnectionReset));
    eventually(|| gone.stats().open == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_proxy_closes_its_port_and_resets_its_connections() {
    let proxy = proxy(&Server::start().await);
    let address = proxy.address();
    let mut client = Client::established(&proxy).await;
    // It may outlive the proxy, and keeps nothing of it alive.
    let _trap = trap(&proxy, "x", 1, Action::HoldBefore);

    drop(proxy);

    let refused = soon(TcpStream::connect(address)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    client.is_reset().await;
}
