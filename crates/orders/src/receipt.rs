//! The receipts: one mail for money that came, one for each time that money went back, each with one `Message-ID`
//! however often it is sent.

use std::fmt::Write as _;

use chassis::mail::Mail;
use chassis::money::Money;
use chrono::{DateTime, Utc};

use crate::domain::{Order, OrderLine, Refund, RefundReason};

/// The receipt of a paid order.
pub fn for_payment(order: &Order, lines: &[OrderLine], paid_at: DateTime<Utc>) -> Mail {
    let mut text =
        format!("Thank you for your order {} of {}.\n\n", order.id, paid_at.format("%-d %B %Y"));
    for line in lines {
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

/// The receipt of a refund.
pub fn for_refund(order: &Order, refund: &Refund) -> Mail {
    let amount = Money::new(refund.amount, order.total.currency());
    let reason = match refund.reason {
        RefundReason::Cancelled => "You had cancelled the order when it was paid.",
        RefundReason::OutOfStock => "We are sorry: the books were gone when the payment came.",
        RefundReason::LatePayment => "The payment came after the order was over.",
        RefundReason::RequestedByCustomer | RefundReason::Duplicate | RefundReason::Fraudulent => {
            "As was asked for."
        }
    };
    let text = format!(
        "We have sent {amount} of your order {} back to your card. {reason}\n\nBackbone Books\n",
        order.id
    );
    Mail {
        to: order.receipt_email.clone(),
        subject: format!("Your refund for order {}", order.id),
        text,
        id: format!("refund.{}", refund.id),
    }
}
