//! F22: the mail server has a bad day. The order stays paid, and the receipt comes later, under the same name.

use std::time::Duration;

use faultproxy::Weather;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;
use crate::drill::smtp::Mood;

pub(super) async fn strike(run: &Run<'_>) -> anyhow::Result<()> {
    let (smtp, plans) = (&run.world.smtp, run.plans());
    let moods = [Mood::Busy, Mood::Refusing, Mood::AcceptThenCut, Mood::Hanging];
    let mood = run.variant(&moods).unwrap_or_default();
    let before = smtp.struck();
    let sulk = async {
        if run.roll(4) == 0 {
            run.world.wires.mail.set(Weather::Refused)?;
        }
        smtp.set(mood);
        sleep(Duration::from_millis(1200)).await;
        // On a busy machine the first receipt may take longer.
        while run.world.backlog().await?.outbox == 0 && smtp.struck() == before {
            sleep(Duration::from_millis(50)).await;
        }
        let waiting = run.world.backlog().await?.outbox;
        run.struck("promises that waited", u64::try_from(waiting).unwrap_or_default());
        smtp.set(Mood::Friendly);
        run.world.wires.mail.heal()?;
        Ok(())
    };
    meanwhile(run, &plans, sulk).await?;
    run.struck(
        format!("mails that met a server that was {mood:?}"),
        smtp.struck().saturating_sub(before),
    );
    Ok(())
}
