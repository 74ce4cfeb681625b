//! The proxy for playing by hand: one listening address, one server, one weather, until Ctrl-C.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser};
use faultproxy::{Proxy, Weather};

/// Breaks TCP connections on purpose.
#[derive(Parser)]
#[command(
    name = "faultproxy",
    after_help = "Example: faultproxy 127.0.0.1:5433 --to 127.0.0.1:5432 --slow 200ms"
)]
struct Options {
    /// Where clients connect to.
    listen: SocketAddr,
    /// The server, as host:port.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    weather: Forecast,
}

/// Without any of these, everything passes.
#[derive(Args)]
#[group(multiple = false)]
struct Forecast {
    /// Reset every connection at once.
    #[arg(long)]
    reset: bool,
    /// Accept connections, and let nothing pass.
    #[arg(long)]
    silent: bool,
    /// Delay each chunk in both directions, such as 200ms or 2s.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    slow: Option<Duration>,
    /// Answer so many bytes a second.
    #[arg(long, value_name = "BYTES")]
    trickle: Option<u64>,
    /// Reset a connection after so many bytes of answers.
    #[arg(long, value_name = "BYTES")]
    cut_after: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let Options { listen, to, weather } = Options::parse();
    let weather = match weather {
        Forecast { reset: true, .. } => Weather::Reset,
        Forecast { silent: true, .. } => Weather::Silent,
        Forecast { slow: Some(delay), .. } => Weather::Slow { delay, jitter: Duration::ZERO },
        Forecast { trickle: Some(bytes_per_second), .. } => Weather::Trickle { bytes_per_second },
        Forecast { cut_after: Some(bytes), .. } => Weather::CutAfter { bytes },
        _ => Weather::Clear,
    };
    let proxy = Proxy::start_on(listen, to.as_str())?;
    proxy.set(weather)?;
    writeln!(io::stderr(), "{} -> {to}: {weather:?}. Ctrl-C ends it.", proxy.address())?;
    tokio::signal::ctrl_c().await?;
    writeln!(io::stderr(), "{:#?}", proxy.stats())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let millis = text.strip_suffix("ms").map(|number| (number, 1));
    let seconds = || text.strip_suffix('s').map(|number| (number, 1000));
    let parsed = millis
        .or_else(seconds)
        .and_then(|(number, unit)| number.parse::<u32>().ok()?.checked_mul(unit));
    parsed
        .map(|millis| Duration::from_millis(millis.into()))
        .ok_or("write it as 200ms or 2s".to_owned())
}

#[test]
fn durations_are_milliseconds_or_seconds() {
    assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
    assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
    assert!(
        ["", "s", "2", "-1s", "1.5s", "9999999s"].iter().all(|text| parse_duration(text).is_err())
    );
}
