//! What each service is told: one line a setting, in the order in which its value becomes known.
//!
//! Everything else has its default, from the service's `config/default.toml`.

use super::data_dir::DataDir;
use super::places::Place;
use super::secrets::Secrets;
use super::variables::Variables;
use crate::services::{AUTH, CATALOG, ORDERS, PAYMENTS_STUB, SERVICES};

/// Where the others are, so that moving one with its variable moves it for all.
pub(crate) fn introduce(places: &[Place], variables: &mut Variables) {
    let url = |wanted: &str| {
        let place = places.iter().find(|place| place.service.name() == wanted);
        place.map(Place::url).unwrap_or_default()
    };
    let auth = variables.set(&AUTH, "tokens.public_url", url("auth"));
    let issuer = variables.set(&AUTH, "tokens.issuer", auth.clone());
    for service in [&CATALOG, &ORDERS] {
        variables.set(service, "identity.issuer", issuer.clone());
        variables.set(service, "identity.jwks_url", format!("{auth}/.well-known/jwks.json"));
    }
    variables.set(&ORDERS, "credentials.issuer.base_url", auth);
    variables.set(&ORDERS, "catalog.base_url", url("catalog"));
    variables.set(&ORDERS, "gateway.api.base_url", url("payments-stub"));
    let receiver = format!("{}/v1/webhooks/gateway", url("orders"));
    variables.set(&PAYMENTS_STUB, "webhooks.url", receiver);
    variables.set(&PAYMENTS_STUB, "api.public_url", url("payments-stub"));
}

/// How to log and to stop, and where to put mail; returns where people find it.
pub(crate) fn equip(data: &DataDir, log_format: &str, variables: &mut Variables) -> String {
    for service in SERVICES {
        variables.set(service, "log.format", log_format.to_owned());
        // Less than we wait ourselves, so that a service with a long request ends it in its own way.
        variables.set(service, "http.shutdown_timeout_seconds", "2".to_owned());
    }
    let mailbox = data.join("mail").display().to_string();
    variables.set(&ORDERS, "mail.folder", mailbox.clone());
    let mailbox = variables.set(&AUTH, "mail.folder", mailbox);
    match variables.given(&AUTH.variable("mail.smtp_url")) {
        Some(_) => "none: mail is sent by SMTP".to_owned(),
        None => mailbox,
    }
}

/// What nobody else may know.
pub(crate) fn entrust(secrets: &Secrets, variables: &mut Variables) {
    variables.set(&AUTH, "keys.master_key", secrets.auth_master_key.clone());
    variables.set(&AUTH, "clients.orders.scope", "reservations:write".to_owned());
    let client = [(&ORDERS, "credentials.client_secret"), (&AUTH, "clients.orders.secret")];
    variables.share(client, &secrets.orders_client_secret);
    let key = [(&ORDERS, "gateway.secret_key"), (&PAYMENTS_STUB, "api.secret_key")];
    variables.share(key, &secrets.gateway_secret_key);
    let signature = [(&ORDERS, "webhook.secret"), (&PAYMENTS_STUB, "webhooks.secret")];
    variables.share(signature, &secrets.webhook_secret);
}
