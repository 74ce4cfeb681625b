//! Owners, guards and servers that are killed, and what remains of them: nothing.

use std::fs;
use std::thread;

use devstack::{Postgres, PostgresOptions};

use crate::owner::{Owner, ready_file};
use crate::support::{
    Folder, children_of, kill, kill_all, ps_column, redis_parts, redis_says, sql, wait_until,
};

#[test]
fn servers_end_with_their_owner() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);
    assert!(folder.processes().len() >= 2, "{:?}", folder.processes());

    owner.kill();

    folder.wait_until_empty();
    folder.assert_servers_ended_well();
}

#[test]
fn servers_end_with_their_owner_though_the_guards_died_first() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);
    // The guards proper are the servers' parents; their watchers stay.
    let guards = [folder.postgres_pid(), folder.redis_pid()]
        .map(|server| ps_column(server, "ppid").parse().expect("a number"));
    kill_all("KILL", &guards);

    owner.kill();

    folder.wait_until_empty();
}

#[test]
fn a_signal_to_everyone_leaves_the_guards_on_duty() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);

    // As a system does that shuts down, or a session that ends.
    kill_all("TERM", &folder.guards());
    owner.kill();

    folder.wait_until_empty();
}

#[test]
fn servers_start_again_while_those_of_a_killed_owner_are_ending() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);
    let url = fs::read_to_string(ready_file(folder.path())).expect("the URL");
    sql(&url, "CREATE TABLE books (title text); INSERT INTO books VALUES ('Emma')");

    owner.kill();
    let _redis = folder.start_redis();
    let postgres = folder.start_postgres();

    assert_eq!(sql(&postgres.url(), "SELECT title FROM books"), "Emma");
}

#[test]
fn orphaned_servers_are_replaced_and_the_data_is_kept() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);
    let url = fs::read_to_string(ready_file(folder.path())).expect("the URL");
    sql(&url, "CREATE TABLE books (title text); INSERT INTO books VALUES ('Emma')");
    let orphans = [folder.postgres_pid(), folder.redis_pid()];
    kill_all("KILL", &folder.guards());
    wait_until("the guards are dead", || folder.guards().is_empty());
    owner.kill();
    assert_eq!(folder.processes().len(), 2, "only the servers: {:?}", folder.processes());

    let postgres = folder.start_postgres();
    let redis = folder.start_redis();

    assert_eq!(sql(&postgres.url(), "SELECT title FROM books"), "Emma");
    let url = redis.url();
    let (password, address) = redis_parts(&url);
    assert!(redis_says(address, &format!("AUTH {password}\r\nPING")).contains("+PONG"));
    let living: Vec<_> = folder.processes().into_iter().map(|(pid, _)| pid).collect();
    assert!(orphans.iter().all(|orphan| !living.contains(orphan)), "{orphans:?} in {living:?}");
}

#[test]
fn a_killed_server_recovers_at_the_next_start() {
    let folder = Folder::new();
    let options = PostgresOptions { data_dir: folder.postgres(), durable: true };
    let postgres = Postgres::start(options).expect("PostgreSQL starts");
    sql(&postgres.url(), "CREATE TABLE books (title text); INSERT INTO books VALUES ('Emma')");

    kill("KILL", folder.postgres_pid());
    // At once, while the dead server's helpers may still be at work.
    postgres.stop().expect("nothing is left to stop");
    let postgres = folder.start_postgres();

    assert_eq!(sql(&postgres.url(), "SELECT title FROM books"), "Emma");
}

#[test]
fn a_start_waits_for_the_helpers_of_a_killed_server() {
    let folder = Folder::new();
    let postgres = folder.start_postgres();
    let helpers = children_of(folder.postgres_pid());
    // Frozen, they cannot notice that their parent has gone.
    kill_all("STOP", &helpers);
    kill("KILL", folder.postgres_pid());
    postgres.stop().expect("nothing is left to stop");

    let log = folder.postgres().join("postgres.log");
    let postgres = thread::scope(|scope| {
        scope.spawn(|| {
            let refused = || {
                let said = fs::read_to_string(&log).unwrap_or_default();
                said.contains("pre-existing shared memory block")
            };
            wait_until("PostgreSQL has refused", refused);
            kill_all("CONT", &helpers);
        });
        folder.start_postgres()
    });

    assert_eq!(sql(&postgres.url(), "SELECT 1"), "1");
}

#[test]
fn a_killed_guard_does_not_keep_its_server_from_being_stopped() {
    let folder = Folder::new();
    let postgres = folder.start_postgres();

    kill_all("KILL", &folder.guards());
    postgres.stop().expect("stops");

    folder.wait_until_empty();
}

#[test]
fn a_frozen_server_is_killed_in_the_end() {
    let folder = Folder::new();
    let redis = folder.start_redis();

    kill("STOP", folder.redis_pid());
    redis.stop().expect("stops");

    folder.wait_until_empty();
}

#[test]
fn an_owner_killed_in_its_first_start_leaves_nothing_half_made() {
    let folder = Folder::new();
    let owner = Owner::spawn(&folder);
    let is_making = || {
        let mut entries = fs::read_dir(folder.postgres()).into_iter().flatten().flatten();
        entries.any(|it| it.path().join("PG_VERSION").exists())
    };
    wait_until("initdb is at work", is_making);
    owner.kill();
    assert!(!folder.postgres().join("cluster").exists(), "initdb was not interrupted");
    folder.wait_until_empty();
    // Interrupted, initdb cleans up; killed like its owner, it could not.
    fs::create_dir(folder.postgres().join("cluster.new-1")).expect("make a leftover");

    let postgres = folder.start_postgres();

    assert_eq!(sql(&postgres.url(), "SELECT 1"), "1");
    let leftovers = fs::read_dir(folder.postgres()).expect("the folder").flatten();
    let leftovers = leftovers.filter(|it| it.file_name().to_string_lossy().contains(".new-"));
    assert_eq!(leftovers.count(), 0);
}

#[test]
fn ctrl_c_on_the_owners_terminal_does_not_reach_the_servers() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);

    // A terminal sends its signals to a process group.
    let groups =
        [owner.id(), folder.postgres_pid(), folder.redis_pid()].map(|it| ps_column(it, "pgid"));

    assert_ne!(groups[0], groups[1]);
    assert_ne!(groups[0], groups[2]);
    owner.kill();
    folder.wait_until_empty();
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_does_not_hold_the_pipe() {
    let folder = Folder::new();
    let pipes_of = |pid: &str| -> Vec<_> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("open files").flatten();
        let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.filter(|it| it.to_string_lossy().starts_with("pipe:")).collect()
    };
    // Those that cargo gave us: what its children inherit is its own affair.
    let before = pipes_of("self");

    let _postgres = folder.start_postgres();

    let mut ours = pipes_of("self");
    ours.retain(|pipe| !before.contains(pipe));
    let servers = pipes_of(&folder.postgres_pid().to_string());
    assert!(!ours.is_empty());
    assert!(servers.iter().all(|pipe| !ours.contains(pipe)), "{ours:?} and {servers:?}");
}
