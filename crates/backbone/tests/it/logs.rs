//! The services' logs, for machines and for people.

use crate::support::{SERVICES, Shop};

#[test]
fn piped_logs_are_json_line_by_line_and_nothing_else() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    running.signal("TERM");
    running.end();

    let log = running.out();

    let lines =
        log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    let services: Vec<String> =
        lines.map(|line| line["service"].as_str().unwrap().to_owned()).collect();
    for name in SERVICES {
        assert!(services.iter().any(|service| service == name), "{name}: {log}");
    }
}

#[test]
fn the_last_words_of_every_service_are_printed() {
    let shop = Shop::new();
    let mut running = shop.open(&[]);
    running.signal("TERM");
    running.end();

    for name in SERVICES {
        assert!(running.out().contains(&format!("{name} has stopped")), "{}", running.out());
    }
}

#[test]
fn pretty_logs_start_with_the_name_of_the_service() {
    let shop = Shop::new();
    let mut running = shop.open(&["--log", "pretty"]);
    running.signal("TERM");
    running.end();

    let log = running.out();

    let ready = |name: &str| format!("{name} is ready");
    for name in SERVICES {
        let line = log.lines().find(|line| line.contains(&ready(name))).unwrap();
        assert!(line.starts_with(&format!("{name:13} | ")), "{line}");
    }
    // Nobody sees colours in a pipe.
    assert!(!log.contains('\x1b'), "{log}");
    assert!(log.contains("The shop is open"), "{log}");
}
