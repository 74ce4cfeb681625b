//! Whom the servers run as: the caller, or an ordinary user when the caller is root.
//!
//! PostgreSQL refuses to run as root, and a container or a fresh virtual machine offers nothing
//! else. So root hands the servers, and the folders they write to, to a lesser user.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{self, Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// Where root's data goes when the servers' user cannot walk to where it was wanted.
const SHARED_PARENT: &str = "/var/lib/backbone";

/// Returns `preferred`, made if need be, when the servers can use it.
///
/// Run as root, the servers' user may be unable to walk there (`/root` is closed to everyone
/// else). Then this is a folder under `/var/lib/backbone`, the same one at every call with the
/// same `preferred`, and the caller should tell the reader where the data went.
pub fn reachable_dir(preferred: &Path) -> Result<PathBuf, Error> {
    let preferred = absolute(preferred)?;
    let dir = match prepare_dir(&preferred) {
        Ok(_) => return Ok(preferred),
        Err(Error::Unreachable { .. }) => Path::new(SHARED_PARENT).join(short_name(&preferred)),
        Err(other) => return Err(other),
    };
    prepare_dir(&dir)?;
    Ok(dir)
}

/// A user by number, as the system knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Makes the folder, and says whom to run as in it: `None` means as the caller.
///
/// The folder must be absolute.
pub(crate) fn prepare_dir(dir: &Path) -> Result<Option<Account>, Error> {
    let account = if is_root() { Some(account_for(dir)?) } else { None };
    check_reachable(dir, account)?;
    fs::create_dir_all(dir).map_err(|error| Error::from_io("make the folder", dir, error))?;
    // Once more, because a strict umask closes the folders just made.
    check_reachable(dir, account)?;
    if let Some(Account { uid, gid }) = account {
        chown(dir, Some(uid), Some(gid))
            .map_err(|error| Error::from_io("change the owner of", dir, error))?;
    }
    Ok(account)
}

/// The path from the root, because the servers have another working directory.
pub(crate) fn absolute(dir: &Path) -> Result<PathBuf, Error> {
    path::absolute(dir).map_err(|error| Error::from_io("find the folder", dir, error))
}

/// Gives a file that root has just made to whoever owns its folder; for others, does nothing.
pub(crate) fn give_to_owner_of_folder(file: &Path) -> Result<(), Error> {
    let Some(folder) = file.parent() else { return Ok(()) };
    let explain = |error| Error::from_io("change the owner of", file, error);
    let owner = fs::metadata(folder).map_err(explain)?;
    chown(file, Some(owner.uid()), Some(owner.gid())).map_err(explain)
}

/// Asks `id`, because the standard library cannot say and `unsafe` is forbidden here.
fn is_root() -> bool {
    let answer = Command::new("id").arg("-u").output();
    answer.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// The owner of the folder if that is anyone but root, so that data keeps its owner; else the
/// user that PostgreSQL's packages make; else the one that owns nothing.
fn account_for(dir: &Path) -> Result<Account, Error> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let accounts: Vec<_> = passwd.lines().filter_map(parse_account).collect();
    let owner = fs::metadata(dir).map_or(0, |metadata| metadata.uid());
    // An owner whom the system cannot name will not do: PostgreSQL asks for the name.
    let by_owner = accounts.iter().find(|(_, it)| it.uid == owner && owner != 0);
    let by_name = |wanted: &str| accounts.iter().find(|(name, _)| *name == wanted);
    let found = by_owner.or_else(|| by_name("postgres")).or_else(|| by_name("nobody"));
    found.map(|(_, account)| *account).ok_or(Error::NoAccount)
}

/// Reads one line such as `postgres:x:101:104:PostgreSQL administrator:/var/lib/postgresql:…`.
fn parse_account(line: &str) -> Option<(&str, Account)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    // The second field is where the password stood, fifty years ago.
    let mut numbers = fields.skip(1).map(str::parse);
    let (uid, gid) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((name, Account { uid, gid }))
}

/// Names the outermost folder above `dir` that the account may not walk through.
fn check_reachable(dir: &Path, account: Option<Account>) -> Result<(), Error> {
    let Some(account) = account else { return Ok(()) };
    let mut parents: Vec<_> = dir.ancestors().skip(1).collect();
    parents.reverse();
    let closed = parents.into_iter().find(|parent| {
        // What does not exist yet is no obstacle: it will be made.
        fs::metadata(parent).is_ok_and(|it| it.is_dir() && !may_enter(&it, account))
    });
    match closed {
        Some(parent) => {
            Err(Error::Unreachable { dir: dir.to_path_buf(), parent: parent.to_path_buf() })
        }
        None => Ok(()),
    }
}

/// The kernel's rule: the first class that fits decides, even where a later one allows more.
fn may_enter(folder: &Metadata, account: Account) -> bool {
    let execute = if folder.uid() == account.uid {
        0o100
    } else if folder.gid() == account.gid {
        0o010
    } else {
        0o001
    };
    folder.mode() & execute != 0
}

/// A name that depends on the path alone: its FNV-1a hash, because the standard library's may
/// change with the compiler, and the data would seem to be gone.
fn short_name(path: &Path) -> String {
    let hash = path.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
