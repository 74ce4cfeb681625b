//! The command `backbone`: the whole shop on one machine.
//!
//! Reading order: [`cli`] (what can be typed) → [`services`] (which services there are) → [`up`] (the story of
//! `backbone up`) and [`drill`] (that of `backbone drill`), both made of the parts of a [`shop`].

mod cli;
mod drill;
mod services;
mod shop;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        Command::Up(options) => up::main(&options),
        Command::Drill(what) => drill::main(&what),
        Command::Service { service, options } => service.main(options),
    }
}
