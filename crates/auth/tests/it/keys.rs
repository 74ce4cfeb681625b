//! Signing keys: one for all replicas, published without its secret, sealed in the database.

use auth::keyring::Keyring;
use auth::vault::Vault;
use chassis::boot::{Boot, Listeners};
use chassis::config::Secret;
use chassis::db::Database;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use testkit::TestDatabase;

use crate::{Auth, MASTER_KEY};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_on_an_empty_database_share_one_key() {
    let database = TestDatabase::create(None).await;
    let overrides = [("database.url", database.url())];
    let replicas = join_all((0..3).map(|_| Auth::start_with(&overrides))).await;
    assert_eq!(replicas[0].count("SELECT count(*) FROM signing_keys").await, 1);
    let email = replicas[0].register().await;
    let tokens = replicas[1].sign_in(&email).await;
    assert_eq!(replicas[2].account(&tokens.access).await.status(), StatusCode::OK);
    let tokens = replicas[0].refresh(&tokens).await;
    assert_eq!(
        replicas[1].refresh(&tokens).await.refresh,
        replicas[2].refresh(&tokens).await.refresh
    );
    for replica in replicas {
        replica.stop().await;
    }
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_look_for_a_key_at_once_one_makes_it() {
    let auth = Auth::start().await;
    auth.sql().await.execute("DELETE FROM signing_keys", &[]).await.unwrap();
    let settings = chassis::db::Settings {
        url: Secret::new(&auth.service.database_url),
        pool_size: 8,
        connect_timeout_ms: 10_000,
        wait_timeout_ms: 10_000,
        statement_timeout_ms: 10_000,
    };
    let database = Database::new("auth", &settings, &auth.service.metrics).unwrap();
    let vault = Vault::new(&Secret::new(MASTER_KEY)).unwrap();
    let load = async || Keyring::new(vault.clone()).load(&database, auth.service.clock.now()).await;
    // Connections first, so that all begin together.
    let connections = join_all((0..8).map(|_| database.get())).await;
    drop(connections);
    for loaded in join_all((0..8).map(|_| load())).await {
        loaded.unwrap();
    }
    assert_eq!(auth.count("SELECT count(*) FROM signing_keys").await, 1);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_key() {
    let auth = Auth::start().await;
    let tokens = auth.someone().await;
    let database = auth.service.stop_keeping_database().await.unwrap();
    let auth = Auth::start_with(&[("database.url", database.url())]).await;
    assert_eq!(auth.account(&tokens.access).await.status(), StatusCode::OK);
    auth.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_key_is_cachable_and_holds_no_secret() {
    let auth = Auth::start().await;
    let answer = auth.service.http.get("/.well-known/jwks.json").send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let keys: Value = answer.json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let mut names: Vec<_> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&"ES256".into(), &"sig".into()));
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_forbids_a_second_key_that_signs() {
    let auth = Auth::start().await;
    let copy = "INSERT INTO signing_keys SELECT 'copy', public_jwk, sealed_private, created_at, state FROM signing_keys";
    let refused = auth.sql().await.execute(copy, &[]).await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some("signing_keys_one_signs"));
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_master_key_a_database_signs_nothing() {
    let auth = Auth::start().await;
    let database = auth.service.stop_keeping_database().await.unwrap();
    let other = MASTER_KEY.replace('0', "f");
    let settings = [("DATABASE__URL", database.url()), ("KEYS__MASTER_KEY", &other)];
    let error = run_with(&settings).await.unwrap_err();
    assert!(error.contains("`keys.master_key` is not the key"), "{error}");
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_are_named_at_the_start() {
    for (variable, value, expected) in [
        ("KEYS__MASTER_KEY", "abc", "`keys.master_key`"),
        ("PASSWORDS__CONCURRENT_HASHES", "0", "`passwords.concurrent_hashes`"),
        ("CLIENTS__ORDERS__SECRET", "short", "`clients.orders.secret`"),
    ] {
        let rest = [("KEYS__MASTER_KEY", MASTER_KEY), ("CLIENTS__ORDERS__SECRET", MASTER_KEY)];
        let mut settings = vec![
            ("DATABASE__URL", "postgres://nobody@localhost/nothing"),
            ("CLIENTS__ORDERS__SCOPE", ""),
        ];
        settings.extend(rest);
        settings.push((variable, value));
        let error = run_with(&settings).await.unwrap_err();
        assert!(error.contains(expected) && !error.contains(MASTER_KEY), "{error}");
    }
}

/// Runs a service that is not expected to get far; later variables win.
async fn run_with(variables: &[(&str, &str)]) -> Result<(), String> {
    let free = [("HTTP__PUBLIC", "127.0.0.1:0"), ("HTTP__MANAGEMENT", "127.0.0.1:0")];
    let environment = free.iter().chain(variables);
    let environment =
        environment.map(|(name, value)| (format!("AUTH__{name}"), (*value).to_owned()));
    let defaults = auth::DESCRIPTION.defaults;
    let loaded =
        chassis::config::load::<auth::Settings>("auth", defaults, None, environment).unwrap();
    let listeners = Listeners::bind(&loaded.settings.http).unwrap();
    let boot = Boot::new("auth", listeners).unwrap();
    auth::run(loaded.settings, boot).await.map_err(|error| error.to_string())
}
