//! One service that can be killed, paused and started again.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::services::Service;
use crate::shop::child::Child;
use crate::shop::output::Output;
use crate::shop::places::Place;
use crate::shop::readiness;
use crate::shop::variables::Variables;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service of the world, running or not.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) place: Place,
    service: &'static Service,
    variables: Variables,
    output: Output,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    child: Option<Child>,
    /// Variables that are no settings, such as `LD_PRELOAD`.
    further: Vec<(String, String)>,
    is_paused: bool,
}

impl Process {
    /// A process that does not run yet.
    pub(crate) fn new(
        service: &'static Service,
        variables: Variables,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let place = Place::load(service, &variables)?;
        let (output, state) = (output.clone(), Mutex::default());
        Ok(Self { place, service, variables, output, state })
    }

    /// Starts it unless it runs, and waits until it is ready.
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        self.spawn().await?;
        self.ready().await
    }

    /// Starts it unless it runs.
    pub(crate) async fn spawn(&self) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        if state.child.is_none() {
            let further = state.further.clone();
            let child = Child::start_with(self.service, &self.variables, &further, &self.output);
            state.child = Some(child.with_context(|| format!("{} cannot be run", self.name()))?);
        }
        Ok(())
    }

    /// Waits until it is ready, and fails when it ends instead.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let client = readiness::client()?;
        let mut state = self.state.lock().await;
        let child =
            state.child.as_mut().with_context(|| format!("{} does not run", self.name()))?;
        tokio::select! {
            ready = timeout(PATIENCE, readiness::until_ready(&client, &self.place)) => {
                ready.with_context(|| format!("{} does not get ready", self.name()))?;
            }
            status = child.ended() => return Err(child.failure(status).await.into()),
        }
        Ok(())
    }

    /// `kill -9`; says whether there was something to kill.
    pub(crate) async fn kill(&self) -> bool {
        let mut state = self.state.lock().await;
        state.is_paused = false;
        match state.child.take() {
            Some(mut child) => {
                child.kill().await;
                true
            }
            None => false,
        }
    }

    /// Halts it without its knowledge, as a busy machine or a long pause of a virtual one does.
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.state.lock().await.is_paused = true;
        self.signal("STOP").await
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> anyhow::Result<()> {
        let was_paused = std::mem::take(&mut self.state.lock().await.is_paused);
        if was_paused { self.signal("CONT").await } else { Ok(()) }
    }

    /// Lets it go on if it is paused, and starts it if it does not run.
    pub(crate) async fn mend(&self) -> anyhow::Result<()> {
        self.resume().await?;
        let has_ended = match &mut self.state.lock().await.child {
            Some(child) => timeout(Duration::ZERO, child.ended()).await.is_ok(),
            None => true,
        };
        if has_ended {
            self.kill().await;
        }
        self.start().await
    }

    /// From its next start on it gets these variables, too.
    pub(crate) async fn equip(&self, further: Vec<(String, String)>) {
        self.state.lock().await.further = further;
    }

    /// Its metrics, as text.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("{}/metrics", self.place.management_url());
        Ok(readiness::client()?.get(url).send().await?.text().await?)
    }

    async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.state.lock().await.child.as_ref().and_then(Child::pid);
        let Some(pid) = pid else { bail!("{} does not run", self.name()) };
        // The shell's own `kill`, because the standard library has none and small systems lack the program.
        let command = format!("kill -s {name} {pid}");
        let status = Command::new("sh").args(["-c", &command]).status().await?;
        if status.success() { Ok(()) } else { bail!("{command}: {status}") }
    }

    fn name(&self) -> &'static str {
        self.service.name()
    }
}
