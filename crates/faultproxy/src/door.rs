//! The port: open, or shut in such a way that the system gives it to nobody else.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections may wait to be accepted.
const QUEUE: u32 = 1024;

/// A port that can be closed and opened again.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    /// Bound, but not listening: a client is refused, and the port stays ours. Were it free, the system could give it
    /// to another program, or to the very client that knocks at it, which then talks to itself.
    Shut(TcpSocket),
    /// Not even bound: the proxy has ended, or the port was lost.
    Gone,
}

impl Door {
    pub(crate) fn open_at(address: SocketAddr) -> io::Result<Self> {
        let listener = bind(address)?.listen(QUEUE)?;
        Ok(Self { address: listener.local_addr()?, state: State::Open(listener) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Gone) {
            State::Open(listener) => {
                self.state = State::Open(listener);
                return Ok(());
            }
            State::Shut(socket) => socket,
            State::Gone => bind(self.address)?,
        };
        self.state = State::Open(socket.listen(QUEUE)?);
        Ok(())
    }

    /// Stops listening. Who waited to be accepted is reset by the system.
    pub(crate) fn shut(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Shut(_)) {
            self.brick_up();
            self.state = State::Shut(bind(self.address)?);
        }
        Ok(())
    }

    /// Gives the port up.
    pub(crate) fn brick_up(&mut self) {
        self.state = State::Gone;
    }

    /// The next client. Behind a door that is not open there is none, and nobody is woken when it opens: the caller
    /// has to watch for that.
    pub(crate) fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &self.state {
            State::Open(listener) => {
                Poll::Ready(ready!(listener.poll_accept(context)).map(|(stream, _)| stream))
            }
            State::Shut(_) | State::Gone => Poll::Pending,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a moment ago still occupy the port for a minute (TIME_WAIT); that shall not bar it to us.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
