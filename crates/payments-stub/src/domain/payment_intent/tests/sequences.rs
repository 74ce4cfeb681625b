//! Ten thousand sequences of moves against a small model of what a gateway owes its customers.
//!
//! The model is written from the table in Stripe's documentation and not from the code: a state in a word, three
//! numbers, and the events that each move is worth. What the two say must agree after every move, and the books must
//! agree with both.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::charge::{NewRefund, Refundable};
use crate::domain::transfer::{Account, Transfer};

const AMOUNT: i64 = 899;

#[derive(Clone, Debug)]
enum Op {
    Attach(usize),
    Confirm(Option<usize>, bool),
    Authenticate(bool),
    Settle,
    Capture(Option<i64>),
    Cancel,
    Refund(Option<i64>),
}

/// The methods that the sequences use, and what each is.
const METHODS: [(&str, Nature); 8] = [
    ("pm_card_visa", Nature::Good),
    ("pm_card_amex", Nature::Good),
    ("pm_card_chargeDeclined", Nature::Bad),
    ("pm_card_authenticationRequired", Nature::Asks { then_good: true }),
    (
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        Nature::Asks { then_good: false },
    ),
    ("pm_usBankAccount_success", Nature::Slow { then_good: Some(true) }),
    ("pm_usBankAccount_accountClosed", Nature::Slow { then_good: Some(false) }),
    ("pm_usBankAccount_processing", Nature::Slow { then_good: None }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    Good,
    Bad,
    Asks { then_good: bool },
    Slow { then_good: Option<bool> },
}

/// What must be true, in a word and three numbers.
#[derive(Clone, Debug)]
struct Model {
    status: &'static str,
    method: Option<Nature>,
    by_hand: bool,
    held: i64,
    taken: i64,
    back: i64,
}

type Events = Vec<&'static str>;

impl Model {
    /// The events that `op` is worth; `None` when it must be refused.
    fn apply(&mut self, op: &Op) -> Option<Events> {
        let open = matches!(
            self.status,
            "requires_payment_method" | "requires_confirmation" | "requires_action"
        );
        match *op {
            Op::Attach(index) => {
                let nature = self.usable(METHODS[index].1).filter(|_| open)?;
                (self.status, self.method) = ("requires_confirmation", Some(nature));
                Some(vec![])
            }
            Op::Confirm(index, off_session) => {
                let named = index.map(|index| METHODS[index].1).or(self.method);
                let nature = named.and_then(|nature| self.usable(nature)).filter(|_| open)?;
                self.method = Some(nature);
                Some(self.confirm(nature, off_session))
            }
            Op::Authenticate(passed) => match (self.status, self.method) {
                ("requires_action", Some(Nature::Asks { then_good })) if passed => {
                    Some(self.answer(then_good))
                }
                ("requires_action", _) => {
                    (self.status, self.method) = ("requires_payment_method", None);
                    Some(vec!["payment_intent.payment_failed"])
                }
                _ => None,
            },
            Op::Settle => match (self.status, self.method) {
                ("processing", Some(Nature::Slow { then_good: Some(good) })) => {
                    Some(self.answer(good))
                }
                _ => None,
            },
            Op::Capture(amount) => {
                let amount = amount.unwrap_or(self.held);
                if self.status != "requires_capture" || amount > self.held {
                    return None;
                }
                (self.status, self.held, self.taken) = ("succeeded", 0, amount);
                Some(vec!["charge.captured", "payment_intent.succeeded"])
            }
            Op::Cancel => {
                let held = self.held > 0;
                if !open && !held {
                    return None;
                }
                (self.status, self.held) = ("canceled", 0);
                let released = held.then_some("charge.refunded");
                Some(released.into_iter().chain(["payment_intent.canceled"]).collect())
            }
            Op::Refund(amount) => {
                let left = self.taken - self.back;
                let amount = amount.unwrap_or(left);
                if left == 0 || amount > left {
                    return None;
                }
                self.back += amount;
                Some(vec![])
            }
        }
    }

    fn usable(&self, nature: Nature) -> Option<Nature> {
        Some(nature).filter(|nature| !(self.by_hand && matches!(nature, Nature::Slow { .. })))
    }

    fn confirm(&mut self, nature: Nature, off_session: bool) -> Events {
        match nature {
            Nature::Good => self.answer(true),
            Nature::Bad => self.answer(false),
            Nature::Asks { .. } if off_session => self.answer(false),
            Nature::Asks { .. } => {
                self.status = "requires_action";
                vec!["payment_intent.requires_action"]
            }
            Nature::Slow { .. } => {
                self.status = "processing";
                vec!["charge.pending", "payment_intent.processing"]
            }
        }
    }

    fn answer(&mut self, good: bool) -> Events {
        if !good {
            (self.status, self.method) = ("requires_payment_method", None);
            return vec!["charge.failed", "payment_intent.payment_failed"];
        }
        if self.by_hand {
            (self.status, self.held) = ("requires_capture", AMOUNT);
            return vec!["charge.succeeded", "payment_intent.amount_capturable_updated"];
        }
        (self.status, self.taken) = ("succeeded", AMOUNT);
        vec!["charge.succeeded", "payment_intent.succeeded"]
    }
}

/// What the code has made so far.
struct World {
    intent: PaymentIntent,
    charges: BTreeMap<String, Charge>,
    transfers: Vec<Transfer>,
}

impl World {
    fn latest(&self) -> Option<Charge> {
        let id = self.intent.latest_charge.as_ref()?;
        self.charges.get(id.as_str()).cloned()
    }

    /// The events of `op`, or `None` when it was refused.
    fn apply(&mut self, op: &Op) -> Option<Events> {
        let charge = self.latest();
        let moved = match *op {
            Op::Attach(index) => {
                return self.intent.attach(method(METHODS[index].0)).ok().map(|()| vec![]);
            }
            Op::Refund(amount) => return self.refund(amount),
            Op::Confirm(index, off_session) => {
                let method = index.map(|index| method(METHODS[index].0));
                let wish = Confirmation { method, off_session, return_url: None };
                self.intent.confirm(wish, &terms(), now())
            }
            Op::Authenticate(passed) => self.intent.authenticate(passed, now()),
            Op::Settle => match charge {
                // As the worker asks: only what is due.
                Some(charge) if matches!(charge.state, State::Pending { settles_at: Some(_) }) => {
                    self.intent.settle(charge)
                }
                _ => return None,
            },
            Op::Capture(amount) => self.intent.capture(charge, amount),
            Op::Cancel => self.intent.cancel(charge, None, now()),
        };
        let moved = moved.ok()?;
        if let Some(charge) = moved.charge {
            self.charges.insert(charge.id.to_string(), charge);
        }
        self.transfers.extend(moved.transfers);
        Some(moved.events.into_iter().map(EventType::as_str).collect())
    }

    fn refund(&mut self, amount: Option<i64>) -> Option<Events> {
        let charge = self.charges.values_mut().find(|charge| charge.captured() > 0)?;
        let of = Refundable::Charge(charge.id.clone());
        let wish = NewRefund { of, amount, reason: None, metadata: Metadata::default() };
        let (_, transfer) = charge.refund(wish, now()).ok()?;
        self.transfers.push(transfer);
        Some(vec![])
    }

    /// What an account holds according to the books.
    fn balance(&self, account: Account) -> i64 {
        let sums = self.transfers.iter().map(|transfer| {
            let (debit, credit) = transfer.kind.accounts();
            let amount = transfer.amount.amount();
            i64::from(credit == account) * amount - i64::from(debit == account) * amount
        });
        sums.sum()
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let amount = || prop_oneof![Just(None), (1..=AMOUNT + 50).prop_map(Some)];
    let index = || 0..METHODS.len();
    let op = prop_oneof![
        2 => index().prop_map(Op::Attach),
        5 => (proptest::option::of(index()), proptest::bool::weighted(0.2))
            .prop_map(|(index, off)| Op::Confirm(index, off)),
        2 => any::<bool>().prop_map(Op::Authenticate),
        2 => Just(Op::Settle),
        2 => amount().prop_map(Op::Capture),
        1 => Just(Op::Cancel),
        4 => amount().prop_map(Op::Refund),
    ];
    proptest::collection::vec(op, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn whatever_is_asked_in_whatever_order_the_model_and_the_books_agree(
        ops in ops(),
        by_hand in any::<bool>(),
    ) {
        let capture = if by_hand { CaptureMethod::Manual } else { CaptureMethod::Automatic };
        let intent = PaymentIntent::new(wish(capture, Kind::ALL), now()).unwrap();
        let mut world = World { intent, charges: BTreeMap::new(), transfers: Vec::new() };
        let mut model = Model {
            status: "requires_payment_method", method: None, by_hand, held: 0, taken: 0, back: 0,
        };
        for op in &ops {
            let before = world.intent.clone();
            let (expected, events) = (model.apply(op), world.apply(op));
            prop_assert_eq!(&events, &expected, "{:?}", op);
            prop_assert!(events.is_some() || world.intent == before, "a refusal left a trace");
            prop_assert_eq!(world.intent.status.as_str(), model.status);
            prop_assert_eq!(world.intent.amount_capturable(), model.held);
            prop_assert_eq!(world.intent.amount_received, model.taken);
            // At most one charge that took money, holds some, or may still take it.
            let alive = |charge: &&Charge| {
                !matches!(charge.state, State::Failed(_) | State::Released)
            };
            prop_assert!(world.charges.values().filter(alive).count() <= 1);
            prop_assert!(world.charges.values().all(|charge| charge.refundable() >= 0));
            // The books say the same, by another way.
            prop_assert_eq!(world.balance(Account::Hold), model.held);
            prop_assert_eq!(world.balance(Account::Merchant), model.taken - model.back);
            let all: i64 = Account::ALL.iter().map(|account| world.balance(*account)).sum();
            prop_assert_eq!(all, 0);
        }
    }
}
