//! The files of a repository.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::source::Source;

/// A repository, or what a test makes up instead of one. Paths are relative to its root.
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<String, File>,
    /// The Rust files of all crates.
    sources: Vec<Source>,
}

/// One file.
pub(crate) struct File {
    /// Empty when the file is not text.
    pub(crate) text: String,
    pub(crate) executable: bool,
}

impl Tree {
    /// Reads the files that git tracks, or would if they were added.
    pub(crate) fn read(root: &Path) -> Self {
        let git = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .expect("git is installed: it knows which files are ours");
        assert!(git.status.success(), "git: {}", String::from_utf8_lossy(&git.stderr));
        let list = String::from_utf8(git.stdout).expect("names of files are UTF-8");
        // Git lists files that are deleted but not yet staged; there is nothing to read of them.
        let read = |path: &str| Some((path.to_owned(), File::read(&root.join(path))?));
        Self::new(list.split_terminator('\0').filter_map(read).collect())
    }

    /// A tree of these paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { text: text.to_owned(), executable: false };
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect())
    }

    fn new(files: BTreeMap<String, File>) -> Self {
        let mut tree = Self { files, sources: Vec::new() };
        let rust = tree.under("crates/", ".rs");
        tree.sources = rust.map(|(path, file)| Source::parse(path, &file.text)).collect();
        tree
    }

    /// The Rust files whose path contains this part.
    pub(crate) fn rust(&self, part: &str) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |source| source.path.contains(part))
    }

    /// The files under `folder` whose path ends with `ending`.
    pub(crate) fn under(&self, folder: &str, ending: &str) -> impl Iterator<Item = (&str, &File)> {
        let files = self.files.iter().map(|(path, file)| (path.as_str(), file));
        files.filter(move |(path, _)| path.starts_with(folder) && path.ends_with(ending))
    }
}

impl File {
    /// `None` if it cannot be read: it is gone, or a link to a folder.
    fn read(path: &Path) -> Option<Self> {
        let executable = fs::metadata(path).ok()?.permissions().mode() & 0o111 != 0;
        let text = String::from_utf8(fs::read(path).ok()?).ok();
        Some(Self {
            text: text.filter(|text| !text.contains('\0')).unwrap_or_default(),
            executable,
        })
    }
}

/// The name of the crate that a file belongs to.
pub(crate) fn crate_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// The number of the line in which the byte at `offset` stands.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[test]
fn a_tree_is_what_git_tracks_or_would_track() {
    let folder = tempfile::tempdir().expect("a folder");
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(&folder).status();
    assert!(git.is_ok_and(|status| status.success()), "git init");
    for (name, text) in [(".gitignore", "mine\n"), ("image", "\0"), ("mine", "a"), ("new", "b")] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let run = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path().join("new"), run).expect("a mode");
    let files = Tree::read(folder.path()).files.into_iter();
    let files: Vec<_> = files.map(|(path, file)| (path, file.text, file.executable)).collect();
    let [ignore, image, new] =
        [(".gitignore", "mine\n", false), ("image", "", false), ("new", "b", true)]
            .map(|(path, text, executable)| (path.to_owned(), text.to_owned(), executable));
    assert_eq!(files, [ignore, image, new]);
}
