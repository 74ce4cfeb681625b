//! Ports for the services, known before they start and the same after each restart.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which systems take the near end of connections: while a service is dead, nobody may get its
/// port by accident. Above the range that the tests of `backbone up` take theirs from.
const FIRST: u16 = 28_000;
const COUNT: u16 = 4_000;

/// A port on which nobody listens. It is not given twice.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another start for every process, because several drills may run at once.
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (offset + step) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
