//! PostgreSQL: started, stopped, and started again on what it finds.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use devstack::{Error, Postgres, PostgresOptions};

use crate::support::{Folder, is_root, ps_column, sql, start_postgres_in};

#[test]
fn stopping_leaves_no_process() {
    let folder = Folder::new();
    let postgres = folder.start_postgres();
    assert_eq!(sql(&postgres.url(), "SELECT 1"), "1");

    postgres.stop().expect("stops");

    assert_eq!(folder.processes(), []);
    folder.assert_servers_ended_well();
}

#[test]
fn dropping_leaves_no_process() {
    let folder = Folder::new();

    drop(folder.start_postgres());

    assert_eq!(folder.processes(), []);
}

#[test]
fn a_restart_keeps_the_data() {
    let folder = Folder::new();
    let first = folder.start_postgres();
    sql(&first.url(), "CREATE TABLE books (title text); INSERT INTO books VALUES ('Emma')");
    first.stop().expect("stops");

    let second = folder.start_postgres();

    assert_eq!(sql(&second.url(), "SELECT title FROM books"), "Emma");
}

#[test]
fn only_tests_give_up_durability() {
    let show = |durable| {
        let folder = Folder::new();
        let options = PostgresOptions { data_dir: folder.postgres(), durable };
        let postgres = Postgres::start(options).expect("starts");
        ["fsync", "synchronous_commit", "full_page_writes"]
            .map(|setting| sql(&postgres.url(), &format!("SHOW {setting}")))
    };

    assert_eq!(show(false), ["off", "off", "off"]);
    assert_eq!(show(true), ["on", "on", "on"]);
}

#[test]
fn a_wrong_password_is_refused() {
    let folder = Folder::new();
    let postgres = folder.start_postgres();
    let (_, address) =
        postgres.url().split_once('@').map(|(a, b)| (a.len(), b.to_owned())).expect("@");

    let psql = devstack::find_postgres().expect("PostgreSQL").bin_dir.join("psql");
    let url = format!("postgres://postgres:wrong@{address}");
    let output = Command::new(psql).args(["-X", "-c", "SELECT 1", &url]).output().expect("psql");

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("password authentication failed"), "{said}");
}

#[test]
fn the_password_is_for_the_owners_eyes() {
    let folder = Folder::new();
    let postgres = folder.start_postgres();
    let file = folder.postgres().join("password");
    let password = fs::read_to_string(&file).expect("the password");
    assert!(postgres.url().contains(&password));
    assert!(!format!("{postgres:?}").contains(&password));

    let mode = fs::metadata(&file).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(folder.processes().iter().all(|(_, args)| !args.contains(&password)));
}

#[test]
fn the_server_does_not_run_as_root() {
    let folder = Folder::new();
    let _postgres = folder.start_postgres();

    let uid = ps_column(folder.postgres_pid(), "uid");

    assert_ne!(uid, "0");
    assert_eq!(uid, fs::metadata(folder.postgres()).expect("the folder").uid().to_string());
}

#[test]
fn root_runs_the_server_as_the_owner_of_its_folder() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.postgres()).expect("make the folder");
    let nobody = 65534;
    chown(folder.postgres(), Some(nobody), None).expect("give it away");

    let _postgres = folder.start_postgres();

    assert_eq!(ps_column(folder.postgres_pid(), "uid"), nobody.to_string());
    for entry in fs::read_dir(folder.postgres()).expect("the folder").flatten() {
        assert_eq!(entry.metadata().expect("metadata").uid(), nobody, "{:?}", entry.path());
    }
}

#[test]
fn a_pid_file_of_a_dead_server_is_no_obstacle() {
    start_after_pid_file_said(|_| "2147483000".to_owned());
}

#[test]
fn a_pid_file_with_the_number_of_another_program_is_no_obstacle() {
    // Of the same user, whom PostgreSQL by itself would take for a running server.
    let mut other = None;
    start_after_pid_file_said(|folder| {
        let owner = fs::metadata(folder.postgres()).expect("the folder");
        let mut command = Command::new("sleep");
        command.arg("60");
        if is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let child = other.insert(command.spawn().expect("sleep runs"));
        child.id().to_string()
    });
    let mut other = other.expect("it was started");
    assert!(other.try_wait().expect("our child").is_none(), "the other program was killed");
    other.kill().expect("end it");
    other.wait().expect("bury it");
}

#[test]
fn an_empty_pid_file_is_no_obstacle() {
    let folder = Folder::new();
    folder.start_postgres().stop().expect("stops");
    fs::write(folder.postgres().join("cluster/postmaster.pid"), "").expect("write");

    let postgres = folder.start_postgres();

    assert_eq!(sql(&postgres.url(), "SELECT 1"), "1");
}

/// Starts on the pid file of a server that was killed, with another number in it.
fn start_after_pid_file_said(number: impl FnOnce(&Folder) -> String) {
    let folder = Folder::new();
    let postgres = folder.start_postgres();
    let pid_file = folder.postgres().join("cluster/postmaster.pid");
    let left_behind = fs::read_to_string(&pid_file).expect("a pid file");
    postgres.stop().expect("stops");
    let (_, rest) = left_behind.split_once('\n').expect("more than one line");
    // Its status line says `ready`, which must not be believed either.
    fs::write(&pid_file, format!("{}\n{rest}", number(&folder))).expect("write");
    let owner = fs::metadata(folder.postgres()).expect("the folder");
    chown(&pid_file, Some(owner.uid()), Some(owner.gid())).expect("as the server made it");

    let postgres = folder.start_postgres();

    assert_eq!(sql(&postgres.url(), "SELECT 1"), "1");
}

#[test]
fn data_of_another_version_is_refused_in_one_sentence() {
    let folder = Folder::new();
    folder.start_postgres().stop().expect("stops");
    fs::write(folder.postgres().join("cluster/PG_VERSION"), "12\n").expect("write");

    let error = start_postgres_in(folder.postgres()).expect_err("wrong version");

    let installed = devstack::find_postgres().expect("PostgreSQL").major;
    assert_eq!(
        error.to_string(),
        format!(
            "data in {} was made by PostgreSQL 12, but {installed} is installed: run `backbone up \
             --fresh` to begin anew, or install PostgreSQL 12",
            folder.postgres().display()
        )
    );
}

#[test]
fn data_without_its_password_is_named_damaged() {
    let folder = Folder::new();
    folder.start_postgres().stop().expect("stops");
    fs::remove_file(folder.postgres().join("password")).expect("remove");

    let error = start_postgres_in(folder.postgres()).expect_err("no password");

    assert!(matches!(error, Error::Damaged { missing: "password", .. }), "{error}");
}

#[test]
fn a_server_that_cannot_start_is_quoted() {
    let folder = Folder::new();
    folder.start_postgres().stop().expect("stops");
    let settings = folder.postgres().join("cluster/postgresql.conf");
    fs::write(&settings, "no_such_setting = on\n").expect("write");

    let error = start_postgres_in(folder.postgres()).expect_err("bad settings");

    let said = error.to_string();
    assert!(said.starts_with("PostgreSQL ended while it was starting"), "{said}");
    assert!(said.contains("postgres.log") && said.contains("no_such_setting"), "{said}");
}
