//! Frames of a Solana node through both readers of the decoder, and their events through a pool.
//!
//! An input is a list of records with the byte 1E between them: `!` the connection opened, `>` a
//! request that was sent, `@` an HTTP answer (request, tab, body), `$` one to a GET (address, space,
//! body), anything else a frame. Before the
//! first record the connection is opened anew, follows a pool, two of its tick arrays, its oracle
//! and slots, and has the pool's first state: whatever earlier inputs held, that must succeed.

use std::cell::RefCell;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_net::books::ReadPath;
use connector_net::{Decoder, Input, Market, Markets, Odd, Sink};
use connector_solana::address::{
    TOKEN_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT, tick_array_address,
};
use connector_solana::layout::{array_ticks, start_is_valid};
use connector_solana::{PoolExpected, SolanaDecoder};
use engine_core::market::pool::{At, MarketPool, PoolState};
use engine_core::market::take::Take;
use engine_core::tables::BaseToken;
use engine_model::{Body, Event, Flags, Grid, MarketId, Venue};
use engine_poolmath::whirlpool::{Amount, MAX_TICK, MIN_TICK, Pool};
use solana_pubkey::{Pubkey, pubkey};

use crate::exchange::{SEPARATOR, addressed};
use crate::pools::assert_ordered;
use crate::synthetic::{dynamic_array_bytes, mint_bytes, pool_bytes};

/// The pool that is followed.
pub const POOL: Pubkey = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
/// Slot of the first state.
pub const SLOT: u64 = 100;
/// Spacing of the pool.
pub const SPACING: u16 = 64;
/// Ticks of one of its arrays.
pub const ARRAY_TICKS: i32 = 88 * SPACING as i32;
/// Subscription ids: the pool, the arrays at 0 and one length below, slots.
pub const SUBSCRIPTIONS: [u64; 4] = [5, 6, 7, 8];
const RECORDS_MAX: usize = 64;
const MS: u64 = 1_000_000;
const MARKET: MarketId = MarketId(0);

/// State of the pool at the start.
#[must_use]
pub fn pool_fields() -> Pool {
    Pool {
        tick_spacing: SPACING,
        fee_tier_index: SPACING,
        fee_rate_ppm: 3_000,
        protocol_fee_rate: 1_300,
        liquidity: 1_000_000_000,
        sqrt_price: 1 << 64,
        ..Pool::default()
    }
}

/// The account of a pool with these fields.
#[must_use]
pub fn pool_account(pool: &Pool) -> Vec<u8> {
    pool_bytes(pool, [&WRAPPED_SOL_MINT, &USDC_MINT])
}

/// A `value` as nodes write it.
#[must_use]
pub fn value_json(owner: &Pubkey, data: &[u8]) -> String {
    let (text, space) = (STANDARD.encode(data), data.len());
    format!(
        "{{\"lamports\":5435760,\"data\":[\"{text}\",\"base64\"],\"owner\":\"{owner}\",\
         \"executable\":false,\"rentEpoch\":18446744073709551615,\"space\":{space}}}"
    )
}

/// What happens before every input.
struct Setup {
    sent: Vec<String>,
    answers: Vec<String>,
    request: String,
    body: String,
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let arrays =
        [0, -ARRAY_TICKS].map(|start| tick_array_address(&WHIRLPOOL_PROGRAM, &POOL, start));
    let followed = [POOL, arrays[0], arrays[1]];
    let mut sent: Vec<String> = (1..)
        .zip(followed)
        .map(|(id, key)| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"accountSubscribe\",\"params\":[\
                 \"{key}\",{{\"encoding\":\"base64\"}}]}}"
            )
        })
        .collect();
    sent.push("{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"slotSubscribe\"}".to_owned());
    let answers = (1..)
        .zip(SUBSCRIPTIONS)
        .map(|(id, subscription)| {
            format!("{{\"jsonrpc\":\"2.0\",\"result\":{subscription},\"id\":{id}}}")
        })
        .collect();
    let up = dynamic_array_bytes(&POOL, 0, &[(3, 5_000_000), (40, -400_000_000)]);
    let down = dynamic_array_bytes(&POOL, -ARRAY_TICKS, &[(20, 400_000_000), (87, -5_000)]);
    let values = [
        value_json(&WHIRLPOOL_PROGRAM, &pool_account(&pool_fields())),
        value_json(&WHIRLPOOL_PROGRAM, &up),
        value_json(&WHIRLPOOL_PROGRAM, &down),
        value_json(&TOKEN_PROGRAM, &mint_bytes()),
        value_json(&TOKEN_PROGRAM, &mint_bytes()),
    ];
    let keys = [POOL, arrays[0], arrays[1], WRAPPED_SOL_MINT, USDC_MINT];
    let keys = keys.map(|key| format!("\"{key}\"")).join(",");
    Setup {
        sent,
        answers,
        request: format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"getMultipleAccounts\",\
             \"params\":[[{keys}],{{\"encoding\":\"base64\"}}]}}"
        ),
        body: format!(
            "{{\"jsonrpc\":\"2.0\",\"result\":{{\"context\":{{\"slot\":{SLOT}}},\"value\":[{}]}},\
             \"id\":77}}",
            values.join(",")
        ),
    }
});

