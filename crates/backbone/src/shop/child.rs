//! One service as a child process.
//!
//! It has a process group of its own, so that Ctrl-C on the terminal reaches only us and we can stop things in order.
//! Its standard input is a pipe that nothing is ever written to: the child stops when the pipe closes, which happens
//! when we close it, and also when we are killed and could not.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::Failure;
use super::output::{Output, Stream, Style};
use super::variables::Variables;
use crate::services::{SERVICES, Service};

/// How long a service may take to stop, before it is killed. We give it two seconds for the requests that still run.
const PATIENCE: Duration = Duration::from_millis(2500);

/// How many of its last lines are quoted when it has failed.
const TAIL: usize = 8;

/// The colours of the names: those that can be read on black and on white.
const COLOURS: [u8; 4] = [36, 33, 35, 32];

/// A running service.
#[derive(Debug)]
pub(crate) struct Child {
    /// Which one.
    pub(crate) service: &'static Service,
    process: tokio::process::Child,
    /// The pipe; `None` once it was told to stop.
    lifeline: Option<ChildStdin>,
    deadline: Option<Instant>,
    readers: Vec<JoinHandle<()>>,
    tail: Arc<Mutex<VecDeque<String>>>,
}

impl Child {
    /// Starts a service; its lines go to `output`.
    pub(crate) fn start(
        service: &'static Service,
        variables: &Variables,
        output: &Output,
    ) -> io::Result<Self> {
        Self::start_with(service, variables, &[], output)
    }

    /// Starts a service with some variables that are no settings.
    pub(crate) fn start_with(
        service: &'static Service,
        variables: &Variables,
        further: &[(String, String)],
        output: &Output,
    ) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["service", service.name(), "--stop-with-parent"]);
        command.envs(variables.ours_for(service));
        command.envs(further.iter().map(|(name, value)| (name, value)));
        if !output.style().has_colour {
            command.env("NO_COLOR", "1");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut process = command.spawn()?;
        let lifeline = process.stdin.take();
        let tail = Arc::default();
        let forward =
            Forward { prefix: prefix(service, output.style()), output: output.clone(), tail };
        let tail = Arc::clone(&forward.tail);
        let out =
            process.stdout.take().map(|pipe| tokio::spawn(forward.clone().run(pipe, Stream::Out)));
        let err = process.stderr.take().map(|pipe| tokio::spawn(forward.run(pipe, Stream::Err)));
        let readers = out.into_iter().chain(err).collect();
        Ok(Self { service, process, lifeline, deadline: None, readers, tail })
    }

    /// Its number; also that of its process group.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until it ends, and says how. It may be asked again and again.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Kills it as `kill -9` does, and waits until it is dead.
    pub(crate) async fn kill(&mut self) {
        // It fails only when the process has ended in this very moment.
        let _ = self.process.start_kill();
        let _ = self.ended().await;
    }

    /// Tells it to stop.
    pub(crate) fn tell_to_stop(&mut self) {
        self.lifeline = None;
        self.deadline = Some(Instant::now() + PATIENCE);
    }

    /// Waits until it has stopped, and kills it when its time is up.
    pub(crate) async fn finish(&mut self) {
        let deadline = self.deadline.unwrap_or_else(Instant::now);
        if timeout_at(deadline, self.ended()).await.is_err() {
            self.kill().await;
        }
    }

    /// Says how it ended, with its last lines.
    pub(crate) async fn failure(&mut self, status: io::Result<ExitStatus>) -> Failure {
        let _ = timeout(Duration::from_millis(500), self.read_to_end()).await;
        let service = self.service.name();
        match status {
            Ok(status) => Failure::Ended { service, status, tail: self.tail() },
            Err(error) => Failure::System { action: "wait for a service", error },
        }
    }

    /// Waits for the lines that it wrote before it ended.
    pub(crate) async fn read_to_end(&mut self) {
        for reader in self.readers.drain(..) {
            // It fails only when the reader has panicked, and then there is nothing more to come.
            let _ = reader.await;
        }
    }

    fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// What carries a service's lines to the output.
#[derive(Clone)]
struct Forward {
    prefix: String,
    output: Output,
    tail: Arc<Mutex<VecDeque<String>>>,
}

impl Forward {
    async fn run(self, pipe: impl AsyncRead + Unpin, stream: Stream) {
        let mut lines = BufReader::new(pipe);
        loop {
            let mut line = self.prefix.clone().into_bytes();
            // Bytes, not text: what is no UTF-8 is passed on as well.
            match lines.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if !line.ends_with(b"\n") {
                line.push(b'\n');
            }
            self.remember(&line);
            self.output.print(stream, line).await;
        }
    }

    fn remember(&self, line: &[u8]) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_back(String::from_utf8_lossy(line).trim_end().to_owned());
        if tail.len() > TAIL {
            tail.pop_front();
        }
    }
}

/// What each line of a service starts with, when a person reads.
fn prefix(service: &Service, style: Style) -> String {
    if !style.is_pretty {
        return String::new();
    }
    let width = SERVICES.iter().map(|it| it.name().len()).max().unwrap_or_default();
    let name = format!("{:width$} |", service.name());
    if !style.has_colour {
        return format!("{name} ");
    }
    let index = SERVICES.iter().position(|it| it.name() == service.name()).unwrap_or_default();
    let colour = COLOURS.get(index % COLOURS.len()).copied().unwrap_or_default();
    format!("\x1b[{colour}m{name}\x1b[0m ")
}
