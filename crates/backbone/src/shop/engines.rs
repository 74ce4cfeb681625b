//! PostgreSQL and Redis: private ones, or those that `DATABASE_URL` and `REDIS_URL` name.

use devstack::{Postgres, PostgresOptions, Redis, RedisOptions};
use tokio::task::spawn_blocking;

use super::data_dir::DataDir;
use super::failure::Failure;
use super::variables::Variables;

/// The servers that the services use. They stop when this is dropped, and when this process dies.
pub(crate) struct Engines {
    postgres: Engine<Postgres>,
    redis: Engine<Redis>,
}

/// One server; what we run is stopped when this is dropped.
struct Engine<T> {
    url: String,
    /// `None` when it is not ours.
    ours: Option<T>,
}

/// Where a server is.
pub(crate) struct Server<'a> {
    /// With a password in it.
    pub(crate) url: &'a str,
    /// Whether we run it.
    pub(crate) is_private: bool,
}

impl<T> Engine<T> {
    fn given_or(
        url: Option<String>,
        start: impl FnOnce() -> Result<(String, T), devstack::Error>,
    ) -> Result<Self, devstack::Error> {
        if let Some(url) = url {
            return Ok(Self { url, ours: None });
        }
        let (url, server) = start()?;
        Ok(Self { url, ours: Some(server) })
    }

    fn server(&self) -> Server<'_> {
        Server { url: &self.url, is_private: self.ours.is_some() }
    }
}

impl Engines {
    /// Starts those that are not given.
    pub(crate) async fn start(data: &DataDir, variables: &Variables) -> Result<Self, Failure> {
        let given = |name| variables.given(name).map(str::to_owned);
        Self::start_unless(data, given("DATABASE_URL"), given("REDIS_URL")).await
    }

    /// Starts both, whatever the user's variables say: these are going to be broken.
    pub(crate) async fn start_private(data: &DataDir) -> Result<Self, Failure> {
        Self::start_unless(data, None, None).await
    }

    async fn start_unless(
        data: &DataDir,
        postgres_url: Option<String>,
        redis_url: Option<String>,
    ) -> Result<Self, Failure> {
        let (postgres_dir, redis_dir) = (data.join("postgres"), data.join("redis"));
        // Redis first: it takes an instant, so that little has to be undone when PostgreSQL is not there.
        blocking(move || {
            let redis = Engine::given_or(redis_url, || {
                let redis = Redis::start(RedisOptions { data_dir: redis_dir })?;
                Ok((redis.url(), redis))
            })?;
            let postgres = Engine::given_or(postgres_url, || {
                let options = PostgresOptions { data_dir: postgres_dir, durable: true };
                let postgres = Postgres::start(options)?;
                Ok((postgres.url(), postgres))
            })?;
            Ok(Self { postgres, redis })
        })
        .await
    }

    /// Where PostgreSQL is, for one who may create databases.
    pub(crate) fn postgres(&self) -> Server<'_> {
        self.postgres.server()
    }

    /// Where Redis is.
    pub(crate) fn redis(&self) -> Server<'_> {
        self.redis.server()
    }

    /// Stops our PostgreSQL and starts it again; it may then listen on another port.
    pub(crate) async fn restart_postgres(&mut self, data: &DataDir) -> Result<(), Failure> {
        let Some(running) = self.postgres.ours.take() else { return Ok(()) };
        let options = PostgresOptions { data_dir: data.join("postgres"), durable: true };
        let started = blocking(move || {
            running.stop()?;
            Postgres::start(options)
        });
        let started = started.await?;
        self.postgres = Engine { url: started.url(), ours: Some(started) };
        Ok(())
    }

    /// Stops those that are ours.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        blocking(move || {
            let redis = self.redis.ours.map_or(Ok(()), Redis::stop);
            let postgres = self.postgres.ours.map_or(Ok(()), Postgres::stop);
            redis.and(postgres)
        })
        .await
    }
}

/// Waiting for a server must not keep us from forwarding logs and hearing signals.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, devstack::Error> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => {
            Err(Failure::System { action: "wait for PostgreSQL and Redis", error: error.into() })
        }
    }
}
