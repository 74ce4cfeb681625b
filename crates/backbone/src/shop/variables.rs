//! The variables that the services are configured with: the user's own, and ours where the user has not spoken.
//!
//! There is no value here that somebody cannot override, and none is ever put on a command line, where every user
//! of the machine could read it.

use std::collections::BTreeMap;

use chassis::config::variable_prefix;

use crate::services::Service;

/// Both kinds. It has no `Debug`: half of its values are secrets.
#[derive(Clone)]
pub(crate) struct Variables {
    given: BTreeMap<String, String>,
    ours: BTreeMap<String, String>,
}

impl Variables {
    /// Those that this process was given. What is no Unicode is no setting of ours.
    pub(crate) fn from_process() -> Self {
        let variables = std::env::vars_os();
        let readable = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::new(readable)
    }

    fn new(given: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { given: given.into_iter().collect(), ours: BTreeMap::new() }
    }

    /// What the user has set, unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets the setting `key` of a service, unless the user has; returns the value in force.
    pub(crate) fn set(&mut self, service: &Service, key: &str, value: String) -> String {
        let name = service.variable(key);
        if let Some(given) = self.given.get(&name) {
            return given.clone();
        }
        self.ours.insert(name, value.clone());
        value
    }

    /// The value in force for the setting `key` of a service, when the user or we have set it.
    pub(crate) fn get(&self, service: &Service, key: &str) -> Option<&str> {
        let name = service.variable(key);
        self.given.get(&name).or_else(|| self.ours.get(&name)).map(String::as_str)
    }

    /// Sets one secret that two services share; when the user has set it for one of them, that is the secret.
    pub(crate) fn share(&mut self, settings: [(&Service, &str); 2], value: &str) {
        let names = settings.map(|(service, key)| service.variable(key));
        let given = names.iter().find_map(|name| self.given.get(name));
        let value = given.map_or(value, String::as_str).to_owned();
        for (service, key) in settings {
            self.set(service, key, value.clone());
        }
    }

    /// All that are in force for a service: what its configuration is read from.
    pub(crate) fn all_for(&self, service: &Service) -> Vec<(String, String)> {
        let given = self.given.clone().into_iter();
        given.chain(self.ours_for(service)).collect()
    }

    /// Those of ours that are for this service: no other gets to see its secrets.
    pub(crate) fn ours_for(&self, service: &Service) -> Vec<(String, String)> {
        let prefix = format!("{}__", variable_prefix(service.name()));
        let ours = self.ours.iter().filter(|(name, _)| name.starts_with(&prefix));
        ours.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> &'static Service {
        Service::find(name).unwrap()
    }

    #[test]
    fn the_user_has_the_last_word() {
        let given = [("AUTH__MAIL__FOLDER".to_owned(), "/tmp/mail".to_owned())];
        let mut variables = Variables::new(given);

        assert_eq!(variables.set(service("auth"), "mail.folder", "ours".to_owned()), "/tmp/mail");
        assert!(variables.ours_for(service("auth")).is_empty());
    }

    #[test]
    fn a_secret_that_the_user_gave_to_one_service_reaches_the_other() {
        let given = [("PAYMENTS_STUB__API__SECRET_KEY".to_owned(), "sk_test_mine".to_owned())];
        let mut variables = Variables::new(given);

        let (orders, gateway) = (service("orders"), service("payments-stub"));
        variables.share([(orders, "gateway.secret_key"), (gateway, "api.secret_key")], "ours");

        let expected = ("ORDERS__GATEWAY__SECRET_KEY".to_owned(), "sk_test_mine".to_owned());
        assert_eq!(variables.ours_for(orders), [expected]);
        assert!(variables.ours_for(gateway).is_empty());
    }

    #[test]
    fn a_service_sees_no_secret_of_another() {
        let mut variables = Variables::new([]);
        variables.set(service("auth"), "database.url", "postgres://auth".to_owned());
        variables.set(service("catalog"), "database.url", "postgres://catalog".to_owned());

        let seen = variables.all_for(service("catalog"));

        assert_eq!(seen, [("CATALOG__DATABASE__URL".to_owned(), "postgres://catalog".to_owned())]);
    }
}
