//! `Server-Timing`: what a request spent its time on, told to the client in the answer's headers.
//!
//! A browser's network panel draws these as bars, so that a student sees the database and the cache at work
//! without any other tool. <https://www.w3.org/TR/server-timing/>
//!
//! The measurements of one request live in a task-local: [`crate::db`], [`crate::cache`] and [`crate::client`]
//! record into it wherever they are called from, and code outside a request (a worker) records into nothing.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

tokio::task_local! {
    static TIMINGS: RefCell<Timings>;
}

/// What one request has spent so far.
#[derive(Debug, Default)]
pub struct Timings {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    description: Option<&'static str>,
    total: Duration,
}

impl Timings {
    /// The header's value without the total: `db;dur=1.2, cache;desc="hit";dur=0.1`.
    pub fn header(&self) -> String {
        let mut header = String::new();
        for entry in &self.entries {
            if !header.is_empty() {
                header.push_str(", ");
            }
            header.push_str(entry.name);
            if let Some(description) = entry.description {
                // Writing to a string cannot fail.
                let _ = write!(header, ";desc=\"{description}\"");
            }
            let _ = write!(header, ";dur={:.1}", entry.total.as_secs_f64() * 1000.0);
        }
        header
    }

    fn add(&mut self, name: &'static str, description: Option<&'static str>, spent: Duration) {
        match self.entries.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => {
                entry.total += spent;
                entry.description = description.or(entry.description);
            }
            None => self.entries.push(Entry { name, description, total: spent }),
        }
    }
}

/// Adds time spent on `name` (`db`, `cache`, `upstream`) to the current request, if there is one.
pub fn record(name: &'static str, description: Option<&'static str>, spent: Duration) {
    // Outside a request there is nobody to tell.
    let _ = TIMINGS.try_with(|timings| timings.borrow_mut().add(name, description, spent));
}

/// Runs `future` with fresh timings and returns them beside its answer.
pub async fn scope<T>(future: impl Future<Output = T>) -> (T, Timings) {
    TIMINGS
        .scope(RefCell::default(), async {
            let answer = future.await;
            (answer, TIMINGS.with(RefCell::take))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn measurements_of_one_name_add_up() {
        let ((), timings) = scope(async {
            record("db", None, Duration::from_millis(1));
            record("db", None, Duration::from_millis(2));
            record("cache", Some("hit"), Duration::from_micros(200));
        })
        .await;
        assert_eq!(timings.header(), "db;dur=3.0, cache;desc=\"hit\";dur=0.2");
    }

    #[test]
    fn outside_a_request_nothing_happens() {
        record("db", None, Duration::from_millis(1));
    }
}
