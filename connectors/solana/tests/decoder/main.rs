//! Frames of a node to batches: slots, forks, doubts, both readers, and damage.

#[path = "../common/mod.rs"]
mod common;
mod merging;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{dynamic_array_bytes, fixed_array_bytes};
use connector_net::books::ReadPath;
use connector_net::{Decoder, Input, Odd};
use connector_solana::address::{
    SYSTEM_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT, oracle_address,
};
use connector_solana::layout::{MintPowers, PoolAccount, pool_of};
use connector_solana::quote::{QuoteArgs, quote};
use engine_model::event::joined;
use engine_model::{Body, DoubtReason, Event, Flags, MarketId, ParamKey};
use engine_poolmath::whirlpool::{Amount, Direction, Existence, SwapRequest, TickArraySet, swap};
use proptest::prelude::*;
use solana_pubkey::Pubkey;

use self::wire::*;

#[test]
fn a_pool_begins_with_its_bootstrap() {
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    wire.subscribe();
    assert_eq!(wire.decoder.mint_powers(&USDC_MINT), None);
    let batches = wire.bootstrap(100, &pool());
    let expected = vec![vec![
        Body::BookClear,
        Body::PoolPrice { sqrt_price_hi: 1, sqrt_price_lo: 0, liquidity: [1_000_000, 0] },
        Body::PoolMeta {
            tick_current_index: 0,
            tick_spacing: 64,
            fee_tier_index: 64,
            fee_rate_ppm: 3000,
            protocol_fee_rate: 1300,
        },
        Body::TickArrayBegin { start_tick_index: 0, exists: 1 },
        Body::Tick { index: 192, liquidity_net: [70, 0] },
        Body::TickArrayBegin { start_tick_index: -5632, exists: 0 },
    ]];
    assert_eq!(batches, expected);
    let events = &wire.sink.events;
    assert!(events.iter().all(|event| event.flags.has(Flags::SNAPSHOT) && event.seq == 100));
    assert!(events.iter().all(|event| event.market == MarketId(3)));
    assert_eq!(wire.decoder.mint_powers(&USDC_MINT), Some(MintPowers::FREEZE_AUTHORITY));
    assert_eq!(wire.decoder.mint_powers(&WRAPPED_SOL_MINT), Some(MintPowers::NONE));
    assert_eq!(wire.decoder.counts().seen().count(), 0);
}

#[test]
fn the_accounts_of_a_slot_are_one_batch_under_their_last_line() {
    let mut wire = live();
    let low = dynamic_array_bytes(&POOL, -5632, &[(87, -9)]);
    let moved = pool_at((1 << 64) + 5, 0);
    assert_eq!(wire.frame(&slot_notification(101)).len(), 1, "the slot itself");
    assert!(wire.frame(&notification(SUBS[2], 101, &WHIRLPOOL_PROGRAM, &low)).is_empty());
    assert!(wire.frame(&notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &moved)).is_empty());
    let last = wire.line;
    let batches = wire.put(Input::Received(slot_notification(102).as_bytes()));
    assert_eq!(batches.len(), 2, "the pool's accounts, then the slot");
    let (line, events) = &batches[0];
    assert_eq!((*line, events[0].seq), (last, 101));
    let bodies: Vec<_> = events.iter().map(|event| event.body).collect();
    assert_eq!(bodies[0], Body::TickArrayBegin { start_tick_index: -5632, exists: 1 });
    let net = engine_model::event::halves((-9_i128).cast_unsigned());
    assert_eq!(bodies[1], Body::Tick { index: -64, liquidity_net: net });
    assert_eq!(price_of(&bodies), Some(5));
    assert_eq!(batches[1].1[0].body, Body::Slot { parent: 101, root: 70 });
    assert_eq!(batches[1].1[0].market, Event::NO_MARKET);
    assert_eq!(batches[1].1[1].body, batches[1].1[0].body, "the pool's connection saw it too");
    assert_eq!(batches[1].1[1].market, events[0].market);
    assert_eq!(batches[1].1.len(), 2);
    // A later account frame shows a later slot as well.
    let frame = |slot, price| notification(SUBS[0], slot, &WHIRLPOOL_PROGRAM, &pool_at(price, 0));
    assert!(wire.frame(&frame(103, (1 << 64) + 6)).is_empty());
    let batches = wire.frame(&frame(104, (1 << 64) + 7));
    assert_eq!(batches.len(), 1);
    assert_eq!(price_of(&batches[0]), Some(6));
    assert_eq!(wire.decoder.counts().fast, 4);
}

