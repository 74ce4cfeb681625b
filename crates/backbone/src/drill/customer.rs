//! A customer with a good client: it names each wish with a key, repeats the wish with *the same* key while it does not
//! know what came of it, and writes down what it was told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::history::{History, Op, Outcome, What};

/// How long one request may take; longer than orders ever waits.
const REQUEST: Duration = Duration::from_secs(3);
/// How long a customer repeats a wish before going away.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest pause between two repetitions.
const PAUSE: Duration = Duration::from_millis(400);

/// The addresses of orders; customers take them in turn.
#[derive(Default)]
pub(crate) struct Doors {
    urls: Mutex<Vec<String>>,
    next: AtomicUsize,
}

impl Doors {
    /// From now on these.
    pub(crate) fn set(&self, urls: Vec<String>) {
        *self.urls.lock().unwrap_or_else(PoisonError::into_inner) = urls;
    }

    fn next(&self) -> String {
        let urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        urls.get(turn % urls.len().max(1)).cloned().unwrap_or_default()
    }
}

/// Somebody who has an account.
#[derive(Clone)]
pub(crate) struct Customer {
    /// Which one, from 0.
    pub(crate) index: usize,
    email: String,
    auth: String,
    token: Arc<Mutex<String>>,
    doors: Arc<Doors>,
    history: Arc<History>,
    http: reqwest::Client,
}

/// What somebody wants to buy.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The client's name for it.
    pub(crate) key: String,
    /// Books and how many of each.
    pub(crate) lines: Vec<(String, u32)>,
    /// How it is paid.
    pub(crate) card: &'static str,
}

/// One answer, with what it came with.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) op: Op,
    pub(crate) body: Value,
}

/// One question.
struct Question<'a> {
    what: What,
    method: Method,
    path: String,
    key: &'a str,
    order: Option<&'a str>,
    body: Option<Value>,
    wait: Option<u32>,
}

