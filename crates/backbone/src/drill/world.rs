//! The whole shop as real processes, with everything around it under our control.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use orders::domain::OrderState;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::customer::{Customer, Doors};
use super::database::Databases;
use super::facts::Backlog;
use super::history::History;
use super::load::Shelf;
use super::process::Process;
use super::smtp::{Mood, Sink};
use super::stub::Stub;
use super::wires::{self, Wires};
use super::{sign_up, tuning};
use crate::services::{AUTH, CATALOG, ORDERS, PAYMENTS_STUB, SERVICES};
use crate::shop::data_dir::DataDir;
use crate::shop::engines::Engines;
use crate::shop::places::Place;
use crate::shop::secrets::Secrets;
use crate::shop::variables::Variables;
use crate::shop::{databases, output, readiness};

/// So many people; each has several orders at once.
const CUSTOMERS: usize = 4;
const POLL: Duration = Duration::from_millis(50);

/// The shop. Dropping it stops everything.
pub(crate) struct World {
    pub(crate) orders: Process,
    /// A second replica of orders, which runs only when a fault starts it.
    pub(crate) orders_b: Process,
    pub(crate) gateway: Process,
    pub(crate) catalog: Process,
    pub(crate) auth: Process,
    pub(crate) wires: Wires,
    pub(crate) stub: Stub,
    pub(crate) smtp: Sink,
    pub(crate) database: Databases,
    pub(crate) customers: Vec<Customer>,
    pub(crate) doors: Arc<Doors>,
    pub(crate) history: Arc<History>,
    pub(crate) shelf: Shelf,
    pub(crate) webhook_secret: String,
    /// Whether the gateway has forgotten keys: then an order may have a second PaymentIntent, for good.
    pub(crate) keys_were_pruned: AtomicBool,
    gateway_key: String,
    stock: Mutex<BTreeMap<String, i64>>,
    engines: tokio::sync::Mutex<Engines>,
    data: DataDir,
    // The last to go.
    folder: tempfile::TempDir,
}

#[derive(Deserialize)]
struct Counted {
    book_id: String,
    copies: i64,
}

#[derive(Deserialize)]
struct Count {
    count: i64,
}

impl World {
    /// Starts everything, with a planted bug if one is named.
    pub(crate) async fn start(bug: Option<&str>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("backbone-drill-").tempdir()?;
        // Run as root, PostgreSQL runs as somebody else, who has to get in.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let data = DataDir::open(&folder.path().join("shop"))?;
        let (mut variables, control) = tuning::variables(&data, bug)?;
        let secrets = Secrets::open(&data)?;
        let engines = Engines::start_private(&data).await?;
        databases::prepare(&engines, &secrets, &mut variables).await?;
        let smtp = Sink::start().await?;
        let load = |service| Place::load(service, &variables);
        let places = SERVICES.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let urls = (engines.postgres().url.to_owned(), engines.redis().url.to_owned());
        let wires = Wires::lay((&urls.0, &urls.1), &smtp, &places, &mut variables).await?;
        let log = File::create(folder.path().join("services.log"))?;
        let (output, _writer) = output::start_in(log);
        let process =
            |service, variables: &Variables| Process::new(service, variables.clone(), &output);
        let token = variables.get(&PAYMENTS_STUB, "control.token").unwrap_or_default().to_owned();
        let mut world = Self {
            orders: process(&ORDERS, &variables)?,
            orders_b: process(&ORDERS, &tuning::on_other_ports(&ORDERS, &variables))?,
            gateway: process(&PAYMENTS_STUB, &variables)?,
            catalog: process(&CATALOG, &variables)?,
            auth: process(&AUTH, &variables)?,
            stub: Stub::new(control, token)?,
            database: Databases::new(&urls.0)?,
            webhook_secret: secrets.webhook_secret.clone(),
            gateway_key: secrets.gateway_secret_key.clone(),
            keys_were_pruned: AtomicBool::new(false),
            wires,
            smtp,
            customers: Vec::new(),
            doors: Arc::default(),
            history: Arc::new(History::new()),
            shelf: Shelf::default(),
            stock: Mutex::default(),
            engines: tokio::sync::Mutex::new(engines),
            data,
            folder,
        };
        world.open().await?;
        Ok(world)
    }

    /// Starts the services, and lets customers sign up.
    async fn open(&mut self) -> anyhow::Result<()> {
        let all = [&self.auth, &self.catalog, &self.gateway, &self.orders];
        for process in all {
            process.spawn().await?;
        }
        try_join_all(all.map(Process::ready)).await?;
        self.doors.set(vec![wires::url(&self.wires.orders)]);
        let (auth, mailbox) = (self.auth.place.url(), self.data.join("mail"));
        let signed_up = (0..CUSTOMERS).map(|index| {
            let email = format!("reader{index}@example.com");
            let (auth, mailbox, doors, history) = (&auth, &mailbox, &self.doors, &self.history);
            async move {
                sign_up::sign_up(auth, mailbox, &email).await?;
                Customer::sign_in((index, email), auth.clone(), doors, history).await
            }
        });
        self.customers = try_join_all(signed_up).await?;
        let query =
            "SELECT 'book_' || replace(book_id::text, '-', '') AS book_id, available AS copies
                     FROM stock ORDER BY available DESC, book_id LIMIT 12";
        let books: Vec<Counted> = self.database.rows("catalog", query).await?;
        let mut books = books.into_iter().map(|book| book.book_id);
        let scarce = books.next().context("the catalog is empty")?;
        self.shelf = Shelf { plenty: books.collect(), scarce, customers: CUSTOMERS };
        Ok(())
    }

