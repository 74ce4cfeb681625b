//! Reconciliation: the gateway's own list of what happened, read by us, for what its webhooks did not bring.
//!
//! The list holds what webhooks have brought, too: whether one was delivered, the gateway may have forgotten, and we
//! may, after our database was restored. An order that is in progress asks the gateway by itself ([`crate::checkout`]). This is for everything else: a day
//! without webhooks, and news about orders that we believed to be over. What the list says goes into the inbox like a
//! webhook; an event that is there already is not stored again.

use chrono::{DateTime, TimeDelta};
use diesel_async::AsyncConnection as _;

use crate::app::State;
use crate::clients::gateway::Event;
use crate::store::inbox::{self, NewEvent};

/// An event becomes visible when its transaction ends, a little after the moment that it bears: that far we look back.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

/// Reads the list once, from where it was read last. The first time: all that the gateway keeps.
pub async fn read_events(state: &State) -> anyhow::Result<()> {
    let mut connection = state.database.get().await?;
    let read_until = inbox::read_until(&mut connection).await?;
    drop(connection);
    let since = read_until.map_or(DateTime::UNIX_EPOCH, |until| until - OVERLAP);
    let mut newest = since.timestamp();
    let mut after: Option<String> = None;
    loop {
        let page = state.gateway.events(since, after.as_deref()).await?;
        newest = page.events.iter().map(|event| event.created).fold(newest, i64::max);
        store(state, &page.events).await?;
        after = page.events.last().map(|event| event.id.clone());
        if !page.has_more || after.is_none() {
            break;
        }
    }
    // Only now: after a crash in the middle the list is read again from where it was. And not beyond our own time: a
    // gateway whose clock was wrong for a while would have us wait until it is right.
    let newest = newest.min(state.clock.now().timestamp());
    if let Some(newest) = DateTime::from_timestamp(newest, 0).filter(|newest| *newest > since) {
        let mut connection = state.database.get().await?;
        inbox::set_read_until(&mut connection, newest).await?;
    }
    Ok(())
}

async fn store(state: &State, events: &[Event]) -> anyhow::Result<()> {
    let now = state.clock.now();
    let mut connection = state.database.get().await?;
    let found = connection
        .transaction(async |tx| -> diesel::QueryResult<u32> {
            let mut found = 0;
            for event in events {
                if let Some(new) = NewEvent::of_interest(event) {
                    found += u32::from(inbox::store(tx, &new, now).await?);
                }
            }
            Ok(found)
        })
        .await?;
    if found > 0 {
        tracing::info!(found, "the gateway's list had events that no webhook had brought");
        state.counters.reconciled(found);
        state.inbox_wake.notify_one();
    }
    Ok(())
}
