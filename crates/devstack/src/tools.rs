//! Finds the server programs, wherever the system's packages put them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Engine, Error};

/// Both servers' programs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Those of PostgreSQL.
    pub postgres: PostgresTools,
    /// Those of Redis or Valkey.
    pub redis: RedisTools,
}

/// The folder that holds `postgres`, `initdb` and `pg_ctl`, all of one version.
#[derive(Debug, Clone)]
pub struct PostgresTools {
    /// The folder.
    pub bin_dir: PathBuf,
    /// Their major version.
    pub major: u32,
}

/// A `redis-server` or a `valkey-server`, which is the same program under a free licence.
#[derive(Debug, Clone)]
pub struct RedisTools {
    /// The program.
    pub server: PathBuf,
    /// Its major version.
    pub major: u32,
}

/// Finds both servers, so that a first run can say what is missing before it does anything.
pub fn find_tools() -> Result<Tools, Error> {
    Ok(Tools { postgres: find_postgres()?, redis: find_redis()? })
}

/// Finds PostgreSQL 15 or newer.
pub fn find_postgres() -> Result<PostgresTools, Error> {
    // Debian keeps the servers out of PATH, one folder a version; so do Homebrew and RPM.
    // The iterator is lazy: when PATH has it, nothing else is asked.
    let folders = path_folders()
        .chain(std::iter::once_with(pg_config_bindir).flatten())
        .chain(versioned("/usr/lib/postgresql", "", "bin"))
        .chain(versioned("/usr", "pgsql-", "bin"))
        .chain(versioned("/opt/homebrew/opt", "postgresql@", "bin"))
        .chain(versioned("/usr/local/opt", "postgresql@", "bin"));
    // In PATH there may be a mere link; the server's companions are where it leads.
    let servers = folders.filter_map(|dir| fs::canonicalize(dir.join("postgres")).ok());
    let complete = servers.filter(|server| {
        ["initdb", "pg_ctl"].iter().all(|program| server.with_file_name(program).is_file())
    });
    let (mut server, major) = first_new_enough(Engine::Postgres, complete)?;
    server.pop();
    Ok(PostgresTools { bin_dir: server, major })
}

/// Finds Redis 7 or newer, or Valkey.
pub fn find_redis() -> Result<RedisTools, Error> {
    // An ordinary user's PATH often lacks sbin, where some systems keep servers.
    let usual = ["/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let servers = path_folders()
        .chain(usual)
        .flat_map(|dir| [dir.join("redis-server"), dir.join("valkey-server")])
        .filter(|server| server.is_file());
    let (server, major) = first_new_enough(Engine::Redis, servers)?;
    Ok(RedisTools { server, major })
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A relative folder would mean another place once the server has its own working directory.
    env::split_paths(&path).filter(|dir| dir.is_absolute()).collect::<Vec<_>>().into_iter()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let answer = output_of(Path::new("pg_config"), "--bindir")?;
    Some(PathBuf::from(answer.trim_end()))
}

/// The folders `<parent>/<prefix><number>/<child>`, the highest number first.
fn versioned(parent: &str, prefix: &str, child: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(child)))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.into_iter().map(|(_, path)| path)
}

/// The first server that is new enough; else the error that tells too old from missing.
fn first_new_enough(
    engine: Engine,
    servers: impl Iterator<Item = PathBuf>,
) -> Result<(PathBuf, u32), Error> {
    let mut too_old = None;
    for server in servers {
        match major_version(engine, &server) {
            Some(major) if major >= engine.minimum_major() => return Ok((server, major)),
            found => too_old = too_old.or(found),
        }
    }
    Err(match too_old {
        Some(found) => Error::TooOld { engine, found },
        None => Error::MissingTool { engine },
    })
}

/// Reads `postgres (PostgreSQL) 17.2`, `Redis server v=7.0.15 sha=…`, `Valkey server v=8.0.1 …`.
fn major_version(engine: Engine, server: &Path) -> Option<u32> {
    let answer = output_of(server, "--version")?;
    let marker = match engine {
        Engine::Postgres => "(PostgreSQL) ",
        Engine::Redis => "v=",
    };
    let (_, version) = answer.split_once(marker)?;
    // Up to the first that is no digit, because 18beta1 has no point.
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn output_of(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that answers with one line, like a server asked for its version.
    fn server_saying(dir: &Path, name: &str, answer: &str) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{answer}'\n")).expect("write the program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("make it run");
        path
    }

    #[test]
    fn an_old_server_is_passed_over_for_a_newer_one() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let old = server_saying(dir.path(), "old", "postgres (PostgreSQL) 14.9");
        let new = server_saying(dir.path(), "new", "postgres (PostgreSQL) 18beta1");

        let found = first_new_enough(Engine::Postgres, [old, new.clone()].into_iter());

        assert_eq!(found.expect("the newer one"), (new, 18));
    }

    #[test]
    fn only_an_old_server_is_named_too_old() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let old = server_saying(dir.path(), "old", "Redis server v=6.2.1 sha=0 bits=64");

        let error = first_new_enough(Engine::Redis, std::iter::once(old)).expect_err("too old");

        assert_eq!(
            error.to_string(),
            "Redis 6 is too old, Backbone needs 7 or newer: run scripts/up, which installs it, or \
             set REDIS_URL"
        );
    }

    #[test]
    fn no_server_at_all_says_what_to_do() {
        let nowhere = PathBuf::from("/nowhere/postgres");

        let error = first_new_enough(Engine::Postgres, std::iter::once(nowhere)).expect_err("none");

        assert_eq!(
            error.to_string(),
            "PostgreSQL 15 or newer was not found: run scripts/up, which installs it, or set \
             DATABASE_URL"
        );
    }

    #[test]
    fn valkey_counts_as_redis() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let valkey = server_saying(dir.path(), "valkey-server", "Valkey server v=8.0.1 sha=0");

        assert_eq!(major_version(Engine::Redis, &valkey), Some(8));
    }

    #[test]
    fn the_highest_version_comes_first_by_number() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for name in ["pg-9", "pg-16", "pg-15", "pg-", "other-99"] {
            fs::create_dir(dir.path().join(name)).expect("make a folder");
        }

        let found: Vec<_> = versioned(dir.path().to_str().expect("UTF-8"), "pg-", "bin").collect();

        let expected = ["pg-16/bin", "pg-15/bin", "pg-9/bin"].map(|path| dir.path().join(path));
        assert_eq!(found, expected);
    }
}
