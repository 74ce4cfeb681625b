//! One run: a fault, a seed, customers, and afterwards the invariants.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use payments_stub::control::dice::Dice;

use super::Options;
use super::check::{self, Violation};
use super::facts::{Facts, View};
use super::faults::Fault;
use super::history::{Outcome as Known, What};
use super::load::{self, Plan};
use super::report::Outcome;
use super::world::World;

/// How many copies of the scarce book there are in each run.
const SCARCE: i64 = 4;

/// What a fault works with.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a World,
    /// The name of the run: it is part of every key.
    pub(crate) name: String,
    pub(crate) seed: u64,
    fault: &'static str,
    pub(crate) checkouts: usize,
    /// How long things may take to come to rest: the T of I10.
    pub(crate) patience: Duration,
    dice: Mutex<Dice>,
    noted: Mutex<Noted>,
}

/// What a fault says about itself.
#[derive(Default)]
struct Noted {
    struck: BTreeMap<String, u64>,
    skipped: Option<String>,
    forged: Vec<(String, String)>,
    broken: Vec<Violation>,
}

impl<'a> Run<'a> {
    fn new(world: &'a World, (fault, seed): (&'static Fault, u64), options: &Options) -> Self {
        // The same seed means other choices for another fault: otherwise all faults would meet the same few.
        let salt = fault
            .id
            .bytes()
            .fold(seed, |salt, byte| salt.wrapping_mul(0x0100_0000_01b3).wrapping_add(byte.into()));
        let name = format!("{}-{seed}-{}", fault.id, world.history.now());
        world.wires.seed(salt);
        let (dice, noted) = (Mutex::new(Dice::new(salt)), Mutex::default());
        let (checkouts, patience) = (options.checkouts, Duration::from_secs(options.patience));
        Self { world, name, seed, fault: fault.id, checkouts, patience, dice, noted }
    }

    /// Draws something.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number from 0 to `most`.
    pub(crate) fn roll(&self, most: u64) -> u64 {
        self.draw(|dice| dice.up_to(most))
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        let most = u64::try_from(from.len().saturating_sub(1)).unwrap_or_default();
        from.get(usize::try_from(self.roll(most)).unwrap_or_default()).copied()
    }

    /// One of several, the next one with the next seed: so that a few seeds are all of them.
    pub(crate) fn variant<T: Copy>(&self, of: &[T]) -> Option<T> {
        let count = u64::try_from(of.len()).unwrap_or_default().max(1);
        of.get(usize::try_from(self.seed % count).unwrap_or_default()).copied()
    }

    /// The plans of the usual mix.
    pub(crate) fn plans(&self) -> Vec<Plan> {
        self.draw(|dice| load::plans(dice, self.checkouts, &self.name, &self.world.shelf))
    }

    /// Lets customers do what they do, until all have gone.
    pub(crate) async fn load(&self) {
        load::follow_all(&self.world.customers, &self.plans()).await;
    }

    /// Notes that something really happened.
    pub(crate) fn struck(&self, what: impl Into<String>, count: u64) {
        if count > 0 {
            *self.noted().struck.entry(what.into()).or_default() += count;
        }
    }

    /// Notes that it cannot happen on this machine.
    pub(crate) fn skip(&self, why: &str) {
        self.noted().skipped = Some(why.to_owned());
    }

    /// Notes what the tables of orders hashed to before and after forged messages.
    pub(crate) fn forged(&self, before: String, after: String) {
        self.noted().forged.push((before, after));
    }

    /// Notes that what this fault itself promises does not hold.
    pub(crate) fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broke(self.fault, what());
        }
    }

    /// Notes that an invariant does not hold, as only this fault can see.
    pub(crate) fn broke(&self, invariant: &'static str, what: String) {
        self.noted().broken.push(Violation { invariant, what });
    }

    /// How many orders are not finished now.
    pub(crate) async fn waiting(&self) -> anyhow::Result<u64> {
        let backlog = self.world.backlog().await?;
        Ok(u64::try_from(backlog.orders).unwrap_or_default())
    }

    /// The sum of a counter of orders, over all labels that contain `label`.
    pub(crate) async fn counter(&self, name: &str, label: &str) -> anyhow::Result<u64> {
        let text = self.world.orders.metrics().await?;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(values.sum())
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault under load, and what it broke. The facts are for those who want to look into it.
pub(crate) async fn run(
    world: &World,
    (fault, seed): (&'static Fault, u64),
    options: &Options,
) -> anyhow::Result<(Outcome, Facts)> {
    let started = Instant::now();
    world.stock_up(SCARCE).await?;
    let run = Run::new(world, (fault, seed), options);
    (fault.strike)(&run).await?;
    world.heal().await?;
    let backlog = world.rest(run.patience).await?;

    let mut facts = Facts::gather(world).await?;
    let own = |key: &str| key.starts_with(&run.name);
    let mine: Vec<_> = facts.orders.iter().filter(|order| own(&order.key)).cloned().collect();
    facts.views = views(world, &facts, &mine).await;
    let noted = std::mem::take(&mut *run.noted());
    (facts.backlog, facts.forged) = (backlog, noted.forged);
    let mut broken = noted.broken;
    broken.extend(check::violations(&facts));
    let outcome = Outcome {
        fault: fault.id,
        seed,
        orders: mine.len(),
        took: started.elapsed(),
        struck: noted.struck,
        skipped: noted.skipped,
        broken,
    };
    Ok((outcome, facts))
}

/// What the customers see of the orders of this run.
async fn views(world: &World, facts: &Facts, orders: &[super::facts::Order]) -> Vec<View> {
    let owner = |id: &str| {
        let op =
            facts.ops.iter().find(|op| op.what == What::Place && op.order.as_deref() == Some(id));
        op.and_then(|op| world.customers.get(op.customer))
    };
    let mut views = Vec::new();
    for order in orders {
        // An order that no customer has heard of: whoever placed it got no answer at all.
        let Some(customer) = owner(&order.id) else { continue };
        let told = customer.read(&order.id, 0).await;
        let text =
            |path: &str| told.body.pointer(path).and_then(|it| it.as_str()).map(str::to_owned);
        let refunded = told.body.pointer("/refunded/amount").and_then(serde_json::Value::as_i64);
        views.push(View {
            id: order.id.clone(),
            status: told.op.status.filter(|_| told.op.outcome != Known::Unknown),
            state: text("/state").unwrap_or_default(),
            intent: text("/payment_intent"),
            refunded: refunded.unwrap_or_default(),
        });
    }
    views
}
