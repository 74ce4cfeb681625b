//! Measures every SQL statement: a metric, a span, and the `db` entry of `Server-Timing`.

use std::fmt::{self, Write as _};
use std::time::Instant;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tracing::Span;

use crate::metrics::Metrics;
use crate::timing;

/// Listens to one connection. Statements on one connection run one after the other, so one start is enough.
pub(super) struct Measure {
    metrics: Metrics,
    running: Option<Running>,
}

struct Running {
    started: Instant,
    operation: FirstWord,
    span: Span,
}

impl Measure {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, running: None }
    }
}

impl Instrumentation for Measure {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let mut operation = FirstWord::default();
                // It stops with an error as soon as the word is complete: the rest holds values that we must not keep.
                let _ = write!(operation, "{query}");
                // Below `info`: there are many of them, so they are made only when traces are exported.
                let span = tracing::debug_span!(
                    "statement",
                    otel.kind = "client",
                    otel.name = operation.as_str(),
                    otel.status_code = tracing::field::Empty,
                    db.system.name = "postgresql",
                    db.operation.name = operation.as_str(),
                );
                self.running = Some(Running { started: Instant::now(), operation, span });
            }
            InstrumentationEvent::FinishQuery { error, .. } => {
                let Some(running) = self.running.take() else { return };
                let took = running.started.elapsed();
                // A missing row is an answer.
                let failed =
                    error.is_some_and(|error| !matches!(error, diesel::result::Error::NotFound));
                if failed {
                    running.span.record("otel.status_code", "ERROR");
                }
                self.metrics.observe_statement(running.operation.as_str(), !failed, took);
                timing::record("db", None, took);
            }
            _ => {}
        }
    }
}

/// The first word of a statement, in upper case, if it is one of SQL's: a label with few values.
#[derive(Default)]
struct FirstWord {
    letters: [u8; 8],
    length: usize,
}

impl FirstWord {
    fn as_str(&self) -> &'static str {
        match self.letters.get(..self.length).unwrap_or_default() {
            b"SELECT" => "SELECT",
            b"INSERT" => "INSERT",
            b"UPDATE" => "UPDATE",
            b"DELETE" => "DELETE",
            b"BEGIN" => "BEGIN",
            b"COMMIT" => "COMMIT",
            b"ROLLBACK" => "ROLLBACK",
            b"WITH" => "WITH",
            b"LISTEN" => "LISTEN",
            b"NOTIFY" => "NOTIFY",
            _ => "OTHER",
        }
    }
}

impl fmt::Write for FirstWord {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match self.letters.get_mut(self.length) {
                Some(slot) if byte.is_ascii_alphabetic() => {
                    *slot = byte.to_ascii_uppercase();
                    self.length += 1;
                }
                _ if self.length == 0 => {}
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_is_kept() {
        for (statement, expected) in [
            ("SELECT secret FROM t -- binds: [\"hunter2\"]", "SELECT"),
            ("  insert into t", "INSERT"),
            ("COMMIT", "COMMIT"),
            ("DROPEVERYTHING", "OTHER"),
        ] {
            let mut word = FirstWord::default();
            let _ = word.write_str(statement);
            assert_eq!(word.as_str(), expected);
        }
    }
}
