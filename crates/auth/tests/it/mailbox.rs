//! Reading the mail that auth writes into a folder.
//!
//! All tests have the same folder, so that they have the same settings and can share one template database;
//! every test writes to addresses of its own.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Where the mail is.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/auth-mail");

/// The texts of all mails to an address, the oldest first.
pub(crate) fn mails(address: &str) -> Vec<String> {
    let recipient = format!("To: {address}\r\n");
    let mut found = Vec::new();
    for (path, written) in files() {
        // Another test may be clearing old mail away.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if text.contains(&recipient) {
            found.push((written, text));
        } else if written.elapsed().is_ok_and(|age| age > Duration::from_mins(10)) {
            let _ = std::fs::remove_file(&path);
        }
    }
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

/// The `number`th mail to an address, counted from one; waits for it.
pub(crate) async fn mail(address: &str, number: usize) -> String {
    testkit::eventually("the mail is there", async || mails(address).len() >= number).await;
    mails(address)[number - 1].clone()
}

/// The token of the link in a mail.
pub(crate) fn token(mail: &str) -> String {
    let (_, rest) = mail.split_once("/verify-email?token=").expect("the mail holds a link");
    rest.split_whitespace().next().unwrap().to_owned()
}

fn files() -> Vec<(PathBuf, SystemTime)> {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return Vec::new() };
    let file = |entry: std::fs::DirEntry| {
        let is_mail = entry.path().extension().is_some_and(|extension| extension == "eml");
        let written = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
        is_mail.then_some((entry.path(), written))
    };
    entries.filter_map(|entry| file(entry.ok()?)).collect()
}
