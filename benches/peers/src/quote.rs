//! Quotes on a real pool's shape: our path of precomputed steps against `orca_whirlpools_core`.

use std::hint::black_box;
use std::rc::Rc;

use benches::pools::{Crossing, RealPool};
use engine_poolmath::whirlpool::{
    Amount, ArraySlot, Direction, INNER_STEPS_DEFAULT, Path, required_arrays,
};
use orca_whirlpools_core::{
    TickArrayFacade, TickArraySequence, TickArrays, TickFacade, WhirlpoolFacade, compute_swap,
    swap_quote_by_input_token, swap_quote_by_output_token,
};

use crate::turns::{Item, Target, Work};

/// Times the four quotes are made in one turn.
const REPEATS: usize = 25;

/// Input, output and fee.
type Amounts = (u64, u64, u64);

struct Job {
    pool: RealPool,
    facade: WhirlpoolFacade,
    crossings: Vec<Crossing>,
    /// The three arrays that a swap may walk, by direction, in both forms that they are asked for.
    arrays: [Box<TickArrays>; 2],
    sequences: [Box<TickArraySequence<3>>; 2],
}

const fn place(direction: Direction) -> usize {
    match direction {
        Direction::AToB => 0,
        Direction::BToA => 1,
    }
}

impl Job {
    fn new(ticks: u32) -> Rc<Self> {
        let pool = RealPool::with_steps(INNER_STEPS_DEFAULT);
        let facade = WhirlpoolFacade {
            tick_spacing: pool.pool.tick_spacing,
            fee_rate: pool.pool.fee_rate_ppm,
            protocol_fee_rate: pool.pool.protocol_fee_rate,
            liquidity: pool.pool.liquidity,
            sqrt_price: pool.pool.sqrt_price,
            tick_current_index: pool.pool.tick_current_index,
            ..WhirlpoolFacade::default()
        };
        let directions = [Direction::AToB, Direction::BToA];
        let three = directions.map(|direction| arrays(&pool, direction));
        let sequences = three.map(|three| {
            let sequence = TickArraySequence::new(three.map(Some), pool.pool.tick_spacing);
            Box::new(sequence.expect("three neighbours"))
        });
        let arrays = three.map(|[a, b, c]| Box::new(TickArrays::Three(a, b, c)));
        let crossings = pool.crossings(ticks);
        Rc::new(Self { pool, facade, crossings, arrays, sequences })
    }

    fn arrays(&self, direction: Direction) -> &TickArrays {
        black_box(&self.arrays[place(direction)])
    }

    fn sequence(&self, direction: Direction) -> &TickArraySequence<3> {
        black_box(&self.sequences[place(direction)])
    }
}

fn arrays(pool: &RealPool, direction: Direction) -> [TickArrayFacade; 3] {
    let required = required_arrays(&pool.pool, direction);
    let starts: [i32; 3] = required.starts().try_into().expect("three arrays");
    starts.map(|start_tick_index| {
        let mut facade = TickArrayFacade { start_tick_index, ticks: [TickFacade::default(); 88] };
        let ArraySlot::Present(array) = pool.arrays.slot(start_tick_index) else {
            panic!("{start_tick_index} exists");
        };
        for (slot, tick) in facade.ticks.iter_mut().enumerate() {
            tick.initialized = array.bitmap >> slot & 1 != 0;
            tick.liquidity_net = array.liquidity_net[slot];
        }
        facade
    })
}

/// One way to answer a crossing.
trait Quoter {
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts;
}

struct Quoting<Q> {
    job: Rc<Job>,
    quoter: Q,
}

impl<Q: Quoter> Work for Quoting<Q> {
    fn prepare(&mut self, _turn: usize) {}

    fn run(&mut self, _turn: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..REPEATS {
            for crossing in &self.job.crossings {
                let (paid, got, fee) = self.quoter.quote(&self.job, black_box(*crossing));
                sum = sum.wrapping_add(paid).wrapping_add(got).wrapping_add(fee);
            }
        }
        sum
    }
}

/// A path that stands: what every quote but the first after a change costs.
struct Standing;

impl Quoter for Standing {
    #[inline]
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts {
        let quote = job.pool.path(crossing.direction).quote(crossing.amount);
        let quote = quote.expect("within the pool");
        (quote.amount_in, quote.amount_out, quote.fee_amount)
    }
}

