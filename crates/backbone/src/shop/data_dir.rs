//! The folder that everything is kept in, and which one `up` owns at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devstack::{Error, Lock};

use super::failure::Failure;

/// All that `up` ever puts there. `--fresh` deletes these and nothing else: who types a wrong `--data-dir` must not
/// lose what was there before us.
const CONTENT: [&str; 5] = ["postgres", "redis", "mail", "secrets.toml", "services.pid"];

/// The folder, which is ours as long as this value exists.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Lock,
}

impl DataDir {
    /// Makes the folder if need be, and takes it for this process.
    ///
    /// Run as root, that may be another folder than the one asked for: see [`devstack::reachable_dir`].
    pub(crate) fn open(preferred: &Path) -> Result<Self, Error> {
        let path = devstack::reachable_dir(preferred)?;
        if !path.ends_with(preferred) {
            // People and scripts look where they said. When the link cannot be made, the table still names the folder.
            let _ = std::os::unix::fs::symlink(&path, preferred);
        }
        let lock = Lock::acquire(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Something in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Asks on the terminal whether everything may go.
    pub(crate) fn confirm_wipe(&self) -> Result<(), Failure> {
        if !io::stdin().is_terminal() {
            return Err(Failure::NobodyToAsk { dir: self.path.clone() });
        }
        let question = format!(
            "--fresh deletes all accounts, orders, mails and secrets in {}.\nType yes to go on: ",
            self.path.display()
        );
        let mut answer = String::new();
        let asked = io::stderr().write_all(question.as_bytes());
        let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
        match read {
            Ok(_) if answer.trim() == "yes" => Ok(()),
            Ok(_) => Err(Failure::Refused),
            Err(error) => Err(Failure::System { action: "ask on the terminal", error }),
        }
    }

    /// Deletes what we keep in the folder.
    pub(crate) fn wipe(&self) -> Result<(), Error> {
        for name in CONTENT {
            let path = self.join(name);
            remove(&path).map_err(|error| Error::from_io("delete", &path, error))?;
        }
        Ok(())
    }

    /// Writes a file that only we may read, whole or not at all: a full disk or a crash leaves the old one.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), Error> {
        let (path, partial) = (self.join(name), self.join(&format!("{name}.partial")));
        let written = create_private(&partial)
            .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&partial, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&partial);
            Error::from_io("write", &path, error)
        })
    }

    /// What a file holds; `None` when there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.join(name);
        match fs::read_to_string(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from_io("read", &path, error)),
        }
    }

    /// Removes a file; one that has gone already was to be removed anyway.
    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.join(name));
    }
}

/// Never through a link: when we are root, the folder belongs to a lesser user, who could put one there.
fn create_private(path: &Path) -> io::Result<File> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Removes a file or a folder with all that is in it.
fn remove(path: &Path) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let removed = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A server whose owner was killed this very moment may still be writing its last words.
            Err(error)
                if error.kind() == io::ErrorKind::DirectoryNotEmpty
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Any user may enter it, so that root's tests stay in it as well.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    #[test]
    fn what_root_has_to_keep_elsewhere_is_found_where_it_was_asked_for() {
        let dir = folder();
        let closed = dir.path().join("home");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let asked = closed.join(".backbone");

        let data = DataDir::open(&asked).unwrap();
        data.write("secrets.toml", "key = 1").unwrap();

        // Whoever is not root keeps it there in the first place.
        assert_eq!(fs::read_to_string(asked.join("secrets.toml")).unwrap(), "key = 1");
        fs::remove_dir_all(data.path()).unwrap();
    }

    #[test]
    fn wiping_leaves_what_is_not_ours() {
        let dir = folder();
        let data = DataDir::open(dir.path()).unwrap();
        fs::create_dir_all(data.join("postgres/cluster")).unwrap();
        fs::write(data.join("thesis.odt"), "three years of work").unwrap();
        data.write("secrets.toml", "key = 1").unwrap();

        data.wipe().unwrap();

        assert!(!data.join("postgres").exists() && !data.join("secrets.toml").exists());
        assert!(data.join("thesis.odt").exists());
    }

    #[test]
    fn a_written_file_is_for_its_owner_alone() {
        let dir = folder();
        let data = DataDir::open(dir.path()).unwrap();
        data.write("secrets.toml", "key = 1").unwrap();
        data.write("secrets.toml", "key = 2").unwrap();

        let mode = fs::metadata(data.join("secrets.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(data.read("secrets.toml").unwrap().unwrap(), "key = 2");
    }

    #[test]
    fn a_file_is_never_written_through_a_link() {
        let dir = folder();
        let data = DataDir::open(dir.path()).unwrap();
        let elsewhere = data.join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        for name in ["secrets.toml", "secrets.toml.partial"] {
            std::os::unix::fs::symlink(&elsewhere, data.join(name)).unwrap();
        }

        data.write("secrets.toml", "key = 1").unwrap();

        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    }
}
