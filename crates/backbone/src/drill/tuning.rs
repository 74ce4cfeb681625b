//! What the services are told: where they are, and settings that make everything happen sooner, because a drill has
//! seconds where a shop has minutes.

use crate::services::{AUTH, CATALOG, ORDERS, PAYMENTS_STUB, SERVICES, Service};
use crate::shop::data_dir::DataDir;
use crate::shop::places::Place;
use crate::shop::secrets::Secrets;
use crate::shop::settings;
use crate::shop::variables::Variables;

/// One line a setting. The proportions are those of the defaults: a lease outlasts the calls of a step, a deadline
/// outlasts several leases, a reservation outlasts the deadline.
const SETTINGS: [(&Service, &str, &str); 29] = [
    (&ORDERS, "gateway.api.timeout_ms", "600"),
    (&ORDERS, "gateway.api.connect_timeout_ms", "300"),
    (&ORDERS, "gateway.api.retries", "1"),
    (&ORDERS, "catalog.timeout_ms", "600"),
    (&ORDERS, "catalog.connect_timeout_ms", "300"),
    (&ORDERS, "catalog.retries", "1"),
    (&ORDERS, "credentials.issuer.timeout_ms", "600"),
    (&ORDERS, "credentials.issuer.retries", "1"),
    (&ORDERS, "checkout.wait_ms", "1200"),
    (&ORDERS, "checkout.lease_seconds", "2"),
    // Four people do what hundreds would.
    (&ORDERS, "checkout.most_open_orders", "1000"),
    (&ORDERS, "checkout.deadline_seconds", "8"),
    (&ORDERS, "checkout.poll_ms", "150"),
    (&ORDERS, "checkout.longest_pause_ms", "500"),
    (&ORDERS, "checkout.reconcile_seconds", "1"),
    (&ORDERS, "outbox.poll_ms", "150"),
    (&ORDERS, "outbox.lease_seconds", "2"),
    (&ORDERS, "outbox.longest_pause_ms", "500"),
    (&ORDERS, "mail.timeout_ms", "600"),
    // What a cut leaves half open must not keep the others waiting.
    (&ORDERS, "database.statement_timeout_ms", "1500"),
    (&CATALOG, "reservations.lifetime_seconds", "120"),
    (&CATALOG, "reservations.sweep_seconds", "1"),
    (&PAYMENTS_STUB, "webhooks.timeout_ms", "800"),
    (&PAYMENTS_STUB, "webhooks.retry_seconds", "0.1,0.2,0.4,0.8,1,1,1,1,1,1,1,1,1,1,1,1"),
    (&PAYMENTS_STUB, "webhooks.poll_ms", "100"),
    (&PAYMENTS_STUB, "api.settle_seconds", "1"),
    (&PAYMENTS_STUB, "api.requests_per_second", "10000"),
    (&PAYMENTS_STUB, "api.burst", "10000"),
    // Longer than a jump of the clock.
    (&AUTH, "tokens.access_seconds", "14400"),
];

/// What the services are told, before any server runs; and where the control plane will be.
pub(crate) fn variables(data: &DataDir, bug: Option<&str>) -> anyhow::Result<(Variables, String)> {
    let mut variables = Variables::from_process();
    for service in SERVICES {
        variables = on_other_ports(service, &variables);
    }
    let load = |service| Place::load(service, &variables);
    let places = SERVICES.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let secrets = Secrets::open(data)?;
    settings::introduce(&places, &mut variables);
    settings::equip(data, "pretty", &mut variables);
    settings::entrust(&secrets, &mut variables);
    hurry(&mut variables);
    let control = format!("127.0.0.1:{}", devstack::free_port());
    variables.set(&PAYMENTS_STUB, "control.listen", control.clone());
    // As good a secret as any: it opens a gateway that lives for a minute.
    variables.set(&PAYMENTS_STUB, "control.token", secrets.orders_client_secret.clone());
    if let Some(bug) = bug {
        variables.set(&ORDERS, "planted.bug", bug.to_owned());
    }
    Ok((variables, format!("http://{control}")))
}

/// The same variables, with ports of its own for a service.
pub(crate) fn on_other_ports(service: &Service, variables: &Variables) -> Variables {
    let mut variables = variables.clone();
    for key in ["http.public", "http.management"] {
        variables.set(service, key, format!("127.0.0.1:{}", devstack::free_port()));
    }
    variables
}

/// Sets those that the services know.
fn hurry(variables: &mut Variables) {
    let known = |service: &Service, key: &str| {
        let defaults: Option<toml::Table> = toml::from_str(service.description.defaults).ok();
        let mut keys = key.split('.');
        let mut value = keys.next().and_then(|key| defaults.as_ref()?.get(key).cloned());
        for key in keys {
            value = value.and_then(|table| table.get(key).cloned());
        }
        value.is_some()
    };
    for (service, key, value) in SETTINGS {
        if known(service, key) {
            variables.set(service, key, value.to_owned());
        }
    }
    for service in SERVICES {
        // A run of many worlds on few cores; the services share the machine with the customers.
        variables.set(service, "database.pool_size", "12".to_owned());
        variables.set(
            service,
            "log.filter",
            "info,actix_server=warn,recloser_event=warn".to_owned(),
        );
    }
}
