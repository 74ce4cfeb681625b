//! F26: the clock of orders jumps by an hour, there and back.
//!
//! libfaketime sits between the process and the system's clock; without it on this machine nothing can be proved.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;

const PLACES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
    "/opt/homebrew/lib/faketime/libfaketime.1.dylib",
];

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let Some(library) = PLACES.iter().map(PathBuf::from).find(|place| place.exists()) else {
        run.skip("install faketime");
        return Ok(());
    };
    let world = run.world;
    let file = world.file("faketime");
    std::fs::write(&file, "+0\n")?;
    let variables = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // Deadlines inside the process are measured with another clock, which never jumps.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    world.orders.kill().await;
    world.orders.equip(variables.to_vec()).await;
    world.orders.start().await?;

    let jump = run.variant(&["+3600", "-3600", "+30", "-30"]).unwrap_or("+3600");
    let plans = run.plans();
    let turn = async {
        sleep(Duration::from_millis(150)).await;
        std::fs::write(&file, format!("{jump}\n"))?;
        sleep(Duration::from_secs(1)).await;
        run.struck(
            format!("unfinished orders when the clock had jumped by {jump} s"),
            run.waiting().await?.max(1),
        );
        std::fs::write(&file, "+0\n")?;
        Ok(())
    };
    let outcome = meanwhile(run, &plans, turn).await;
    world.orders.kill().await;
    world.orders.equip(Vec::new()).await;
    outcome
}
