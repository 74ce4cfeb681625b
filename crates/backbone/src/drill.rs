//! `backbone drill`: breaks the shop on purpose, and checks that no money and no order is lost.
//!
//! The whole shop runs as real processes, with a proxy in each wire between them and a gateway that fails on command.
//! Customers buy, one fault of the matrix strikes, everything is healed, and when nothing moves any more the invariants
//! are checked from several independent witnesses. A broken one is printed with the seed that chose what happened:
//! *choices* repeat themselves with the seed, interleavings are the machine's.
//!
//! Reading order: [`faults`] (the matrix) → [`run`] (one run) → [`check`] (the invariants) over [`facts`] → [`report`];
//! [`load`] and [`customer`] (who buys, and writes down what they were told in the [`history`]); [`world`] (the shop),
//! made of [`process`]es, [`wires`], the gateway's control plane ([`stub`]), a mail server ([`smtp`]) and a look into the
//! [`database`]s, with the settings of [`tuning`].

mod faults;
mod run;

mod check;
mod facts;
mod report;

mod customer;
mod history;
mod load;
mod sign_up;

mod database;
mod process;
mod smtp;
mod stub;
mod tuning;
mod wires;
mod world;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures_util::future::try_join_all;

use facts::Facts;
use faults::{FAULTS, Fault};
use report::{Outcome, Report};
use world::World;

/// After so many runs a new world begins: the ledger is read after each, and grows.
const RUNS_OF_A_WORLD: usize = 25;

/// What can be drilled.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Drill {
    /// The checkout, against the fault matrix.
    Checkout(Options),
}

/// How to drill.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this fault; may be repeated.
    #[arg(long, value_name = "FAULT", value_parser = fault_parser())]
    fault: Vec<&'static Fault>,
    /// The first seed.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// How many seeds, one run each.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// How many worlds to drill in at once.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// How many checkouts a run has.
    #[arg(long, default_value_t = 24)]
    checkouts: usize,
    /// How long everything may take to come to rest after a fault, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Stop at the first run that breaks something.
    #[arg(long)]
    stop: bool,
    /// A bug to plant into orders; only in a build with the feature `orders/planted-bugs`.
    #[arg(long)]
    bug: Option<String>,
    /// Write all outcomes into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the services' log and all facts of every run that broke something, in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id)
    }
}

fn fault_parser() -> impl TypedValueParser<Value = &'static Fault> {
    let names = FAULTS.iter().map(|fault| fault.id);
    let names = PossibleValuesParser::new(names.collect::<Vec<_>>());
    names.try_map(|name| faults::find(&name).ok_or("no such fault"))
}

/// Drills; 1 when something broke, 2 when the drill itself could not be run.
pub(crate) fn main(Drill::Checkout(options): &Drill) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let drilled = runtime.context("no runtime").and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                drilled = drill(options) => drilled,
                _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
            }
        })
    });
    match drilled {
        Ok(report) if report.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("backbone drill: {error:#}\n"));
            ExitCode::from(2)
        }
    }
}

async fn drill(options: &Options) -> anyhow::Result<Report> {
    let chosen: Vec<&'static Fault> =
        if options.fault.is_empty() { FAULTS.iter().collect() } else { options.fault.clone() };
    // Each job takes the next fault when it has done with one; the report has them in the order of the table.
    let queue = Mutex::new(chosen.iter().copied().enumerate());
    let is_over = AtomicBool::new(false);
    let jobs = (0..options.jobs.max(1)).map(|_| work_off(options, &queue, &is_over));
    let mut done: Vec<_> = try_join_all(jobs).await?.into_iter().flatten().collect();
    done.sort_by_key(|(index, _)| *index);
    let report = Report { outcomes: done.into_iter().map(|(_, outcome)| outcome).collect() };
    let what = |id: &str| faults::find(id).map_or("", |fault| fault.what);
    print(&report.text(what, &replay(options)));
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_vec_pretty(&report)?).context("the JSON file")?;
    }
    Ok(report)
}

