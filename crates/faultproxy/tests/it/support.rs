//! A server, a client, and waiting with a deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use faultproxy::{Action, Direction, Proxy, Trap, TrapHandle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// When something that has to happen has not.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a test looks at nothing happening.
pub(crate) const MOMENT: Duration = Duration::from_millis(80);

/// Waits for what has to happen.
pub(crate) async fn soon<T>(happening: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, happening).await.expect("it did not happen")
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    let mut glance = tokio::time::interval(Duration::from_millis(1));
    soon(async {
        while !is_so() {
            glance.tick().await;
        }
    })
    .await;
}

/// A server on a port of its own that answers each byte with itself, in upper case, and remembers what it has read.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: watch::Receiver<Heard>,
}

/// What all connections of a server have said.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) text: String,
    /// How its connections ended.
    pub(crate) ends: Vec<io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(true).await
    }

    /// A server that listens and never answers.
    pub(crate) async fn start_mute() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = watch::channel(Heard::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let end = serve(stream, &sender, answers).await;
                    sender.send_modify(|heard| heard.ends.push(end));
                });
            }
        });
        Self { address, heard }
    }

    /// Waits until it has read exactly this, from whomever.
    pub(crate) async fn hears(&self, text: &str) {
        soon(self.heard.clone().wait_for(|heard| heard.text == text)).await.unwrap();
    }

    /// Waits until a connection has ended, and says how the first one did.
    pub(crate) async fn end(&self) -> Result<(), io::ErrorKind> {
        let mut heard = self.heard.clone();
        let heard = soon(heard.wait_for(|heard| !heard.ends.is_empty())).await.unwrap();
        heard.ends[0].as_ref().copied().map_err(io::Error::kind)
    }

    pub(crate) fn heard(&self) -> String {
        self.heard.borrow().text.clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: &watch::Sender<Heard>,
    answers: bool,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await?;
        let text = String::from_utf8_lossy(&buffer[..read]);
        heard.send_modify(|heard| heard.text += &text);
        match read {
            // Only now: what was said before is answered by the end as well.
            0 => return stream.write_all(if answers { b"." } else { b"" }).await,
            _ if answers => stream.write_all(text.to_uppercase().as_bytes()).await?,
            _ => (),
        }
    }
}

/// A proxy before this server.
pub(crate) fn proxy(server: &Server) -> Proxy {
    Proxy::start(server.address).unwrap()
}

/// A client of the proxy.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(proxy: &Proxy) -> Self {
        let stream = soon(TcpStream::connect(proxy.address())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A client whom the proxy has connected to the server for sure.
    pub(crate) async fn established(proxy: &Proxy) -> Self {
        let mut client = Self::connect(proxy).await;
        client.ask("hi").await;
        client
    }

    /// Connects, says nothing, and tells how that ends. A reset may come before connecting has returned.
    pub(crate) async fn knock(proxy: &Proxy) -> Result<(), io::ErrorKind> {
        let knock = async { TcpStream::connect(proxy.address()).await?.read_u8().await };
        soon(knock).await.map(drop).map_err(|error| error.kind())
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for exactly this.
    pub(crate) async fn hears(&mut self, text: &str) {
        let mut answer = vec![0; text.len()];
        soon(self.0.read_exact(&mut answer)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), text);
    }

    /// Says it, and waits for the whole answer.
    pub(crate) async fn ask(&mut self, text: &str) {
        self.say(text).await;
        self.hears(&text.to_uppercase()).await;
    }

    /// For a moment there is neither an answer nor an end.
    pub(crate) async fn hears_nothing(&mut self) {
        let answer = tokio::time::timeout(MOMENT, self.0.read_u8()).await;
        assert!(answer.is_err(), "{answer:?}");
    }

    /// All that is still to come, and how it ends.
    pub(crate) async fn rest(&mut self) -> (String, Result<(), io::ErrorKind>) {
        let mut answer = Vec::new();
        let end = soon(self.0.read_to_end(&mut answer)).await;
        (String::from_utf8(answer).unwrap(), end.map(drop).map_err(|error| error.kind()))
    }

    /// The next that comes is a reset.
    pub(crate) async fn is_reset(&mut self) {
        assert_eq!(self.rest().await, (String::new(), Err(io::ErrorKind::ConnectionReset)));
    }
}

/// A trap at the nth of this pattern, on the way to the server.
pub(crate) fn trap(proxy: &Proxy, pattern: &str, nth: usize, then: Action) -> TrapHandle {
    trap_towards(proxy, Direction::ToServer, pattern, nth, then)
}

pub(crate) fn trap_towards(
    proxy: &Proxy,
    direction: Direction,
    pattern: &str,
    nth: usize,
    then: Action,
) -> TrapHandle {
    proxy.trap(Trap { direction, pattern: pattern.into(), nth, then })
}

/// Waits until the trap has caught something.
pub(crate) async fn sprung(trap: &TrapHandle) {
    assert!(soon(trap.sprung()).await, "it was disarmed");
}