#[test]
fn nothing_is_held_longer_than_the_hold_time() {
    let mut wire = live();
    let moved = notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &pool_at((1 << 64) + 5, 0));
    assert!(wire.frame(&moved).is_empty());
    wire.now_ns += 798 * MS;
    assert!(wire.bodies(Input::Received(b"{\"id\":1,\"result\":true}")).is_empty(), "799 ms");
    let batches = wire.bodies(Input::Received(b"{\"id\":1,\"result\":true}"));
    assert_eq!(price_of(&batches[0]), Some(5), "800 ms");
}

#[test]
fn a_lower_slot_is_another_fork_until_the_next_bootstrap() {
    let mut wire = live();
    let frame = |slot, price| notification(SUBS[0], slot, &WHIRLPOOL_PROGRAM, &pool_at(price, 0));
    assert!(wire.frame(&frame(105, (1 << 64) + 5)).is_empty());
    assert_eq!(wire.frame(&slot_notification(106)).len(), 2);
    assert_eq!(
        wire.frame(&frame(99, 1 << 64)),
        Vec::<Vec<Body>>::new(),
        "older than the bootstrap"
    );
    assert_eq!(wire.odd(Odd::StaleUpdate), 1);
    assert_eq!(wire.frame(&frame(104, 1 << 64)), doubt(DoubtReason::Fork));
    assert_eq!(wire.odd(Odd::SlotBackwards), 1);
    assert!(wire.frame(&frame(107, (1 << 64) + 8)).is_empty(), "in doubt: kept, not published");
    assert_eq!(wire.frame(&slot_notification(108)).len(), 1, "the slot alone");
    let batches = wire.bootstrap(106, &pool_at((1 << 64) + 7, 0));
    assert_eq!(
        (batches.len(), batches[0][0], price_of(&batches[0])),
        (1, Body::BookClear, Some(7))
    );
    let batches = wire.frame(&slot_notification(109));
    assert_eq!(price_of(&batches[0]), Some(8), "the newer frame that waited");
}

#[test]
fn frames_before_the_bootstrap_wait_for_it() {
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    wire.subscribe();
    let array = fixed_array_bytes(&POOL, 5632, &[(1, 4)]);
    for (subscription, slot, data) in [
        (SUBS[0], 98, pool_at((1 << 64) + 1, 0)),
        (SUBS[3], 101, array),
        (SUBS[0], 101, pool_at((1 << 64) + 2, 0)),
    ] {
        let text = notification(subscription, slot, &WHIRLPOOL_PROGRAM, &data);
        assert!(wire.frame(&text).is_empty());
    }
    assert_eq!(wire.bootstrap(100, &pool()).len(), 1);
    let batches = wire.frame(&slot_notification(102));
    assert_eq!(price_of(&batches[0]), Some(2));
    assert!(batches[0].contains(&Body::TickArrayBegin { start_tick_index: 5632, exists: 1 }));
    assert_eq!(wire.decoder.counts().seen().count(), 0);
}

#[test]
fn a_bad_account_puts_the_pool_in_doubt() {
    let other = Pubkey::new_from_array([9; 32]);
    let mut wrong_mints = pool();
    wrong_mints[181..213].copy_from_slice(&[0xff; 32]);
    let mut other_spacing = pool();
    other_spacing[41] = 65;
    let array = fixed_array_bytes(&POOL, 0, &[]);
    let rows: [(&str, u64, Pubkey, Vec<u8>); 9] = [
        ("cut", SUBS[0], WHIRLPOOL_PROGRAM, pool()[..600].to_vec()),
        ("owner", SUBS[0], other, pool()),
        ("mints", SUBS[0], WHIRLPOOL_PROGRAM, wrong_mints),
        ("spacing", SUBS[0], WHIRLPOOL_PROGRAM, other_spacing),
        ("closed pool", SUBS[0], SYSTEM_PROGRAM, Vec::new()),
        ("array owner", SUBS[1], other, array.clone()),
        ("array of another pool", SUBS[1], WHIRLPOOL_PROGRAM, fixed_array_bytes(&other, 0, &[])),
        ("another array", SUBS[1], WHIRLPOOL_PROGRAM, fixed_array_bytes(&POOL, 5632, &[])),
        ("at an odd address", SUBS[3], WHIRLPOOL_PROGRAM, array),
    ];
    for (shows, subscription, owner, data) in rows {
        let mut wire = live();
        let text = notification(subscription, 101, &owner, &data);
        assert_eq!(wire.frame(&text), doubt(DoubtReason::BadAccount), "{shows}");
        assert_eq!(wire.odd(Odd::BadAccount), 1, "{shows}");
        assert_eq!(wire.bootstrap(102, &pool()).len(), 1, "{shows}: heals");
    }
    let mut wire = live();
    let text = notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &pool()).replace("\"P5XR", "\"!5XR");
    assert_eq!(wire.frame(&text), doubt(DoubtReason::BadAccount), "no base64");
}

