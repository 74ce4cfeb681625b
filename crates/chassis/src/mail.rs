//! Mail: to files in a folder by default, so that a first run needs no server; by SMTP when configured.
//!
//! Handlers never send: they put a row into the [`crate::outbox`] in the transaction that makes the mail true,
//! and its relay sends. A mail that is sent twice has one `Message-ID`, so that mailboxes can tell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::response::Severity;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use crate::boot::RunError;
use crate::config::{Secret, optional_secret};
use crate::outbox::Futile;

/// Where mail goes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The sender: `Shop <shop@example.com>`.
    pub from: String,
    /// The folder that mail is written to when no SMTP server is set.
    pub folder: PathBuf,
    /// `smtps://user:password@host:465` (TLS), `smtp://host:587?tls=required` (STARTTLS), or `smtp://host:1025`.
    #[serde(deserialize_with = "optional_secret")]
    pub smtp_url: Option<Secret>,
    /// How long a delivery may take, in milliseconds.
    pub timeout_ms: u64,
}

/// One mail, as it waits in the outbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Mail {
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What makes the `Message-ID`: the same for every try.
    pub id: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The sender's or the recipient's address.
    #[error("not a mail address: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// The parts do not make a message.
    #[error("the message cannot be built: {0}")]
    Message(#[from] lettre::error::Error),
    /// The server refused it, with this code (RFC 5321 §4.2). Its words are left out: servers like to repeat the address
    /// that they refuse, and errors are logged.
    #[error("the mail server refuses it: {0}")]
    Refused(lettre::transport::smtp::response::Code),
    /// The server did not answer.
    #[error("the mail server: {0}")]
    Smtp(#[source] lettre::transport::smtp::Error),
    /// The folder cannot be written to.
    #[error("the mail folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl MailError {
    /// Whether the same mail will be refused again: the code of the answer is 5xx, or it is no mail at all.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Address(_) | Self::Message(_) => true,
            Self::Refused(code) => code.severity == Severity::PermanentNegativeCompletion,
            Self::Smtp(_) | Self::Folder { .. } => false,
        }
    }
}

/// Whether mail can be sent to this address. For `#[garde(custom(mail::is_address))]`.
pub fn is_address(value: &str, _: &()) -> garde::Result {
    let parsed = value.parse::<lettre::Address>();
    parsed.map(drop).map_err(garde::Error::new)
}

/// The delivery of the promise of a mail: what will be refused again is [`Futile`].
pub async fn deliver(mailer: &Mailer, payload: serde_json::Value) -> anyhow::Result<()> {
    let mail: Mail = serde_json::from_value(payload)?;
    match mailer.send(&mail).await {
        Err(error) if error.is_permanent() => Err(Futile(error.to_string()).into()),
        outcome => Ok(outcome?),
    }
}

/// Sends mail; clones share the connections.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    transport: Arc<Transport>,
}

enum Transport {
    Folder(PathBuf),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// Reads the settings; nothing is connected to yet.
    pub fn new(settings: &Settings) -> Result<Self, RunError> {
        let from = settings
            .from
            .parse()
            .map_err(|error| RunError::Setting(format!("setting `mail.from`: {error}")))?;
        let transport = match &settings.smtp_url {
            None => Transport::Folder(settings.folder.clone()),
            Some(url) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
                    .map_err(|error| {
                        RunError::Setting(format!("setting `mail.smtp_url`: {error}"))
                    })?;
                Transport::Smtp(
                    builder.timeout(Some(Duration::from_millis(settings.timeout_ms))).build(),
                )
            }
        };
        Ok(Self { from, transport: Arc::new(transport) })
    }

    /// Sends one mail; when it fails, or the process dies, the same mail may be sent again.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.parse()?)
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(body(&mail.text))?;
        match &*self.transport {
            Transport::Smtp(smtp) => {
                smtp.send(message).await.map(drop).map_err(|error| match error.status() {
                    Some(code) => MailError::Refused(code),
                    None => MailError::Smtp(error),
                })
            }
            Transport::Folder(folder) => write(folder, &mail.id, message.formatted())
                .await
                .map_err(|source| MailError::Folder { folder: folder.clone(), source }),
        }
    }
}

/// The longest line that RFC 5322 §2.1.1 allows.
const LONGEST_LINE: usize = 998;

/// ASCII goes as it is. lettre would break lines of more than 76 characters, and with them every link, so that only a
/// mail program could put it together again: not a person who opens the file, and not a test.
fn body(text: &str) -> Body {
    if !text.is_ascii() || text.lines().any(|line| line.len() > LONGEST_LINE) {
        return Body::new(text.to_owned());
    }
    let lines = text.lines().flat_map(|line| [line.as_bytes(), b"\r\n"]).flatten().copied();
    Body::dangerous_pre_encoded(lines.collect(), ContentTransferEncoding::SevenBit)
}

/// One file per `Message-ID`, complete or absent: a second try replaces the first.
async fn write(folder: &std::path::Path, id: &str, message: Vec<u8>) -> std::io::Result<()> {
    let folder = folder.to_owned();
    let name: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        let partial = folder.join(format!(".{name}.partial"));
        std::fs::write(&partial, message)?;
        std::fs::rename(partial, folder.join(format!("{name}.eml")))
    });
    written.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_in_one_piece() {
        let link = format!("https://example.com/?token={}", "x".repeat(100));
        let body = body(&format!("Open this:\n{link}\n"));
        assert_eq!(body.into_vec(), format!("Open this:\r\n{link}\r\n").into_bytes());
        assert_ne!(super::body("Gr\u{fc}\u{df}e").encoding(), ContentTransferEncoding::SevenBit);
    }

    #[tokio::test]
    async fn a_mail_that_is_sent_twice_is_one_file_with_one_message_id() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            from: "Shop <shop@example.com>".to_owned(),
            folder: folder.path().join("mailbox"),
            smtp_url: None,
            timeout_ms: 1000,
        };
        let mailer = Mailer::new(&settings).unwrap();
        let mail = Mail {
            to: "reader@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "Dear reader".to_owned(),
            id: "welcome.1".to_owned(),
        };
        mailer.send(&mail).await.unwrap();
        mailer.send(&mail).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(settings.folder).unwrap().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
        assert!(text.contains("Message-ID: <welcome.1@example.com>"), "{text}");
    }
}
