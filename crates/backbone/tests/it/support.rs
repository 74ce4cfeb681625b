//! What the tests share: a shop with a folder and ports of its own, a way to wait, and a look at processes.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Much longer than anything should take, so that only a defect runs into it.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) const SERVICES: [&str; 4] = ["auth", "catalog", "payments-stub", "orders"];

/// A shop that may be started: its folder, its ports, its variables.
pub(crate) struct Shop {
    pub(crate) variables: HashMap<String, String>,
    ports: HashMap<&'static str, (u16, u16)>,
    folder: PathBuf,
    _dir: tempfile::TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Run as root, PostgreSQL runs as somebody else, who has to get in.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let folder = fs::canonicalize(dir.path()).unwrap();
        let ports = HashMap::from(
            SERVICES.map(|name| (name, (devstack::free_port(), devstack::free_port()))),
        );
        let mut variables = HashMap::new();
        for (name, (public, management)) in &ports {
            let prefix = name.replace('-', "_").to_uppercase();
            variables.insert(format!("{prefix}__HTTP__PUBLIC"), format!("127.0.0.1:{public}"));
            variables
                .insert(format!("{prefix}__HTTP__MANAGEMENT"), format!("127.0.0.1:{management}"));
        }
        Self { variables, ports, folder, _dir: dir }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn public_port(&self, service: &str) -> u16 {
        self.ports[service].0
    }

    pub(crate) fn management_port(&self, service: &str) -> u16 {
        self.ports[service].1
    }

    /// Runs `backbone up` with these options, and does not wait for anything.
    pub(crate) fn run(&self, options: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backbone"));
        command.arg("up").args(options);
        if !options.contains(&"--data-dir") {
            command.arg("--data-dir").arg(self.data_dir());
        }
        for name in ["DATABASE_URL", "REDIS_URL", "NO_COLOR"] {
            command.env_remove(name);
        }
        // All processes inherit this: it tells the shop's from others.
        command.env("BACKBONE_TEST_FOLDER", &self.folder).envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let out = collect(process.stdout.take().unwrap());
        let err = collect(process.stderr.take().unwrap());
        Running { process, out, err }
    }

    /// Runs it and waits until the shop is open.
    pub(crate) fn open(&self, options: &[&str]) -> Running {
        let mut running = self.run(options);
        wait_until("the shop is open", || {
            let ended = running.process.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", running.err());
            running.printed().contains("The shop is open")
        });
        running
    }

    /// The processes that serve, by the name of the service.
    pub(crate) fn pid_of(&self, service: &str) -> u32 {
        let text = fs::read_to_string(self.data_dir().join("services.pid")).unwrap();
        let line = text.lines().find(|line| line.ends_with(&format!(" {service}"))).unwrap();
        line.split_once(' ').unwrap().0.parse().unwrap()
    }

    /// Every living process of this shop, with its command line.
    pub(crate) fn processes(&self) -> Vec<String> {
        let folder = self.folder.to_str().unwrap();
        if Path::new("/proc/self/environ").exists() {
            return processes_by_environment(folder);
        }
        let listing =
            Command::new("ps").args(["-A", "-E", "-ww", "-o", "pid=,command="]).output().unwrap();
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        listing.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
    }

    pub(crate) fn wait_until_nothing_runs(&self) {
        wait_until("nothing runs any more", || self.processes().is_empty());
    }

    /// A key that auth makes at its first start and keeps in its database.
    pub(crate) fn signing_key(&self) -> String {
        let (status, body) = get(self.public_port("auth"), "/.well-known/jwks.json");
        assert_eq!(status, 200, "{body}");
        body
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Only what a failed test has left, and only for so long: the folder is about to go.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command that was started; killed when it is dropped.
pub(crate) struct Running {
    process: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub(crate) fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    pub(crate) fn printed(&self) -> String {
        self.out() + &self.err()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended, and everything that it printed was read.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("the command ends", || {
            ended = self.process.try_wait().unwrap();
            ended.is_some()
        });
        // The threads that read hold the other halves.
        wait_until("the output ends", || {
            Arc::strong_count(&self.out) == 1 && Arc::strong_count(&self.err) == 1
        });
        ended.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until the condition holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
    assert!(status.unwrap().success(), "kill -s {name} {pid}");
}

/// Asks a service for a page: its status and what came with it.
pub(crate) fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn collect(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).unwrap() > 0 {
            collected.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    text
}

fn processes_by_environment(folder: &str) -> Vec<String> {
    let read = |path: PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbered =
        entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    numbered
        .filter_map(|entry| {
            let command = read(entry.path().join("cmdline"));
            // A zombie has none.
            let lives = !command.is_empty();
            let ours =
                command.contains(folder) || read(entry.path().join("environ")).contains(folder);
            (lives && ours).then(|| format!("{} {command}", entry.file_name().display()))
        })
        .collect()
}
