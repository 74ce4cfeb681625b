//! What holds for files of every kind, for tests, and for scripts.

use crate::tree::Tree;

/// Paths of the machine that a file was written on, and hosts that packages were fetched from: whoever clones the
/// repository has neither. The dash keeps this file from naming them itself.
const MACHINE: &str = "/wo-rk/ /tmp/bash-_jobs static.-crates.io registry.-npmjs files.-pythonhosted \
                       deb.-debian.org proxy.-golang";

/// Where every package of `Cargo.lock` comes from.
const INDEX: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// Files with something in them that should not have been saved.
pub(crate) fn files(tree: &Tree, report: &mut Vec<String>) {
    let machine = MACHINE.replace('-', "");
    for (path, file) in &tree.files {
        for (number, line) in (1..).zip(file.text.split('\n')) {
            let mut fault = |is_fault: bool, what| {
                report.extend(is_fault.then(|| format!("{path}:{number}: {what}")));
            };
            let names_machine = machine.split(' ').any(|name| line.contains(name));
            fault(names_machine, "this names a machine or a mirror: remove it");
            let is_foreign = path == "Cargo.lock" && line.starts_with("source = ") && line != INDEX;
            fault(is_foreign, "this is not from crates.io: resolve it again");
            let is_conflict = line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
            fault(is_conflict, "finish the merge");
            fault(line.ends_with([' ', '\t', '\r']), "remove the space at the end of the line");
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            let last = file.text.lines().count();
            report.push(format!("{path}:{last}: end the file with a new line"));
        }
    }
}

/// Tests that hope that some time is enough. Two crates wait for conditions without the testkit, because it stands on
/// the one and does not know the other's processes: their `support.rs` has the pause between two looks.
pub(crate) fn sleeps(tree: &Tree, report: &mut Vec<String>) {
    for source in tree.rust("").filter(|source| !source.path.ends_with("tests/it/support.rs")) {
        let lines = source.after("sleep (").into_iter().map(|(call, _)| call.line);
        for line in lines.filter(|line| source.is_test(*line)) {
            let path = &source.path;
            report.push(format!("{path}:{line}: use testkit::eventually, or turn the clock"));
        }
    }
}

/// Scripts that cannot be run, or do not say what for. What lies deeper is read by scripts, not run.
pub(crate) fn scripts(tree: &Tree, report: &mut Vec<String>) {
    let scripts = tree.under("scripts/", "").filter(|(path, _)| path.split('/').count() == 2);
    for (path, file) in scripts {
        let mut lines = file.text.lines();
        let mut begins = |with: &str| lines.next().is_some_and(|line| line.starts_with(with));
        let faults = [
            (!begins("#!"), "1: name the interpreter: `#!/usr/bin/env bash`"),
            (!begins("# "), "2: say in a comment what the script does"),
            (!file.executable, "3: it cannot be run: chmod +x"),
        ];
        let faults = faults.iter().filter(|(is_fault, _)| *is_fault);
        report.extend(faults.map(|(_, what)| format!("{path}:{what}")));
    }
}

#[test]
fn files_that_should_not_have_been_saved_are_reported() {
    let machine = MACHINE.replace('-', "").replace(' ', "\n") + "\n";
    let lock = format!("{INDEX}\nsource = \"git+https://example.com/x\"\n");
    let files = [
        ("Cargo.lock", lock.as_str()),
        ("conflict", "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"),
        ("end", "a\nb"),
        ("spaces", "a \nb\t\n\nc\r\n"),
    ];
    let expected = "Cargo.lock:2 conflict:1 conflict:5 end:2 spaces:1 spaces:2 spaces:4";
    assert_eq!(crate::places(self::files, &files).join(" "), expected);
    assert_eq!(crate::places(self::files, &[("machine", &machine)]).len(), 7);
}

#[test]
fn tests_that_sleep_are_reported() {
    let text = "fn a() { sleep(b) }\n#[cfg(test)]\nmod tests {\n // sleep(c)\n fn d() { sleep(\"sleep(1)\") }\n}";
    let files = [("crates/x/src/a.rs", text), ("crates/x/tests/b.rs", "fn e() { t::sleep(f) }")];
    assert_eq!(crate::places(sleeps, &files), ["crates/x/src/a.rs:5", "crates/x/tests/b.rs:1"]);
}

#[test]
fn scripts_that_do_not_run_are_reported() {
    let good = "#!/bin/sh\n# Does good.\n";
    let files =
        [("scripts/a", "x"), ("scripts/b", good), ("scripts/c/d", "x"), ("scripts/e", good)];
    let mut tree = Tree::of(&files);
    tree.files.iter_mut().for_each(|(path, file)| file.executable = path != "scripts/e");
    let mut report = Vec::new();
    scripts(&tree, &mut report);
    let places: Vec<_> = report.iter().filter_map(|line| line.get(..11)).collect();
    assert_eq!(places, ["scripts/a:1", "scripts/a:2", "scripts/e:3"]);
}
