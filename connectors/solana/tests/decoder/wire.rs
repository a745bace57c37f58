//! One connection with its clock, and frames for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_net::books::ReadPath;
use connector_net::{Decoder, Input, Market, Markets, Odd, Sink};
use connector_solana::address::{
    TOKEN_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT, tick_array_address,
};
use connector_solana::{PoolExpected, SolanaDecoder};
use engine_model::{Body, DoubtReason, Event, Grid, MarketId};
use solana_pubkey::{Pubkey, pubkey};

use crate::common::{PoolFields, fixed_array_bytes, mint_bytes, pool_bytes};

pub(crate) const POOL: Pubkey = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn array_at(start: i32) -> Pubkey {
    tick_array_address(&WHIRLPOOL_PROGRAM, &POOL, start)
}

pub(crate) fn pool_at(sqrt_price: u128, tick: i32) -> Vec<u8> {
    pool_bytes(&PoolFields {
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3000,
        protocol_fee_rate: 1300,
        liquidity: 1_000_000,
        sqrt_price,
        tick_current_index: tick,
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    })
}

pub(crate) fn pool() -> Vec<u8> {
    pool_at(1 << 64, 0)
}

pub(crate) fn value_json(owner: &Pubkey, data: &[u8]) -> String {
    format!(
        "{{\"lamports\":5435760,\"data\":[\"{}\",\"base64\"],\"owner\":\"{owner}\",\
         \"executable\":false,\"rentEpoch\":18446744073709551615,\"space\":{}}}",
        STANDARD.encode(data),
        data.len()
    )
}

pub(crate) fn notification(subscription: u64, slot: u64, owner: &Pubkey, data: &[u8]) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{{\"result\":{{\
         \"context\":{{\"slot\":{slot}}},\"value\":{}}},\"subscription\":{subscription}}}}}",
        value_json(owner, data)
    )
}

pub(crate) fn slot_notification(slot: u64) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{{\"result\":{{\
         \"slot\":{slot},\"parent\":{},\"root\":{}}},\"subscription\":9}}}}",
        slot - 1,
        slot.saturating_sub(32)
    )
}

/// An address, and owner and data of its account.
pub(crate) type Row = (Pubkey, Option<(Pubkey, Vec<u8>)>);

/// What one input became: batches with their lines.
pub(crate) type Batches = Vec<(u64, Vec<Event>)>;

/// One connection with its clock: every input is a line, a millisecond after the one before.
pub(crate) struct Wire {
    pub(crate) decoder: SolanaDecoder,
    pub(crate) sink: Sink,
    pub(crate) line: u64,
    pub(crate) now_ns: u64,
}

/// Subscription ids: the pool, the arrays at 0, -5632 and 5632, slots.
pub(crate) const SUBS: [u64; 4] = [5, 6, 7, 8];

impl Wire {
    pub(crate) fn new(path: ReadPath) -> Self {
        let market =
            Market { symbol: POOL.to_string().into(), id: MarketId(3), grid: Grid::DEFAULT };
        let expected = PoolExpected {
            pool: POOL,
            programs: vec![WHIRLPOOL_PROGRAM],
            mint_a: WRAPPED_SOL_MINT,
            mint_b: USDC_MINT,
        };
        let mut decoder = SolanaDecoder::new(Markets::closed(vec![market]), vec![expected], 800);
        decoder.set_read_path(path);
        Self { decoder, sink: Sink::default(), line: 0, now_ns: MS }
    }

    /// Batches of one input: line, events.
    pub(crate) fn put(&mut self, input: Input<'_>) -> Batches {
        self.line += 1;
        self.now_ns += MS;
        self.sink.clear();
        self.decoder.decode(self.now_ns, self.line, input, &mut self.sink);
        let batches: Vec<_> =
            self.sink.iter().map(|(line, events)| (line, events.to_vec())).collect();
        for (_, events) in &batches {
            let ends: Vec<_> = events.iter().map(Event::ends_batch).collect();
            assert_eq!(ends.iter().filter(|end| **end).count(), 1, "one end of batch");
            assert_eq!(ends.last(), Some(&true), "at the end");
            assert!(events.iter().all(|event| event.recv_ns == self.now_ns), "known only now");
        }
        batches
    }

