//! One owner per folder, for as long as the owner lives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use crate::error::Error;
use crate::user;

/// The right to be the only one that runs from a folder.
///
/// The kernel holds the lock for us and lets go of it when the process ends, even by `kill -9`:
/// so there is no stale lock to clear away, which a file that merely exists would leave behind.
#[derive(Debug)]
pub struct Lock {
    /// Never read: the lock lasts as long as the file is open.
    _file: File,
}

impl Lock {
    /// Takes the lock `lock` in `dir`, which is made if need be.
    ///
    /// When somebody has it, the error names the process.
    pub fn acquire(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(|error| Error::from_io("make the folder", dir, error))?;
        Self::acquire_named(dir, "lock")
    }

    /// Takes a lock of another name: each server has its own, apart from the caller's.
    pub(crate) fn acquire_named(dir: &Path, name: &str) -> Result<Self, Error> {
        let path = dir.join(name);
        let explain = |error| Error::from_io("lock", &path, error);
        // Not truncated at once: it may hold the owner's number, which we are about to read.
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let mut file = opened.map_err(explain)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let written = fs::read_to_string(&path).unwrap_or_default();
                let pid = written.trim().parse().unwrap_or_default();
                return Err(Error::Locked { dir: dir.to_path_buf(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(explain(error)),
        }
        file.set_len(0).map_err(explain)?;
        writeln!(file, "{}", std::process::id()).map_err(explain)?;
        user::give_to_owner_of_folder(&path)?;
        Ok(Self { _file: file })
    }
}
