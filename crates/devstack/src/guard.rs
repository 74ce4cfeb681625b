//! Runs a server that cannot outlive us.
//!
//! A child process does not die with its parent: after `kill -9`, or a test that is interrupted,
//! a plain child would run on for ever. The trick is a *pipe*. We hold its one end, and a tiny
//! shell script, the guard, holds the other. When we end, for whatever reason, the kernel closes
//! our end; the guard's read then returns, and the guard stops the server.
//!
//! ```text
//!   this process ──pipe──▶ sh (watcher: reads, which takes as long as we live; then signals)
//!                          sh (guard: waits for the server, and ends with its status)
//!                           └─ postgres
//! ```

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::{Engine, Error};
use crate::home::Home;
use crate::process;

/// The guard: `sh -c SCRIPT guard <signal> <program> <arguments…>`, its input being the pipe.
///
/// - The signals that a terminal or a dying session sends to everyone are ignored, so that only
///   the pipe decides when the server ends. Servers set their own handlers and do not mind.
/// - `3<&-` closes the pipe for the server, which has no use for it.
/// - `read` succeeds when we write a line, and fails when the pipe closes. After a line we are
///   still there to insist. After our death the watcher must: once more each second, because a
///   server that has only just started may not listen to signals yet, and in the end by force.
/// - The guard outlives the server, so that whoever waits for the guard has waited for both.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
signal=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
  if read -r _ <&3; then
    kill -s "$signal" "$server"
  else
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      kill -s "$signal" "$server" || exit
      sleep 1
    done
    kill -s KILL "$server"
  fi
) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
"#;

/// How long a server may take to end by itself once it was asked to.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long it may take after each stronger signal.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// What to run, and how to ask it to stop.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The signal on which it ends without losing anything.
    pub(crate) stop_signal: &'static str,
}

/// A running program and its guard; both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    engine: Engine,
    /// The shell, which holds our end of the pipe as its `stdin`. `None` once stopped.
    shell: Option<Child>,
}

impl Guard {
    /// Starts the program in its home, as the home's user, writing to the home's log.
    pub(crate) fn spawn(home: &Home, program: &Program) -> Result<Self, Error> {
        let explain = |error| Error::from_io("run", &program.path, error);
        let log = home.open_log()?;
        let errors = log.try_clone().map_err(explain)?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guard", program.stop_signal]);
        command.arg(&program.path).args(&program.arguments);
        command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        // The caller's folder may be closed to the server's user.
        command.current_dir(&home.dir);
        // Messages in English, because the log is searched for some; macOS needs some locale.
        command.env("LC_ALL", "C");
        // A group of its own: Ctrl-C on a terminal goes to the whole group in the foreground,
        // and must not stop the database before the services that are still using it.
        command.process_group(0);
        if let Some(account) = home.account {
            command.uid(account.uid).gid(account.gid);
        }
        let shell = command.spawn().map_err(explain)?;
        Ok(Self { engine: home.engine, shell: Some(shell) })
    }

    /// The program's end, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        // `try_wait` fails only for a process that is not our child.
        self.shell.as_mut()?.try_wait().ok().flatten()
    }

    /// Waits for a program that ends by itself.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        process::wait_until(limit, || {
            status = self.ended();
            status.is_some()
        });
        status
    }

    /// Stops the program: asks, then insists, then kills.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        let Some(shell) = self.shell.as_mut() else { return Ok(()) };
        let group = shell.id();
        if let Some(mut pipe) = shell.stdin.take() {
            // Nobody reads when the watcher was killed; then insisting will do.
            let _ = pipe.write_all(b"\n");
        }
        // QUIT makes PostgreSQL leave at once, to recover at its next start; the guard ignores it.
        for (patience, next) in [(PATIENCE, "QUIT"), (LAST_PATIENCE, "KILL")] {
            if self.wait(patience).is_some() {
                break;
            }
            process::signal_group(group, next);
        }
        let Some(status) = self.wait(LAST_PATIENCE) else {
            return Err(Error::StillRunning { engine: self.engine, pid: group });
        };
        if status.signal().is_some() {
            // Somebody shot the guard, which therefore has not waited for its server.
            process::signal_group(group, "KILL");
        }
        self.shell = None;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nobody is left to tell, and the next start clears what remains.
        let _ = self.stop();
    }
}
