//! Which services there are.

use std::fmt;
use std::process::ExitCode;

use chassis::boot::{self, Description};
use chassis::config::variable_prefix;

/// One service, as this command knows it.
pub(crate) struct Service {
    /// Its name and its default settings.
    pub(crate) description: Description,
    /// What its database is called, and the role that owns it.
    pub(crate) database: &'static str,
    main: fn(Vec<String>) -> ExitCode,
}

/// All of them, in the order in which they are started and shown. They are stopped in the reverse order, so that
/// each has stopped before those that it calls.
pub(crate) static SERVICES: [&Service; 4] = [&AUTH, &CATALOG, &PAYMENTS_STUB, &ORDERS];

/// Accounts, sessions, tokens.
pub(crate) static AUTH: Service = Service {
    description: auth::DESCRIPTION,
    database: "auth",
    main: |options| boot::main(auth::DESCRIPTION, options, auth::run),
};

/// Books and stock.
pub(crate) static CATALOG: Service = Service {
    description: catalog::DESCRIPTION,
    database: "catalog",
    main: |options| boot::main(catalog::DESCRIPTION, options, catalog::run),
};

/// The third party that moves the money.
pub(crate) static PAYMENTS_STUB: Service = Service {
    description: payments_stub::DESCRIPTION,
    database: "payments",
    main: |options| boot::main(payments_stub::DESCRIPTION, options, payments_stub::run),
};

/// Checkout and orders.
pub(crate) static ORDERS: Service = Service {
    description: orders::DESCRIPTION,
    database: "orders",
    main: |options| boot::main(orders::DESCRIPTION, options, orders::run),
};

impl Service {
    /// The service called `name`.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        SERVICES.into_iter().find(|service| service.name() == name)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.description.name
    }

    /// The variable for the setting `key`: `http.public` of auth is `AUTH__HTTP__PUBLIC`.
    pub(crate) fn variable(&self, key: &str) -> String {
        let prefix = variable_prefix(self.name());
        format!("{prefix}__{}", key.replace('.', "__").to_uppercase())
    }

    /// Runs it in this process, until it is told to stop.
    pub(crate) fn main(&self, options: Vec<String>) -> ExitCode {
        (self.main)(options)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
