//! F0: nothing goes wrong. Whatever this finds is a defect without any fault, or one of the drill.

use crate::drill::run::Run;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    run.load().await;
    run.struck("nothing, as arranged", 1);
    Ok(())
}
