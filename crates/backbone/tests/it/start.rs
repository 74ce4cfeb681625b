//! A start that goes well.

use chassis::config::Secret;
use chassis::db::{Database, Settings};
use chassis::metrics::Metrics;
use devstack::{Postgres, PostgresOptions, Redis, RedisOptions};

use crate::support::{SERVICES, Shop, get};

#[test]
fn the_table_names_every_service_its_pages_and_the_mailbox() {
    let shop = Shop::new();
    let running = shop.open(&[]);

    let table = running.err();

    for name in SERVICES {
        let (public, management) = (shop.public_port(name), shop.management_port(name));
        let line = table.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line.contains(&format!("http://localhost:{public}/docs/")), "{line}");
        assert!(line.contains(&format!("http://localhost:{management}/metrics")), "{line}");
    }
    assert!(table.contains(&shop.data_dir().join("mail").display().to_string()), "{table}");
    assert_eq!(table.matches("curl ").count(), 3, "{table}");
}

#[test]
fn every_service_is_ready_when_the_table_is_printed() {
    let shop = Shop::new();
    let _running = shop.open(&[]);

    for name in SERVICES {
        assert_eq!(get(shop.management_port(name), "/readyz").0, 200, "{name}");
    }
    let (status, books) = get(shop.public_port("catalog"), "/v1/books?limit=3");
    assert_eq!((status, books.matches("\"title\"").count()), (200, 3), "{books}");
}

#[test]
fn a_service_that_is_moved_with_one_variable_is_found_by_the_others() {
    // All ports of a test are moved: what the services were told shows whom they look for.
    let shop = Shop::new();
    let _running = shop.open(&[]);

    let (_, metadata) = get(shop.public_port("auth"), "/.well-known/jwks.json");
    assert!(metadata.contains("keys"), "{metadata}");
    let environment = std::fs::read(format!("/proc/{}/environ", shop.pid_of("orders")));
    // Without /proc there is nothing to look at.
    let Ok(environment) = environment else { return };
    let environment = String::from_utf8_lossy(&environment).into_owned();
    for (variable, name) in [
        ("ORDERS__CATALOG__BASE_URL", "catalog"),
        ("ORDERS__GATEWAY__API__BASE_URL", "payments-stub"),
        ("ORDERS__IDENTITY__ISSUER", "auth"),
    ] {
        let expected = format!("{variable}=http://localhost:{}", shop.public_port(name));
        assert!(environment.contains(&expected), "{expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_may_enter_the_database_of_another() {
    let shop = Shop::new();
    let running = shop.open(&[]);
    let text = std::fs::read_to_string(shop.data_dir().join("secrets.toml")).unwrap();
    let secrets: toml::Table = text.parse().unwrap();
    let password = secrets["databases"]["catalog"].as_str().unwrap();
    let table = running.err();
    let (_, rest) = table.split_once("PostgreSQL at ").unwrap();
    let address = rest.split(',').next().unwrap();

    let own = enter(&format!("postgres://catalog:{password}@{address}/catalog")).await;
    let other = enter(&format!("postgres://catalog:{password}@{address}/orders")).await;

    assert_eq!(own, Ok(()));
    assert!(other.clone().unwrap_err().contains("permission denied for database"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn given_servers_are_used_instead_of_private_ones() {
    let mut shop = Shop::new();
    let servers = Shop::new();
    let (postgres_dir, redis_dir) =
        (servers.data_dir().join("pg"), servers.data_dir().join("redis"));
    let postgres =
        Postgres::start(PostgresOptions { data_dir: postgres_dir, durable: false }).unwrap();
    let redis = Redis::start(RedisOptions { data_dir: redis_dir }).unwrap();
    shop.variables.insert("DATABASE_URL".to_owned(), postgres.url());
    shop.variables.insert("REDIS_URL".to_owned(), redis.url());

    let running = shop.open(&[]);

    assert_eq!(running.err().matches("(yours)").count(), 2, "{}", running.err());
    assert!(!shop.data_dir().join("postgres").exists() && !shop.data_dir().join("redis").exists());
    let server = postgres.url();
    let (server, _) = server.rsplit_once('/').unwrap();
    assert_eq!(enter(&format!("{server}/backbone_orders")).await, Ok(()));
}

async fn enter(url: &str) -> Result<(), String> {
    let settings = Settings {
        url: Secret::new(url),
        pool_size: 1,
        connect_timeout_ms: 20_000,
        wait_timeout_ms: 20_000,
        statement_timeout_ms: 5_000,
    };
    let database = Database::new("test", &settings, &Metrics::new("test").unwrap()).unwrap();
    database.get().await.map(drop).map_err(|error| error.to_string())
}
