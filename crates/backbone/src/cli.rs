//! What can be typed.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};

use crate::drill::Drill;
use crate::services::{SERVICES, Service};
use crate::up;

const AFTER_HELP: &str = "\
Settings of the services are variables such as AUTH__HTTP__PUBLIC=127.0.0.1:18081; every one stands in the service's
config/default.toml. DATABASE_URL and REDIS_URL name servers of your own, to be used instead of private ones.";

/// A small bookshop's backend, all of it on one machine.
///
/// Without a command it does what `backbone up` does.
#[derive(Debug, Parser)]
#[command(name = "backbone", version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Options,
}

/// One of the commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts the shop: a private PostgreSQL and Redis and the services. Ctrl-C stops everything.
    #[command(after_help = AFTER_HELP)]
    Up(up::Options),
    /// Breaks a shop of its own on purpose, and checks that no money and no order is lost.
    #[command(subcommand)]
    Drill(Drill),
    /// Runs one service in this process, as its own program does.
    Service {
        /// Which one.
        #[arg(value_parser = service_parser())]
        service: &'static Service,
        /// Options of the service, such as --check-config.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
}

impl Cli {
    /// The command, or `up` when none was given.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Up(self.up))
    }
}

fn service_parser() -> impl TypedValueParser<Value = &'static Service> {
    let names = SERVICES.map(Service::name);
    PossibleValuesParser::new(names).try_map(|name| Service::find(&name).ok_or("no such service"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_up() {
        let command = Cli::parse_from(["backbone", "--fresh"]).into_command();
        assert!(matches!(command, Command::Up(_)), "{command:?}");
    }

    #[test]
    fn what_follows_a_service_is_for_the_service() {
        let arguments = ["backbone", "service", "auth", "--config", "a.toml", "--check-config"];
        let Command::Service { service, options } = Cli::parse_from(arguments).into_command()
        else {
            panic!("not `service`");
        };
        assert_eq!(service.name(), "auth");
        assert_eq!(options, ["--config", "a.toml", "--check-config"]);
    }
}
