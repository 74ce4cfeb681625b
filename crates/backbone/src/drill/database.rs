//! A look into the databases, past all services: as the superuser, and never through a proxy.

use std::collections::BTreeMap;

use anyhow::Context as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _,
};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

/// The server's databases; one connection each, made when it is needed and again when it has broken.
pub(crate) struct Databases {
    inner: Mutex<Inner>,
}

struct Inner {
    server: Url,
    connections: BTreeMap<String, AsyncPgConnection>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

impl Databases {
    /// Those of the server at `url`.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let server = Url::parse(url).context("the address of PostgreSQL")?;
        Ok(Self { inner: Mutex::new(Inner { server, connections: BTreeMap::new() }) })
    }

    /// The server has moved.
    pub(crate) async fn moved(&self, url: &str) -> anyhow::Result<()> {
        let mut inner = self.inner.lock().await;
        inner.server = Url::parse(url).context("the address of PostgreSQL")?;
        inner.connections.clear();
        Ok(())
    }

    /// What a query finds: its columns are the members of `T`, by name.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        database: &str,
        query: &str,
    ) -> anyhow::Result<Vec<T>> {
        let query = format!("SELECT to_jsonb(found)::text AS row FROM ({query}) AS found");
        let mut inner = self.inner.lock().await;
        let connection = inner.connection(database).await?;
        let loaded: QueryResult<Vec<Row>> = diesel::sql_query(&query).load(connection).await;
        let rows = inner.keep(database, loaded).with_context(|| query.clone())?;
        let parse = |row: &Row| serde_json::from_str(&row.row).with_context(|| row.row.clone());
        rows.iter().map(parse).collect()
    }

    /// The one row that a query finds.
    pub(crate) async fn row<T: DeserializeOwned>(
        &self,
        database: &str,
        query: &str,
    ) -> anyhow::Result<T> {
        let rows = self.rows(database, query).await?;
        rows.into_iter().next().with_context(|| format!("no row: {query}"))
    }

    /// Runs statements.
    pub(crate) async fn run(&self, database: &str, statements: &str) -> anyhow::Result<()> {
        let mut inner = self.inner.lock().await;
        let connection = inner.connection(database).await?;
        let done = connection.batch_execute(statements).await;
        inner.keep(database, done).with_context(|| statements.to_owned())
    }

    /// A connection of the caller's own, to hold locks with.
    pub(crate) async fn connect(&self, database: &str) -> anyhow::Result<AsyncPgConnection> {
        self.inner.lock().await.connect(database).await
    }
}

impl Inner {
    async fn connection(&mut self, database: &str) -> anyhow::Result<&mut AsyncPgConnection> {
        if !self.connections.contains_key(database) {
            let made = self.connect(database).await?;
            self.connections.insert(database.to_owned(), made);
        }
        self.connections.get_mut(database).context("it was just made")
    }

    async fn connect(&self, database: &str) -> anyhow::Result<AsyncPgConnection> {
        let mut url = self.server.clone();
        url.set_path(database);
        AsyncPgConnection::establish(url.as_str()).await.context("PostgreSQL cannot be reached")
    }

    /// A connection that failed once is not used again.
    fn keep<T>(&mut self, database: &str, outcome: QueryResult<T>) -> QueryResult<T> {
        if outcome.is_err() {
            self.connections.remove(database);
        }
        outcome
    }
}
