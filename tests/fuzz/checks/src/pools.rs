//! Quotes of a pool two ways: by a path of precomputed steps, and by the plain swap.

use engine_poolmath::whirlpool::{
    Amount, Direction, MAX_SQRT_PRICE, MIN_SQRT_PRICE, Oracle, Path, Pool, SwapRequest,
    TickArraySet, sqrt_price_at_tick, swap, tick_at_sqrt_price,
};

/// What is quoted.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// Its oracle, where it has one.
    pub oracle: Option<&'a Oracle>,
    /// What is known of its ticks.
    pub arrays: &'a TickArraySet,
    /// Unix seconds.
    pub now_s: u64,
    /// Steps that swap and path may take.
    pub inner_steps_max: u32,
}

/// What quotes led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Quotes with an answer.
    pub quotes: u64,
    /// Of these, those that cross an initialised tick.
    pub crossing: u64,
}

/// Asserts that `path` answers for `amount` what the swap gives: amounts, fee and error.
///
/// # Panics
///
/// Where they differ, or a quote is not bounded by what was asked for.
pub fn compare(chain: &Chain<'_>, path: &Path, amount: Amount, outcome: &mut Outcome) {
    let request = SwapRequest {
        amount,
        direction: path.direction(),
        sqrt_price_limit: 0,
        now_s: chain.now_s,
        inner_steps_max: chain.inner_steps_max,
    };
    let swapped = swap(chain.pool, chain.oracle, chain.arrays, &request);
    let quoted = path.quote(amount);
    if !is_consistent(chain.pool) {
        // Both have answered, which is all that can be asked.
        return;
    }
    assert_eq!(
        quoted.map(|quote| (quote.amount_in, quote.amount_out, quote.fee_amount)),
        swapped.map(|done| (done.amount_in(), done.amount_out(), done.fee_amount)),
        "{amount:?} {:?} of {:?} with {:?}",
        path.direction(),
        chain.pool,
        chain.oracle,
    );
    let (Ok(quote), Ok(done)) = (quoted, swapped) else { return };
    outcome.quotes += 1;
    outcome.crossing += u64::from(done.ticks_crossed > 0);
    match amount {
        Amount::ExactIn(units) => assert!(quote.amount_in <= units),
        Amount::ExactOut(units) => assert_eq!(quote.amount_out, units),
    }
    assert!(quote.fee_amount <= quote.amount_in && done.protocol_fee <= done.fee_amount);
    assert_moved(path, chain.pool.sqrt_price, done.sqrt_price);
}

/// Whether price and tick belong together, as they do in every account that is read. For others the
/// arithmetic may walk to a tick that lies behind the price, and path and swap may differ.
fn is_consistent(pool: &Pool) -> bool {
    let price = pool.sqrt_price;
    if !(MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&price) {
        return false;
    }
    let tick = tick_at_sqrt_price(price);
    // One lower after a fall that stopped exactly on an initialised tick.
    let is_stop = price == sqrt_price_at_tick(tick) && pool.tick_current_index + 1 == tick;
    pool.tick_current_index == tick || is_stop
}

fn assert_moved(path: &Path, from: u128, to: u128) {
    let is_right = match path.direction() {
        Direction::AToB => to <= from,
        Direction::BToA => to >= from,
    };
    assert!(is_right, "{:?} from {from} to {to}", path.direction());
}

/// The amounts at, right below and right above the ends of the first segments: there rounding
/// decides.
pub fn edges(path: &Path, segments: usize) -> impl Iterator<Item = Amount> + '_ {
    path.segments().iter().take(segments).flat_map(|segment| {
        [-1, 0, 1].into_iter().flat_map(|shift| {
            let near = |units: u64| units.saturating_add_signed(shift);
            [
                Amount::ExactIn(near(segment.amount_in_end)),
                Amount::ExactOut(near(segment.amount_out_end)),
            ]
        })
    })
}

/// Asserts the order of a path's segments: prices move on, sums never fall.
///
/// # Panics
///
/// Where they do not.
pub fn assert_ordered(pool: &Pool, path: &Path) {
    for pair in path.segments().windows(2) {
        let [before, after] = pair else { unreachable!("windows of two") };
        assert_eq!(before.sqrt_price_end, after.sqrt_price_start);
        assert!(before.amount_in_end <= after.amount_in_end);
        assert!(before.amount_out_end <= after.amount_out_end);
        assert!(before.fee_end <= after.fee_end);
        assert!(before.ticks_crossed <= after.ticks_crossed);
    }
    if is_consistent(pool) {
        for segment in path.segments() {
            assert_moved(path, segment.sqrt_price_start, segment.sqrt_price_end);
        }
    }
}