impl Customer {
    /// Somebody whose account exists, and who signs in at the auth service at `auth`.
    pub(crate) async fn sign_in(
        (index, email): (usize, String),
        auth: String,
        doors: &Arc<Doors>,
        history: &Arc<History>,
    ) -> anyhow::Result<Self> {
        // A connection of its own for each request: what one of them breaks is not the next one's problem.
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST);
        let http = http.pool_max_idle_per_host(0).build()?;
        let (doors, history, token) = (Arc::clone(doors), Arc::clone(history), Arc::default());
        let customer = Self { index, email, auth, token, doors, history, http };
        // Passwords are hashed on purpose slowly, and several worlds may begin at once on a busy machine.
        for _ in 0..3 {
            if customer.renew().await.is_ok() {
                return Ok(customer);
            }
        }
        customer.renew().await?;
        Ok(customer)
    }

    /// Signs in again.
    pub(crate) async fn renew(&self) -> anyhow::Result<()> {
        let body = json!({"email": self.email, "password": super::sign_up::PASSWORD});
        let answer =
            self.http.post(format!("{}/v1/sessions", self.auth)).json(&body).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        let Some(token) = body.get("access_token").and_then(Value::as_str) else {
            bail!("signing in is answered by {status}: {body}");
        };
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Places an order once.
    pub(crate) async fn place_once(&self, wish: &Wish, wait: Option<u32>) -> Told {
        let lines = wish.lines.iter();
        let lines = lines.map(|(book, count)| json!({"book_id": book, "quantity": count}));
        let body = json!({
            "lines": lines.collect::<Vec<_>>(),
            "payment_method": wish.card,
            "receipt_email": self.email,
        });
        let (method, path, key) = (Method::POST, "/v1/orders".to_owned(), wish.key.as_str());
        let body = Some(body);
        self.ask(Question { what: What::Place, method, path, key, order: None, body, wait }).await
    }

    /// Places an order, again and again until it is known what came of it.
    pub(crate) async fn place(&self, wish: &Wish, wait: Option<u32>) -> Told {
        self.until_known(|| self.place_once(wish, wait)).await
    }

    /// Reads an order once, waiting for its outcome for so many seconds.
    pub(crate) async fn read(&self, order: &str, wait: u32) -> Told {
        let (method, path) = (Method::GET, format!("/v1/orders/{order}"));
        let (what, order, wait) = (What::Read, Some(order), Some(wait));
        self.ask(Question { what, method, path, key: "", order, body: None, wait }).await
    }

    /// Reads an order until it needs the customer, or is decided.
    pub(crate) async fn settle(&self, order: &str) -> Told {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.read(order, 1).await;
            let waits = ["created", "payment_pending", "confirming", "payment_unknown"];
            let is_open = told.op.outcome == Outcome::Unknown
                || told.op.state.as_deref().is_some_and(|state| waits.contains(&state));
            if !is_open || Instant::now() > deadline {
                return told;
            }
            sleep(PAUSE / 4).await;
        }
    }

    /// Tries another card, or with `None` tells orders that the bank is content.
    pub(crate) async fn pay(&self, order: &str, key: &str, card: Option<&str>) -> Told {
        let what = if card.is_some() { What::Pay } else { What::Look };
        let body = card.map_or_else(|| json!({}), |card| json!({"payment_method": card}));
        self.post(what, (order, "payment"), key, Some(body)).await
    }

    /// Wants the order cancelled.
    pub(crate) async fn cancel(&self, order: &str) -> Told {
        self.post(What::Cancel, (order, "cancel"), "", None).await
    }

    /// Wants money back: so much, or all that is left.
    pub(crate) async fn refund(&self, order: &str, key: &str, amount: Option<i64>) -> Told {
        let body = amount.map_or_else(|| json!({}), |amount| json!({"amount": amount}));
        self.post(What::Refund, (order, "refunds"), key, Some(body)).await
    }

    /// Proves at the bank's page who they are, or fails to.
    pub(crate) async fn visit_bank(&self, order: &Value, passes: bool) -> anyhow::Result<()> {
        let url = order.pointer("/next_action/redirect_url").and_then(Value::as_str);
        let url = url.with_context(|| format!("no bank's page in {order}"))?;
        let page = url::Url::parse(url)?;
        let secret = page.query_pairs().find(|(name, _)| name == "client_secret");
        let secret = secret.map(|(_, value)| value.into_owned()).unwrap_or_default();
        let outcome = if passes { "complete" } else { "fail" };
        let form = [("client_secret", secret.as_str()), ("outcome", outcome)];
        self.http.post(page.clone()).form(&form).send().await?;
        Ok(())
    }

    async fn post(
        &self,
        what: What,
        (order, verb): (&str, &str),
        key: &str,
        body: Option<Value>,
    ) -> Told {
        let question = || {
            let (method, path) = (Method::POST, format!("/v1/orders/{order}/{verb}"));
            let (order, body) = (Some(order), body.clone());
            self.ask(Question { what, method, path, key, order, body, wait: None })
        };
        self.until_known(question).await
    }

    async fn until_known<F: Future<Output = Told>>(&self, ask: impl Fn() -> F) -> Told {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = PAUSE / 8;
        loop {
            let told = ask().await;
            if told.op.outcome != Outcome::Unknown || Instant::now() > deadline {
                return told;
            }
            if told.op.status == Some(401) {
                // It is not possible either while auth is down; the next round tries again.
                let _ = self.renew().await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    async fn ask(&self, question: Question<'_>) -> Told {
        let started = self.history.now();
        let answer = self.send(&question).await;
        let (status, body) = match answer {
            Ok((status, body)) => (Some(status), body),
            Err(_) => (None, Value::Null),
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let named = if question.what == What::Refund { None } else { text("id") };
        let op = Op {
            what: question.what,
            customer: self.index,
            key: question.key.to_owned(),
            started,
            ended: self.history.now(),
            outcome: outcome(status),
            status,
            order: question.order.map(str::to_owned).or(named).or_else(|| text("order_id")),
            state: text("state"),
            problem: text("type").map(|kind| kind.replace("/problems/", "")),
            refund: text("id").filter(|id| id.starts_with("ref_")),
        };
        self.history.add(op.clone());
        Told { op, body }
    }

    async fn send(&self, question: &Question<'_>) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{}", self.doors.next(), question.path);
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = self.http.request(question.method.clone(), url).bearer_auth(token);
        if !question.key.is_empty() {
            request = request.header("idempotency-key", question.key);
        }
        if let Some(seconds) = question.wait {
            request = request.header("prefer", format!("wait={seconds}"));
        }
        let request = question.body.iter().fold(request, RequestBuilder::json);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        // Half an answer is none.
        let body = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

fn outcome(status: Option<u16>) -> Outcome {
    match status {
        Some(200..=299) => Outcome::Ok,
        // Not signed in any more, or too fast: nothing was decided.
        Some(401 | 408 | 429) | None => Outcome::Unknown,
        Some(400..=499) => Outcome::Fail,
        Some(_) => Outcome::Unknown,
    }
}
