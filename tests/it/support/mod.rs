//! What the tests share: a seeded generator, budgets, and where the larger recordings are.

use std::path::PathBuf;

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Rng(u64);

impl Rng {
    /// From a seed; seeds next to each other give unrelated streams.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        if self.0 == 0 {
            self.0 = 1;
        }
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// `0..bound`.
    pub(crate) fn below32(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).expect("below a u32")
    }

    /// An index of a list of `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a usize")
    }
}

/// A campaign's size: an environment variable, or a small number that suits every run.
pub(crate) fn budget(name: &str, small: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(small)
}

/// A file of the larger recordings, or none (with the reason printed) where they are absent.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is absent (RIPTIDE_SHARED_DATA)", path.display());
    None
}
