//! Redis: a cache behind a password.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Folder, ps_column, redis_parts, redis_says};

#[test]
fn stopping_leaves_no_process() {
    let folder = Folder::new();
    let redis = folder.start_redis();
    let url = redis.url();
    let (password, address) = redis_parts(&url);
    assert_eq!(redis_says(address, &format!("AUTH {password}\r\nPING")), "+OK\r\n+PONG\r\n+OK\r\n");

    redis.stop().expect("stops");

    assert_eq!(folder.processes(), []);
    folder.assert_servers_ended_well();
}

#[test]
fn dropping_leaves_no_process() {
    let folder = Folder::new();

    drop(folder.start_redis());

    assert_eq!(folder.processes(), []);
}

#[test]
fn without_the_password_nothing_is_answered() {
    let folder = Folder::new();
    let redis = folder.start_redis();
    let url = redis.url();

    let answer = redis_says(redis_parts(&url).1, "PING");

    assert!(answer.starts_with("-NOAUTH"), "{answer}");
}

#[test]
fn the_password_is_for_the_owners_eyes() {
    let folder = Folder::new();
    let redis = folder.start_redis();
    let url = redis.url();
    let (password, _) = redis_parts(&url);
    let file = folder.redis().join("redis.conf");
    assert!(fs::read_to_string(&file).expect("settings").contains(password));
    assert!(!format!("{redis:?}").contains(password));

    let mode = fs::metadata(&file).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(folder.processes().iter().all(|(_, args)| !args.contains(password)));
}

#[test]
fn it_is_a_cache_of_limited_size_that_keeps_nothing_on_disk() {
    let folder = Folder::new();
    let redis = folder.start_redis();
    let url = redis.url();
    let (password, address) = redis_parts(&url);

    let settings = ["appendonly", "save", "maxmemory", "maxmemory-policy", "bind"].map(|name| {
        let answer = redis_says(address, &format!("AUTH {password}\r\nCONFIG GET {name}"));
        // +OK, *2, $n, the name, $n, the value, +OK
        answer.lines().nth(5).unwrap_or_default().to_owned()
    });

    assert_eq!(settings, ["no", "", "67108864", "allkeys-lru", "127.0.0.1"]);
}

#[test]
fn the_server_does_not_run_as_root() {
    let folder = Folder::new();
    let _redis = folder.start_redis();

    assert_ne!(ps_column(folder.redis_pid(), "uid"), "0");
}

#[test]
fn a_pid_file_with_the_number_of_another_program_is_no_obstacle() {
    let folder = Folder::new();
    folder.start_redis().stop().expect("stops");
    // This very process: were it taken for the server, the test would not live to tell.
    fs::write(folder.redis().join("redis.pid"), std::process::id().to_string()).expect("write");

    let redis = folder.start_redis();

    assert_ne!(folder.redis_pid(), std::process::id());
    redis.stop().expect("stops");
}
