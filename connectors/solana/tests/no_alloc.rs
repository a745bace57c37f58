//! Account frames are read without allocating: a counting allocator sees nothing after the first.
#![expect(unsafe_code, reason = "an allocator can be counted in no other way")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{PoolFields, dynamic_array_bytes, fixed_array_bytes, oracle_bytes, pool_bytes};
use connector_net::{Decoder, Input, Markets, Sink};
use connector_solana::SolanaDecoder;
use connector_solana::address::{
    USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT, oracle_address, tick_array_address,
};
use connector_solana::decoder::Provisional;
use solana_pubkey::{Pubkey, pubkey};

thread_local! {
    /// Allocations of this thread: other tests run beside.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const POOL: Pubkey = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");

fn value(data: &[u8]) -> String {
    format!(
        "{{\"lamports\":1,\"data\":[\"{}\",\"base64\"],\"owner\":\"{WHIRLPOOL_PROGRAM}\",\
         \"executable\":false,\"rentEpoch\":18446744073709551615,\"space\":{}}}",
        STANDARD.encode(data),
        data.len()
    )
}

#[test]
fn account_and_slot_frames_allocate_nothing_after_the_first_slot() {
    run(1_027, Provisional::Off, 12);
}

#[test]
fn prices_before_the_end_of_their_slot_allocate_nothing_either() {
    run(64, Provisional::On, 14);
}

/// Forty slots of a pool with two arrays and an oracle, so many events in each.
fn run(fee_tier_index: u16, provisional: Provisional, expected: usize) {
    let pool = pool_bytes(&PoolFields {
        tick_spacing: 64,
        fee_tier_index,
        fee_rate_ppm: 3000,
        protocol_fee_rate: 1300,
        liquidity: 1_000_000,
        sqrt_price: 1 << 64,
        tick_current_index: 0,
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    });
    let array = |start| tick_array_address(&WHIRLPOOL_PROGRAM, &POOL, start);
    let accounts = [
        (POOL, pool),
        (array(0), fixed_array_bytes(&POOL, 0, &[(3, 70), (9, -5)])),
        (array(-5632), dynamic_array_bytes(&POOL, -5632, &[(80, 1), (87, 7)])),
        (oracle_address(&WHIRLPOOL_PROGRAM, &POOL), oracle_bytes(&POOL)),
    ];
    let mut decoder = SolanaDecoder::new(Markets::open(Vec::new()), Vec::new(), 800);
    decoder.set_provisional(provisional);
    let mut sink = Sink::default();
    let mut put = |input: Input<'_>| {
        sink.clear();
        decoder.decode(1, 1, input, &mut sink);
        sink.events.len()
    };
    put(Input::Connected);
    for (id, (key, _)) in (1_u64..).zip(&accounts) {
        let sent =
            format!("{{\"id\":{id},\"method\":\"accountSubscribe\",\"params\":[\"{key}\"]}}");
        put(Input::Sent(sent.as_bytes()));
        put(Input::Received(format!("{{\"id\":{id},\"result\":{id}}}").as_bytes()));
    }
    let keys: Vec<_> = accounts.iter().map(|(key, _)| format!("\"{key}\"")).collect();
    let values: Vec<_> = accounts.iter().map(|(_, data)| value(data)).collect();
    let request = format!(
        "{{\"id\":9,\"method\":\"getMultipleAccounts\",\"params\":[[{}]]}}",
        keys.join(",")
    );
    let body = format!(
        "{{\"id\":9,\"result\":{{\"context\":{{\"slot\":1}},\"value\":[{}]}}}}",
        values.join(",")
    );
    put(Input::Http { url: "u", request: request.as_bytes(), body: body.as_bytes() });
    let frames: Vec<Vec<String>> = (2_u64..40)
        .map(|slot| {
            let mut frames: Vec<_> = (1_u64..)
                .zip(&values)
                .map(|(subscription, value)| {
                    format!(
                        "{{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{{\
                         \"result\":{{\"context\":{{\"slot\":{slot}}},\"value\":{value}}},\
                         \"subscription\":{subscription}}}}}"
                    )
                })
                .collect();
            frames.push(format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{{\"result\":{{\
                 \"slot\":{},\"parent\":{slot},\"root\":0}},\"subscription\":99}}}}",
                slot + 1
            ));
            frames
        })
        .collect();
    let mut warmed = 0;
    for (round, frames) in frames.iter().enumerate() {
        let before = COUNT.with(Cell::get);
        let events: usize = frames.iter().map(|frame| put(Input::Received(frame.as_bytes()))).sum();
        let allocations = COUNT.with(Cell::get) - before;
        // Pool 2, or 4 where told twice, arrays 3 and 3, oracle 2, slot of chain and pool.
        assert_eq!(events, expected);
        if round > 0 {
            assert_eq!(allocations, 0, "round {round}");
        } else {
            warmed = allocations;
        }
    }
    assert!(warmed > 0, "the allocator is counted");
}