/// Both readers, and the pool that their events build.
struct Bench {
    fast: SolanaDecoder,
    typed: SolanaDecoder,
    fast_out: Sink,
    typed_out: Sink,
    pool: MarketPool,
    /// Since a clear without a doubt, by the decoder's own word.
    told_live: bool,
    /// Spacing of the pool since it was cleared; 0 before it was told.
    spacing: u16,
    runs: u64,
}

/// Runs after which the decoders are made anew, so that an input's outcome depends on few others.
const RUNS_MAX: u64 = 4_096;

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

/// Checks the records of an input.
pub fn check(data: &[u8]) {
    BENCH.with_borrow_mut(|bench| bench.run(data));
}

impl Bench {
    fn new() -> Self {
        let decoder = |path| {
            let market =
                Market { symbol: POOL.to_string().into(), id: MARKET, grid: Grid::DEFAULT };
            let expected = PoolExpected {
                pool: POOL,
                programs: vec![WHIRLPOOL_PROGRAM],
                mint_a: WRAPPED_SOL_MINT,
                mint_b: USDC_MINT,
            };
            let mut made = SolanaDecoder::new(Markets::closed(vec![market]), vec![expected], 800);
            made.set_read_path(path);
            made
        };
        Self {
            fast: decoder(ReadPath::FastThenTyped),
            typed: decoder(ReadPath::TypedOnly),
            fast_out: Sink::default(),
            typed_out: Sink::default(),
            pool: MarketPool::new(BaseToken::A, 64, 100),
            told_live: false,
            spacing: 0,
            runs: 0,
        }
    }

    fn run(&mut self, data: &[u8]) {
        if self.runs == RUNS_MAX {
            *self = Self::new();
        }
        self.runs += 1;
        let mut line = self.set_up();
        for record in data.split(|byte| *byte == SEPARATOR).take(RECORDS_MAX) {
            line += 1;
            let input = match record.split_first() {
                Some((b'!', _)) => Input::Connected,
                Some((b'>', sent)) => Input::Sent(sent),
                Some((b'@', rest)) => {
                    let tab = rest.iter().position(|byte| *byte == b'\t').unwrap_or(rest.len());
                    let body = rest.get(tab + 1..).unwrap_or_default();
                    Input::Http { url: "https://node", request: &rest[..tab], body }
                }
                Some((b'$', rest)) => {
                    let Some((url, body)) = addressed(rest) else { continue };
                    Input::Http { url, request: b"", body }
                }
                _ => Input::Received(record),
            };
            self.feed(line, input);
        }
        // A later slot shows whatever is held.
        line += 1;
        let last = b"{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{\"result\":{\
            \"slot\":18446744073709551615,\"parent\":1,\"root\":1},\"subscription\":8}}";
        self.feed(line, Input::Received(last));
        self.quote();
    }

    /// Opens the connection and gives the pool its first state; the number of the last line.
    fn set_up(&mut self) -> u64 {
        let setup = &*SETUP;
        let mut line = 1;
        self.feed(line, Input::Connected);
        assert!(!self.told_live, "a pool survives its connection");
        for text in &setup.sent {
            line += 1;
            self.feed(line, Input::Sent(text.as_bytes()));
        }
        for text in &setup.answers {
            line += 1;
            self.feed(line, Input::Received(text.as_bytes()));
        }
        line += 1;
        let (request, body) = (setup.request.as_bytes(), setup.body.as_bytes());
        self.feed(line, Input::Http { url: "https://node", request, body });
        assert!(self.told_live, "a new connection does not bring the pool back");
        assert_eq!(self.fast_out.batches.len(), 1);
        assert_eq!(self.pool.state(), PoolState::Live);
        assert_eq!(self.pool.pool(), Some(&pool_fields()));
        line
    }

