//! For benchmarks: what PostgreSQL itself can do, to compare with.

use std::path::Path;
use std::process::Command;

/// Runs `script` with `pgbench`, which comes with PostgreSQL, against the database at `url`: so many clients for so many
/// seconds. Answers how often a second the script was run.
///
/// A statement that fails is a panic: a comparison with less work would flatter.
pub fn pgbench(url: &str, script: &Path, (clients, seconds): (usize, u64)) -> f64 {
    let program =
        devstack::find_postgres().expect("PostgreSQL is installed").bin_dir.join("pgbench");
    let output = Command::new(&program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={seconds}"))
        .arg("--file")
        .arg(script)
        .arg(url)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(!complained.contains("ERROR"), "{complained}");
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.unwrap_or_else(|| panic!("{said}{complained}"));
    tps.split(' ').next().unwrap().parse().unwrap()
}

/// The middle one: what a single disturbed round cannot move.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
