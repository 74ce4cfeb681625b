//! The microservice chassis: everything that every service needs and no service should write again.
//!
//! A service hands [`boot::main`] a name, its default configuration and a `run` function.
//! The chassis reads the configuration, starts telemetry, binds two listeners, and gives `run` a [`boot::Boot`];
//! `run` builds its state and calls [`boot::Boot::serve`] with an [`http::Assembly`].
//!
//! The path of a request, and the module that owns each step:
//!
//! 1. [`http`] accepts it, opens the root span, starts the clocks, refuses it early when the service is full;
//! 2. [`json`] and [`identity`] turn bytes and headers into types that cannot be wrong;
//! 3. the handler works with [`db`], [`cache`] and [`client`], which measure and time themselves;
//! 4. [`problem`] turns a failure into an answer for the client and a chain of causes for the log.
//!
//! Beside requests run [`worker`]s; the most common one relays the [`outbox`], which sends [`mail`].
//!
//! A module is admitted here when two services use it and its documentation needs no noun of the business.

pub mod boot;
pub mod config;

pub mod metrics;
pub mod telemetry;
pub mod timing;
pub mod trace;

pub mod health;
pub mod http;
pub mod openapi;
pub mod problem;

pub mod identity;
pub mod json;
pub mod page;

pub mod cache;
pub mod client;
pub mod db;

pub mod mail;
pub mod outbox;
pub mod worker;

pub mod clock;
pub mod id;
pub mod money;

pub use boot::Boot;
pub use problem::Problem;
