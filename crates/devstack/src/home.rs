//! A server's own folder: what is written there, and whom programs run as in it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Engine, Error};
use crate::user::{self, Account};

/// How much of a log's end an error message quotes.
const TAIL_LINES: usize = 8;

/// The folder, ready for the server.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) engine: Engine,
    pub(crate) dir: PathBuf,
    /// Whom to run as, if not as the caller.
    pub(crate) account: Option<Account>,
    pub(crate) log: PathBuf,
}

impl Home {
    /// Makes the folder, closed to everyone but the server's user.
    pub(crate) fn prepare(engine: Engine, dir: &Path, log_name: &str) -> Result<Self, Error> {
        let dir = user::absolute(dir)?;
        let account = user::prepare_dir(&dir)?;
        // One name for one folder, because a server that still runs is recognised by it.
        let dir = fs::canonicalize(&dir).map_err(|error| Error::from_io("find", &dir, error))?;
        fs::set_permissions(&dir, Permissions::from_mode(0o700))
            .map_err(|error| Error::from_io("close to others", &dir, error))?;
        let log = dir.join(log_name);
        Ok(Self { engine, dir, account, log })
    }

    /// Writes a file that only the server's user may read, in place of any that was there.
    pub(crate) fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        let mut file = create_private(&path)?;
        file.write_all(content.as_bytes())
            .map_err(|error| Error::from_io("write", &path, error))?;
        Ok(path)
    }

    /// Opens an empty log; the last run's is kept as `<log>.old`, and no older one, so that the
    /// folder does not grow with every start.
    pub(crate) fn start_log(&self) -> Result<(), Error> {
        let mut old = self.log.clone();
        old.add_extension("old");
        match fs::rename(&self.log, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from_io("rename", &self.log, error))
            }
            _ => create_private(&self.log).map(drop),
        }
    }

    /// The log, for a program to write after what is there.
    pub(crate) fn open_log(&self) -> Result<File, Error> {
        let opened = OpenOptions::new().append(true).open(&self.log);
        opened.map_err(|error| Error::from_io("write", &self.log, error))
    }

    /// The last lines of the log: the server's own words are the best explanation.
    pub(crate) fn log_tail(&self) -> String {
        let text = read_end(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let (_, tail) = lines.split_at(lines.len().saturating_sub(TAIL_LINES));
        tail.join("\n")
    }

    /// Explains from the log why the server ended while it was starting.
    pub(crate) fn start_failure(&self) -> Error {
        let tail = self.log_tail();
        let tells_of_full_disk = |line: &str| {
            // PostgreSQL says the same of /dev/shm, where a full disk would be a wrong lead.
            line.contains("No space left on device") && !line.contains("shared memory")
        };
        if tail.lines().any(tells_of_full_disk) {
            return Error::DiskFull { dir: self.dir.clone() };
        }
        Error::StartFailed { engine: self.engine, log: self.log.clone(), tail }
    }
}

/// Makes an empty file for the owner of its folder alone.
///
/// `create_new` after the removal, because as root we must not follow a link that the owner of
/// the folder might have put there.
fn create_private(path: &Path) -> Result<File, Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::from_io("replace", path, error));
        }
        _ => {}
    }
    let opened = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
    let file = opened.map_err(|error| Error::from_io("write", path, error))?;
    user::give_to_owner_of_folder(path)?;
    Ok(file)
}

/// The last few kilobytes, because a log may be large.
fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
