//! How a customer gets an account: as everybody does, with the link from the mail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Of every customer of a world that lives for a minute.
pub(crate) const PASSWORD: &str = "nine lives of a patient cat";

const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Makes an account at `auth`, whose mail goes to files in `mailbox`.
pub(crate) async fn sign_up(auth: &str, mailbox: &Path, email: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let account = json!({"email": email, "password": PASSWORD});
    let answer = http.post(format!("{auth}/v1/accounts")).json(&account).send().await?;
    if !answer.status().is_success() {
        bail!("signing up is answered by {}: {}", answer.status(), answer.text().await?);
    }
    let token = token_from(mailbox, email).await?;
    let verified =
        http.post(format!("{auth}/v1/email-verifications")).json(&json!({"token": token}));
    let answer = verified.send().await?;
    if !answer.status().is_success() {
        bail!("verifying is answered by {}: {}", answer.status(), answer.text().await?);
    }
    Ok(())
}

async fn token_from(mailbox: &Path, email: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let files = std::fs::read_dir(mailbox).into_iter().flatten().flatten();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        for text in texts.filter(|text| text.contains(email)) {
            if let Some((_, rest)) = text.split_once("verify-email?token=") {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
                return Ok(rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest).to_owned());
            }
        }
        if Instant::now() > deadline {
            return None.with_context(|| format!("no mail to {email} came"));
        }
        sleep(POLL).await;
    }
}
