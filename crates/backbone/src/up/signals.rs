//! Ctrl-C and SIGTERM: the first asks us to stop everything in order, the second to stop at once.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::processes;

/// What shells report for a program that Ctrl-C ended.
const KILLED: i32 = 130;

/// What was asked of us; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    asked: CancellationToken,
    children: Arc<Mutex<Vec<u32>>>,
}

impl Signals {
    /// Listens to both signals from now on.
    ///
    /// Not to SIGHUP: `nohup` has it ignored, and listening would undo that. When it does kill us, the children stop
    /// because their pipes close.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self { asked: CancellationToken::new(), children: Arc::default() };
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let told = signals.clone();
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            told.asked.cancel();
            either(&mut interrupt, &mut terminate).await;
            told.kill_everything()
        });
        Ok(signals)
    }

    /// Waits for the first signal.
    pub(crate) async fn stop_asked(&self) {
        self.asked.cancelled().await;
    }

    /// These are to be killed on the second signal.
    pub(crate) fn watch(&self, children: impl IntoIterator<Item = u32>) {
        let mut known = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        *known = children.into_iter().collect();
    }

    /// PostgreSQL and Redis are not shot: their guards stop them when we have gone, and nothing is lost.
    fn kill_everything(&self) -> ! {
        let known = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        processes::kill_groups(&known);
        std::process::exit(KILLED)
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