/// Drills one fault after the other, in worlds of its own.
async fn work_off(
    options: &Options,
    queue: &Mutex<impl Iterator<Item = (usize, &'static Fault)>>,
    is_over: &AtomicBool,
) -> anyhow::Result<Vec<(usize, Outcome)>> {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let mut worlds = Worlds { bug: options.bug.clone(), current: None };
    let mut done = Vec::new();
    while let Some((index, fault)) = next() {
        for seed in options.seed..options.seed.saturating_add(options.seeds) {
            if options.stop && is_over.load(Ordering::Relaxed) {
                break;
            }
            let outcome = run_in(&mut worlds, (fault, seed), options).await?;
            if !outcome.broken.is_empty() {
                is_over.store(true, Ordering::Relaxed);
            }
            done.push((index, outcome));
        }
    }
    worlds.renew().await?;
    Ok(done)
}

/// One run. What fails in the drill itself (a port that is taken, a machine that is full) is tried once more, in a new
/// world: an hour of other runs must not be lost to it.
async fn run_in(
    worlds: &mut Worlds,
    (fault, seed): (&'static Fault, u64),
    options: &Options,
) -> anyhow::Result<Outcome> {
    let mut tried = run::run(worlds.current().await?, (fault, seed), options).await;
    if let Err(error) = &tried {
        say(&format!("{} seed {seed}: {error:#}; once more, in a new world\n", fault.id));
        worlds.renew().await?;
        tried = run::run(worlds.current().await?, (fault, seed), options).await;
    }
    let (outcome, facts) = tried.with_context(|| format!("{} with seed {seed}", fault.id))?;
    say(&progress(&outcome));
    if !outcome.broken.is_empty() {
        if let Some((world, _)) = &worlds.current {
            keep(options, world, &outcome, &facts)?;
        }
        worlds.renew().await?;
    }
    Ok(outcome)
}

/// The world that is in use, and when to make another.
struct Worlds {
    bug: Option<String>,
    current: Option<(World, usize)>,
}

impl Worlds {
    async fn current(&mut self) -> anyhow::Result<&World> {
        if self.current.as_ref().is_some_and(|(_, runs)| *runs >= RUNS_OF_A_WORLD) {
            self.renew().await?;
        }
        if self.current.is_none() {
            self.current = Some((World::start(self.bug.as_deref()).await?, 0));
        }
        let (world, runs) = self.current.as_mut().context("a world was just made")?;
        *runs += 1;
        Ok(world)
    }

    /// The next run begins in a new world.
    async fn renew(&mut self) -> anyhow::Result<()> {
        match self.current.take() {
            Some((world, _)) => world.stop().await,
            None => Ok(()),
        }
    }
}

fn keep(options: &Options, world: &World, outcome: &Outcome, facts: &Facts) -> anyhow::Result<()> {
    let Some(folder) = &options.keep else { return Ok(()) };
    let folder = folder.join(format!("{}-{}", outcome.fault, outcome.seed));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("outcome.json"), serde_json::to_vec_pretty(outcome)?)?;
    fs::write(folder.join("facts.json"), serde_json::to_vec_pretty(facts)?)?;
    world.keep_log(&folder.join("services.log"))
}

fn progress(outcome: &Outcome) -> String {
    let broken: Vec<_> = outcome.broken.iter().map(|it| it.invariant).collect();
    let (fault, seed, took) = (outcome.fault, outcome.seed, outcome.took.as_secs_f64());
    let how = if broken.is_empty() { "ok".to_owned() } else { broken.join(" ") };
    format!("{fault} seed {seed}: {} orders, {took:.1} s, {how}\n", outcome.orders)
}

/// The command that repeats a run, but for fault and seed.
fn replay(options: &Options) -> String {
    let bug = options.bug.as_ref().map(|bug| format!(" --bug {bug}")).unwrap_or_default();
    format!("backbone drill checkout --checkouts {}{bug}", options.checkouts)
}

/// Progress goes to standard error, so that standard output is the report alone.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
