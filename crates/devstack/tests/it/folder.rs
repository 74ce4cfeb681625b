//! Folders that cannot be used, and what is said about them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use devstack::{Error, reachable_dir};

use crate::support::{Folder, is_root, start_postgres_in};

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").expect("write");
    let inside = folder.path().join("file/postgres");

    let error = start_postgres_in(inside.clone()).expect_err("not a folder");

    assert_eq!(
        error.to_string(),
        format!(
            "cannot write to {}: change its permissions, or choose a folder with --data-dir",
            inside.display()
        )
    );
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    if is_root() {
        return; // who may write anywhere
    }
    let folder = Folder::new();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).expect("close it");

    let error = start_postgres_in(folder.postgres()).expect_err("not writable");

    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
}

#[test]
fn a_usable_folder_is_the_reachable_one() {
    let folder = Folder::new();

    let dir = reachable_dir(&folder.postgres()).expect("usable");

    assert_eq!(dir, folder.postgres());
    assert!(dir.is_dir());
}

#[test]
fn a_folder_by_another_name_is_the_same_folder() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).expect("link");

    let _postgres = start_postgres_in(link.join("postgres")).expect("starts");

    // By this name a server is recognised that was left running.
    assert!(!folder.processes().is_empty());
    assert_eq!(elsewhere.processes(), []);
}

#[test]
fn root_is_told_which_folder_bars_the_way() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("close it");

    let error = start_postgres_in(folder.postgres()).expect_err("unreachable");

    let is_named = matches!(&error, Error::Unreachable { parent, .. } if parent == folder.path());
    assert!(is_named, "{error}");
    assert!(!folder.postgres().exists());
}

#[test]
fn root_gets_another_folder_where_the_way_is_barred() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("close it");

    let dir = reachable_dir(&folder.postgres()).expect("another folder");

    assert!(dir.starts_with("/var/lib/backbone"), "{}", dir.display());
    assert_eq!(reachable_dir(&folder.postgres()).expect("the same again"), dir);
    start_postgres_in(dir.clone()).expect("starts there").stop().expect("stops");
    fs::remove_dir_all(&dir).expect("remove");
}

#[test]
fn a_full_disk_is_called_a_full_disk() {
    let folder = Folder::new();
    let Some(_disk) = SmallDisk::mount(folder.path()) else {
        return; // only root mounts, and not in every container
    };

    let error = start_postgres_in(folder.postgres()).expect_err("no room");

    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert_eq!(folder.processes(), []);
}

/// A disk in memory with less room than a database needs.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs"]).arg(path);
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
