//! Looks at processes that are not our children, and signals them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a condition is looked at again while it is waited for.
const POLL: Duration = Duration::from_millis(5);

/// Waits until the condition holds; says whether it did in time.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(POLL);
    }
}

/// Whether the process lives and was started with this path among its arguments.
///
/// A number alone proves nothing: the system gives numbers of dead processes to new ones.
pub(crate) fn runs_with_argument(pid: u32, argument: &Path) -> bool {
    let command_line = format!(" {} ", command_line(pid).trim());
    command_line.contains(&format!(" {} ", argument.display()))
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, name: &str) {
    kill(name, &pid.to_string());
}

/// Sends a signal to every process of a group.
pub(crate) fn signal_group(group: u32, name: &str) {
    kill(name, &format!("-{group}"));
}

/// The arguments, separated by spaces; empty for a process that is dead or a zombie.
fn command_line(pid: u32) -> String {
    // Linux answers at once, and small images lack `ps`; macOS has no /proc.
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).replace('\0', " ");
    }
    let answer =
        Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    answer.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default()
}

/// Uses the shell's own `kill`: the standard library has none, and small images lack the program.
fn kill(name: &str, target: &str) {
    // A target that has gone already is what was wanted, so the answer does not matter.
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", name, target])
        .stderr(Stdio::null())
        .status();
}
