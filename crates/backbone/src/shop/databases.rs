//! A database for each service, which no other service can read.

use std::collections::BTreeSet;
use std::ops::DerefMut;

use chassis::config::Secret;
use chassis::db::{self, Connection, Database, DbError};
use chassis::metrics::Metrics;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use url::Url;

use super::engines::Engines;
use super::failure::Failure;
use super::secrets::Secrets;
use super::variables::Variables;
use crate::services::{CATALOG, SERVICES};

/// The oldest PostgreSQL that the services work with, as it numbers itself.
const MINIMUM_VERSION: i32 = 150_000;

/// Makes what is missing, and tells each service where its database is; and where the cache is.
pub(crate) async fn prepare(
    engines: &Engines,
    secrets: &Secrets,
    variables: &mut Variables,
) -> Result<(), Failure> {
    let server = engines.postgres();
    let url = parse(server.url)?;
    let mut connection = connect(&url).await.map_err(|error| explain(server.is_private, error))?;
    let explained = |error| explain(server.is_private, error);
    if !server.is_private {
        check_version(&mut connection).await?;
        make_given(&mut connection).await.map_err(explained)?;
    } else if make_private(&mut connection, secrets).await.map_err(explained)? {
        // A new database is hundreds of files, which would all be synchronised when PostgreSQL is told to stop; that
        // can take longer than anybody waits for a stop. Better now, while the services start.
        tokio::spawn(async move { connection.batch_execute("CHECKPOINT").await });
    }
    for service in SERVICES {
        let own = if server.is_private {
            private_url(&url, service.database, secrets.database_password(service.database))
        } else {
            given_url(&url, service.database)
        };
        variables.set(service, "database.url", own.into());
    }
    variables.set(&CATALOG, "cache.url", engines.redis().url.to_owned());
    Ok(())
}

/// In our own PostgreSQL, each service has a role of its own, and only that role may enter its database.
/// Says whether any was missing.
async fn make_private(connection: &mut Connection, secrets: &Secrets) -> QueryResult<bool> {
    // A statement that fails is logged with its text, and passwords are part of these.
    connection.batch_execute("SET log_min_error_statement = panic").await?;
    let roles = names(connection, "SELECT rolname::text AS name FROM pg_roles").await?;
    let databases = names(connection, DATABASES).await?;
    let mut any_made = false;
    for name in SERVICES.map(|service| service.database) {
        // No statement here can take parameters: names are constants, passwords hexadecimal digits.
        if !roles.contains(name) {
            let password = secrets.database_password(name);
            let create = format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'");
            connection.batch_execute(&create).await?;
        }
        if !databases.contains(name) {
            connection.batch_execute(&format!("CREATE DATABASE {name} OWNER {name}")).await?;
            any_made = true;
        }
    }
    // At every start, because a crash may have come between making a database and closing it.
    let closed = SERVICES.map(|service| service.database).join(", ");
    let revoke = format!("REVOKE ALL ON DATABASE {closed}, postgres, template1 FROM PUBLIC");
    connection.batch_execute(&revoke).await?;
    Ok(any_made)
}

/// In a server that is given to us we are one user, so the databases are apart, but not closed to each other.
async fn make_given(connection: &mut Connection) -> QueryResult<()> {
    let databases = names(connection, DATABASES).await?;
    for name in SERVICES.map(|service| given_name(service.database)) {
        if !databases.contains(&name) {
            connection.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        }
    }
    Ok(())
}

async fn check_version(connection: &mut Connection) -> Result<(), Failure> {
    let query = "SELECT current_setting('server_version_num')::int AS number";
    let version: Version = diesel::sql_query(query)
        .get_result(connection)
        .await
        .map_err(|error| explain(false, error))?;
    if version.number < MINIMUM_VERSION {
        let found = version.number / 10_000;
        return Err(Failure::DatabaseUrl(format!(
            "names a PostgreSQL {found}, which is too old: give one of version 15 or newer"
        )));
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Integer)]
    number: i32,
}

const DATABASES: &str = "SELECT datname::text AS name FROM pg_database";

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

async fn names(connection: &mut Connection, query: &str) -> QueryResult<BTreeSet<String>> {
    let rows: Vec<Name> = diesel::sql_query(query).load(connection).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// One connection, made as the services make theirs: a server that wants TLS gets it.
async fn connect(url: &Url) -> Result<impl DerefMut<Target = Connection> + Send + use<>, DbError> {
    let metrics = Metrics::new("backbone").map_err(|error| DbError::Setup(error.to_string()))?;
    let settings = db::Settings {
        url: Secret::new(url.as_str()),
        pool_size: 1,
        connect_timeout_ms: 5_000,
        wait_timeout_ms: 5_000,
        statement_timeout_ms: 30_000,
    };
    Database::new("backbone", &settings, &metrics)?.get().await
}

/// The message never repeats the URL: it holds a password.
fn parse(url: &str) -> Result<Url, Failure> {
    let parsed = Url::parse(url).ok();
    let usable =
        parsed.filter(|url| matches!(url.scheme(), "postgres" | "postgresql") && url.has_host());
    usable.ok_or_else(|| {
        Failure::DatabaseUrl(
            "must look like postgres://user:password@host:5432/database".to_owned(),
        )
    })
}

fn private_url(server: &Url, database: &str, password: &str) -> Url {
    let mut url = server.clone();
    // These fail only for URLs without a host.
    let _ = url.set_username(database);
    let _ = url.set_password(Some(password));
    url.set_path(database);
    url
}

fn given_url(server: &Url, database: &str) -> Url {
    let mut url = server.clone();
    url.set_path(&given_name(database));
    url
}

/// Somebody else's server may have an `auth` already.
fn given_name(database: &str) -> String {
    format!("backbone_{database}")
}

fn explain(is_private: bool, error: impl std::fmt::Display) -> Failure {
    if is_private {
        return Failure::Databases(error.to_string());
    }
    Failure::DatabaseUrl(format!(
        "names a server that cannot be used ({error}): repair that, or unset DATABASE_URL to have one started for you"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_server_keeps_its_user_and_options() {
        let server = parse("postgresql://me:secret@db.example:5433/main?sslmode=require").unwrap();
        assert_eq!(
            given_url(&server, "orders").as_str(),
            "postgresql://me:secret@db.example:5433/backbone_orders?sslmode=require"
        );
    }

    #[test]
    fn in_the_private_server_each_service_is_its_own_user() {
        let server = parse("postgres://postgres:root@127.0.0.1:4321/postgres").unwrap();
        assert_eq!(
            private_url(&server, "orders", "abc").as_str(),
            "postgres://orders:abc@127.0.0.1:4321/orders"
        );
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for wrong in ["host=db password=hunter2", "mysql://me:hunter2@db/main", ""] {
            let message = parse(wrong).unwrap_err().to_string();
            assert!(message.contains("postgres://user:password@host"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
