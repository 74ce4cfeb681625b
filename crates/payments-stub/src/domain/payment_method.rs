//! Stripe's test payment methods: names in place of card numbers, each with a behaviour that never changes.
//!
//! A card number has no business in a test system, so none is accepted: a client that could send one by mistake
//! should find out here. <https://docs.stripe.com/testing>

use super::refusal::BadParameter;
use super::words::words;

/// One of the test methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentMethod {
    name: &'static str,
    behaviour: Behaviour,
}

/// What an attempt to charge a method comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// The bank answers at once.
    Answer(Bank),
    /// The customer has to prove who they are first (3-D Secure); then the bank answers.
    Authenticate(Bank),
    /// The bank takes days to answer; `None`: it never does.
    Delay(Option<Bank>),
}

/// A bank's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// Yes.
    Approve,
    /// No.
    Decline(Decline),
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decline {
    /// The bank does not say why.
    Generic,
    /// Not enough money.
    InsufficientFunds,
    /// Reported lost.
    LostCard,
    /// Reported stolen.
    StolenCard,
    /// Too old.
    ExpiredCard,
    /// The security code is wrong.
    IncorrectCvc,
    /// Something broke; trying again may help.
    ProcessingError,
    /// The bank wants to see the customer, who is not there (`off_session`).
    AuthenticationRequired,
    /// The customer could not prove who they are. The bank was not asked, so there is no charge.
    AuthenticationFailed,
    /// The bank account is closed.
    AccountClosed,
    /// The bank account holds too little.
    AccountEmpty,
}

words!(
    /// What kind of thing a method is.
    Kind {
        /// A card: the bank answers at once.
        Card = "card",
        /// A bank account (ACH direct debit): the bank answers after days.
        UsBankAccount = "us_bank_account",
    }
);

use Behaviour::{Answer, Authenticate, Delay};

const APPROVE: Behaviour = Answer(Bank::Approve);

const fn decline(decline: Decline) -> Behaviour {
    Answer(Bank::Decline(decline))
}

const METHODS: &[(&str, Behaviour)] = &[
    ("pm_card_visa", APPROVE),
    ("pm_card_mastercard", APPROVE),
    ("pm_card_amex", APPROVE),
    ("pm_card_authenticationRequired", Authenticate(Bank::Approve)),
    ("pm_card_threeDSecure2Required", Authenticate(Bank::Approve)),
    (
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        Authenticate(Bank::Decline(Decline::InsufficientFunds)),
    ),
    // It can be attached, and fails when it is charged: to a payment that is the same as a decline.
    ("pm_card_chargeCustomerFail", decline(Decline::Generic)),
    // Both spellings are in the wild.
    ("pm_card_chargeDeclined", decline(Decline::Generic)),
    ("pm_card_visa_chargeDeclined", decline(Decline::Generic)),
    ("pm_card_chargeDeclinedInsufficientFunds", decline(Decline::InsufficientFunds)),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", decline(Decline::InsufficientFunds)),
    ("pm_card_chargeDeclinedLostCard", decline(Decline::LostCard)),
    ("pm_card_visa_chargeDeclinedLostCard", decline(Decline::LostCard)),
    ("pm_card_chargeDeclinedStolenCard", decline(Decline::StolenCard)),
    ("pm_card_visa_chargeDeclinedStolenCard", decline(Decline::StolenCard)),
    ("pm_card_chargeDeclinedExpiredCard", decline(Decline::ExpiredCard)),
    ("pm_card_chargeDeclinedIncorrectCvc", decline(Decline::IncorrectCvc)),
    ("pm_card_chargeDeclinedProcessingError", decline(Decline::ProcessingError)),
    ("pm_usBankAccount_success", Delay(Some(Bank::Approve))),
    ("pm_usBankAccount_accountClosed", Delay(Some(Bank::Decline(Decline::AccountClosed)))),
    ("pm_usBankAccount_insufficientFunds", Delay(Some(Bank::Decline(Decline::AccountEmpty)))),
    ("pm_usBankAccount_processing", Delay(None)),
];

