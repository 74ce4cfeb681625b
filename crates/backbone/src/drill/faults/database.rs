//! F17 and F18: PostgreSQL goes away in the middle of a COMMIT, or refuses to write.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use faultproxy::Action;
use serde::Deserialize;
use tokio::time::sleep;

use super::meanwhile;
use crate::drill::run::Run;
use crate::drill::wires;

const OUTAGE: Duration = Duration::from_millis(1200);

/// Closes the connections of orders, so that they are made anew under the new settings.
const END_SESSIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'orders'";

/// F17: connections are cut between COMMIT and its acknowledgement; each third run the server restarts, too.
pub(super) async fn cut(run: &Run<'_>) -> anyhow::Result<()> {
    let plans = run.plans();
    let restarts = run.seed.is_multiple_of(3);
    let (cuts, spread) = (2 + run.roll(3), 8);
    let cut = async {
        for _ in 0..cuts {
            let nth = 1 + usize::try_from(run.roll(spread))?;
            let then = run
                .pick(&[Action::CutAfter, Action::CutAfter, Action::CutBefore])
                .unwrap_or(Action::CutAfter);
            let trap = wires::trap(&run.world.wires.database, "COMMIT", nth, then);
            if trap.sprung().await {
                run.struck(format!("cut at COMMIT ({then:?})"), 1);
            }
        }
        if restarts {
            run.world.restart_postgres().await?;
            run.struck("restarts of PostgreSQL", 1);
        }
        Ok(())
    };
    meanwhile(run, &plans, cut).await
}

/// F18.
pub(super) async fn refusing(run: &Run<'_>) -> anyhow::Result<()> {
    match run.variant(&["read-only", "locked", "40001", "53100"]) {
        Some("read-only") => read_only(run).await,
        Some("locked") => locked(run).await,
        Some(code) => failing(run, code).await,
        None => Ok(()),
    }
}

async fn read_only(run: &Run<'_>) -> anyhow::Result<()> {
    let (database, plans) = (&run.world.database, run.plans());
    let set = |to: &str| format!("ALTER ROLE orders {to}; {END_SESSIONS}");
    let refuse = async {
        sleep(Duration::from_millis(200)).await;
        database.run("orders", &set("SET default_transaction_read_only = on")).await?;
        sleep(OUTAGE).await;
        run.struck("orders that waited while the database was read-only", run.waiting().await?);
        database.run("orders", &set("RESET default_transaction_read_only")).await
    };
    let outcome = meanwhile(run, &plans, refuse).await;
    database.run("orders", &set("RESET default_transaction_read_only")).await?;
    outcome
}

async fn locked(run: &Run<'_>) -> anyhow::Result<()> {
    let plans = run.plans();
    let lock = async {
        sleep(Duration::from_millis(100)).await;
        // Dropping the connection ends the lock, whatever happens here.
        let mut connection = run.world.database.connect("orders").await?;
        connection.batch_execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").await?;
        sleep(Duration::from_secs(2)).await;
        let query = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted";
        let waiting: Count = run.world.database.row("postgres", query).await?;
        run.struck("statements that waited for a lock", waiting.count.max(1));
        connection.batch_execute("ROLLBACK").await?;
        Ok(())
    };
    meanwhile(run, &plans, lock).await
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// Every third or so statement that writes fails with this code.
async fn failing(run: &Run<'_>, code: &str) -> anyhow::Result<()> {
    let percent = 10 + run.roll(25);
    let tables = ["orders", "payments", "order_history", "outbox"];
    let triggers: String = tables
        .map(|table| {
            format!(
                "CREATE TRIGGER drill BEFORE INSERT OR UPDATE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION drill_fail();"
            )
        })
        .concat();
    // A sequence counts also what is rolled back. The function runs as its owner, who may use it.
    let create = format!(
        "CREATE SEQUENCE drill_struck;
         CREATE FUNCTION drill_fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             IF random() * 100 < {percent} THEN
                 PERFORM nextval('drill_struck');
                 RAISE EXCEPTION 'as a drill arranged it' USING ERRCODE = '{code}';
             END IF;
             RETURN NEW;
         END $$;
         {triggers}"
    );
    let database = &run.world.database;
    database.run("orders", &create).await?;
    let plans = run.plans();
    let fail = async {
        sleep(OUTAGE).await;
        let query = "SELECT last_value AS count FROM drill_struck WHERE is_called";
        let struck: Vec<Count> = database.rows("orders", query).await?;
        run.struck(
            format!("statements that failed with {code}"),
            struck.first().map_or(0, |it| it.count),
        );
        Ok(())
    };
    let outcome = meanwhile(run, &plans, fail).await;
    database.run("orders", "DROP FUNCTION drill_fail CASCADE; DROP SEQUENCE drill_struck").await?;
    outcome
}
