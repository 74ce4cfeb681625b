//! A database for one test: created empty or cloned from a template, dropped at the end.

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use crate::stack;

/// One a service, and some for the builds before.
const MAX_TEMPLATES: usize = 12;

/// A database that exists as long as this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A new database; a copy of `template` when one is given.
    pub async fn create(template: Option<&str>) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        // FILE_COPY is the faster strategy where nothing is synchronised to disk, as here.
        let from = template
            .map(|template| format!("TEMPLATE {template} STRATEGY FILE_COPY"))
            .unwrap_or_default();
        execute(&format!("CREATE DATABASE {name} {from}")).await;
        Self { url: url_of(&name), name }
    }

    /// The URL, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database, ending whatever still uses it.
    pub async fn drop(self) {
        execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
    }
}

/// The name of a template for `what`, built by `build` from an empty database when it does not exist.
///
/// Templates are named after the test program, so a change to a migration makes a new one. It is built under another
/// name and renamed when it is complete, under a lock, so that a killed run leaves nothing half-made in use.
pub(crate) async fn template(what: &str, build: impl AsyncFnOnce(String)) -> String {
    clear_away().await;
    let fingerprint = program_fingerprint();
    let name = format!("template_{}_{fingerprint}", what.replace('-', "_"));
    let admin = connect(&stack::postgres_url()).await;
    admin.execute("SELECT pg_advisory_lock(7421)", &[]).await.unwrap();
    let known =
        admin.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.unwrap();
    if known.is_empty() {
        let unfinished = TestDatabase::create(None).await;
        build(unfinished.url.clone()).await;
        execute(&format!("ALTER DATABASE {} RENAME TO {name}", unfinished.name)).await;
    }
    admin.execute("SELECT pg_advisory_unlock(7421)", &[]).await.unwrap();
    name
}

/// Drops what killed or failed tests have left, once a process; and old templates, before they fill the disk.
async fn clear_away() {
    static DONE: OnceCell<()> = OnceCell::const_new();
    if !stack::is_private() {
        return;
    }
    DONE.get_or_init(async || {
        let admin = connect(&stack::postgres_url()).await;
        let ours =
            "SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_' ORDER BY oid";
        let rows = admin.query(ours, &[]).await.unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let (templates, tests): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| name.starts_with("template_"));
        let old_templates = templates.len().saturating_sub(MAX_TEMPLATES);
        for name in tests.into_iter().chain(templates.into_iter().take(old_templates)) {
            execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    })
    .await;
}

/// Changes whenever the test program is built anew.
fn program_fingerprint() -> String {
    let program = std::env::current_exe().unwrap();
    let metadata = program.metadata().unwrap();
    let built = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{:x}_{:x}", built.as_millis(), metadata.len())
}

fn url_of(name: &str) -> String {
    let server = stack::postgres_url();
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

async fn execute(statement: &str) {
    connect(&stack::postgres_url()).await.batch_execute(statement).await.unwrap();
}