impl PaymentMethod {
    /// The method of this name.
    pub fn find(name: &str) -> Option<Self> {
        METHODS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(name, behaviour)| Self { name, behaviour: *behaviour })
    }

    /// What a client sent as `payment_method`.
    pub fn parse(text: &str) -> Result<Self, BadParameter> {
        const PARAM: &str = "payment_method";
        if looks_like_a_card_number(text) {
            return Err(BadParameter::raw_card(PARAM));
        }
        // A name that is not one could be anything, so it is repeated only when it looks like one.
        let is_plain = text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let shown = if is_plain && text.starts_with("pm_") { text } else { "…" };
        Self::find(text).ok_or_else(|| BadParameter::no_such("PaymentMethod", PARAM, shown))
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What an attempt to charge it comes to.
    pub fn behaviour(self) -> Behaviour {
        self.behaviour
    }

    /// What kind of thing it is.
    pub fn kind(self) -> Kind {
        match self.behaviour {
            Answer(_) | Authenticate(_) => Kind::Card,
            Delay(_) => Kind::UsBankAccount,
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        METHODS.iter().map(|(name, behaviour)| Self { name, behaviour: *behaviour })
    }
}

/// 12 to 19 digits (ISO/IEC 7812), however they are grouped.
fn looks_like_a_card_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (12..=19).contains(&digits)
        && text.chars().all(|letter| letter.is_ascii_digit() || " -.".contains(letter))
}

impl Decline {
    const ALL: [Self; 11] = [
        Self::Generic,
        Self::InsufficientFunds,
        Self::LostCard,
        Self::StolenCard,
        Self::ExpiredCard,
        Self::IncorrectCvc,
        Self::ProcessingError,
        Self::AuthenticationRequired,
        Self::AuthenticationFailed,
        Self::AccountClosed,
        Self::AccountEmpty,
    ];

    /// The decline of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decline| decline.name() == name)
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic_decline",
            Self::InsufficientFunds => "insufficient_funds",
            Self::LostCard => "lost_card",
            Self::StolenCard => "stolen_card",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::AuthenticationRequired => "authentication_required",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AccountClosed => "account_closed",
            Self::AccountEmpty => "account_empty",
        }
    }

    /// Stripe's `code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Generic | Self::InsufficientFunds | Self::LostCard | Self::StolenCard => {
                "card_declined"
            }
            Self::AuthenticationFailed => "payment_intent_authentication_failure",
            Self::AccountClosed | Self::AccountEmpty => "payment_intent_payment_attempt_failed",
            Self::ExpiredCard
            | Self::IncorrectCvc
            | Self::ProcessingError
            | Self::AuthenticationRequired => self.name(),
        }
    }

    /// Stripe's `decline_code`: what a card's bank said.
    pub fn decline_code(self) -> Option<&'static str> {
        match self {
            Self::AuthenticationFailed | Self::AccountClosed | Self::AccountEmpty => None,
            _ => Some(self.name()),
        }
    }

    /// What one may show to the customer. A thief must not learn that a card was reported.
    pub fn message(self) -> &'static str {
        match self {
            Self::Generic | Self::LostCard | Self::StolenCard => "Your card was declined.",
            Self::InsufficientFunds => "Your card has insufficient funds.",
            Self::ExpiredCard => "Your card has expired.",
            Self::IncorrectCvc => "Your card's security code is incorrect.",
            Self::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Self::AuthenticationRequired => {
                "Your card was declined. This transaction requires authentication."
            }
            Self::AuthenticationFailed => {
                "We are unable to authenticate your payment method. Please choose a different payment method and try again."
            }
            Self::AccountClosed => "The customer's bank account has been closed.",
            Self::AccountEmpty => {
                "The customer's account has insufficient funds to cover this payment."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_refused_and_not_repeated() {
        for number in ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242"] {
            let refused = PaymentMethod::parse(number).unwrap_err();
            assert!(refused.message.contains("credit card numbers"), "{}", refused.message);
            assert!(!refused.message.contains("4242"), "{}", refused.message);
        }
    }

    #[test]
    fn an_unknown_method_is_named_only_when_it_looks_like_one() {
        assert!(PaymentMethod::parse("pm_card_gold").unwrap_err().message.contains("pm_card_gold"));
        assert!(
            !PaymentMethod::parse("number=4242424242424242;").unwrap_err().message.contains("4242")
        );
    }

    #[test]
    fn every_decline_is_found_by_its_name() {
        for decline in Decline::ALL {
            assert_eq!(Decline::find(decline.name()), Some(decline));
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        for (name, behaviour) in METHODS {
            assert_eq!(PaymentMethod::find(name).unwrap().behaviour(), *behaviour);
        }
    }
}
