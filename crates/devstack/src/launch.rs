//! Starts a server on a free port and waits until it is ready; the same for both engines.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use crate::error::Error;
use crate::guard::Guard;
use crate::home::Home;
use crate::process;

/// How long a server may take from its start until it is ready.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How often a start is tried again when the reason for the failure passes by itself.
const ATTEMPTS: u32 = 20;

/// Starts the server that `spawn` starts, until one is `ready`, each time on another port.
pub(crate) fn on_free_port(
    home: &Home,
    limit: Duration,
    mut spawn: impl FnMut(u16) -> Result<Guard, Error>,
    mut ready: impl FnMut(u16) -> bool,
) -> Result<(Guard, u16), Error> {
    for _ in 0..ATTEMPTS {
        let port = free_port(home)?;
        let mut guard = spawn(port)?;
        let mut ended = false;
        let decided = process::wait_until(limit, || {
            ended = guard.ended().is_some();
            ended || ready(port)
        });
        match (decided, ended) {
            // In time and alive; in time, but because it had ended; neither.
            (true, false) => return Ok((guard, port)),
            (true, true) if may_pass(&home.log_tail()) => sleep(Duration::from_millis(100)),
            (true, true) => break,
            (false, _) => return Err(timeout(home, limit)),
        }
    }
    Err(home.start_failure())
}

/// Asks the system for a port, by taking one and giving it back: we cannot pass it on, because
/// neither server accepts a socket that is open already. Should another program be quicker, the
/// server ends, and we try again with another port.
fn free_port(home: &Home) -> Result<u16, Error> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let address =
        bound.map_err(|error| Error::from_io("find a free port for", &home.dir, error))?;
    Ok(address.port())
}

/// Whether the server failed for a reason that will be gone in a moment.
fn may_pass(log_tail: &str) -> bool {
    let port_was_taken = log_tail.contains("Address already in use");
    // PostgreSQL's helpers need a moment to notice that their parent was killed, and a new
    // server rightly refuses to touch the data before they have.
    let helpers_linger = log_tail.contains("pre-existing shared memory block");
    // A server whose owner was killed in this very moment is on its way out.
    let owner_just_died = log_tail.contains("lock file \"postmaster.pid\" already exists");
    port_was_taken || helpers_linger || owner_just_died
}

fn timeout(home: &Home, limit: Duration) -> Error {
    Error::StartTimeout {
        engine: home.engine,
        seconds: limit.as_secs(),
        log: home.log.clone(),
        tail: home.log_tail(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Engine;
    use crate::guard::Program;

    /// A server made of a shell script.
    fn spawn(home: &Home, script: &str) -> Result<Guard, Error> {
        let arguments = vec!["-c".into(), script.into()];
        Guard::spawn(home, &Program { path: "/bin/sh".into(), arguments, stop_signal: "KILL" })
    }

    fn home(dir: &tempfile::TempDir) -> Home {
        let home = Home::prepare(Engine::Redis, dir.path(), "log").expect("prepare");
        home.start_log().expect("make the log");
        home
    }

    #[test]
    fn a_port_taken_meanwhile_is_exchanged_for_another() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let home = home(&dir);
        let mut ports = Vec::new();
        let mut scripts =
            ["echo 'bind: Address already in use'; exit 1", "echo ready; exec sleep 60"]
                .into_iter();

        let started = on_free_port(
            &home,
            LIMIT,
            |port| {
                ports.push(port);
                spawn(&home, scripts.next().expect("no third start"))
            },
            |_| home.log_tail().ends_with("ready"),
        );

        let (_, port) = started.expect("the second start");
        assert_eq!(ports.len(), 2);
        assert_eq!(ports.last(), Some(&port));
    }

    #[test]
    fn another_failure_is_final() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let home = home(&dir);
        let mut starts = 0;

        let failed = on_free_port(
            &home,
            LIMIT,
            |_| {
                starts += 1;
                spawn(&home, "echo 'bad settings'; exit 1")
            },
            |_| false,
        );

        assert!(matches!(failed, Err(Error::StartFailed { tail, .. }) if tail == "bad settings"));
        assert_eq!(starts, 1);
    }

    #[test]
    fn a_server_that_is_never_ready_is_given_up() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let home = home(&dir);

        let limit = Duration::from_millis(50);
        let failed = on_free_port(&home, limit, |_| spawn(&home, "exec sleep 60"), |_| false);

        assert!(matches!(failed, Err(Error::StartTimeout { .. })));
    }
}
