//! Random pools, the same on every run.

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, Existence, MAX_TICK, MIN_TICK, Oracle,
    Pool, TickArraySet, required_arrays, sqrt_price_at_tick,
};

/// `SplitMix64`: small, seeded, good enough to spread cases.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is above zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Between the two, both included.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = u64::from(high.abs_diff(low)) + 1;
        low + i32::try_from(self.below(width)).expect("inside the range of ticks")
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("an index")]
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// Of any magnitude up to `bits` bits, each as likely.
    pub(super) fn magnitude(&mut self, bits: u64) -> u128 {
        let bits = self.below(bits) + 1;
        (self.wide() >> (128 - bits)).max(1)
    }
}

/// What a random pool may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Static,
    Adaptive,
    Splash,
}

/// A pool with its ticks.
pub(super) struct Market {
    pub(super) pool: Pool,
    pub(super) oracle: Option<Oracle>,
    /// Initialised ticks by rising index, with their net liquidity.
    pub(super) ticks: Vec<(i32, i128)>,
    pub(super) now_s: u64,
}

const SPACINGS: [u16; 9] = [1, 2, 4, 8, 16, 64, 96, 128, 256];
const FEES_PPM: [u16; 9] = [1, 100, 400, 1_000, 2_500, 3_000, 10_000, 30_000, 60_000];
/// Where the clocks of random oracles stand. Unit: Unix seconds.
const EPOCH_S: u64 = 1_700_000_000;

/// A random pool. `bits_max`: magnitude of the largest position.
pub(super) fn market(random: &mut Random, kind: Kind, bits_max: u64) -> Market {
    let tick_spacing = if kind == Kind::Splash { 32_896 } else { random.pick(&SPACINGS) };
    let spacing = i32::from(tick_spacing);
    let reach = if random.one_in(20) { MAX_TICK - 1 } else { 120_000 };
    let tick = random.between(-reach, reach);
    let mut ticks = positions(random, tick, spacing, bits_max);
    ticks.sort_unstable_by_key(|(index, _)| *index);
    ticks.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    let sum: i128 = ticks.iter().filter(|(index, _)| *index <= tick).map(|(_, net)| net).sum();
    let mut liquidity = sum.unsigned_abs();
    if random.one_in(8) {
        // The pool's own field rules, also where it contradicts the ticks.
        liquidity = random.magnitude(bits_max);
    }
    let (low, high) = (sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1));
    let inside = if random.one_in(4) { 0 } else { u128::from(random.next()) % (high - low) };
    // An a-to-b swap that stops exactly on an initialised tick leaves the tick one lower.
    let shift = i32::from(inside == 0 && random.one_in(2));
    let adaptive = kind == Kind::Adaptive;
    let pool = Pool {
        tick_spacing,
        fee_tier_index: if adaptive { tick_spacing + 1_024 } else { tick_spacing },
        fee_rate_ppm: random.pick(&FEES_PPM),
        protocol_fee_rate: random.pick(&[0, 300, 1_300, 2_500]),
        liquidity,
        sqrt_price: low + inside,
        tick_current_index: tick - shift,
        fee_growth_global_a: 0,
        fee_growth_global_b: 0,
    };
    let oracle = adaptive.then(|| oracle(random, tick, tick_spacing));
    let now_s = EPOCH_S + random.pick(&[0, 1, 5, 30, 100, 1_000, 5_000]);
    Market { pool, oracle, ticks, now_s }
}

fn positions(random: &mut Random, tick: i32, spacing: i32, bits_max: u64) -> Vec<(i32, i128)> {
    let lowest = MIN_TICK / spacing * spacing;
    let highest = MAX_TICK / spacing * spacing;
    let count = random.pick(&[0, 1, 1, 2, 4, 8, 16, 40]);
    let mut ticks = Vec::new();
    for _ in 0..count {
        let half_slots = random.pick(&[2_i32, 5, 20, 88, 300]);
        let half = half_slots.saturating_mul(spacing).min(MAX_TICK);
        let near = |random: &mut Random| {
            let at = random.between(tick - half, tick + half).div_euclid(spacing) * spacing;
            at.clamp(lowest, highest)
        };
        let (a, b) =
            if spacing > MAX_TICK / 88 { (lowest, highest) } else { (near(random), near(random)) };
        let net = i128::try_from(random.magnitude(bits_max)).expect("below 127 bits");
        match a.cmp(&b) {
            std::cmp::Ordering::Less => ticks.extend([(a, net), (b, -net)]),
            std::cmp::Ordering::Greater => ticks.extend([(b, net), (a, -net)]),
            // Initialised with a net of zero.
            std::cmp::Ordering::Equal => ticks.push((a, 0)),
        }
    }
    ticks
}

fn oracle(random: &mut Random, tick: i32, tick_spacing: u16) -> Oracle {
    let divisors: Vec<u16> =
        (1..=tick_spacing).filter(|d| tick_spacing.is_multiple_of(*d)).collect();
    let tick_group_size = random.pick(&divisors);
    let group = tick.div_euclid(i32::from(tick_group_size));
    let max_volatility_accumulator = random.pick(&[0, 50_000, 350_000, 1_000_000, 4_000_000]);
    let within = u64::from(max_volatility_accumulator) + 1;
    let mut volatility = || u32::try_from(random.below(within)).expect("below the maximum");
    let (volatility_reference, volatility_accumulator) = (volatility(), volatility());
    Oracle {
        trade_enable_timestamp: EPOCH_S + random.pick(&[0, 0, 0, 20]),
        constants: AdaptiveConstants {
            filter_period: random.pick(&[1, 10, 30]),
            decay_period: random.pick(&[60, 300, 600]),
            reduction_factor: random.pick(&[0, 500, 5_000, 9_999]),
            adaptive_fee_control_factor: random.pick(&[0, 100, 5_000, 60_000]),
            max_volatility_accumulator,
            tick_group_size,
            major_swap_threshold_ticks: random.pick(&[1, 64, 300]),
        },
        variables: AdaptiveVariables {
            last_reference_update_timestamp: EPOCH_S - random.below(100),
            last_major_swap_timestamp: EPOCH_S - random.below(100) + 2 * random.below(2),
            volatility_reference,
            tick_group_index_reference: group + random.between(-40, 40),
            volatility_accumulator,
        },
    }
}

impl Market {
    /// The arrays a swap in either direction may walk. `hidden`: of one of them nothing is known.
    pub(super) fn arrays(&self, random: &mut Random) -> TickArraySet {
        let mut set = TickArraySet::with_capacity(8, self.pool.tick_spacing);
        let hides_one = random.one_in(12);
        for direction in [Direction::AToB, Direction::BToA] {
            for start in required_arrays(&self.pool, direction).starts() {
                let has_ticks =
                    self.ticks.iter().any(|(tick, _)| self.pool.array_start(*tick) == *start);
                let absent = !has_ticks && random.one_in(2);
                if hides_one && random.one_in(3) {
                    continue;
                }
                let existence = if absent { Existence::Absent } else { Existence::Present };
                set.begin(*start, existence).expect("room for the few arrays of a swap");
            }
        }
        for (tick, net) in &self.ticks {
            // Ticks beyond the walkable or known arrays are not needed.
            let _ = set.set_tick(*tick, *net);
        }
        set
    }
}

/// A random amount of any magnitude.
pub(super) fn amount(random: &mut Random) -> Amount {
    let units = match random.below(40) {
        0 => 0,
        1 => u64::MAX,
        _ => u64::try_from(random.magnitude(64)).expect("64 bits"),
    };
    if random.one_in(2) { Amount::ExactIn(units) } else { Amount::ExactOut(units) }
}
