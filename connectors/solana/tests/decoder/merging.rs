//! Answers put together with notifications, and prices told before their slot is over.

use connector_net::books::ReadPath;
use connector_net::{Input, Odd};
use connector_solana::address::{USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT};
use connector_solana::decoder::{Missed, Provisional};
use engine_model::{Body, DoubtReason, Event, Flags};
use engine_poolmath::whirlpool::sqrt_price_at_tick;
use solana_pubkey::Pubkey;

use crate::common::{PoolFields, fixed_array_bytes, pool_bytes};
use crate::wire::*;

/// Slot 3 of array 0 is initialised in the bootstrap: tick 192.
fn at_tick(tick: i32, liquidity: u128) -> Vec<u8> {
    pool_bytes(&PoolFields {
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3_000,
        protocol_fee_rate: 1_300,
        liquidity,
        sqrt_price: sqrt_price_at_tick(tick),
        tick_current_index: tick,
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    })
}

/// A row of an answer: what the program holds at an address.
fn row(key: Pubkey, data: Vec<u8>) -> Row {
    (key, Some((WHIRLPOOL_PROGRAM, data)))
}

fn pool_frame(slot: u64, data: &[u8]) -> String {
    notification(SUBS[0], slot, &WHIRLPOOL_PROGRAM, data)
}

fn array_frame(slot: u64, net: i128) -> String {
    notification(SUBS[1], slot, &WHIRLPOOL_PROGRAM, &fixed_array_bytes(&POOL, 0, &[(3, net)]))
}

/// Net liquidity of tick 192 in these bodies.
fn net_of(bodies: &[Body]) -> Option<u64> {
    bodies.iter().find_map(|body| {
        let Body::Tick { index: 192, liquidity_net } = body else { return None };
        Some(liquidity_net[0])
    })
}

fn early() -> Wire {
    let mut wire = live();
    wire.decoder.set_provisional(Provisional::On);
    wire
}

#[test]
fn a_price_in_its_range_is_told_before_its_slot_is_over() {
    let mut wire = early();
    let batches = wire.put(Input::Received(pool_frame(101, &at_tick(100, 1_000_000)).as_bytes()));
    let [(line, events)] = &*batches else { panic!("one batch: {batches:?}") };
    assert_eq!((*line, events.len()), (wire.line, 2));
    for event in events {
        assert!(event.flags.has(Flags::PROVISIONAL) && event.seq == 101, "{event:?}");
        assert!(!event.flags.has(Flags::SNAPSHOT));
    }
    assert!(matches!(events[1].body, Body::PoolMeta { tick_current_index: 100, .. }));
    let batches = wire.put(Input::Received(slot_notification(102).as_bytes()));
    let whole: Vec<_> = batches[0].1.iter().map(|event| event.body).collect();
    assert_eq!(whole, [events[0].body, events[1].body], "the whole slot");
    assert!(batches[0].1.iter().all(|event| !event.flags.has(Flags::PROVISIONAL)));
}

#[test]
fn what_may_not_be_told_early_waits() {
    let rows: [(&str, Vec<u8>, bool); 6] = [
        ("inside", at_tick(191, 1_000_000), true),
        ("below, to the end of what is known", at_tick(-5_632, 1_000_000), true),
        ("onto an initialised tick", at_tick(192, 1_000_000), false),
        ("beyond it", at_tick(300, 1_000_000), false),
        ("other liquidity", at_tick(100, 1_000_001), false),
        ("below what is known", at_tick(-5_700, 1_000_000), false),
    ];
    for (shows, data, expected) in rows {
        let mut wire = early();
        assert_eq!(wire.frame(&pool_frame(101, &data)).len(), usize::from(expected), "{shows}");
        let off = &mut live();
        assert!(off.frame(&pool_frame(101, &data)).is_empty(), "{shows}: only where asked for");
        let batches = wire.frame(&slot_notification(102));
        assert_eq!(batches.len(), 2, "{shows}: the whole slot comes anyway");
    }
    // An adaptive fee comes with another account.
    let mut wire = Wire::new(ReadPath::FastThenTyped);
    wire.decoder.set_provisional(Provisional::On);
    wire.subscribe();
    let mut data = at_tick(100, 1_000_000);
    data[43..45].copy_from_slice(&1_027_u16.to_le_bytes());
    wire.bootstrap(100, &data);
    assert!(wire.frame(&pool_frame(101, &data)).is_empty());
    // An array of the same slot came first: what the reader knows of the ticks is old.
    let mut wire = early();
    assert!(wire.frame(&array_frame(101, 71)).is_empty());
    assert!(wire.frame(&pool_frame(101, &at_tick(100, 1_000_000))).is_empty());
    // The range is that of the last whole slot, not of what was told early.
    let mut wire = early();
    assert_eq!(wire.frame(&pool_frame(101, &at_tick(100, 1_000_000))).len(), 1);
    assert!(wire.frame(&array_frame(101, 71)).is_empty());
    assert!(wire.frame(&pool_frame(101, &at_tick(120, 1_000_000))).is_empty(), "not alone");
    let batches = wire.frame(&pool_frame(102, &at_tick(130, 1_000_000)));
    assert_eq!(batches.len(), 2, "the slot before, then this one's price");
    assert_eq!(net_of(&batches[0]), Some(71));
}

