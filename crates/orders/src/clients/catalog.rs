//! The catalog: prices, and stock that is held for an order.

use chassis::client::{CallError, Client, ClientSetupError, Settings};
use chassis::identity::ClientCredentials;
use chassis::metrics::Metrics;
use chassis::money::Money;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{BookId, Cart, OrderId, OrderLine, Quote};

/// A client of the catalog, in our own name.
#[derive(Clone)]
pub struct Catalog {
    client: Client,
    credentials: ClientCredentials,
}

/// What the catalog said to a wish for stock.
#[derive(Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is held.
    Held,
    /// There is not enough, or the reservation cannot be had any more; the reason is for the customer.
    Refused(Value),
}

#[derive(Deserialize)]
struct BookPage {
    data: Vec<Book>,
}

#[derive(Deserialize)]
struct Book {
    id: BookId,
    title: String,
    price: Money,
}

#[derive(Serialize)]
struct Line {
    book_id: BookId,
    quantity: i32,
}

impl Catalog {
    /// Nothing is called yet.
    pub fn new(
        settings: &Settings,
        credentials: ClientCredentials,
        metrics: &Metrics,
    ) -> Result<Self, ClientSetupError> {
        Ok(Self { client: Client::new("catalog", settings, metrics)?, credentials })
    }

    /// What the books of a cart cost now. Books that do not exist are missing from the answer.
    pub async fn quote(&self, cart: &Cart) -> Result<Vec<Quote>, CallError> {
        let ids: Vec<String> = cart.lines().iter().map(|line| line.book_id.to_string()).collect();
        let answer = self.client.get(&format!("/v1/books?ids={}", ids.join(","))).send().await?;
        let page: BookPage =
            answer.json().map_err(|error| CallError::unreadable("catalog", error))?;
        let quotes = page.data.into_iter();
        Ok(quotes
            .map(|book| Quote { book_id: book.id, title: book.title, price: book.price })
            .collect())
    }

    /// Holds the stock of an order, all of it or none. Repeating it is safe.
    pub async fn hold(&self, order_id: OrderId, lines: &[OrderLine]) -> Result<Hold, CallError> {
        let lines: Vec<Line> = lines
            .iter()
            .map(|line| Line { book_id: line.book_id, quantity: line.quantity })
            .collect();
        let token = self.credentials.token().await?;
        let call =
            self.client.put(&format!("/v1/reservations/{}", order_id.0)).bearer(token.expose());
        match call.json(&serde_json::json!({ "lines": lines })).send().await {
            Ok(_) => Ok(Hold::Held),
            Err(error)
                if matches!(
                    error.status(),
                    Some(StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
                ) =>
            {
                let explanation = error.explanation::<Value>().unwrap_or_default();
                let shortages = explanation
                    .get("shortages")
                    .cloned()
                    .unwrap_or_else(|| Value::Array(Vec::new()));
                Ok(Hold::Refused(serde_json::json!({ "shortages": shortages })))
            }
            Err(error) => Err(error),
        }
    }

    /// Sells what is held. Repeating it is safe.
    pub async fn commit(&self, order_id: OrderId) -> Result<(), CallError> {
        self.end(order_id, "commit").await
    }

    /// Gives back what is held, or marks that nothing must be held any more. Repeating it is safe.
    pub async fn release(&self, order_id: OrderId) -> Result<(), CallError> {
        self.end(order_id, "release").await
    }

    async fn end(&self, order_id: OrderId, how: &str) -> Result<(), CallError> {
        let token = self.credentials.token().await?;
        let call = self
            .client
            .post(&format!("/v1/reservations/{}/{how}", order_id.0))
            .bearer(token.expose());
        // Both are idempotent by the order's identifier; the key tells our own client that it may repeat them.
        call.idempotency_key(&format!("{order_id}:{how}")).send().await?;
        Ok(())
    }
}