#[test]
fn a_bootstrap_that_cannot_be_trusted_is_none() {
    let other = Pubkey::new_from_array([9; 32]);
    let good = |data: Vec<u8>| Some((WHIRLPOOL_PROGRAM, data));
    let bad_array = fixed_array_bytes(&POOL, 0, &[])[..9000].to_vec();
    let rows = [
        ("no pool", vec![(POOL, None)]),
        ("owner", vec![(POOL, Some((other, pool())))]),
        (
            "array",
            vec![(POOL, good(pool())), (array_at(0), good([bad_array, vec![0; 987]].concat()))],
        ),
        (
            "place",
            vec![(POOL, good(pool())), (array_at(0), good(fixed_array_bytes(&POOL, 5632, &[])))],
        ),
    ];
    for (shows, rows) in rows {
        let mut wire = Wire::new(ReadPath::FastThenTyped);
        wire.subscribe();
        assert!(wire.answer(100, &rows).is_empty(), "{shows}: nothing to doubt yet");
        assert_eq!(wire.odd(Odd::BadAccount), 1, "{shows}");
        let mut wire = live();
        assert_eq!(wire.answer(101, &rows), doubt(DoubtReason::BadAccount), "{shows}");
    }
    let mut wire = live();
    assert!(wire.bootstrap(99, &pool()).is_empty(), "older than what is known");
    assert_eq!(wire.odd(Odd::StaleUpdate), 1);
}

#[test]
fn an_array_can_appear_and_vanish() {
    let mut wire = live();
    let array = fixed_array_bytes(&POOL, -5632, &[(0, 1)]);
    wire.frame(&notification(SUBS[2], 101, &WHIRLPOOL_PROGRAM, &array));
    let batches = wire.frame(&notification(SUBS[2], 102, &SYSTEM_PROGRAM, &[]));
    assert_eq!(batches[0][0], Body::TickArrayBegin { start_tick_index: -5632, exists: 1 });
    let null = "{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{\"result\":{\
        \"context\":{\"slot\":103},\"value\":null},\"subscription\":7}}";
    let batches = wire.frame(null);
    assert_eq!(batches[0], [Body::TickArrayBegin { start_tick_index: -5632, exists: 0 }]);
}

#[test]
fn an_oracle_belongs_to_its_pool() {
    let key = oracle_address(&WHIRLPOOL_PROGRAM, &POOL);
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    wire.subscribe();
    let mut adaptive = pool();
    adaptive[43..45].copy_from_slice(&1027_u16.to_le_bytes());
    let rows = [
        (key, Some((WHIRLPOOL_PROGRAM, common::oracle_bytes(&POOL)))),
        (POOL, Some((WHIRLPOOL_PROGRAM, adaptive))),
    ];
    let batches = wire.answer(100, &rows);
    assert!(matches!(batches[0][3], Body::OracleConstants { tick_group_size: 2, .. }));
    assert!(matches!(batches[0][4], Body::OracleVariables { volatility_accumulator: 16_079, .. }));
}

#[test]
fn reconnecting_doubts_and_forgets_subscriptions() {
    let mut wire = live();
    assert_eq!(wire.bodies(Input::Connected), doubt(DoubtReason::Disconnected));
    wire.frame(&notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &pool()));
    assert_eq!(wire.odd(Odd::UnknownMarket), 1);
}

