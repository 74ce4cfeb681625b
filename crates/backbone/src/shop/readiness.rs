//! Whether a service serves.

use std::time::Duration;

use tokio::time::sleep;

use super::failure::Failure;
use super::places::Place;

/// How often it is asked.
const POLL: Duration = Duration::from_millis(25);

/// Ready means that `/readyz` says so; not that the port is open, which it is long before.
pub(crate) async fn until_ready(client: &reqwest::Client, place: &Place) -> &'static str {
    let url = format!("{}/readyz", place.management_url());
    loop {
        let answer = client.get(&url).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return place.service.name();
        }
        sleep(POLL).await;
    }
}

/// Not the chassis' client: that one repeats and breaks circuits, and a service that is not there yet is no failure.
pub(crate) fn client() -> Result<reqwest::Client, Failure> {
    // A proxy would look for `localhost` on its own machine.
    let built = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
    built.map_err(|error| Failure::System {
        action: "ask the services",
        error: std::io::Error::other(error),
    })
}
