//! What a shop on one machine is made of; [`crate::up`] opens one, [`crate::drill`] opens one to break it.
//!
//! 1. [`data_dir`]: one folder, one owner;
//! 2. [`places`]: where the services listen;
//! 3. [`secrets`], [`engines`], [`databases`]: PostgreSQL and Redis run, with a database for each service;
//! 4. [`settings`] and [`variables`]: what each service is told;
//! 5. [`child`]: a service as a process; [`readiness`]: whether it serves;
//! 6. [`output`]: the logs, whole lines in order.

pub(crate) mod data_dir;

pub(crate) mod places;

pub(crate) mod secrets;

pub(crate) mod engines;

pub(crate) mod databases;

pub(crate) mod settings;
pub(crate) mod variables;

pub(crate) mod child;
pub(crate) mod readiness;

pub(crate) mod output;

pub(crate) mod failure;
