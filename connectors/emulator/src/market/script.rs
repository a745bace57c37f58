//! What is going to happen, by the clock: dislocations, thin books, a depeg, a whale.
//!
//! The walk of the fair price is chance; everything worth finding is written here, so that a reader
//! of a report can look up which episode an opportunity belongs to.

/// A step function of time: each key is (ms since start, value from then on).
#[derive(Clone, Copy, Debug)]
pub struct Track {
    /// Value before the first key.
    pub before: i64,
    /// Keys in ascending order of time.
    pub keys: &'static [(u64, i64)],
}

impl Track {
    /// A track that never moves.
    #[must_use]
    pub const fn flat(value: i64) -> Self {
        Self { before: value, keys: &[] }
    }

    /// The value at a time. Unit of `at_ms`: milliseconds since start.
    #[must_use]
    pub fn at(&self, at_ms: u64) -> i64 {
        let passed = self.keys.partition_point(|key| key.0 <= at_ms);
        if passed == 0 { self.before } else { self.keys[passed - 1].1 }
    }

    /// The first key after a time, in milliseconds since start.
    #[must_use]
    pub fn next_after(&self, at_ms: u64) -> Option<u64> {
        self.keys.get(self.keys.partition_point(|key| key.0 <= at_ms)).map(|key| key.0)
    }
}

/// The three exchanges, in the order of every table of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Coinbase Advanced Trade.
    Coinbase = 0,
    /// Gemini, market data v2.
    Gemini = 1,
    /// Bitstamp, WebSocket v2.
    Bitstamp = 2,
}

impl Exchange {
    /// Every exchange, in index order.
    pub const ALL: [Self; 3] = [Self::Coinbase, Self::Gemini, Self::Bitstamp];
}

/// A position that is opened, or closed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiquidityChange {
    /// A new position around (or beside) the current price.
    Open {
        /// When. Unit: milliseconds since start.
        at_ms: u64,
        /// Lower end, relative to the current tick. Unit: tick spacings.
        from_spacings: i32,
        /// Upper end, likewise.
        to_spacings: i32,
        /// How much.
        liquidity: u128,
    },
    /// The oldest open position goes away.
    CloseOldest {
        /// When. Unit: milliseconds since start.
        at_ms: u64,
    },
}

impl LiquidityChange {
    /// When. Unit: milliseconds since start.
    #[must_use]
    pub const fn at_ms(&self) -> u64 {
        match self {
            Self::Open { at_ms, .. } | Self::CloseOldest { at_ms } => *at_ms,
        }
    }
}

/// Everything that is arranged rather than random.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Shift of the fair price that everybody follows. Unit: ppm.
    pub fair_ppm: Track,
    /// Shift of one exchange against the fair price. Unit: ppm.
    pub offset_ppm: [Track; 3],
    /// Asks of one exchange are reduced to one level of this size. Unit: milli-SOL; 0 = normal.
    pub thin_asks_milli: [Track; 3],
    /// Bids of one exchange are reduced to one level of this size. Unit: milli-SOL; 0 = normal.
    pub thin_bids_milli: [Track; 3],
    /// What one USDC is worth. Unit: micro-USD.
    pub peg_micros: Track,
    /// Share of the gap that arbitrageurs close per slot; 0 = they are away. Unit: ppm.
    pub arbitrage_ppm: Track,
    /// A swap that moves the pool's price by this much, once. Unit: (ms since start, ppm).
    pub whales: &'static [(u64, i64)],
    /// Liquidity that comes or goes.
    pub liquidity: &'static [LiquidityChange],
    /// Priority-fee level. Unit: micro-lamports per compute unit.
    pub priority_fee: Track,
}

const FLAT: Track = Track::flat(0);

impl Script {
    /// A market in which nothing is arranged.
    pub const QUIET: Self = Self {
        fair_ppm: FLAT,
        offset_ppm: [FLAT; 3],
        thin_asks_milli: [FLAT; 3],
        thin_bids_milli: [FLAT; 3],
        peg_micros: Track::flat(999_900),
        arbitrage_ppm: Track::flat(700_000),
        whales: &[],
        liquidity: &[],
        priority_fee: Track::flat(50_000),
    };

