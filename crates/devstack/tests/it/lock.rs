//! One owner per folder.

use devstack::{Error, Lock};

use crate::owner::Owner;
use crate::support::{Folder, start_postgres_in};

#[test]
fn a_second_owner_is_refused_and_told_who_the_first_is() {
    let folder = Folder::new();
    let _first = Lock::acquire(folder.path()).expect("free");

    let refused = Lock::acquire(folder.path()).expect_err("taken");

    assert_eq!(
        refused.to_string(),
        format!(
            "Backbone already runs from {} (process {}): stop it first, or use --data-dir",
            folder.path().display(),
            std::process::id()
        )
    );
}

#[test]
fn a_lock_ends_when_it_is_dropped() {
    let folder = Folder::new();
    let first = Lock::acquire(folder.path()).expect("free");

    drop(first);

    Lock::acquire(folder.path()).expect("free again");
}

#[test]
fn a_lock_ends_with_its_owner() {
    let folder = Folder::new();
    let owner = Owner::start(&folder);
    let refused = Lock::acquire(folder.path()).expect_err("taken");
    assert!(matches!(refused, Error::Locked { pid, .. } if pid == owner.id()), "{refused}");

    owner.kill();

    Lock::acquire(folder.path()).expect("free again");
    folder.wait_until_empty();
}

#[test]
fn a_running_server_is_never_taken_for_an_orphan() {
    let folder = Folder::new();
    let _first = folder.start_postgres();

    let refused = start_postgres_in(folder.postgres()).expect_err("taken");

    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
}
