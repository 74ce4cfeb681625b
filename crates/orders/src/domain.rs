//! The rules of orders: types that cannot be wrong. Nothing here knows of HTTP or SQL.

pub mod intent;
pub mod lines;
pub mod order;

pub use intent::{Intent, IntentStatus};
pub use lines::{BookId, Cart, CartLine, Quote};
pub use order::{Cause, Fact, Order, OrderId, OrderLine, OrderState, Step};