    pub(crate) fn bodies(&mut self, input: Input<'_>) -> Vec<Vec<Body>> {
        let batches = self.put(input);
        batches.into_iter().map(|(_, list)| list.iter().map(|event| event.body).collect()).collect()
    }

    pub(crate) fn frame(&mut self, text: &str) -> Vec<Vec<Body>> {
        self.bodies(Input::Received(text.as_bytes()))
    }

    pub(crate) fn subscribe(&mut self) {
        self.put(Input::Connected);
        let keys = [POOL, array_at(0), array_at(-5632), array_at(5632)];
        for (id, key) in (1..).zip(keys) {
            let text = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"accountSubscribe\",\"params\":[\
                 \"{key}\",{{\"encoding\":\"base64\"}}]}}"
            );
            self.put(Input::Sent(text.as_bytes()));
        }
        self.put(Input::Sent(br#"{"jsonrpc":"2.0","id":5,"method":"slotSubscribe"}"#));
        for (id, subscription) in (1..).zip(SUBS.into_iter().chain([9])) {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"result\":{subscription},\"id\":{id}}}");
            self.put(Input::Received(text.as_bytes()));
        }
    }

    /// The answer with the pool, its array at 0, none at -5632, and both mints.
    pub(crate) fn bootstrap(&mut self, slot: u64, pool: &[u8]) -> Vec<Vec<Body>> {
        let frozen = mint_bytes(Some(POOL), &[]);
        let rows = [
            (POOL, Some((WHIRLPOOL_PROGRAM, pool.to_vec()))),
            (array_at(0), Some((WHIRLPOOL_PROGRAM, fixed_array_bytes(&POOL, 0, &[(3, 70)])))),
            (array_at(-5632), None),
            (WRAPPED_SOL_MINT, Some((TOKEN_PROGRAM, mint_bytes(None, &[])))),
            (USDC_MINT, Some((TOKEN_PROGRAM, frozen))),
        ];
        self.answer(slot, &rows)
    }

    pub(crate) fn answer(&mut self, slot: u64, rows: &[Row]) -> Vec<Vec<Body>> {
        let keys: Vec<_> = rows.iter().map(|(key, _)| format!("\"{key}\"")).collect();
        let values: Vec<_> = rows
            .iter()
            .map(|(_, value)| match value {
                Some((owner, data)) => value_json(owner, data),
                None => "null".to_string(),
            })
            .collect();
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"getMultipleAccounts\",\
             \"params\":[[{}],{{\"encoding\":\"base64\"}}]}}",
            keys.join(",")
        );
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"result\":{{\"context\":{{\"slot\":{slot}}},\
             \"value\":[{}]}},\"id\":77}}",
            values.join(",")
        );
        let (request, body) = (request.as_bytes(), body.as_bytes());
        self.bodies(Input::Http { url: "https://node", request, body })
    }

    pub(crate) fn odd(&self, odd: Odd) -> u64 {
        self.decoder.counts().get(odd)
    }
}

pub(crate) fn live() -> Wire {
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    wire.subscribe();
    assert_eq!(wire.bootstrap(100, &pool()).len(), 1);
    wire
}

pub(crate) fn doubt(reason: DoubtReason) -> Vec<Vec<Body>> {
    vec![vec![Body::BookDoubt { reason }]]
}

pub(crate) fn price_of(bodies: &[Body]) -> Option<u64> {
    bodies.iter().find_map(|body| {
        let Body::PoolPrice { sqrt_price_hi: 1, sqrt_price_lo, .. } = body else { return None };
        Some(*sqrt_price_lo)
    })
}
