//! The workload: what customers do while things break. All choices come from the seed.

use std::time::Duration;

use futures_util::future::join_all;
use payments_stub::control::dice::Dice;
use tokio::time::sleep;

use super::customer::{Customer, Told, Wish};

const VISA: &str = "pm_card_visa";
const DECLINED: [&str; 2] = ["pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"];
const BANK_ASKS: &str = "pm_card_authenticationRequired";
const SLOW_BANK: &str = "pm_usBankAccount_success";

/// One customer's intention.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Which customer.
    pub(crate) customer: usize,
    /// What is wished for.
    pub(crate) wish: Wish,
    /// When, after the run began.
    pub(crate) after: Duration,
    /// What comes then.
    pub(crate) then: Then,
}

/// What a customer does once the order is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Is content.
    Nothing,
    /// After a decline: tries another card.
    OtherCard(&'static str),
    /// Proves at the bank who they are, or fails to.
    VisitBank { passes: bool },
    /// Changes their mind after so long, without waiting for the outcome.
    Cancel(Duration),
    /// Once it is paid, wants these amounts back, all at once; `None`: all.
    Refund(Vec<Option<i64>>),
}

/// What may be bought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    /// Books of which there are plenty.
    pub(crate) plenty: Vec<String>,
    /// A book that several want and few get.
    pub(crate) scarce: String,
    /// How many customers there are.
    pub(crate) customers: usize,
}

/// Draws `count` plans; `name` makes their keys unique.
pub(crate) fn plans(dice: &mut Dice, count: usize, name: &str, shelf: &Shelf) -> Vec<Plan> {
    (0..count).map(|index| plan(dice, &format!("{name}-{index}"), shelf)).collect()
}

fn plan(dice: &mut Dice, key: &str, shelf: &Shelf) -> Plan {
    let (card, then) = intention(dice);
    let is_scarce = dice.decide(0.15);
    let book = if is_scarce { Some(&shelf.scarce) } else { pick(dice, &shelf.plenty) };
    let mut lines = vec![(book.cloned().unwrap_or_default(), 1 + roll(dice, 1))];
    if dice.decide(0.3)
        && let Some(second) = pick(dice, &shelf.plenty).filter(|it| Some(*it) != book)
    {
        lines.push((second.clone(), 1 + roll(dice, 2)));
    }
    let customer = usize::try_from(roll(dice, most(shelf.customers))).unwrap_or_default();
    let after = Duration::from_millis(roll(dice, 120).into());
    Plan { customer, wish: Wish { key: key.to_owned(), lines, card }, after, then }
}

/// Mostly people simply buy.
fn intention(dice: &mut Dice) -> (&'static str, Then) {
    let declined = *pick(dice, &DECLINED).unwrap_or(&VISA);
    let some = |dice: &mut Dice| Some(1 + i64::from(roll(dice, 300)));
    match roll(dice, 99) {
        0..48 => (VISA, Then::Nothing),
        48..58 => (declined, Then::OtherCard(VISA)),
        58..60 => (declined, Then::OtherCard(declined)),
        60..64 => (declined, Then::Nothing),
        64..70 => (BANK_ASKS, Then::VisitBank { passes: true }),
        70..73 => (BANK_ASKS, Then::VisitBank { passes: false }),
        73..76 => (BANK_ASKS, Then::Nothing),
        76..80 => (SLOW_BANK, Then::Nothing),
        80..88 => (VISA, Then::Cancel(Duration::from_millis(roll(dice, 60).into()))),
        88..93 => (VISA, Then::Refund(vec![None])),
        93..97 => (VISA, Then::Refund(vec![some(dice)])),
        _ => (VISA, Then::Refund(vec![some(dice), some(dice), None])),
    }
}

fn roll(dice: &mut Dice, most: u32) -> u32 {
    u32::try_from(dice.up_to(most.into())).unwrap_or(most)
}

fn most(count: usize) -> u32 {
    u32::try_from(count.saturating_sub(1)).unwrap_or_default()
}

fn pick<'a, T>(dice: &mut Dice, from: &'a [T]) -> Option<&'a T> {
    from.get(usize::try_from(roll(dice, most(from.len()))).ok()?)
}

/// Lets the customers follow their plans, all at once.
pub(crate) async fn follow_all(customers: &[Customer], plans: &[Plan]) {
    join_all(plans.iter().filter_map(|plan| {
        let customer = customers.get(plan.customer)?;
        Some(async move {
            sleep(plan.after).await;
            follow(customer, plan).await;
        })
    }))
    .await;
}

async fn follow(customer: &Customer, plan: &Plan) {
    let wait = matches!(plan.then, Then::Cancel(_)).then_some(0);
    let placed = customer.place(&plan.wish, wait).await;
    let Some(order) = placed.op.order.clone() else { return };
    if let Then::Cancel(after) = plan.then {
        sleep(after).await;
        customer.cancel(&order).await;
    }
    let told = customer.settle(&order).await;
    go_on(customer, plan, &order, told).await;
}

async fn go_on(customer: &Customer, plan: &Plan, order: &str, told: Told) {
    let key = |what: &str| format!("{}-{what}", plan.wish.key);
    match (told.op.state.as_deref(), &plan.then) {
        (Some("declined"), Then::OtherCard(card)) => {
            customer.pay(order, &key("pay"), Some(card)).await;
            customer.settle(order).await;
        }
        (Some("requires_action"), Then::VisitBank { passes }) => {
            // A bank that cannot be reached is a customer who has not come.
            let _ = customer.visit_bank(&told.body, *passes).await;
            customer.pay(order, &key("look"), None).await;
            customer.settle(order).await;
        }
        (Some("paid"), Then::Refund(amounts)) => {
            join_all(amounts.iter().enumerate().map(|(index, amount)| {
                let key = key(&format!("refund-{index}"));
                async move { customer.refund(order, &key, *amount).await }
            }))
            .await;
        }
        _ => {}
    }
}