#[test]
fn both_readers_tell_early_alike() {
    let run = |path| {
        let mut wire = Wire::new(path);
        wire.decoder.set_provisional(Provisional::On);
        wire.subscribe();
        wire.bootstrap(100, &pool());
        (101..110)
            .flat_map(|slot| {
                let tick = i32::try_from(slot).expect("small") * 2 - 100;
                [pool_frame(slot, &at_tick(tick, 1_000_000)), array_frame(slot, slot.into())]
            })
            .map(|text| wire.put(Input::Received(text.as_bytes())))
            .collect::<Vec<_>>()
    };
    let fast = run(ReadPath::FastThenTyped);
    assert_eq!(fast, run(ReadPath::TypedOnly));
    let early = |events: &&Vec<Event>| events[0].flags.has(Flags::PROVISIONAL);
    assert_eq!(fast.iter().flatten().map(|(_, events)| events).filter(early).count(), 9);
}

#[test]
fn an_answer_that_says_nothing_new_publishes_nothing() {
    let mut wire = live();
    assert!(wire.bootstrap(100, &pool()).is_empty(), "the same again");
    assert!(wire.bootstrap(107, &pool()).is_empty(), "and later");
    assert_eq!(wire.decoder.agreed(), 2);
    assert_eq!((wire.odd(Odd::RepeatSnapshot), wire.odd(Odd::StaleUpdate)), (0, 0));
    assert!(wire.decoder.take_missed().is_empty());
    // What is held counts as known: the answer of that slot agrees with it.
    let data = at_tick(50, 1_000_000);
    assert!(wire.frame(&pool_frame(108, &data)).is_empty());
    assert!(wire.bootstrap(108, &data).is_empty());
    assert_eq!(wire.frame(&slot_notification(109)).len(), 2, "and is told with its slot");
}

#[test]
fn an_answer_that_is_newer_is_told_whole() {
    let mut wire = live();
    let batches = wire.bootstrap(105, &at_tick(50, 1_000_000));
    let [batch] = &*batches else { panic!("one batch: {batches:?}") };
    assert_eq!((batch[0], net_of(batch)), (Body::BookClear, Some(70)));
    assert!(batch.contains(&Body::TickArrayBegin { start_tick_index: -5_632, exists: 0 }));
    assert_eq!(wire.decoder.take_missed(), [Missed { pubkey: POOL, slot: 105 }]);
    assert_eq!(wire.odd(Odd::RepeatSnapshot), 1);
    // The stream tells the same a little later; what it says of slots before is old.
    assert!(wire.frame(&pool_frame(104, &at_tick(60, 1_000_000))).is_empty());
    assert_eq!(wire.odd(Odd::StaleUpdate), 1);
    assert!(wire.frame(&pool_frame(105, &at_tick(50, 1_000_000))).is_empty());
    assert_eq!(wire.odd(Odd::SlotBackwards), 0);
}

#[test]
fn an_older_answer_adds_what_was_not_known() {
    let mut wire = live();
    let newest = at_tick(50, 1_000_000);
    assert!(wire.frame(&pool_frame(103, &newest)).is_empty());
    let rows = [
        row(POOL, pool()),
        row(array_at(0), fixed_array_bytes(&POOL, 0, &[(3, 70)])),
        row(array_at(5_632), fixed_array_bytes(&POOL, 5_632, &[(1, 4)])),
        (array_at(11_264), None),
    ];
    // Slot 103 is under way: the whole state is told at its end, with the newer price.
    assert!(wire.answer(102, &rows).is_empty());
    let batches = wire.frame(&slot_notification(104));
    assert_eq!((batches.len(), batches[0][0]), (2, Body::BookClear));
    let has = |start_tick_index, exists| {
        batches[0].contains(&Body::TickArrayBegin { start_tick_index, exists })
    };
    assert!(has(5_632, 1) && has(11_264, 0) && has(-5_632, 0), "{:?}", batches[0]);
    assert!(matches!(batches[0][2], Body::PoolMeta { tick_current_index: 50, .. }));
    assert!(wire.sink.events[0].flags.has(Flags::SNAPSHOT) && wire.sink.events[0].seq == 103);
    assert!(wire.decoder.take_missed().is_empty(), "nobody was to tell them");
}

