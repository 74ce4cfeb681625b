//! Where the services listen, and how they reach each other.

use std::net::{IpAddr, SocketAddr, TcpListener};

use chassis::{config, http};
use serde::Deserialize;

use super::failure::Failure;
use super::variables::Variables;
use crate::services::Service;

/// Where one service listens.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The service.
    pub(crate) service: &'static Service,
    public: SocketAddr,
    management: SocketAddr,
}

/// What we have to know of a service's settings; the service itself reads all of them.
#[derive(Deserialize)]
struct Known {
    http: http::Settings,
}

impl Place {
    /// Reads the service's settings as it will, so that a mistake in them is an error before anything has started.
    pub(crate) fn load(service: &'static Service, variables: &Variables) -> Result<Self, Failure> {
        let name = service.name();
        let environment = variables.all_for(service);
        let loaded = config::load::<Known>(name, service.description.defaults, None, environment)
            .map_err(|error| Failure::Setting { service: name, error })?;
        let Known { http } = loaded.settings;
        Ok(Self { service, public: http.public, management: http.management })
    }

    /// Where clients connect.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    /// How people and other services reach it, such as `http://localhost:8081`.
    pub(crate) fn url(&self) -> String {
        url(self.public)
    }

    /// How operators reach it.
    pub(crate) fn management_url(&self) -> String {
        url(self.management)
    }
}

/// `localhost` for whatever means this machine, because that is what people type.
fn url(address: SocketAddr) -> String {
    let ip = address.ip();
    let is_local = ip.is_unspecified() || ip == IpAddr::from([127, 0, 0, 1]);
    if is_local {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Says which port is taken, and how to choose another, before anything has started.
pub(crate) fn check_free(places: &[Place]) -> Result<(), Failure> {
    let wanted = places.iter().flat_map(|place| {
        [(place, place.public, "http.public"), (place, place.management, "http.management")]
    });
    // All stay bound until the last was tried, so that two services with one address are found out as well.
    let bound: Result<Vec<_>, _> =
        wanted.map(|(place, address, key)| bind(place.service, address, key)).collect();
    bound.map(drop)
}

fn bind(service: &Service, address: SocketAddr, key: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let (variable, service) = (service.variable(key), service.name());
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Failure::PortTaken { service, address, variable },
            _ => Failure::Address { service, address, variable, error },
        }
    })
}
