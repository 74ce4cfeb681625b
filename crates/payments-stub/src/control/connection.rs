//! The connection under a request: what HTTP hides, and a fault needs.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// How often a waiting request looks whether its client is still there.
const GLANCE: Duration = Duration::from_millis(50);

/// A second handle on the socket of a connection.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Socket>);

impl Connection {
    /// Keeps a handle on every new connection for the requests that come over it.
    pub fn remember(stream: &TcpStream, data: &mut Extensions) {
        // Without one, for want of descriptors, a reset becomes an ordinary end and a client's departure goes unseen.
        if let Ok(socket) = SockRef::from(stream).try_clone() {
            data.insert(Self(Arc::new(socket)));
        }
    }

    /// Makes the end of this connection a reset: with nothing to linger for, the kernel answers with RST, not FIN.
    pub fn reset_at_its_end(&self) {
        if let Err(error) = self.0.set_linger(Some(Duration::ZERO)) {
            tracing::warn!(cause = %error, "a connection could not be prepared for its reset");
        }
    }

    /// Waits until the client has closed its end. The server itself goes on for a client that only stopped sending.
    pub async fn gone(&self) {
        while !self.is_gone() {
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn is_gone(&self) -> bool {
        use std::io::ErrorKind::{Interrupted, WouldBlock};

        let mut byte = [MaybeUninit::uninit()];
        match self.0.peek(&mut byte) {
            // The end of the stream; it stays readable for ever.
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), WouldBlock | Interrupted),
        }
    }
}