/// The whole path walked anew before each quote: what only the first after a change costs.
struct Rebuilt(Path);

impl Quoter for Rebuilt {
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts {
        let RealPool { pool, arrays, .. } = &job.pool;
        self.0.rebuild(black_box(pool), None, arrays, crossing.direction, 0);
        let quote = self.0.quote(crossing.amount).expect("within the pool");
        (quote.amount_in, quote.amount_out, quote.fee_amount)
    }
}

/// Their quote functions as they are to be called.
struct Orca;

impl Quoter for Orca {
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts {
        let Crossing { direction, amount, .. } = crossing;
        let (pool, arrays) = (job.facade, job.arrays(direction).clone());
        match amount {
            Amount::ExactIn(units) => {
                let is_a = direction == Direction::AToB;
                let quote = swap_quote_by_input_token(units, is_a, 0, pool, arrays, None, None);
                let quote = quote.expect("within the pool");
                (quote.token_in, quote.token_est_out, quote.trade_fee)
            }
            Amount::ExactOut(units) => {
                let is_a = direction == Direction::BToA;
                let quote = swap_quote_by_output_token(units, is_a, 0, pool, arrays, None, None);
                let quote = quote.expect("within the pool");
                (quote.token_est_in, quote.token_out, quote.trade_fee)
            }
        }
    }
}

/// The loop inside of them. It takes its arrays by value too.
struct OrcaLoop;

impl Quoter for OrcaLoop {
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts {
        let Crossing { direction, amount, .. } = crossing;
        let a_to_b = direction == Direction::AToB;
        let exact_in = matches!(amount, Amount::ExactIn(_));
        let sequence = job.sequence(direction).clone();
        let result = compute_swap(amount.units(), 0, job.facade, sequence, a_to_b, exact_in, 0);
        let result = result.expect("within the pool");
        let (paid, got) = if a_to_b {
            (result.token_a, result.token_b)
        } else {
            (result.token_b, result.token_a)
        };
        (paid, got, result.trade_fee)
    }
}

/// What the copy of the arrays alone costs the loop.
struct OrcaCopy;

impl Quoter for OrcaCopy {
    fn quote(&mut self, job: &Job, crossing: Crossing) -> Amounts {
        let copy = black_box(job.sequence(crossing.direction).clone());
        (u64::from(copy.tick_spacing), 0, 0)
    }
}

/// The sides give the same three numbers for each crossing.
fn prove(job: &Rc<Job>) {
    let mut rebuilt = Rebuilt(Path::with_capacity(INNER_STEPS_DEFAULT));
    for crossing in &job.crossings {
        let ours = Standing.quote(job, *crossing);
        assert_eq!(ours, rebuilt.quote(job, *crossing), "{crossing:?}");
        assert_eq!(ours, Orca.quote(job, *crossing), "{crossing:?}");
        assert_eq!(ours, OrcaLoop.quote(job, *crossing), "{crossing:?}");
    }
}

fn side<Q: Quoter + 'static>(job: &Rc<Job>, quoter: Q) -> Box<dyn Work> {
    Box::new(Quoting { job: Rc::clone(job), quoter })
}

pub(crate) fn item(ticks: u32) -> Item {
    let job = Job::new(ticks);
    prove(&job);
    let at_least = match ticks {
        0 => 40.0,
        1 => 30.0,
        4 => 15.0,
        _ => 7.0,
    };
    Item {
        unit: "quote",
        turn_units: vec![job.crossings.len() * REPEATS],
        sides: vec![
            ("ours", side(&job, Standing)),
            ("ours-rebuilt", side(&job, Rebuilt(Path::with_capacity(INNER_STEPS_DEFAULT)))),
            ("orca-quote", side(&job, Orca)),
            ("orca-compute_swap", side(&job, OrcaLoop)),
            ("copy", side(&job, OrcaCopy)),
        ],
        targets: vec![
            Target { peer: "orca-quote", at_least },
            Target { peer: "orca-compute_swap", at_least: 4.0 },
        ],
        less: Some(("orca-compute_swap", "copy")),
        notes: vec![format!("{ticks} ticks crossed; amount in, amount out and fee equal")],
    }
}
