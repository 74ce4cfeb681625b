//! What is printed when the shop is open: where everything is, and what to try.

use std::fmt::Write as _;

use super::Shop;
use crate::services::Service;
use crate::shop::engines::{Engines, Server};
use crate::shop::places::Place;

/// The one table of a start.
pub(crate) fn text(shop: &Shop, engines: &Engines, pids: &[(&Service, u32)]) -> String {
    let took = shop.started.elapsed().as_secs_f64();
    let url_of = |name: &str| {
        let place = shop.places.iter().find(|place| place.service.name() == name);
        place.map(Place::url).unwrap_or_default()
    };
    format!(
        "
The shop is open; that took {took:.1} s.

{table}
  mailbox        {mailbox}
  data           {data} (passwords in secrets.toml)
  engines        PostgreSQL at {postgres}, Redis at {redis}

Try:
  curl '{catalog}/v1/books?limit=3'
  curl '{catalog}/v1/books?q=white+whale'
  curl {auth}/v1/accounts -H 'content-type: application/json' \\
       -d '{{\"email\":\"reader@example.com\",\"password\":\"i would prefer not to\"}}'

Ctrl-C stops everything.
",
        table = table(&shop.places, pids),
        mailbox = shop.mailbox,
        data = shop.data.path().display(),
        postgres = address(&engines.postgres()),
        redis = address(&engines.redis()),
        catalog = url_of("catalog"),
        auth = url_of("auth"),
    )
}

/// One line a service. The process is for debuggers, and for those who want to see what happens without it.
fn table(places: &[Place], pids: &[(&Service, u32)]) -> String {
    let mut table = String::new();
    let mut row = |service: &str, address: &str, page: &str, metrics: &str, process: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "  {service:14} {address:23} {page:29} {metrics:31} {process}");
    };
    row("service", "address", "API page", "metrics", "process");
    for place in places {
        let name = place.service.name();
        let (url, management) = (place.url(), place.management_url());
        let pid = pids.iter().find(|(service, _)| service.name() == name);
        let pid = pid.map(|(_, pid)| pid.to_string()).unwrap_or_default();
        row(name, &url, &format!("{url}/docs/"), &format!("{management}/metrics"), &pid);
    }
    table
}

/// Host and port, never the password.
fn address(server: &Server<'_>) -> String {
    let Ok(url) = url::Url::parse(server.url) else { return "an address of yours".to_owned() };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let owner = if server.is_private { "" } else { " (yours)" };
    format!("{host}{port}{owner}")
}
