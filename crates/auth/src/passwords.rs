//! Hashing passwords: Argon2id, off the threads that answer requests, and never more at once than the machine bears.
//!
//! A hash costs 19 MiB and some 20 ms of a core on purpose. That makes guessing dear, and would make flooding us cheap:
//! so only a few run at once, a few more wait, and the rest are refused at once.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{
    ARGON2ID_IDENT, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash,
};
use chassis::config::Secret;
use tokio::sync::Semaphore;

use crate::config;
use crate::domain::{OpaqueToken, Password};

/// Hashes and verifies; clones share the limits.
#[derive(Clone)]
pub struct Hasher {
    /// As many as may run or wait.
    admitted: Arc<Semaphore>,
    /// As many as may run.
    running: Arc<Semaphore>,
    /// The hash of a password that nobody knows.
    nobodys: Secret,
}

/// Why there is no answer about a password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More passwords wait than we are ready to hash.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// A stored hash cannot be read, or the machine has no memory left.
    #[error("a password cannot be hashed: {0}")]
    Broken(password_hash::Error),
    /// The thread died.
    #[error("a password was not hashed: {0}")]
    Died(#[from] tokio::task::JoinError),
}

impl Hasher {
    /// Prepares the limits, and the hash that unknown addresses are compared with.
    pub fn new(settings: &config::Passwords) -> anyhow::Result<Self> {
        anyhow::ensure!(
            settings.concurrent_hashes > 0,
            "setting `passwords.concurrent_hashes`: must be 1 or more"
        );
        let unknowable = OpaqueToken::generate().map_err(anyhow::Error::msg)?;
        let nobodys = hash_now(&unknowable.expose()).map_err(anyhow::Error::msg)?;
        Ok(Self {
            admitted: Arc::new(Semaphore::new(
                settings.concurrent_hashes.saturating_add(settings.max_waiting),
            )),
            running: Arc::new(Semaphore::new(settings.concurrent_hashes)),
            nobodys,
        })
    }

    /// Hashes a new password with a new salt, as a PHC string that names its own parameters.
    pub async fn hash(&self, password: &Password) -> Result<Secret, HashError> {
        let password = password.clone();
        self.off_thread(move || hash_now(password.expose())).await
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash the answer is no, and takes as long.
    pub async fn verify(
        &self,
        password: &Password,
        hash: Option<&Secret>,
    ) -> Result<bool, HashError> {
        let (password, is_somebodys) = (password.clone(), hash.is_some());
        let hash = hash.unwrap_or(&self.nobodys).clone();
        let matches = self.off_thread(move || verify_now(password.expose(), hash.expose())).await?;
        Ok(matches && is_somebodys)
    }

    /// Whether `hash` was made with other parameters than a new one would be, and should be replaced.
    pub fn is_outdated(&self, hash: &Secret) -> bool {
        let is_current = |hash: &PasswordHash| {
            let costs = Params::try_from(hash)
                .map(|params| (params.m_cost(), params.t_cost(), params.p_cost()));
            let current = Params::default();
            hash.algorithm == ARGON2ID_IDENT
                && hash.version == Some(Version::default().into())
                && costs.is_ok_and(|costs| {
                    costs == (current.m_cost(), current.t_cost(), current.p_cost())
                })
        };
        !PasswordHash::new(hash.expose()).is_ok_and(|hash| is_current(&hash))
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_full| HashError::Overloaded)?;
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_closed| HashError::Overloaded)?;
        // The permits go with the work: when the client hangs up, the hash is still being computed, and still counts.
        let hashed = tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            work()
        });
        hashed.await?.map_err(HashError::Broken)
    }
}

fn hash_now(password: &str) -> password_hash::Result<Secret> {
    Ok(Secret::new(Argon2::default().hash_password(password.as_bytes())?.to_string()))
}

fn verify_now(password: &str, hash: &str) -> password_hash::Result<bool> {
    match Argon2::default().verify_password(password.as_bytes(), &PasswordHash::new(hash)?) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(concurrent_hashes: usize, max_waiting: usize) -> Hasher {
        Hasher::new(&config::Passwords { concurrent_hashes, max_waiting }).unwrap()
    }

    fn password() -> Password {
        Password::offered("i would prefer not to")
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_owasps_parameters_and_its_own_salt() {
        let hasher = hasher(1, 1);
        let (first, second) =
            (hasher.hash(&password()).await.unwrap(), hasher.hash(&password()).await.unwrap());
        assert!(
            first.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            first.expose()
        );
        assert_ne!(first.expose(), second.expose());
        assert!(!hasher.is_outdated(&first));
    }

    #[tokio::test]
    async fn only_the_right_password_matches_and_nobodys_never_does() {
        let hasher = hasher(1, 1);
        let hash = hasher.hash(&password()).await.unwrap();
        assert!(hasher.verify(&password(), Some(&hash)).await.unwrap());
        assert!(
            !hasher.verify(&Password::offered("i would prefer to"), Some(&hash)).await.unwrap()
        );
        assert!(!hasher.verify(&password(), None).await.unwrap());
    }

    #[test]
    fn other_parameters_are_outdated() {
        let (salt, output) =
            ("c29tZXNhbHRzb21lc2FsdA", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI");
        for (parameters, is_outdated) in [
            ("argon2id$v=19$m=19456,t=2,p=1", false),
            ("argon2id$v=19$m=4096,t=2,p=1", true),
            ("argon2id$v=19$m=19456,t=1,p=1", true),
            ("argon2id$v=16$m=19456,t=2,p=1", true),
            ("argon2i$v=19$m=19456,t=2,p=1", true),
        ] {
            let hash = Secret::new(format!("${parameters}${salt}${output}"));
            assert_eq!(hasher(1, 0).is_outdated(&hash), is_outdated, "{parameters}");
        }
    }

    #[tokio::test]
    async fn what_is_beyond_the_limit_is_refused_at_once() {
        let hasher = hasher(1, 1);
        let password = password();
        let outcomes = futures_util::future::join_all((0..8).map(|_| hasher.hash(&password))).await;
        let refused =
            outcomes.iter().filter(|outcome| matches!(outcome, Err(HashError::Overloaded))).count();
        assert_eq!(refused, 6);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_still_counts() {
        let hasher = hasher(1, 0);
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        {
            let work = hasher.off_thread(move || Ok(finished.recv().is_ok()));
            assert!(futures_util::poll!(std::pin::pin!(work)).is_pending());
        }
        assert!(matches!(hasher.hash(&password()).await, Err(HashError::Overloaded)));
        drop(finish);
        testkit::eventually("the work is done", async || hasher.hash(&password()).await.is_ok())
            .await;
    }
}
