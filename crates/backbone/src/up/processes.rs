//! Processes by their number: those of an earlier start, and all of ours when there is no time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::services::Service;
use crate::shop::data_dir::DataDir;

const FILE: &str = "services.pid";

/// How long services whose owner was killed may take to stop by themselves.
const PATIENCE: Duration = Duration::from_secs(4);

/// Writes down which processes serve from this folder: for the next start, should this one be killed, and for people
/// who want to attach a debugger or to kill one.
pub(crate) fn record(data: &DataDir, processes: &[(&Service, u32)]) -> Result<(), devstack::Error> {
    let lines = processes.iter().map(|(service, pid)| format!("{pid} {}\n", service.name()));
    data.write(FILE, &lines.collect::<String>())
}

/// All of them have stopped.
pub(crate) fn forget(data: &DataDir) {
    data.remove(FILE);
}

/// Waits for the services of a start that was killed: they have noticed, and are stopping. Then kills what is left.
///
/// We own the folder: whatever still serves from it has lost its owner.
pub(crate) fn end_orphans(data: &DataDir) -> Result<(), devstack::Error> {
    let Some(text) = data.read(FILE)? else { return Ok(()) };
    let mut orphans: Vec<(u32, &str)> = text.lines().filter_map(parse).collect();
    let deadline = Instant::now() + PATIENCE;
    let mut is_killed = false;
    loop {
        orphans.retain(|(pid, name)| serves(*pid, name));
        if orphans.is_empty() {
            break;
        }
        if !is_killed && Instant::now() > deadline {
            let groups: Vec<u32> = orphans.iter().map(|(pid, _)| *pid).collect();
            kill_groups(&groups);
            is_killed = true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    forget(data);
    Ok(())
}

/// Kills all processes of these groups.
///
/// By the shell's own `kill`, because the standard library has none and small systems lack the program.
pub(crate) fn kill_groups(groups: &[u32]) {
    let targets = groups.iter().map(|group| format!("-{group}"));
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s KILL -- "$@""#, "kill"])
        .args(targets)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn parse(line: &str) -> Option<(u32, &str)> {
    let (pid, name) = line.split_once(' ')?;
    Some((pid.parse().ok()?, name))
}

/// Whether this process is the service: numbers of dead processes are given to others.
fn serves(pid: u32, name: &str) -> bool {
    command_line(pid).contains(&format!(" service {name} --stop-with-parent"))
}

/// Its arguments, separated by spaces; empty when it is dead, also when nobody has noticed yet.
fn command_line(pid: u32) -> String {
    // Linux answers at once, and small systems lack `ps`; macOS has no /proc.
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).replace('\0', " ");
    }
    let answer =
        Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default()
}
