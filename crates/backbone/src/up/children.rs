//! All services: started together, ready together, stopped in order.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join_all, select_all};
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::services::Service;
use crate::shop::child::Child;
use crate::shop::failure::Failure;
use crate::shop::output::Output;
use crate::shop::places::Place;
use crate::shop::readiness;
use crate::shop::variables::Variables;

/// How long all of them may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// How long services may wait, all together, for those before them to stop. One that is not busy stops in much less;
/// more would not fit into the five seconds that a person waits.
const IN_ORDER: Duration = Duration::from_secs(1);

/// How long what they wrote last may take to be printed.
const LAST_LINES: Duration = Duration::from_millis(500);

/// The running services.
#[derive(Debug)]
pub(crate) struct Children {
    running: Vec<Child>,
}

impl Children {
    /// Starts all of them.
    pub(crate) fn start(
        places: &[Place],
        variables: &Variables,
        output: &Output,
    ) -> Result<Self, Failure> {
        let start = |place: &Place| {
            let service = place.service;
            Child::start(service, variables, output)
                .map_err(|error| Failure::Spawn { service: service.name(), error })
        };
        Ok(Self { running: places.iter().map(start).collect::<Result<_, _>>()? })
    }

    /// Their numbers.
    pub(crate) fn pids(&self) -> Vec<(&'static Service, u32)> {
        self.running.iter().filter_map(|child| Some((child.service, child.pid()?))).collect()
    }

    /// Waits until all of them are ready. One that ends instead is a failure.
    pub(crate) async fn ready(&mut self, places: &[Place]) -> Result<(), Failure> {
        let client = readiness::client()?;
        let mut waiting: BTreeSet<_> = places.iter().map(|place| place.service.name()).collect();
        let mut answers: FuturesUnordered<_> =
            places.iter().map(|place| readiness::until_ready(&client, place)).collect();
        let all = async {
            while let Some(name) = answers.next().await {
                waiting.remove(name);
            }
        };
        let outcome = tokio::select! {
            () = all => Ok(()),
            failure = self.first_end() => Err(Some(failure)),
            () = sleep(READY_LIMIT) => Err(None),
        };
        drop(answers);
        outcome.map_err(|ended| {
            ended.unwrap_or_else(|| Failure::NotReady {
                services: waiting.into_iter().collect::<Vec<_>>().join(", "),
                seconds: READY_LIMIT.as_secs(),
            })
        })
    }

    /// Waits until one of them ends, which none should.
    pub(crate) async fn first_end(&mut self) -> Failure {
        let ends = self.running.iter_mut().map(|child| Box::pin(child.ended()));
        let (status, index, _) = select_all(ends).await;
        match self.running.get_mut(index) {
            Some(child) => child.failure(status).await,
            None => std::future::pending().await,
        }
    }

    /// Stops them, the callers before those that they call; kills those that do not.
    pub(crate) async fn stop(&mut self) {
        let in_order = Instant::now() + IN_ORDER;
        for child in self.running.iter_mut().rev() {
            child.tell_to_stop();
            let _ = timeout_at(in_order, child.ended()).await;
        }
        for child in &mut self.running {
            child.finish().await;
        }
        // The pipes closed with the processes; only an output that takes nothing can still hold the last lines up.
        let last_lines = self.running.iter_mut().map(Child::read_to_end);
        let _ = timeout(LAST_LINES, join_all(last_lines)).await;
    }
}
