//! Starts that cannot go well: one clear sentence, and nothing left behind.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::support::{Shop, is_root};

/// Runs it to its end, and expects that it refuses with this code and sentence, and that nothing runs.
fn assert_refused(shop: &Shop, options: &[&str], code: i32, sentence: &str) {
    let mut running = shop.run(options);
    let status = running.end();
    let said = running.err();
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(said.contains(sentence), "{said}");
    assert_eq!(shop.processes(), Vec::<String>::new());
}

#[test]
fn a_second_start_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let shop = Shop::new();
    let first = shop.open(&[]);

    let mut second = shop.run(&[]);
    let status = second.end();

    assert_eq!(status.code(), Some(1));
    assert!(second.err().contains("Backbone already runs from"), "{}", second.err());
    assert!(shop.signing_key().contains("keys"));
    drop(first);
}

#[test]
fn a_taken_port_is_named_with_the_service_and_the_variable() {
    let shop = Shop::new();
    let port = shop.management_port("catalog");
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();

    let sentence = format!(
        "port {port} is taken, and catalog needs it: stop the program that listens there, or choose another port with \
         CATALOG__HTTP__MANAGEMENT=127.0.0.1:PORT"
    );

    assert_refused(&shop, &[], 1, &sentence);
}

#[test]
fn two_services_with_one_port_are_found_out() {
    let mut shop = Shop::new();
    let address = format!("127.0.0.1:{}", shop.public_port("auth"));
    shop.variables.insert("ORDERS__HTTP__PUBLIC".to_owned(), address);

    assert_refused(&shop, &[], 1, "ORDERS__HTTP__PUBLIC");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let shop = Shop::new();
    // A file where a folder should be keeps out even root.
    let folder = shop.data_dir();
    fs::write(&folder, "").unwrap();
    let inside = folder.join("inside");

    let options = ["--data-dir", inside.to_str().unwrap()];
    assert_refused(
        &shop,
        &options,
        1,
        "change its permissions, or choose a folder with --data-dir",
    );
}

#[test]
fn fresh_without_anybody_to_ask_is_refused_and_deletes_nothing() {
    let shop = Shop::new();
    fs::create_dir_all(shop.data_dir().join("mail")).unwrap();

    assert_refused(&shop, &["--fresh"], 2, "there is no terminal to ask on: add --yes");

    assert!(shop.data_dir().join("mail").exists());
}

#[test]
fn an_unknown_setting_is_named() {
    let mut shop = Shop::new();
    shop.variables.insert("AUTH__HTTP__PUBLIK".to_owned(), "127.0.0.1:1".to_owned());

    assert_refused(&shop, &[], 2, "unknown setting `http.publik`");
}

#[test]
fn a_setting_that_only_the_service_understands_is_reported_with_its_last_lines() {
    let mut shop = Shop::new();
    shop.variables.insert("AUTH__KEYS__MASTER_KEY".to_owned(), "short".to_owned());

    assert_refused(&shop, &[], 1, "auth ended by itself (exit status: 1)");
}

#[test]
fn a_database_url_that_is_none_is_refused_without_repeating_it() {
    let mut shop = Shop::new();
    shop.variables.insert("DATABASE_URL".to_owned(), "host=db password=hunter2".to_owned());

    assert_refused(&shop, &[], 2, "DATABASE_URL must look like postgres://");
}

#[test]
fn a_database_server_that_does_not_answer_is_reported() {
    let mut shop = Shop::new();
    let nobody = shop.public_port("orders");
    let url = format!("postgres://me:hunter2@127.0.0.1:{nobody}/main");
    shop.variables.insert("DATABASE_URL".to_owned(), url);

    assert_refused(&shop, &[], 2, "DATABASE_URL names a server that cannot be used");
}

#[test]
fn a_full_disk_is_named() {
    if !is_root() || !cfg!(target_os = "linux") {
        return;
    }
    let shop = Shop::new();
    fs::create_dir(shop.data_dir()).unwrap();
    let mount = |arguments: &[&str]| {
        Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(shop.data_dir())
            .status()
            .unwrap()
            .success()
    };
    // Some containers forbid it.
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs"]) {
        return;
    }

    assert_refused(&shop, &[], 1, "is full: free some space");

    assert!(mount(&["umount"]));
}
