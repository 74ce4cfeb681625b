//! Stripe's test payment methods: names in place of card numbers, each with a behaviour that never changes.
//!
//! A card number has no business in a test system, so none is accepted: a client that could send one by mistake
//! should find out here. <https://docs.stripe.com/testing>

use super::refusal::BadParameter;

/// One of the test methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentMethod {
    name: &'static str,
    behaviour: Behaviour,
}

/// What an attempt to charge a method comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// The money is taken.
    Approve,
    /// The customer has to prove who they are first (3-D Secure).
    Authenticate,
    /// The bank says no.
    Decline(Decline),
}

/// Why a bank says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decline {
    /// It does not say why.
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
}

use Behaviour::{Approve, Authenticate, Decline as Declines};

const METHODS: &[(&str, Behaviour)] = &[
    ("pm_card_visa", Approve),
    ("pm_card_mastercard", Approve),
    ("pm_card_amex", Approve),
    ("pm_card_authenticationRequired", Authenticate),
    ("pm_card_threeDSecure2Required", Authenticate),
    // It can be attached, and fails when it is charged: to a payment that is the same as a decline.
    ("pm_card_chargeCustomerFail", Declines(Decline::Generic)),
    // Both spellings are in the wild.
    ("pm_card_chargeDeclined", Declines(Decline::Generic)),
    ("pm_card_visa_chargeDeclined", Declines(Decline::Generic)),
    ("pm_card_chargeDeclinedInsufficientFunds", Declines(Decline::InsufficientFunds)),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", Declines(Decline::InsufficientFunds)),
    ("pm_card_chargeDeclinedLostCard", Declines(Decline::LostCard)),
    ("pm_card_visa_chargeDeclinedLostCard", Declines(Decline::LostCard)),
    ("pm_card_chargeDeclinedStolenCard", Declines(Decline::StolenCard)),
    ("pm_card_visa_chargeDeclinedStolenCard", Declines(Decline::StolenCard)),
    ("pm_card_chargeDeclinedExpiredCard", Declines(Decline::ExpiredCard)),
    ("pm_card_chargeDeclinedIncorrectCvc", Declines(Decline::IncorrectCvc)),
    ("pm_card_chargeDeclinedProcessingError", Declines(Decline::ProcessingError)),
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
}

/// 12 to 19 digits (ISO/IEC 7812), however they are grouped.
fn looks_like_a_card_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (12..=19).contains(&digits)
        && text.chars().all(|letter| letter.is_ascii_digit() || " -.".contains(letter))
}

impl Decline {
    const ALL: [Self; 7] = [
        Self::Generic,
        Self::InsufficientFunds,
        Self::LostCard,
        Self::StolenCard,
        Self::ExpiredCard,
        Self::IncorrectCvc,
        Self::ProcessingError,
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
        }
    }

    /// Stripe's `code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Generic | Self::InsufficientFunds | Self::LostCard | Self::StolenCard => {
                "card_declined"
            }
            Self::ExpiredCard | Self::IncorrectCvc | Self::ProcessingError => self.name(),
        }
    }

    /// Stripe's `decline_code`: what the bank said.
    pub fn decline_code(self) -> &'static str {
        self.name()
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
