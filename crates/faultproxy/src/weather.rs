//! What all connections suffer, and what chance adds to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the network behaves. "Downstream" is towards the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    #[default]
    Clear,
    /// Nobody listens: a client sees "connection refused". Established connections are reset.
    Refused,
    /// New connections are accepted and reset at once, established ones are reset.
    Reset,
    /// Connections are accepted, and nothing passes in either direction, not even that the other side has gone: a hang.
    /// Any other weather resets the connections that lived through this one, for they have lost bytes.
    Silent,
    /// Each chunk of bytes is late, in both directions; the next one waits behind it.
    Slow {
        /// How late at least.
        delay: Duration,
        /// How much later at most, by chance: see [`Proxy::seed`](crate::Proxy::seed).
        jitter: Duration,
    },
    /// Bytes come downstream drop by drop.
    Trickle {
        /// How many bytes in a second; 0 counts as 1.
        bytes_per_second: u64,
    },
    /// A connection is reset once so many bytes have gone downstream.
    CutAfter {
        /// How many, counted on each connection from the beginning of this weather; 0 cuts at the first that comes.
        bytes: u64,
    },
}

/// The present weather, as connections watch it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sky {
    pub(crate) weather: Weather,
    /// How often the weather was set: two times `Slow` are two weathers.
    pub(crate) number: u64,
    /// How often all connections were cut. One that was born under another count ends; so none can miss a cut, however
    /// short the weather that brought it.
    pub(crate) cuts: u64,
}

impl Sky {
    pub(crate) fn turn(&mut self, weather: Weather) {
        let ends_silence = self.weather == Weather::Silent && weather != Weather::Silent;
        if ends_silence || matches!(weather, Weather::Refused | Weather::Reset) {
            self.cut();
        }
        self.weather = weather;
        self.number += 1;
    }

    pub(crate) fn cut(&mut self) {
        self.cuts += 1;
    }
}

/// A sequence of chances that a seed determines: splitmix64, whose state is one number that grows.
#[derive(Debug, Default)]
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn seed(&self, seed: u64) {
        self.0.store(seed, Ordering::Relaxed);
    }

    /// A duration from zero to `most`, each as likely as the others.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        let nanos = most.as_nanos().min(u128::from(u64::MAX));
        // A draw is a fraction of 2^64.
        let share = (u128::from(self.draw()) * (nanos + 1)) >> 64;
        Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
    }

    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(10);

    #[test]
    fn the_same_seed_draws_the_same_chances() {
        let chance = Chance::default();
        let draw = |seed| {
            chance.seed(seed);
            [(); 5].map(|()| chance.up_to(MOST))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn chances_stay_within_their_bound_and_reach_both_ends_of_it() {
        let chance = Chance::default();
        let draws: Vec<_> = std::iter::repeat_with(|| chance.up_to(MOST)).take(1000).collect();
        assert!(draws.iter().all(|draw| *draw <= MOST));
        assert!(draws.iter().any(|draw| *draw < MOST / 20));
        assert!(draws.iter().any(|draw| *draw > MOST * 19 / 20));
        assert_eq!(chance.up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs of the reference implementation with the seed 1234567.
        let chance = Chance::default();
        chance.seed(1_234_567);
        assert_eq!(
            [chance.draw(), chance.draw()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }
}
