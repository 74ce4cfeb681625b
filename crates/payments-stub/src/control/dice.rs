//! Chance that can be repeated: the same seed, the same decisions.

/// Sebastiano Vigna's `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>, in the public domain): ten lines, the same
/// numbers on every machine and in every version. It decides about nothing that must not be guessed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// `true` with this probability: always for 1, never for 0.
    pub fn decide(&mut self, probability: f64) -> bool {
        // 32 of the 64 bits: what an `f64` holds exactly.
        let high = u32::try_from(self.roll() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0) < probability
    }

    /// A number from 0 to `most`. The small numbers are likelier by less than anybody can see.
    pub fn up_to(&mut self, most: u64) -> u64 {
        let roll = self.roll();
        most.checked_add(1).map_or(roll, |count| roll % count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers for the seed 1234567, as the author's program prints them.
    #[test]
    fn it_rolls_what_the_original_rolls() {
        let mut dice = Dice::new(1_234_567);
        let rolls = [dice.roll(), dice.roll(), dice.roll()];
        assert_eq!(
            rolls,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn certainty_is_certain() {
        let mut dice = Dice::new(42);
        for _ in 0..1000 {
            assert!(dice.decide(1.0) && !dice.decide(0.0) && dice.up_to(3) <= 3);
        }
    }
}