#[test]
fn unreadable_frames_doubt_what_they_may_have_been() {
    let cut = notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &pool());
    let rows: [(&[u8], Odd); 4] = [
        (&cut.as_bytes()[..300], Odd::BadJson),
        (b"\xff{}", Odd::BadUtf8),
        (b"[1]", Odd::BadShape),
        (br#"{"method":"accountNotification","params":{"subscription":5}}"#, Odd::BadShape),
    ];
    for (frame, odd) in rows {
        let mut wire = live();
        assert_eq!(wire.bodies(Input::Received(frame)), doubt(DoubtReason::BadFrame), "{odd:?}");
        assert_eq!(wire.odd(odd), 1, "{odd:?}");
    }
    let rows: [(&[u8], Odd); 3] = [
        (
            br#"{"method":"rootNotification","params":{"result":1,"subscription":2}}"#,
            Odd::UnknownChannel,
        ),
        (br#"{"error":{"code":-32602,"message":"no"},"id":3}"#, Odd::VenueError),
        (br#"{"method":"slotNotification","params":{}}"#, Odd::BadShape),
    ];
    for (frame, odd) in rows {
        let mut wire = live();
        assert!(wire.bodies(Input::Received(frame)).is_empty(), "{odd:?}");
        assert_eq!(wire.odd(odd), 1, "{odd:?}");
    }
}

#[test]
fn the_priority_fee_is_a_percentile_of_the_slots() {
    let mut wire = live();
    let request =
        br#"{"jsonrpc":"2.0","id":8,"method":"getRecentPrioritizationFees","params":[["x"]]}"#;
    let list = |fees: &[u64]| {
        let list: Vec<_> = (200..)
            .zip(fees)
            .map(|(slot, fee): (u64, _)| format!("{{\"slot\":{slot},\"prioritizationFee\":{fee}}}"))
            .collect();
        format!("{{\"jsonrpc\":\"2.0\",\"result\":[{}],\"id\":8}}", list.join(","))
    };
    // Fees, and the value at rank ceil(3/4 n).
    let rows: [(&[u64], Option<u64>); 4] =
        [(&[], None), (&[7], Some(7)), (&[9, 1, 5, 3], Some(5)), (&[1, 2, 3, 4, 5], Some(4))];
    for (fees, expected) in rows {
        let body = list(fees);
        let input = Input::Http { url: "u", request, body: body.as_bytes() };
        let expected: Vec<Vec<Body>> = expected
            .map(|value| vec![Body::Param { key: ParamKey::PriorityFee, value }])
            .into_iter()
            .collect();
        assert_eq!(wire.bodies(input), expected, "{fees:?}");
    }
}

#[test]
fn packed_data_and_escaped_text_read_alike() {
    let data = pool_at((1 << 64) + 5, 0);
    let plain = notification(SUBS[0], 101, &WHIRLPOOL_PROGRAM, &data);
    let text = STANDARD.encode(&data);
    let packed = STANDARD.encode(zstd::bulk::compress(&data, 3).expect("packs"));
    let rows = [
        plain.clone(),
        plain.replace(&text, &packed).replace("\"base64\"", "\"base64+zstd\""),
        plain.replace('/', "\\/"),
        plain.replace("\"slot\":101", "\"slot\": 101 , \"apiVersion\":\"3.0\""),
    ];
    assert!(text.contains('/'), "the row with escapes shows something");
    for frame in rows {
        let mut wire = live();
        assert!(wire.frame(&frame).is_empty(), "{frame}");
        assert_eq!(price_of(&wire.frame(&slot_notification(102))[0]), Some(5));
    }
}

#[test]
fn a_recorded_pool_quotes_alike_from_its_events() {
    let name = "whirlpool_accounts_slot165023999_sol_usdc_pools.json.zst";
    let Some(file) = common::accounts(name) else { return };
    // At most a hundred accounts fit an answer: the pool at spacing 64 has 37 arrays.
    let rows: Vec<Row> = file
        .iter()
        .filter(|(key, account)| **key == POOL || pool_of(&account.data) == Some(POOL))
        .map(|(key, account)| (*key, Some((account.owner, account.data.clone()))))
        .collect();
    assert_eq!(rows.len(), 38);
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    let batches = wire.answer(165_023_999, &rows);
    assert_eq!(batches.len(), 1);
    let mut arrays = TickArraySet::with_capacity(37, 64);
    let (mut price, mut meta) = (None, None);
    for body in &batches[0] {
        if let Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, liquidity } = *body {
            price = Some((joined([sqrt_price_lo, sqrt_price_hi.into()]), joined(liquidity)));
        } else if let Body::PoolMeta { tick_current_index, fee_rate_ppm, .. } = *body {
            meta = Some((tick_current_index, fee_rate_ppm));
        } else if let Body::TickArrayBegin { start_tick_index, exists: 1 } = *body {
            arrays.begin(start_tick_index, Existence::Present).expect("room");
        } else if let Body::Tick { index, liquidity_net } = *body {
            arrays.set_tick(index, joined(liquidity_net).cast_signed()).expect("in its array");
        }
    }
    let ((sqrt_price, liquidity), (tick, fee)) = (price.expect("one"), meta.expect("one"));
    let (_, Some((_, data))) = rows.iter().find(|(key, _)| *key == POOL).expect("the pool") else {
        unreachable!("every row has an account")
    };
    let mut pool = PoolAccount::parse(data).expect("a pool").to_pool();
    assert_eq!((pool.tick_current_index, pool.fee_rate_ppm), (tick, fee));
    (pool.sqrt_price, pool.liquidity) = (sqrt_price, liquidity);
    for (direction, amount) in
        [(Direction::AToB, 5_000_000_000_000), (Direction::BToA, 90_000_000_000)]
    {
        let amount = Amount::ExactIn(amount);
        let request =
            SwapRequest { amount, direction, sqrt_price_limit: 0, now_s: 0, inner_steps_max: 100 };
        let ours = swap(&pool, None, &arrays, &request).expect("enough liquidity");
        let asked = QuoteArgs { pool: POOL, direction, amount, now_s: None, epoch: None };
        let report = quote(&file, &asked).expect("enough liquidity");
        assert_eq!((ours.amount_out(), ours.sqrt_price), (report.amount_out, report.sqrt_price));
        assert!(ours.ticks_crossed > 0, "the arrays matter: {}", ours.ticks_crossed);
    }
}

/// All inputs of a life: subscriptions, bootstrap, slots, accounts of every kind.
fn scenario() -> Vec<String> {
    let mut frames = Vec::new();
    for slot in 101..106_u64 {
        frames.push(slot_notification(slot));
        let price = (1 << 64) + u128::from(slot);
        frames.push(notification(SUBS[0], slot, &WHIRLPOOL_PROGRAM, &pool_at(price, 0)));
        let array = fixed_array_bytes(&POOL, 0, &[(3, 70), (9, -i128::from(slot))]);
        frames.push(notification(SUBS[1], slot, &WHIRLPOOL_PROGRAM, &array));
        let array = dynamic_array_bytes(&POOL, -5632, &[(80, 1), (87, i128::from(slot))]);
        frames.push(notification(SUBS[2], slot, &WHIRLPOOL_PROGRAM, &array));
    }
    frames.push(slot_notification(107));
    frames
}

/// Runs frames on a live connection; batches and what was odd.
fn run(path: ReadPath, frames: &[Vec<u8>]) -> (Vec<Batches>, Vec<(Odd, u64)>) {
    let mut wire = Wire::new(path);
    wire.subscribe();
    wire.bootstrap(100, &pool());
    let batches = frames.iter().map(|frame| wire.put(Input::Received(frame))).collect();
    (batches, wire.decoder.counts().seen().collect())
}

#[test]
fn both_readers_give_the_same_events() {
    let frames: Vec<_> = scenario().into_iter().map(String::into_bytes).collect();
    let (fast, typed) = (run(ReadPath::FastThenTyped, &frames), run(ReadPath::TypedOnly, &frames));
    assert_eq!(fast, typed);
    assert!(fast.1.is_empty(), "nothing odd: {:?}", fast.1);
    assert_eq!(fast.0.iter().flatten().count(), 11, "five slots of a pool, six slot marks");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_frames_read_alike_and_never_panic(
        at in 0_usize..15,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4),
    ) {
        let mut frames: Vec<_> = scenario().into_iter().map(String::into_bytes).collect();
        let frame = &mut frames[at];
        // Most of a frame is the base64 text; half of the edits go elsewhere.
        for (index, byte, kind) in edits {
            // Earlier edits may have left nothing to damage.
            if frame.is_empty() {
                frame.push(byte);
                continue;
            }
            let from = if byte % 2 == 0 { frame.len().saturating_sub(200) } else { 0 };
            let place = from + index.index(frame.len() - from);
            match kind {
                0 => frame[place] = byte,
                1 => frame.insert(place, byte),
                2 => drop(frame.remove(place)),
                _ => frame.truncate(place.max(1)),
            }
        }
        let fast = run(ReadPath::FastThenTyped, &frames);
        prop_assert_eq!(fast, run(ReadPath::TypedOnly, &frames));
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        request in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut wire = live();
        wire.put(Input::Received(&bytes));
        wire.put(Input::Sent(&bytes));
        wire.put(Input::Http { url: "u", request: &request, body: &bytes });
    }
}
