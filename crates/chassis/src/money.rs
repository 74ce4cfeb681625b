//! Money: an integer number of minor units and an ISO 4217 currency, in one type.
//!
//! Floating point cannot hold 0.10, and a bare integer forgets its currency; both have cost real shops real money.
//! Arithmetic is checked: an overflow or a mixture of currencies is an error, never a wrong sum.

use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in the minor unit of its currency: `{"amount": 899, "currency": "EUR"}` is 8.99 euros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units (cents for EUR). Never negative on the wire.
    #[schema(minimum = 0, example = 899)]
    amount: i64,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
}

/// Why a calculation with money has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The sum does not fit.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies met.
    #[error("the amounts have different currencies")]
    MixedCurrencies,
}

impl Money {
    /// `amount` is in minor units.
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in this currency: the start of a sum.
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Minor units.
    pub fn amount(self) -> i64 {
        self.amount
    }

    /// The ISO 4217 currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The sum, if both have one currency and it fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies);
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, ..self })
    }

    /// The price of `quantity` pieces, if it fits.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(i64::from(quantity)).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, ..self })
    }
}

impl std::fmt::Display for Money {
    /// `8.99 EUR`: for people. Programs read the two fields.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = usize::from(self.currency.exponent().unwrap_or(0));
        let unit = 10_i64.pow(u32::try_from(digits).unwrap_or(0));
        let (sign, amount) = if self.amount < 0 {
            ("-", self.amount.unsigned_abs())
        } else {
            ("", self.amount.unsigned_abs())
        };
        let (whole, part) = (amount / unit.unsigned_abs(), amount % unit.unsigned_abs());
        if digits == 0 {
            return write!(formatter, "{sign}{whole} {}", self.currency.code());
        }
        write!(formatter, "{sign}{whole}.{part:0digits$} {}", self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_is_exact_or_refused(a: i64, b: i64) {
            let sum = Money::new(a, Currency::EUR).checked_add(Money::new(b, Currency::EUR));
            match a.checked_add(b) {
                Some(exact) => prop_assert_eq!(sum, Ok(Money::new(exact, Currency::EUR))),
                None => prop_assert_eq!(sum, Err(MoneyError::Overflow)),
            }
        }

        #[test]
        fn a_product_is_the_repeated_sum(price in 0_i64..1_000_000, quantity in 0_u32..50) {
            let one = Money::new(price, Currency::EUR);
            let sum = (0..quantity).try_fold(Money::zero(Currency::EUR), |sum, _| sum.checked_add(one));
            prop_assert_eq!(one.checked_mul(quantity), sum);
        }

        #[test]
        fn json_round_trips(amount: i64) {
            let money = Money::new(amount, Currency::EUR);
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let sum = Money::new(1, Currency::EUR).checked_add(Money::new(1, Currency::USD));
        assert_eq!(sum, Err(MoneyError::MixedCurrencies));
    }

    #[test]
    fn people_read_the_minor_unit_of_the_currency() {
        assert_eq!(Money::new(899, Currency::EUR).to_string(), "8.99 EUR");
        assert_eq!(Money::new(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Money::new(500, Currency::JPY).to_string(), "500 JPY");
        assert_eq!(Money::new(1234, Currency::KWD).to_string(), "1.234 KWD");
    }
}
