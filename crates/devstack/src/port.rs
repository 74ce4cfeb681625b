//! Ports that are known before their owner starts, and the same after each restart.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that systems give out by themselves: while its owner is dead, nobody may get a port by accident.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
/// How far apart processes begin whose numbers are neighbours: several may look for ports at once.
const STRIDE: u32 = 7_919;

/// A port of this machine on which nobody listens. It is not given twice by one process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(STRIDE);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = begin.wrapping_add(step) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
