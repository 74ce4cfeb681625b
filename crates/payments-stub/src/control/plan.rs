//! What awaits one request: decided when it arrives, carried out on its way.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::barriers::{Caught, Point};
use super::connection::Connection;
use super::faults::{Action, Strike, When};
use crate::idempotency::Answer;
use crate::routes::errors::StripeError;

/// A fault, or barriers, or both.
#[derive(Clone, Debug)]
pub struct Plan {
    strike: Option<Strike>,
    barriers: Vec<Arc<Caught>>,
    connection: Option<Connection>,
    shutdown: CancellationToken,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// As it should.
    Over,
    /// Before that, because the client has gone.
    ClientGone,
}

impl Plan {
    /// `None` when nothing awaits the request.
    pub fn new(
        strike: Option<Strike>,
        barriers: Vec<Arc<Caught>>,
        connection: Option<Connection>,
        shutdown: CancellationToken,
    ) -> Option<Self> {
        (strike.is_some() || !barriers.is_empty()).then_some(Self {
            strike,
            barriers,
            connection,
            shutdown,
        })
    }

    /// What strikes at this moment.
    pub fn strike(&self, when: When) -> Option<&Strike> {
        self.strike.as_ref().filter(|strike| strike.when == when)
    }

    /// Waits at the barriers of this point, as long as the client does.
    pub async fn hold(&self, point: Point) -> Wait {
        for barrier in self.barriers.iter().filter(|barrier| barrier.point() == point) {
            let mut held = barrier.enter();
            tokio::select! {
                // A barrier that opened counts as such, even if the client has gone as well.
                biased;
                () = held.released() => {}
                () = self.client_gone() => return Wait::ClientGone,
            }
        }
        Wait::Over
    }

    /// Lets time pass, unless the client goes or the service stops.
    pub async fn pause(&self, time: Duration) -> Wait {
        tokio::select! {
            () = tokio::time::sleep(time) => Wait::Over,
            () = self.shutdown.cancelled() => Wait::Over,
            () = self.client_gone() => Wait::ClientGone,
        }
    }

    /// Lets the client wait for ever.
    pub async fn silence(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.client_gone() => {}
        }
    }

    /// Makes the end of the connection a reset.
    pub fn reset_connection(&self) {
        if let Some(connection) = &self.connection {
            connection.reset_at_its_end();
        }
    }

    /// What is kept under the request's key: its answer, or the error that a fault puts in its place.
    pub fn answer_to_keep(&self, answer: Answer) -> Answer {
        match self.status_after_effect() {
            Some(status) => {
                let Answer { status, body, .. } = StripeError::arranged(status).into_answer();
                Answer { status, body, ..answer }
            }
            None => answer,
        }
    }

    fn status_after_effect(&self) -> Option<StatusCode> {
        let strike = self.strike(When::AfterEffect);
        strike.filter(|strike| strike.action == Action::Status).map(|strike| strike.status)
    }

    async fn client_gone(&self) {
        match &self.connection {
            Some(connection) => connection.gone().await,
            None => std::future::pending().await,
        }
    }
}
