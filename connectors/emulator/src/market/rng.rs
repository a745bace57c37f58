//! The only source of chance: a seeded generator of 64-bit numbers.

/// `SplitMix64` (Steele, Lea, Flood 2014; public domain): a counter and a mixing function. It passes
/// the usual batteries, has one word of state, and any seed is a good seed.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator that depends on nothing but `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator of its own for one actor, so that actors do not disturb each other's luck.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.next_u64())
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..bound`, by multiplication (the bias of at most `bound / 2^64` is accepted).
    ///
    /// # Panics
    ///
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "Invariant: a choice has at least one outcome");
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("Invariant: the product is below bound * 2^64")
    }

    /// Uniform in `low..=high`.
    ///
    /// # Panics
    ///
    /// When `low > high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "Invariant: a range has a lower and an upper end, in this order");
        low + self.below(high - low + 1)
    }

    /// True in `permille` of 1,000 cases.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// Roughly normal around zero: the sum of four uniforms in `-spread..=spread`, divided by two
    /// (rounds towards zero). Standard deviation about 0.58 × `spread`.
    pub fn bell(&mut self, spread: i64) -> i64 {
        let width = spread.unsigned_abs() * 2;
        let sum: u64 = (0..4).map(|_| self.between(0, width)).sum();
        let sum = i64::try_from(sum).expect("Invariant: spreads are small against 2^60");
        (sum - spread.abs() * 4) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_first_outputs() {
        // Reference outputs of the published algorithm for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        let seen: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(
            seen,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn ranges_are_kept_and_reached() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            let value = rng.between(3, 7);
            seen[usize::try_from(value - 3).expect("small")] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert!((0..1_000).all(|_| rng.bell(10).abs() <= 20));
    }
}
