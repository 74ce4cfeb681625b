//! Clients that nobody here wrote: Stripe's own SDKs for Python and Node, unmodified, against a running gateway.
//!
//! `scripts/conformance` installs them and runs this. A plain `cargo test` leaves it out (`test = false` in
//! `Cargo.toml`), so that it needs neither Python nor Node.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use testkit::Running;
use tokio::process::Command;

const KEY: &str = "sk_test_51BackboneConformance";
const CONTROL_TOKEN: &str = "control-token-for-conformance";
/// A run takes some seconds; the SDKs' own time-outs are longer than anybody wants to wait for a defect.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn stripes_own_clients_take_this_gateway_for_real() {
    let [public, control] = [free_port(), free_port()];
    let gateway = start(&public, &control).await;

    // One after the other: they move the same clock.
    let mut python = Command::new(variable("CONFORMANCE_PYTHON"));
    python.arg(scenarios("python/scenarios.py"));
    run(&mut python, &gateway, &control).await;
    let mut node = Command::new("node");
    node.arg(scenarios("node/scenarios.mjs"));
    run(&mut node, &gateway, &control).await;

    gateway.stop().await;
}

async fn start(public: &str, control: &str) -> Running {
    let public_url = format!("http://{public}");
    let settings = [
        ("http.public", public),
        ("api.secret_key", KEY),
        ("api.public_url", public_url.as_str()),
        // Longer than a scenario takes: it looks at what is pending first, and moves the clock then.
        ("api.settle_seconds", "600"),
        ("control.listen", control),
        ("control.token", CONTROL_TOKEN),
        ("webhooks.poll_ms", "20"),
        ("webhooks.retry_seconds", "0.5,0.5,1,1,2,5,5"),
    ];
    testkit::start(payments_stub::DESCRIPTION, &settings, payments_stub::run).await
}

/// Runs a client with nothing of our environment that could change what it does.
async fn run(client: &mut Command, gateway: &Running, control: &str) {
    let kept = ["PATH", "HOME", "XDG_CONFIG_HOME", "CONFORMANCE_NODE_MODULES"]
        .map(|name| (name, variable(name)));
    let client = client
        .env_clear()
        .env("GATEWAY_URL", &gateway.url)
        .env("GATEWAY_KEY", KEY)
        .env("CONTROL_URL", format!("http://{control}"))
        .env("CONTROL_TOKEN", CONTROL_TOKEN)
        .envs(kept)
        .kill_on_drop(true);
    let status = tokio::time::timeout(DEADLINE, client.status()).await.expect("it ends in time");
    assert!(status.unwrap().success(), "a scenario failed: see above");
}

fn scenarios(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(path)
}

fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/conformance"))
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
