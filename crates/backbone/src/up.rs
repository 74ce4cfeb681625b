//! `backbone up`: starts the shop, prints where everything is, and stops it.
//!
//! The parts are those of every [`crate::shop`]. The order of a start, and the module that owns each step:
//!
//! 1. [`DataDir`]: one folder, one owner; [`processes`] ends what a killed start has left;
//! 2. [`places`]: the settings make sense and the ports are free;
//! 3. [`Secrets`], [`Engines`], [`databases`]: PostgreSQL and Redis run, with a database for each service;
//! 4. [`settings`] and [`Variables`]: what each service is told;
//! 5. [`children`]: the services run until one ends or one of the [`signals`] comes;
//! 6. [`output`]: their logs, whole lines in order; [`welcome`]: the table.
//!
//! Stopping is the same backwards. Whatever happens to this process, nothing outlives it: every child watches a pipe
//! that the kernel closes when we die.

mod children;
mod processes;
mod signals;
mod welcome;

use std::error::Error as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::services::SERVICES;
use crate::shop::data_dir::DataDir;
use crate::shop::engines::Engines;
use crate::shop::failure::Failure;
use crate::shop::output::{self, LogFormat, Output, Style};
use crate::shop::places::{self, Place};
use crate::shop::secrets::Secrets;
use crate::shop::variables::Variables;
use crate::shop::{databases, settings};
use children::Children;
use signals::Signals;

/// What can be asked of `up`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder for the databases, the mailbox and the secrets; kept between runs.
    #[arg(long, value_name = "DIR", default_value = ".backbone")]
    data_dir: PathBuf,
    /// Delete what the folder holds first, after asking.
    #[arg(long)]
    fresh: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How to print the services' logs.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "auto")]
    log: LogFormat,
}

/// What a start is made of.
struct Shop {
    started: Instant,
    data: DataDir,
    places: Vec<Place>,
    secrets: Secrets,
    mailbox: String,
    variables: Variables,
}

/// Runs the shop until somebody stops it.
pub(crate) fn main(options: &Options) -> ExitCode {
    let variables = Variables::from_process();
    let style = Style::choose(options.log, variables.given("NO_COLOR").is_some());
    match prepare(options, variables, style).and_then(|shop| run(shop, style)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let cause = failure.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
            // When standard error is closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "backbone: {failure}{cause}");
            failure.exit_code()
        }
    }
}

/// Everything that can be found out before anything is started.
fn prepare(options: &Options, mut variables: Variables, style: Style) -> Result<Shop, Failure> {
    let data = DataDir::open(&options.data_dir)?;
    processes::end_orphans(&data)?;
    let load = |service| Place::load(service, &variables);
    let places = SERVICES.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    places::check_free(&places)?;
    if options.fresh {
        if !options.yes {
            data.confirm_wipe()?;
        }
        data.wipe()?;
    }
    let started = Instant::now();
    let secrets = Secrets::open(&data)?;
    settings::introduce(&places, &mut variables);
    let mailbox = settings::equip(&data, style.log_format(), &mut variables);
    settings::entrust(&secrets, &mut variables);
    Ok(Shop { started, data, places, secrets, mailbox, variables })
}

fn run(shop: Shop, style: Style) -> Result<(), Failure> {
    // One thread is enough for somebody who only watches.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::System { action: "start", error })?;
    runtime.block_on(async {
        let signals = Signals::listen()
            .map_err(|error| Failure::System { action: "listen to signals", error })?;
        let (output, writer) = output::start(style);
        let outcome = keep_engines(shop, &signals, &output).await;
        let written = writer.finish(output).await;
        outcome.and(written.map_err(Failure::Output))
    })
}

/// PostgreSQL and Redis run for as long as the services do.
async fn keep_engines(mut shop: Shop, signals: &Signals, output: &Output) -> Result<(), Failure> {
    output.say(&format!("starting PostgreSQL and Redis in {}", shop.data.path().display())).await;
    let engines = Engines::start(&shop.data, &shop.variables).await?;
    let outcome = keep_services(&mut shop, &engines, signals, output).await;
    let stopped = engines.stop().await;
    outcome.and(stopped)
}

async fn keep_services(
    shop: &mut Shop,
    engines: &Engines,
    signals: &Signals,
    output: &Output,
) -> Result<(), Failure> {
    tokio::select! {
        prepared = databases::prepare(engines, &shop.secrets, &mut shop.variables) => prepared?,
        () = signals.stop_asked() => return Ok(()),
    }
    let mut children = Children::start(&shop.places, &shop.variables, output)?;
    signals.watch(children.pids().into_iter().map(|(_, pid)| pid));
    let outcome = tokio::select! {
        outcome = attend(&mut children, shop, engines, output) => outcome,
        () = signals.stop_asked() => Ok(()),
        // The writer says why, when it is asked in the end.
        () = output.broken() => Ok(()),
    };
    // A terminal that was halted with Ctrl-S takes no words, and must not keep us from stopping.
    let _ =
        timeout(Duration::from_millis(100), output.say("stopping; Ctrl-C once more kills it all"))
            .await;
    children.stop().await;
    processes::forget(&shop.data);
    outcome
}

/// Returns only when something goes wrong.
async fn attend(
    children: &mut Children,
    shop: &Shop,
    engines: &Engines,
    output: &Output,
) -> Result<(), Failure> {
    processes::record(&shop.data, &children.pids())?;
    children.ready(&shop.places).await?;
    output.say(&welcome::text(shop, engines, &children.pids())).await;
    Err(children.first_end().await)
}
