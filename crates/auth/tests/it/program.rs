//! The program itself: what its log never holds, and how it ends.

use std::net::TcpListener;
use std::process::{ExitStatus, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{Http, TestDatabase};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::{MASTER_KEY, PASSWORD, mailbox, new_address};

/// The program, as it is deployed.
struct Program {
    child: Child,
    http: Http,
}

impl Program {
    async fn start(database: &TestDatabase) -> Self {
        let (public, management) = (free_address(), free_address());
        let child = Command::new(env!("CARGO_BIN_EXE_auth"))
            .env("AUTH__DATABASE__URL", database.url())
            .env("AUTH__KEYS__MASTER_KEY", MASTER_KEY)
            .env("AUTH__MAIL__FOLDER", mailbox::FOLDER)
            .env("AUTH__HTTP__PUBLIC", &public)
            .env("AUTH__HTTP__MANAGEMENT", &management)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let probe = Http::new(&format!("http://{management}"));
        testkit::eventually("the program is ready", async || {
            probe.get("/readyz").send().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await;
        Self { child, http: Http::new(&format!("http://{public}")) }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(path).json(&body).send().await.unwrap();
        answer.json().await.unwrap_or_default()
    }

    async fn refresh(&self, token: &Value) -> Value {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        self.http.post("/v1/tokens").form(&form).send().await.unwrap().json().await.unwrap()
    }

    /// Ends it as an orchestrator does; answers how it ended and what it had logged.
    async fn terminate(mut self) -> (ExitStatus, String) {
        // The shell's own `kill`: a small system has no other.
        let kill = format!("kill -s TERM {}", self.child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
        let mut log = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut log).await.unwrap();
        (self.child.wait().await.unwrap(), log)
    }
}

/// An address that is free now; the kernel does not give it to anybody else for a while.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_password_or_token_is_logged_and_sigterm_ends_the_program_well() {
    let database = TestDatabase::create(None).await;
    let program = Program::start(&database).await;
    let email = new_address();
    program.post("/v1/accounts", json!({ "email": email, "password": PASSWORD })).await;
    let link = mailbox::token(&mailbox::mail(&email, 1).await);
    program.http.get(&format!("/verify-email?token={link}")).send().await.unwrap();
    program.post("/v1/email-verifications", json!({ "token": link })).await;
    let first = program.post("/v1/sessions", json!({ "email": email, "password": PASSWORD })).await;
    let second = program.refresh(&first["refresh_token"]).await;
    let third = program.refresh(&second["refresh_token"]).await;
    // Failures log more than successes do.
    assert_eq!(program.refresh(&first["refresh_token"]).await["error"], "invalid_grant");
    program.post("/v1/email-verifications", json!({ "token": link })).await;
    program.post("/v1/accounts", json!({ "email": email, "password": "too short" })).await;
    program.post("/v1/sessions", json!({ "email": email, "password": "a wrong password" })).await;
    program.http.get("/v1/account").bearer_auth("a forged token").send().await.unwrap();

    let (status, log) = program.terminate().await;
    assert!(status.success(), "{status}");
    assert!(
        log.contains("a refresh token was used twice") && log.contains("auth has stopped"),
        "{log}"
    );
    let mut secrets = vec![email, link, PASSWORD.to_owned(), MASTER_KEY.to_owned()];
    secrets.extend(["too short", "a wrong password", "a forged token"].map(str::to_owned));
    for tokens in [&first, &second, &third] {
        secrets.extend(
            ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned()),
        );
    }
    for secret in secrets {
        assert_eq!(log.lines().find(|line| line.contains(&secret)), None, "{secret} is in the log");
    }
    database.drop().await;
}
