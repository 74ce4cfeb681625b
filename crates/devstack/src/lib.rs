//! A private PostgreSQL and a private Redis, run as child processes.
//!
//! `backbone up` uses this crate for a first run, and the tests use it for a real database.
//! Nothing here is for production: there the servers are somebody's service, found by a URL.
//!
//! Why not containers? Because a student may have no Docker, a test inside a container has none
//! either, and a child process starts in a fraction of a second. Both are the same engines as in
//! production, so nothing behaves differently but the durability that tests give up for speed.
//!
//! ```no_run
//! use devstack::{Postgres, PostgresOptions};
//!
//! let data_dir = devstack::reachable_dir(".backbone/postgres".as_ref())?;
//! let postgres = Postgres::start(PostgresOptions { data_dir, durable: true })?;
//! println!("the database is at {}", postgres.url());
//! postgres.stop()?;
//! # Ok::<(), devstack::Error>(())
//! ```
//!
//! # What the crate promises
//!
//! - A server listens on 127.0.0.1 only, on a port that was free, behind a random password.
//! - It ends when its owner ends, however that happens (`guard.rs` shows how).
//! - One data directory has one owner ([`Lock`]); what a crash left behind is cleared at the next
//!   start, and a half-made database is never taken for a whole one (`cluster.rs`).
//! - Run as root, it runs the servers as an ordinary user (`user.rs`).
//!
//! # Reading order
//!
//! `postgres.rs` and `redis.rs` tell the story; `guard.rs` holds the one trick worth learning; the
//! rest are their tools. Everything is synchronous: asynchronous callers use `spawn_blocking`.

mod port;
mod postgres;
mod redis;

mod cluster;
mod guard;
mod home;
mod launch;
mod lock;
mod process;
mod tools;
mod user;

mod error;

pub use error::{Engine, Error};
pub use lock::Lock;
pub use port::free_port;
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisOptions};
pub use tools::{PostgresTools, RedisTools, Tools, find_postgres, find_redis, find_tools};
pub use user::reachable_dir;
