//! The shop's main job, from the outside: the same script that judges containers and clusters.

use std::path::Path;
use std::process::Command;

use crate::support::{Running, Shop};

#[test]
fn a_book_is_bought_end_to_end() {
    let shop = Shop::new();
    let running = shop.open(&[]);

    buy_books(&shop, &running);
}

/// Runs `scripts/smoke`; panics with everything that it said when a step fails.
pub(crate) fn buy_books(shop: &Shop, running: &Running) {
    let url = |name: &str| format!("http://localhost:{}", shop.public_port(name));
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/smoke");
    let output = Command::new("bash")
        .arg(smoke)
        .env("AUTH_URL", url("auth"))
        .env("CATALOG_URL", url("catalog"))
        .env("ORDERS_URL", url("orders"))
        .env("GATEWAY_URL", url("payments-stub"))
        .env("DATA_DIR", shop.data_dir())
        .env_remove("MAILBOX")
        .env_remove("GATEWAY_KEY")
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", running.out());
}
