//! The wires between the services, each through a proxy that can be cut, slowed and trapped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use faultproxy::{Action, Direction, Proxy, Trap, TrapHandle, Upstream};
use url::Url;

use super::smtp::Sink;
use crate::services::{AUTH, CATALOG, ORDERS, PAYMENTS_STUB, SERVICES, Service};
use crate::shop::places::Place;
use crate::shop::variables::Variables;

/// A proxy on a port of ours: one that a fault shuts for a while must not become the near end of a connection.
fn proxy(upstream: impl Into<Upstream>) -> io::Result<Proxy> {
    Proxy::start_on((Ipv4Addr::LOCALHOST, devstack::free_port()).into(), upstream)
}

/// All wires.
pub(crate) struct Wires {
    /// From orders to its database.
    pub(crate) database: Proxy,
    /// From the other services to theirs.
    pub(crate) databases: Proxy,
    /// From catalog to its cache.
    pub(crate) cache: Proxy,
    /// From orders to the mail server.
    pub(crate) mail: Proxy,
    /// From orders to the payment gateway.
    pub(crate) gateway: Proxy,
    /// From orders to the catalog.
    pub(crate) catalog: Proxy,
    /// From orders and catalog to auth.
    pub(crate) auth: Proxy,
    /// From customers and the gateway to orders.
    pub(crate) orders: Proxy,
}

impl Wires {
    /// Puts a proxy into each wire, and tells the services to go through it.
    pub(crate) async fn lay(
        engines: (&str, &str),
        smtp: &Sink,
        places: &[Place],
        variables: &mut Variables,
    ) -> anyhow::Result<Self> {
        let place = |service: &Service| {
            let place = places.iter().find(|place| place.service.name() == service.name());
            place.map(Place::public).context("a service without a place")
        };
        let (postgres, redis) = (address_of(engines.0)?, address_of(engines.1)?);
        let wires = Self {
            database: proxy(postgres)?,
            databases: proxy(postgres)?,
            cache: proxy(redis)?,
            mail: proxy(smtp.address())?,
            gateway: proxy(place(&PAYMENTS_STUB)?)?,
            catalog: proxy(place(&CATALOG)?)?,
            auth: proxy(place(&AUTH)?)?,
            orders: proxy(place(&ORDERS)?)?,
        };
        wires.connect(variables)?;
        Ok(wires)
    }

    fn connect(&self, variables: &mut Variables) -> anyhow::Result<()> {
        for service in SERVICES {
            let is_orders = service.name() == ORDERS.name();
            let wire = if is_orders { &self.database } else { &self.databases };
            through(wire, service, "database.url", variables)?;
        }
        through(&self.cache, &CATALOG, "cache.url", variables)?;
        let mail = format!("smtp://{}", self.mail.address());
        variables.set(&ORDERS, "mail.smtp_url", mail);
        let (gateway, catalog) = (url(&self.gateway), url(&self.catalog));
        variables.set(&ORDERS, "gateway.api.base_url", gateway);
        variables.set(&ORDERS, "catalog.base_url", catalog);
        variables.set(&ORDERS, "credentials.issuer.base_url", url(&self.auth));
        for service in [&CATALOG, &ORDERS] {
            let keys = format!("{}/.well-known/jwks.json", url(&self.auth));
            variables.set(service, "identity.jwks_url", keys);
        }
        let receiver = format!("{}/v1/webhooks/gateway", url(&self.orders));
        variables.set(&PAYMENTS_STUB, "webhooks.url", receiver);
        Ok(())
    }

    /// Everything passes again.
    pub(crate) fn heal(&self) -> anyhow::Result<()> {
        for wire in self.all() {
            wire.heal().context("a port of ours cannot be opened again")?;
        }
        Ok(())
    }

    /// The same seed, the same delays.
    pub(crate) fn seed(&self, seed: u64) {
        for wire in self.all() {
            wire.seed(seed);
        }
    }

    /// PostgreSQL listens elsewhere.
    pub(crate) fn postgres_moved(&self, url: &str) -> anyhow::Result<()> {
        let address = address_of(url)?;
        self.database.set_upstream(address);
        self.databases.set_upstream(address);
        Ok(())
    }

    fn all(&self) -> [&Proxy; 8] {
        let Self { database, databases, cache, mail, gateway, catalog, auth, orders } = self;
        [database, databases, cache, mail, gateway, catalog, auth, orders]
    }
}

/// Lays a trap for what orders sends over a wire.
pub(crate) fn trap(wire: &Proxy, pattern: &str, nth: usize, then: Action) -> TrapHandle {
    let pattern = pattern.as_bytes().to_vec();
    wire.trap(Trap { direction: Direction::ToServer, pattern, nth, then })
}

/// The address of a wire for those who speak HTTP.
pub(crate) fn url(wire: &Proxy) -> String {
    format!("http://{}", wire.address())
}

/// Sends a service that has the whole URL of a server, password and all, through a wire.
fn through(
    wire: &Proxy,
    service: &Service,
    key: &str,
    variables: &mut Variables,
) -> anyhow::Result<()> {
    let direct = variables.get(service, key).context("the URL of a server is not set")?;
    let mut url = Url::parse(direct)?;
    // It fails only for URLs without a host.
    let _ = url.set_port(Some(wire.address().port()));
    variables.set(service, key, url.into());
    Ok(())
}

fn address_of(url: &str) -> anyhow::Result<SocketAddr> {
    let url = Url::parse(url)?;
    let port = url.port().context("a server without a port")?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}
