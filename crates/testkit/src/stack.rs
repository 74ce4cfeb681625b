//! The PostgreSQL and Redis that the tests of one process share.
//!
//! `BACKBONE_TEST_POSTGRES_URL` (a superuser) and `BACKBONE_TEST_REDIS_URL` name servers that run already. Without
//! them, each test process starts private ones; they end with it, however it ends. Their folders are kept, so that
//! the next run starts faster.

use std::sync::OnceLock;

use devstack::{Lock, Postgres, PostgresOptions, Redis, RedisOptions};

/// A superuser's URL of the test PostgreSQL.
pub fn postgres_url() -> String {
    servers().postgres_url.clone()
}

/// The URL of the test Redis. Tests share it: keys must hold something that is a test's own, such as a UUID.
pub fn redis_url() -> String {
    servers().redis_url.clone()
}

/// Whether this process has its servers for itself.
pub(crate) fn is_private() -> bool {
    servers().private.is_some()
}

struct Servers {
    postgres_url: String,
    redis_url: String,
    // Kept until the process ends: then the kernel closes their pipes, and the servers stop.
    private: Option<(Lock, Postgres, Redis)>,
}

fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
        let given =
            (std::env::var("BACKBONE_TEST_POSTGRES_URL"), std::env::var("BACKBONE_TEST_REDIS_URL"));
        if let (Ok(postgres_url), Ok(redis_url)) = given {
            return Servers { postgres_url, redis_url, private: None };
        }
        start_private()
    })
}

/// Takes the first folder that no other test process uses.
fn start_private() -> Servers {
    let root = std::env::temp_dir().join("backbone-tests");
    for number in 0..32 {
        let folder = root.join(number.to_string());
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
        let Ok(lock) = Lock::acquire(&folder) else { continue };
        let postgres =
            Postgres::start(PostgresOptions { data_dir: folder.join("postgres"), durable: false })
                .unwrap_or_else(|error| panic!("{error}"));
        let redis = Redis::start(RedisOptions { data_dir: folder.join("redis") })
            .unwrap_or_else(|error| panic!("{error}"));
        let (postgres_url, redis_url) = (postgres.url(), redis.url());
        return Servers { postgres_url, redis_url, private: Some((lock, postgres, redis)) };
    }
    panic!("32 test processes run already, by the locks in {}", root.display());
}