#[test]
fn arrays_alone_join_a_live_pool() {
    let mut wire = live();
    assert!(wire.frame(&pool_frame(103, &at_tick(50, 1_000_000))).is_empty());
    assert_eq!(wire.frame(&slot_notification(104)).len(), 2);
    let array = fixed_array_bytes(&POOL, 5_632, &[(1, 4)]);
    let batches = wire.answer(102, &[row(array_at(5_632), array.clone())]);
    assert_eq!((batches.len(), batches[0][0]), (1, Body::BookClear));
    assert!(batches[0].contains(&Body::TickArrayBegin { start_tick_index: 5_632, exists: 1 }));
    let batches = wire.answer(102, &[(array_at(11_264), None)]);
    assert!(batches[0].contains(&Body::TickArrayBegin { start_tick_index: 11_264, exists: 0 }));
    assert!(wire.answer(102, &[row(array_at(5_632), array)]).is_empty(), "known");
    // A newer one is an update like any other.
    let array = fixed_array_bytes(&POOL, 5_632, &[(1, 5)]);
    assert!(wire.answer(105, &[row(array_at(5_632), array)]).is_empty());
    assert_eq!(wire.frame(&slot_notification(106)).len(), 2);
    let other = fixed_array_bytes(&POOL, 0, &[]);
    assert_eq!(
        wire.answer(104, &[row(array_at(16_896), other)]),
        doubt(DoubtReason::BadAccount),
        "at an address that is not its own"
    );
}

#[test]
fn what_nobody_tells_any_more_is_forgotten() {
    let mut wire = live();
    wire.put(Input::Sent(
        br#"{"jsonrpc":"2.0","id":31,"method":"accountUnsubscribe","params":[7]}"#,
    ));
    let batches = wire.frame("{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":31}");
    assert_eq!((batches.len(), batches[0][0]), (1, Body::BookClear));
    let arrays: Vec<_> =
        batches[0].iter().filter(|body| matches!(body, Body::TickArrayBegin { .. })).collect();
    assert_eq!(arrays, [&Body::TickArrayBegin { start_tick_index: 0, exists: 1 }]);
    let late = fixed_array_bytes(&POOL, -5_632, &[]);
    assert!(wire.frame(&notification(7, 101, &WHIRLPOOL_PROGRAM, &late)).is_empty());
    assert_eq!(wire.odd(Odd::UnknownMarket), 1);
    // The pool itself stays: its state is what the stream told last, but no slot proves it.
    wire.put(Input::Sent(
        br#"{"jsonrpc":"2.0","id":32,"method":"accountUnsubscribe","params":[5]}"#,
    ));
    assert!(wire.frame("{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":32}").is_empty());
    assert_eq!(wire.frame(&slot_notification(102)), [vec![Body::Slot { parent: 101, root: 70 }]]);
}

#[test]
fn a_distrusted_pool_is_told_again_by_the_same_answer() {
    let mut wire = live();
    wire.decoder.distrust(&POOL);
    assert!(!wire.decoder.is_live(&POOL));
    assert!(wire.frame(&pool_frame(101, &at_tick(50, 1_000_000))).is_empty(), "waits");
    assert_eq!(wire.bootstrap(100, &pool()).len(), 1);
    assert_eq!(wire.frame(&slot_notification(102)).len(), 2);
}

#[test]
fn held_accounts_say_when_they_are_due() {
    let mut wire = live();
    assert_eq!(wire.decoder.next_due_ns(), u64::MAX);
    assert!(wire.frame(&pool_frame(101, &pool())).is_empty());
    let held_ns = wire.now_ns;
    assert_eq!(wire.decoder.next_due_ns(), held_ns + 800 * MS);
    wire.sink.clear();
    wire.decoder.publish_due(held_ns + 800 * MS - 1, &mut wire.sink);
    assert!(wire.sink.events.is_empty());
    wire.decoder.publish_due(held_ns + 800 * MS, &mut wire.sink);
    assert_eq!(wire.sink.batches.len(), 1);
    assert_eq!(wire.decoder.next_due_ns(), u64::MAX);
    // What is sent is decoded for its subscriptions; nobody reads events of it.
    assert!(wire.frame(&pool_frame(102, &pool())).is_empty());
    wire.now_ns += 900 * MS;
    assert!(wire.put(Input::Sent(br#"{"id":40,"method":"slotSubscribe"}"#)).is_empty());
    assert_eq!(wire.frame("{\"id\":41,\"result\":true}").len(), 1);
}
