//! What a customer wants to buy, and what it costs.

use chassis::money::{Money, MoneyError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

chassis::define_id!(
    /// Names a book of the catalog.
    BookId, "book"
);

/// The most different books of one order, and the most copies of one of them.
pub const MAX_LINES: usize = 50;
/// The most that Stripe's API takes in one payment, in minor units: <https://docs.stripe.com/currencies>.
pub const MAX_TOTAL: i64 = 99_999_999;
/// See [`MAX_LINES`].
pub const MAX_QUANTITY: u32 = 1000;

/// So many copies of one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartLine {
    /// The book.
    pub book_id: BookId,
    /// How many copies.
    #[schema(minimum = 1, maximum = 1000)]
    pub quantity: u32,
}

/// At least one line, each book once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cart(Vec<CartLine>);

/// Why a cart is not acceptable; one message a fault, with the index of the line.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidCart(pub Vec<(Option<usize>, &'static str)>);

impl Cart {
    /// Checks.
    pub fn parse(lines: Vec<CartLine>) -> Result<Self, InvalidCart> {
        let mut faults = Vec::new();
        if lines.is_empty() || lines.len() > MAX_LINES {
            faults.push((None, "must have from 1 to 50 lines"));
        }
        for (index, line) in lines.iter().enumerate() {
            if !(1..=MAX_QUANTITY).contains(&line.quantity) {
                faults.push((Some(index), "quantity must be from 1 to 1000"));
            }
            if lines.iter().take(index).any(|earlier| earlier.book_id == line.book_id) {
                faults.push((Some(index), "this book stands on an earlier line already"));
            }
        }
        if faults.is_empty() { Ok(Self(lines)) } else { Err(InvalidCart(faults)) }
    }

    /// The lines, in the customer's order.
    pub fn lines(&self) -> &[CartLine] {
        &self.0
    }
}

/// A book as the catalog describes it now: its title and what one copy costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The book.
    pub book_id: BookId,
    /// Its title.
    pub title: String,
    /// What one copy costs.
    pub price: Money,
}

/// One line of an order, at the price of the moment when it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLine {
    /// What the catalog said.
    pub quote: Quote,
    /// How many copies.
    pub quantity: u32,
}

/// Why a cart has no price.
#[derive(Debug, PartialEq, Eq)]
pub enum PriceError {
    /// The catalog does not know the books on these lines.
    UnknownBooks(Vec<usize>),
    /// The sum does not fit, or the prices have different currencies.
    Money(MoneyError),
    /// The sum is more than the gateway takes at once.
    TooMuch,
}

/// The lines with their prices, and the total: computed here, never taken from a client.
pub fn price(cart: &Cart, quotes: &[Quote]) -> Result<(Vec<PricedLine>, Money), PriceError> {
    let find = |line: &CartLine| quotes.iter().find(|quote| quote.book_id == line.book_id);
    let unknown: Vec<usize> = cart
        .0
        .iter()
        .enumerate()
        .filter(|(_, line)| find(line).is_none())
        .map(|(index, _)| index)
        .collect();
    if !unknown.is_empty() {
        return Err(PriceError::UnknownBooks(unknown));
    }
    let priced: Vec<PricedLine> = cart
        .0
        .iter()
        .filter_map(|line| {
            find(line).map(|quote| PricedLine { quote: quote.clone(), quantity: line.quantity })
        })
        .collect();
    let total = priced.iter().try_fold(None, |total: Option<Money>, line| {
        let sum = line.quote.price.checked_mul(line.quantity)?;
        total.map_or(Ok(sum), |total| total.checked_add(sum)).map(Some)
    });
    match total.map_err(PriceError::Money)? {
        Some(total) if total.amount() > MAX_TOTAL => Err(PriceError::TooMuch),
        Some(total) => Ok((priced, total)),
        // A cart has at least one line.
        None => Err(PriceError::UnknownBooks(Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;
    use uuid::Uuid;

    use super::*;

    fn book(number: u128) -> BookId {
        BookId(Uuid::from_u128(number))
    }

    fn quote(number: u128, amount: i64) -> Quote {
        Quote {
            book_id: book(number),
            title: "A book".to_owned(),
            price: Money::new(amount, Currency::EUR),
        }
    }

    #[test]
    fn the_total_is_the_sum_of_price_times_quantity() {
        let lines = vec![
            CartLine { book_id: book(1), quantity: 2 },
            CartLine { book_id: book(2), quantity: 3 },
        ];
        let cart = Cart::parse(lines).unwrap();
        let (priced, total) = price(&cart, &[quote(2, 100), quote(1, 899)]).unwrap();
        assert_eq!(total, Money::new(2 * 899 + 3 * 100, Currency::EUR));
        assert_eq!(priced[0].quote.book_id, book(1));
    }

    #[test]
    fn unknown_books_are_named_by_their_lines() {
        let cart = Cart::parse(vec![CartLine { book_id: book(1), quantity: 1 }]).unwrap();
        assert_eq!(price(&cart, &[quote(2, 100)]), Err(PriceError::UnknownBooks(vec![0])));
    }

    #[test]
    fn a_total_that_does_not_fit_is_refused() {
        let cart = Cart::parse(vec![CartLine { book_id: book(1), quantity: 1000 }]).unwrap();
        assert_eq!(
            price(&cart, &[quote(1, i64::MAX)]),
            Err(PriceError::Money(MoneyError::Overflow))
        );
    }

    #[test]
    fn more_than_the_gateway_takes_at_once_is_refused() {
        let line = |number| CartLine { book_id: book(number), quantity: 1000 };
        let cart = Cart::parse((1..=26).map(line).collect()).unwrap();
        let quotes: Vec<Quote> = (1..=26).map(|number| quote(number, 3999)).collect();
        assert_eq!(price(&cart, &quotes), Err(PriceError::TooMuch));
    }

    #[test]
    fn every_fault_of_a_cart_is_named() {
        let line = |quantity| CartLine { book_id: book(1), quantity };
        assert_eq!(Cart::parse(vec![]).unwrap_err().0.len(), 1);
        assert_eq!(Cart::parse(vec![line(0), line(1001)]).unwrap_err().0.len(), 3);
    }
}
