//! A tiny mail server: it keeps what it accepts in memory, and misbehaves on request.
//!
//! Only as much of RFC 5321 as a client needs to hand a mail over.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A mail that was accepted, as far as anybody asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mail {
    /// Between the angle brackets.
    pub(crate) message_id: String,
    /// To whom.
    pub(crate) to: String,
}

/// What becomes of a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It is accepted.
    #[default]
    Friendly,
    /// 451: come again later.
    Busy,
    /// 550: never. A client that has promised the mail should not believe it.
    Refusing,
    /// It is kept, and the connection is closed before the client learns of it.
    AcceptThenCut,
    /// No answer to the mail, ever.
    Hanging,
}

/// The server; it ends when this is dropped.
pub(crate) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    mood: Mood,
    /// How many mails met a mood that is not friendly.
    struck: u64,
    /// The next mail is held before its acceptance is told.
    is_holding: bool,
    held: bool,
}

impl Sink {
    /// Listens on a free port.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Ok(Self { address, shared, task: task.abort_handle() })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that was accepted.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.shared.lock().mails.clone()
    }

    /// From now on like this; what hangs is let go.
    pub(crate) fn set(&self, mood: Mood) {
        {
            let mut state = self.shared.lock();
            state.mood = mood;
            state.is_holding = false;
        }
        self.shared.changed.notify_waiters();
    }

    /// How many mails were treated badly so far.
    pub(crate) fn struck(&self) -> u64 {
        self.shared.lock().struck
    }

    /// Holds the next mail when it is complete and not yet accepted, until the mood is set anew.
    pub(crate) fn hold_next(&self) {
        let mut state = self.shared.lock();
        (state.is_holding, state.held) = (true, false);
    }

    /// Whether a mail is held, or was.
    pub(crate) fn has_held(&self) -> bool {
        self.shared.lock().held
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to answer to a complete mail; `None`: nothing, the connection ends.
    async fn receive(&self, mail: Mail) -> Option<&'static str> {
        const ACCEPTED: &str = "250 kept\r\n";
        let (mood, holds) = {
            let mut state = self.lock();
            let holds = std::mem::take(&mut state.is_holding);
            state.held |= holds;
            state.struck += u64::from(state.mood != Mood::Friendly);
            if !holds && matches!(state.mood, Mood::Friendly | Mood::AcceptThenCut) {
                state.mails.push(mail.clone());
            }
            (state.mood, holds)
        };
        if holds {
            self.changed.notified().await;
            return None;
        }
        match mood {
            Mood::Friendly => Some(ACCEPTED),
            Mood::Busy => Some("451 come again later\r\n"),
            Mood::Refusing => Some("550 not here\r\n"),
            Mood::AcceptThenCut => None,
            Mood::Hanging => {
                self.changed.notified().await;
                None
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut mail = Mail { message_id: String::new(), to: String::new() };
    if writer.write_all(b"220 sink\r\n").await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let answer = match verb.as_str() {
            "RCPT" => {
                mail.to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 ok\r\n"
            }
            "DATA" => {
                if writer.write_all(b"354 go on\r\n").await.is_err() {
                    return;
                }
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    if let Some(id) = line.strip_prefix("Message-ID: <") {
                        id.trim_end_matches('>').clone_into(&mut mail.message_id);
                    }
                }
                let Some(answer) = shared.receive(mail.clone()).await else { return };
                answer
            }
            "QUIT" => return,
            _ => "250 ok\r\n",
        };
        if writer.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
