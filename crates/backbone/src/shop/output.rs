//! What is printed, or written to a file: the services' logs and its own words, whole lines, in the order in which they came.
//!
//! All lines go through one channel to one thread, the only one that writes: so no two lines can mix. When nobody
//! takes the lines the channel fills, then the pipes, and in the end the services wait: nothing is thrown away.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How many lines may wait to be written.
const BACKLOG: usize = 1024;

/// How long the last lines may take, before we leave without them: a terminal may be stopped with Ctrl-S.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How logs are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// `pretty` on a terminal, `json` elsewhere.
    Auto,
    /// Readable lines that start with the name of the service.
    Pretty,
    /// One JSON object a line, and nothing else on standard output.
    Json,
}

/// What [`LogFormat`] and the terminal come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whether a person reads.
    pub(crate) is_pretty: bool,
    /// Whether in colour; <https://no-color.org>.
    pub(crate) has_colour: bool,
}

impl Style {
    /// Decides from what was asked for, and where standard output goes.
    pub(crate) fn choose(format: LogFormat, no_color: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let is_pretty = match format {
            LogFormat::Auto => is_terminal,
            LogFormat::Pretty => true,
            LogFormat::Json => false,
        };
        Self { is_pretty, has_colour: is_pretty && is_terminal && !no_color }
    }

    /// As the services' setting `log.format` has it.
    pub(crate) fn log_format(self) -> &'static str {
        if self.is_pretty { "pretty" } else { "json" }
    }
}

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

struct Line {
    stream: Stream,
    text: Vec<u8>,
}

/// The way to the writer; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    lines: mpsc::Sender<Line>,
    style: Style,
    broken: CancellationToken,
}

/// The writer; it ends when the last [`Output`] has gone.
#[derive(Debug)]
pub(crate) struct Writer {
    outcome: oneshot::Receiver<io::Result<()>>,
}

/// Starts the writer.
pub(crate) fn start(style: Style) -> (Output, Writer) {
    start_with(style, |line| match line.stream {
        Stream::Out => io::stdout().write_all(&line.text).and_then(|()| io::stdout().flush()),
        // There is nobody to tell that nobody can be told.
        Stream::Err => io::stderr().write_all(&line.text).or(Ok(())),
    })
}

/// Starts a writer into a file, for a person who reads it afterwards.
pub(crate) fn start_in(mut file: File) -> (Output, Writer) {
    let style = Style { is_pretty: true, has_colour: false };
    start_with(style, move |line| file.write_all(&line.text))
}

fn start_with(
    style: Style,
    write: impl FnMut(&Line) -> io::Result<()> + Send + 'static,
) -> (Output, Writer) {
    let (lines, queue) = mpsc::channel(BACKLOG);
    let broken = CancellationToken::new();
    let (told, outcome) = oneshot::channel();
    let breaking = broken.clone();
    // A thread of its own, not one of the runtime's: it may be blocked when we leave.
    std::thread::spawn(move || {
        let written = write_lines(queue, &breaking, write);
        // Nobody asks when the start has failed.
        let _ = told.send(written);
    });
    (Output { lines, style, broken }, Writer { outcome })
}

fn write_lines(
    mut queue: mpsc::Receiver<Line>,
    broken: &CancellationToken,
    mut write: impl FnMut(&Line) -> io::Result<()>,
) -> io::Result<()> {
    let mut outcome = Ok(());
    while let Some(line) = queue.blocking_recv() {
        // After a failure lines are still taken, so that the services do not wait, but go nowhere.
        let written = if outcome.is_err() { Ok(()) } else { write(&line) };
        if written.is_err() {
            outcome = written;
            broken.cancel();
        }
    }
    outcome
}

impl Output {
    /// Prints words of our own: among the logs when a person reads, else apart from them.
    pub(crate) async fn say(&self, text: &str) {
        let stream = if self.style.is_pretty { Stream::Out } else { Stream::Err };
        self.print(stream, format!("{text}\n").into_bytes()).await;
    }

    /// Prints a line of a service, with its newline.
    pub(crate) async fn print(&self, stream: Stream, text: Vec<u8>) {
        // It fails when the writer has panicked, and then nothing can be printed any more.
        let _ = self.lines.send(Line { stream, text }).await;
    }

    /// How to print.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Waits until standard output takes nothing any more: the disk is full, or the reader has gone.
    pub(crate) async fn broken(&self) {
        self.broken.cancelled().await;
    }
}

impl Writer {
    /// Waits until everything is written, and says whether it was.
    pub(crate) async fn finish(self, output: Output) -> io::Result<()> {
        drop(output);
        match tokio::time::timeout(LAST_LINES, self.outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}
