//! The receipt: one mail an order, with one `Message-ID` however often it is sent.

use std::fmt::Write as _;

use chassis::mail::Mail;
use chrono::{DateTime, Utc};

use crate::domain::Order;

/// The receipt of a paid order.
pub fn write(order: &Order, paid_at: DateTime<Utc>) -> Mail {
    let mut text =
        format!("Thank you for your order {} of {}.\n\n", order.id, paid_at.format("%-d %B %Y"));
    for line in &order.lines {
        // Writing to a string cannot fail; a line of a placed order has been multiplied before.
        let sum = u32::try_from(line.quantity)
            .ok()
            .and_then(|quantity| line.unit_price.checked_mul(quantity).ok());
        let sum = sum.map(|sum| sum.to_string()).unwrap_or_default();
        let _ =
            writeln!(text, "{:>4} × {} at {}: {sum}", line.quantity, line.title, line.unit_price);
    }
    let _ = write!(text, "\nTotal: {}\n\nBackbone Books\n", order.total);
    Mail {
        to: order.receipt_email.clone(),
        subject: format!("Your receipt for order {}", order.id),
        text,
        id: format!("receipt.{}", order.id),
    }
}
