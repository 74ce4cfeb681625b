//! A gateway as a process of its own, for tests that end it or look at it from the outside.

use std::process::{ExitStatus, Stdio};

use reqwest::Client;
use testkit::TestDatabase;
use tokio::process::{Child, Command};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::KEY;
use crate::control::free_port;

pub(crate) const CONTROL_TOKEN: &str = "control-token-for-tests";

/// A gateway as a process of its own.
pub(crate) struct Process {
    pub(crate) url: String,
    pub(crate) control: String,
    pub(crate) database: TestDatabase,
    pub(crate) receiver: MockServer,
    management: String,
    child: Option<Child>,
}

impl Process {
    pub(crate) async fn new() -> Self {
        let receiver = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&receiver).await;
        let [public, management, control] =
            [free_port(), free_port(), free_port()].map(|port| format!("http://127.0.0.1:{port}"));
        Self {
            url: public,
            management,
            control,
            database: TestDatabase::create(None).await,
            receiver,
            child: None,
        }
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&mut self, http: &Client) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payments-stub"));
        let strip = |url: &str| url.trim_start_matches("http://").to_owned();
        for (name, value) in [
            ("DATABASE__URL", self.database.url().to_owned()),
            ("API__SECRET_KEY", KEY.to_owned()),
            ("API__REQUESTS_PER_SECOND", "100000".to_owned()),
            ("API__BURST", "100000".to_owned()),
            ("HTTP__PUBLIC", strip(&self.url)),
            ("HTTP__MANAGEMENT", strip(&self.management)),
            ("CONTROL__LISTEN", strip(&self.control)),
            ("CONTROL__TOKEN", CONTROL_TOKEN.to_owned()),
            ("WEBHOOKS__URL", self.receiver.uri()),
            ("WEBHOOKS__SECRET", "whsec_tests".to_owned()),
            ("WEBHOOKS__POLL_MS", "20".to_owned()),
            ("LOG__FILTER", "off".to_owned()),
        ] {
            command.env(format!("PAYMENTS_STUB__{name}"), value);
        }
        command.stdout(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
        let ready = format!("{}/readyz", self.management);
        testkit::eventually("the gateway is ready", async || {
            http.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.child.as_mut().unwrap().wait().await.unwrap()
    }

    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Kills it and drops its database.
    pub(crate) async fn end(mut self) {
        self.kill().await;
        self.database.drop().await;
    }

    /// The most memory that it ever held, in bytes; `None` where the system does not say.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let pid = self.child.as_ref()?.id()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}