    /// The four minutes of the shipped bundle: two of gaps of every size and length, one in which
    /// halts have time to end, one in which each way a trade can go happens. Times are those of the venues; frames arrive later by
    /// each venue's latency (Coinbase 62 ms, Gemini 48 ms, Bitstamp 85 ms, chain 120 ms, about).
    pub const SHIPPED: Self = Self {
        // 30 s: everybody but the pool moves up by 2.2 %; 110 s: everybody but Bitstamp falls 1.7 %.
        fair_ppm: Track { before: 0, keys: &[(30_000, 22_000), (110_000, 5_000)] },
        offset_ppm: [
            // Coinbase: 48 s rich for 2.5 s; 84 s cheap for 70 ms.
            Track {
                before: 0,
                keys: &[
                    (48_000, 14_000),
                    (48_400, 24_000),
                    (49_600, 17_000),
                    (50_500, 0),
                    (84_000, -25_000),
                    (84_070, 0),
                    (167_800, -3_500),
                    (172_000, 0),
                ],
            },
            // Gemini: 10 s rich for 4 s with a peak; 42 s rich for 90 ms.
            Track {
                before: 0,
                keys: &[
                    (10_000, 6_000),
                    (10_600, 12_000),
                    (11_500, 18_000),
                    (13_000, 11_000),
                    (14_000, 0),
                    (42_000, 16_000),
                    (42_090, 0),
                    (179_990, 7_500),
                    (182_000, 0),
                    (187_990, 7_500),
                    (188_500, 0),
                    (195_990, 7_500),
                    (196_300, 0),
                    (199_990, 7_500),
                    (201_500, 0),
                    (203_990, 7_500),
                    (204_110, 0),
                    (211_990, 7_500),
                    (212_110, 0),
                    (230_000, 7_500),
                    (233_000, 0),
                ],
            },
            // Bitstamp: 22 s cheap for 60 ms; 56 s cheap while its asks run out; 100 s cheap for 5 s;
            // 110 s two seconds behind.
            Track {
                before: 0,
                keys: &[
                    (22_000, -20_000),
                    (22_060, 0),
                    (56_000, -16_000),
                    (56_450, 0),
                    (100_000, -7_000),
                    (100_800, -14_000),
                    (103_500, -16_000),
                    (105_000, 0),
                    (110_035, 17_000),
                    (112_000, 8_000),
                    (112_600, 0),
                    (180_000, -7_500),
                    (182_000, 0),
                    (188_000, -7_500),
                    (188_300, 0),
                    (196_000, -7_500),
                    (196_045, 0),
                    (200_000, -7_500),
                    (201_500, 0),
                    (204_000, -7_500),
                    (204_300, 0),
                    (212_000, -7_500),
                    (212_300, 0),
                    (230_000, -7_500),
                    (233_000, 0),
                ],
            },
        ],
        thin_asks_milli: [
            FLAT,
            FLAT,
            // 56 s: 12 SOL, 120 ms later 2 SOL (a later fill is partial).
            // 188 s: the same, and the asks are gone before our order is there.
            Track {
                before: 0,
                keys: &[
                    (56_000, 12_000),
                    (56_120, 2_000),
                    (56_450, 0),
                    (188_000, 12_000),
                    (188_040, 2_000),
                    (188_300, 0),
                ],
            },
        ],
        thin_bids_milli: [
            FLAT,
            // 101 s and 104 s: Gemini's bids nearly vanish just after the gap opened (a second leg
            // is missed).
            Track {
                before: 0,
                keys: &[
                    (100_950, 300),
                    (101_200, 0),
                    (103_650, 150),
                    (104_100, 0),
                    (212_110, 300),
                    (212_900, 0),
                ],
            },
            FLAT,
        ],
        // 64 s: USDC falls to 0.93 in a second and a half; from 74 s it recovers.
        peg_micros: Track {
            before: 999_900,
            keys: &[
                (64_000, 992_000),
                (64_300, 981_000),
                (64_700, 962_000),
                (65_100, 945_000),
                (65_500, 931_000),
                (67_000, 928_500),
                (69_500, 933_000),
                (72_000, 930_200),
                (74_000, 948_000),
                (74_400, 967_000),
                (74_900, 985_000),
                (75_500, 996_500),
                (76_500, 999_600),
            ],
        },
        // Arbitrageurs sleep through the moves at 30 s, 64 s, 74 s, after the whale and at 110 s.
        arbitrage_ppm: Track {
            before: 700_000,
            keys: &[
                (29_900, 0),
                (33_000, 600_000),
                (36_000, 700_000),
                (64_000, 0),
                (66_500, 350_000),
                (74_000, 0),
                (76_800, 400_000),
                (80_000, 700_000),
                (89_900, 0),
                (95_000, 600_000),
                (97_000, 700_000),
                (109_900, 0),
                (110_900, 800_000),
                (167_900, 0),
                (172_500, 700_000),
            ],
        },
        whales: &[(90_000, -16_000), (168_000, 13_000)],
        liquidity: &[
            LiquidityChange::Open {
                at_ms: 18_000,
                from_spacings: -4,
                to_spacings: 6,
                liquidity: 9_000_000_000_000,
            },
            LiquidityChange::Open {
                at_ms: 60_000,
                from_spacings: 1,
                to_spacings: 3,
                liquidity: 2_500_000_000_000,
            },
            LiquidityChange::CloseOldest { at_ms: 97_500 },
        ],
        priority_fee: Track {
            before: 50_000,
            keys: &[(30_000, 90_000), (36_000, 55_000), (64_000, 600_000), (80_000, 70_000)],
        },
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_steps_at_its_keys() {
        let track = Track { before: 5, keys: &[(10, 1), (20, 2)] };
        for (at_ms, value, next) in [
            (0, 5, Some(10)),
            (9, 5, Some(10)),
            (10, 1, Some(20)),
            (19, 1, Some(20)),
            (20, 2, None),
        ] {
            assert_eq!(track.at(at_ms), value, "{at_ms} ms");
            assert_eq!(track.next_after(at_ms), next, "{at_ms} ms");
        }
    }

    #[test]
    fn keys_of_the_shipped_script_ascend() {
        let script = Script::SHIPPED;
        let mut tracks =
            vec![script.fair_ppm, script.peg_micros, script.arbitrage_ppm, script.priority_fee];
        tracks.extend(script.offset_ppm);
        tracks.extend(script.thin_asks_milli);
        tracks.extend(script.thin_bids_milli);
        for track in tracks {
            assert!(track.keys.is_sorted_by(|a, b| a.0 < b.0), "{track:?}");
        }
    }
}
