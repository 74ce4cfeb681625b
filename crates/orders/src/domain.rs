//! The rules of orders: types that cannot be wrong. Nothing here knows of HTTP or SQL.

pub mod decision;
pub mod graph;
pub mod intent;
pub mod lines;
pub mod order;
pub mod order_state;
pub mod refund;

pub use decision::Step;
pub use intent::{Intent, IntentStatus};
pub use lines::{BookId, Cart, CartLine, Quote};
pub use order::{Cause, Fact, NextTry, Order, OrderId, OrderLine, Payment};
pub use order_state::OrderState;
pub use refund::{NotRefundable, Refund, RefundId, RefundReason, RefundState};