    fn feed(&mut self, line: u64, input: Input<'_>) {
        let recv_ns = line * 100 * MS;
        self.fast_out.clear();
        self.typed_out.clear();
        self.fast.decode(recv_ns, line, input, &mut self.fast_out);
        self.typed.decode(recv_ns, line, input, &mut self.typed_out);
        assert_eq!(self.fast_out.events, self.typed_out.events, "line {line}");
        assert_eq!(self.fast_out.batches, self.typed_out.batches, "line {line}");
        assert_eq!(self.fast_out.open_len(), 0, "line {line}: a batch is open");
        let (fast, typed) = (self.fast.counts(), self.typed.counts());
        for odd in Odd::ALL {
            assert_eq!(fast.get(odd), typed.get(odd), "line {line}: {}", odd.name());
        }
        assert_eq!(fast.frames, typed.frames);
        for (batch_line, events) in self.fast_out.iter() {
            assert!(batch_line <= line, "line {line}: a batch of a later line");
            assert_batch(recv_ns, events, &mut self.spacing);
            for event in events {
                match event.body {
                    Body::BookClear => self.told_live = true,
                    Body::BookDoubt { .. } => self.told_live = false,
                    _ if event.market == MARKET
                        && event.body != STATUS[0]
                        && event.body != STATUS[1] =>
                    {
                        assert!(self.told_live, "a change of a pool in doubt: {event:?}");
                    }
                    _ => {}
                }
                if event.market == MARKET {
                    self.pool.apply(event);
                }
            }
        }
        if !self.told_live {
            assert_ne!(self.pool.state(), PoolState::Live);
        }
    }

    /// A live pool's paths are in order and give no more than they hold.
    fn quote(&mut self) {
        if self.pool.state() != PoolState::Live {
            return;
        }
        let now_s = 1_700_000_400;
        if self.pool.needs_refresh(now_s) {
            self.pool.refresh(now_s);
        }
        for take in [Take::Buy, Take::Sell] {
            let path = self.pool.path(take, At::Now);
            if let Some(pool) = self.pool.pool() {
                assert_ordered(pool, path);
            }
            let mut out_before = 0;
            for units in [1, 1_000, 1_000_000, 1_000_000_000] {
                if let Ok(quote) = path.quote(Amount::ExactIn(units)) {
                    assert!(quote.amount_in <= units && quote.amount_out >= out_before);
                    out_before = quote.amount_out;
                }
            }
        }
    }
}

const STATUS: [Body; 2] = [Body::Status { tradable: 0 }, Body::Status { tradable: 1 }];

/// The form of a batch: one end, one time, prices with their meta data, ticks inside their array.
/// Within a pool's life its spacing is one.
fn assert_batch(recv_ns: u64, events: &[Event], spacing: &mut u16) {
    let Some((last, rest)) = events.split_last() else { panic!("an empty batch") };
    assert!(last.ends_batch() && !rest.iter().any(Event::ends_batch), "{events:?}");
    let is_snapshot = events[0].body == Body::BookClear;
    let mut array = None;
    let mut tick_before = i32::MIN;
    for (at, event) in events.iter().enumerate() {
        assert!(event.venue == Venue::Solana && event.recv_ns == recv_ns, "{event:?}");
        assert_eq!(event.flags.has(Flags::SNAPSHOT), is_snapshot, "{event:?}");
        match event.body {
            Body::BookClear => {
                assert_eq!(at, 0);
                *spacing = 0;
            }
            Body::PoolPrice { .. } => {
                let next = events.get(at + 1).map(|event| event.body);
                assert!(matches!(next, Some(Body::PoolMeta { .. })), "{events:?}");
            }
            Body::PoolMeta { tick_spacing, .. } => {
                assert!(tick_spacing > 0 && (*spacing == 0 || *spacing == tick_spacing));
                *spacing = tick_spacing;
            }
            Body::TickArrayBegin { start_tick_index, exists } => {
                assert!(start_is_valid(start_tick_index, *spacing), "{event:?}");
                array = (exists == 1).then_some(start_tick_index);
                tick_before = i32::MIN;
            }
            Body::Tick { index, .. } => {
                let Some(start) = array else { panic!("a tick without its array: {events:?}") };
                let end = start + array_ticks(*spacing);
                assert!((start..end).contains(&index) && index > tick_before, "{event:?}");
                assert!((MIN_TICK..=MAX_TICK).contains(&index));
                assert_eq!(index % i32::from(*spacing), 0);
                tick_before = index;
            }
            _ => {}
        }
    }
}