    /// Fills the shelves at rest: plenty of every book but one. From now on this is what there was in the beginning.
    pub(crate) async fn stock_up(&self, scarce: i64) -> anyhow::Result<()> {
        // Identifiers on the wire are the rows' own, in another spelling that PostgreSQL reads as well.
        let uuid = |book: &str| format!("'{}'", book.trim_start_matches("book_"));
        let plenty = self.shelf.plenty.iter().map(|book| uuid(book)).collect::<Vec<_>>();
        let statements = format!(
            "UPDATE stock SET available = 10000 WHERE book_id IN ({});
             UPDATE stock SET available = {scarce} WHERE book_id = {}",
            plenty.join(", "),
            uuid(&self.shelf.scarce)
        );
        self.database.run("catalog", &statements).await?;
        let query = "SELECT book_id, (available + reserved + sold)::bigint AS copies FROM stock";
        let counted: Vec<Counted> = self.database.rows("catalog", query).await?;
        let counted = counted.into_iter().map(|book| (book.book_id, book.copies));
        *self.stock.lock().unwrap_or_else(PoisonError::into_inner) = counted.collect();
        Ok(())
    }

    /// How many copies there were in the beginning.
    pub(crate) fn initial_stock(&self, book: &str) -> i64 {
        let stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        stock.get(book).copied().unwrap_or_default()
    }

    /// Undoes every fault, whatever it was.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        self.wires.heal()?;
        self.smtp.set(Mood::Friendly);
        for process in [&self.auth, &self.catalog, &self.gateway, &self.orders] {
            process.mend().await?;
        }
        self.orders_b.kill().await;
        self.doors.set(vec![wires::url(&self.wires.orders)]);
        self.stub.heal().await?;
        // What a killed gateway was about to deliver is leased for half a minute: that time passes, too.
        let statement = "UPDATE webhook_deliveries SET due_at = now() WHERE due_at > now()";
        self.database.run("payments", statement).await
    }

    /// Lets the time of those pass who went away: their orders have reached their deadline.
    async fn let_deadlines_pass(&self) -> anyhow::Result<()> {
        let statement = "UPDATE orders SET deadline_at = now(), due_at = now()
                         WHERE state IN ('requires_action', 'declined') AND deadline_at > now()";
        self.database.run("orders", statement).await
    }

    /// Waits until nothing is left to be done, or for as long as that may take; says what is left. The customers have gone.
    pub(crate) async fn rest(&self, patience: Duration) -> anyhow::Result<Backlog> {
        let deadline = Instant::now() + patience;
        let mut quiet = 0;
        loop {
            self.let_deadlines_pass().await?;
            let backlog = self.backlog().await?;
            // Twice in a row: what is between two queues is in neither.
            quiet = if backlog.is_empty() { quiet + 1 } else { 0 };
            if quiet == 2 || Instant::now() > deadline {
                return Ok(backlog);
            }
            sleep(POLL).await;
        }
    }

    /// What is left to be done now.
    pub(crate) async fn backlog(&self) -> anyhow::Result<Backlog> {
        let ends = OrderState::ALL.into_iter().filter(|state| state.is_final());
        let ends = ends.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ");
        let query = format!(
            "SELECT (SELECT count(*) FROM orders WHERE state NOT IN ({ends})) AS orders,
                    (SELECT count(*) FROM refunds WHERE state = 'pending') AS refunds,
                    (SELECT count(*) FROM outbox WHERE delivered_at IS NULL) AS outbox,
                    (SELECT count(*) FROM gateway_events WHERE applied_at IS NULL) AS inbox"
        );
        let mut backlog: Backlog = self.database.row("orders", &query).await?;
        let query = "SELECT count(*) AS count FROM webhook_deliveries WHERE due_at IS NOT NULL";
        let deliveries: Count = self.database.row("payments", query).await?;
        backlog.deliveries = deliveries.count;
        Ok(backlog)
    }

    /// Stops PostgreSQL and starts it again.
    pub(crate) async fn restart_postgres(&self) -> anyhow::Result<()> {
        let mut engines = self.engines.lock().await;
        engines.restart_postgres(&self.data).await?;
        let url = engines.postgres().url.to_owned();
        self.wires.postgres_moved(&url)?;
        self.database.moved(&url).await
    }

    /// The cache's own address, past the proxy.
    pub(crate) async fn redis_url(&self) -> String {
        self.engines.lock().await.redis().url.to_owned()
    }

    /// An event of the gateway, as its API shows it.
    pub(crate) async fn event(&self, id: &str) -> anyhow::Result<Value> {
        let url = format!("{}/v1/events/{id}", self.gateway.place.url());
        let request = readiness::client()?.get(url).bearer_auth(&self.gateway_key);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// A file of this world, for a fault that needs one.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the services' log to where somebody looks.
    pub(crate) fn keep_log(&self, to: &Path) -> anyhow::Result<()> {
        fs::copy(self.folder.path().join("services.log"), to)?;
        Ok(())
    }

    /// Stops the services in order. What is not stopped stops when this is dropped, or when we die.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for process in [&self.orders, &self.orders_b, &self.gateway, &self.catalog, &self.auth] {
            process.kill().await;
        }
        self.engines.into_inner().stop().await?;
        Ok(())
    }
}
