//! Migrations: compiled in, run at start, safe with several replicas.

use std::time::Duration;

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _};

use super::Database;
use super::connect::Connector;

/// Any number will do, as long as all replicas use the same: one lock per database guards its schema.
const LOCK: i64 = 0x6261_636b_626f_6e65;
const PAUSE: Duration = Duration::from_millis(250);

impl Database {
    /// Waits until the database answers, then brings its schema up to date.
    ///
    /// Replicas that start together take turns at an advisory lock; all but the first find nothing to do.
    /// The lock belongs to the session, so it is gone when this process is killed in between.
    pub async fn migrate(
        &self,
        sources: impl IntoIterator<Item = EmbeddedMigrations>,
    ) -> anyhow::Result<()> {
        // No pooled connection: migrations may take longer than any request should.
        let mut settings = self.settings.clone();
        settings.statement_timeout_ms = 0;
        let connector = Connector::new(self.service, &settings, &self.metrics)?;
        let mut connection = connect_until_it_works(&connector).await;
        connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
        // Diesel's harness is synchronous: it blocks this task's thread, which the runtime is told about.
        let mut harness = AsyncMigrationHarness::new(connection);
        for source in sources {
            let applied =
                harness.run_pending_migrations(source).map_err(|error| anyhow::anyhow!(error))?;
            for version in applied {
                tracing::info!(%version, "migration applied");
            }
        }
        Ok(())
    }
}

async fn connect_until_it_works(connector: &Connector) -> AsyncPgConnection {
    let mut failures = 0_u32;
    loop {
        match connector.connect().await {
            Ok(connection) => return connection,
            Err(error) => {
                // Every four seconds is enough for a person who watches.
                if failures.is_multiple_of(16) {
                    tracing::warn!(%error, "waiting for the database");
                }
                failures += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
