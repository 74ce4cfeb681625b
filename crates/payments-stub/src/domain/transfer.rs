//! Transfers: the books. Money is never made and never lost, it moves from one account to another, and every move is
//! a row that nobody changes. So the balances of all accounts add up to zero at any moment: double-entry bookkeeping,
//! a second and independent account of what the charges and refunds say.

use chassis::money::Money;

use super::id::{ChargeId, RefundId};
use super::words::words;

words!(
    /// Whose money it is.
    Account {
        /// The customer's, at their bank.
        Customer = "customer",
        /// Promised to the merchant, not taken yet.
        Hold = "hold",
        /// The merchant's.
        Merchant = "merchant",
    }
);

words!(
    /// Why money moves.
    Move {
        /// It is taken at once.
        Charge = "charge",
        /// It is promised.
        Hold = "hold",
        /// What was promised is taken.
        Capture = "capture",
        /// What was promised is not taken after all.
        Release = "release",
        /// It is given back.
        Refund = "refund",
    }
);

/// One move of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Why.
    pub kind: Move,
    /// How much.
    pub amount: Money,
    /// For which charge.
    pub charge: ChargeId,
    /// For which refund, if it is one.
    pub refund: Option<RefundId>,
}

impl Move {
    /// The account that loses, and the account that gains.
    pub fn accounts(self) -> (Account, Account) {
        match self {
            Self::Charge => (Account::Customer, Account::Merchant),
            Self::Hold => (Account::Customer, Account::Hold),
            Self::Capture => (Account::Hold, Account::Merchant),
            Self::Release => (Account::Hold, Account::Customer),
            Self::Refund => (Account::Merchant, Account::Customer),
        }
    }
}
