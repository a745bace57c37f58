//! Tables and properties of batches.

use engine_model::command::{Command, Role};
use engine_model::{DoubtReason, EngineFault, ParamKey};
use proptest::prelude::*;

use super::*;

fn level(side: Side, price_ticks: u64, size_lots: u64) -> Event {
    Event {
        recv_ns: 1_785_000_000_123_456_789,
        venue_ns: 1_785_000_000_098_000_000,
        seq: 48_123,
        market: MarketId(3),
        venue: Venue::Coinbase,
        flags: Flags(0),
        body: Body::Level { side, price_ticks, size_lots },
    }
}

fn frame() -> Vec<Event> {
    let mut events = vec![
        level(Side::Bid, 6_789_012, 12_345_678),
        level(Side::Bid, 6_788_950, 0),
        level(Side::Ask, 6_789_013, 50_000_000),
        level(Side::Ask, 6_789_120, 0),
        level(Side::Ask, 6_790_000, 9_999_999),
    ];
    events[4].flags = Flags(Flags::END_OF_BATCH);
    events
}

fn round_trip(events: &[Event]) -> usize {
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    encode(events, &mut bytes).expect("a batch");
    decode(&bytes, &mut back).expect("what was encoded");
    assert_eq!(back, events);
    bytes.len()
}

#[test]
fn a_frame_of_five_levels_is_below_sixty_bytes() {
    let bytes = round_trip(&frame());
    assert!(bytes < 60, "{bytes} bytes");
}

#[test]
fn edges_come_back() {
    let mut odd_flags = frame();
    odd_flags[1].flags = Flags(Flags::END_OF_BATCH);
    odd_flags[4].flags = Flags(255);
    let mut other_market = frame();
    other_market[2].market = Event::NO_MARKET;
    other_market[3].venue_ns = 0;
    other_market[4].recv_ns = 0;
    let far = vec![
        level(Side::Bid, u64::MAX, u64::MAX),
        level(Side::Bid, PRICE_TICKS_MAX, 0),
        level(Side::Bid, 0, 0),
        level(Side::Ask, PRICE_TICKS_MAX, 1),
        level(Side::Ask, PRICE_TICKS_MAX - 1, 1),
        level(Side::Bid, PRICE_TICKS_MAX - 1, 1),
        level(Side::Ask, PRICE_TICKS_MAX + 1, 1),
        level(Side::Ask, 1, 1),
    ];
    let long: Vec<Event> = (0..1000).map(|n| level(Side::Ask, 5_000 + n, n)).collect();
    for (what, events) in [
        ("nothing", vec![]),
        ("flags out of place", odd_flags),
        ("header changes", other_market),
        ("prices at the limits", far),
        ("runs beyond one count", long),
    ] {
        let bytes = round_trip(&events);
        assert!(bytes <= 1 + 80 * events.len(), "{what}: {bytes} bytes");
    }
}

#[test]
fn what_is_no_batch_is_refused() {
    let mut out = Vec::new();
    for (what, bytes, error) in [
        ("empty", &[][..], BatchError::Version { found: 0 }),
        ("another layout", &[2], BatchError::Version { found: 2 }),
        ("a run beyond the end", &[1, 4, 1, 1], BatchError::Truncated),
        (
            "an endless number",
            &[1, 2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0],
            BatchError::Truncated,
        ),
        ("no such venue", &[1, 1, 16, 9], BatchError::Malformed { what: "venue" }),
        ("no such field", &[1, 1, 128], BatchError::Malformed { what: "header mask" }),
        ("no such body", &[1, 0, 99], BatchError::Malformed { what: "body" }),
    ] {
        assert_eq!(decode(bytes, &mut out), Err(error), "{what}");
    }
}

#[test]
fn the_layout_stays() {
    let mut bytes = Vec::new();
    encode(&frame(), &mut bytes).expect("a batch");
    let expected = [
        1, 1, 15, 170, 180, 242, 182, 222, 130, 204, 197, 49, 170, 194, 163, 24, 246, 239, 5, 3, 0,
        6, 208, 188, 249, 12, 206, 194, 241, 5, 246, 1, 0, 213, 188, 249, 12, 128, 225, 235, 23,
        173, 3, 0, 193, 27, 255, 172, 226, 4,
    ];
    assert_eq!(bytes, expected);
}

fn bodies() -> impl Strategy<Value = Body> {
    let side = || prop_oneof![Just(Side::Bid), Just(Side::Ask)];
    let near = || prop_oneof![4 => 1_000_u64..1_200, 1 => any::<u64>()];
    let levels = (side(), near(), near()).prop_map(|(side, price_ticks, size_lots)| Body::Level {
        side,
        price_ticks,
        size_lots,
    });
    let others = prop_oneof![
        Just(Body::BookClear),
        Just(Body::Timer),
        any::<u64>().prop_map(|wall_ns| Body::Clock { wall_ns }),
        (0..EngineFault::ALL.len(), any::<u64>())
            .prop_map(|(n, value)| Body::Engine { fault: EngineFault::ALL[n], value }),
        any::<u8>()
            .prop_map(|reason| { Body::Command(Command::ClearHalt { reason, role: Role::Admin }) }),
        (0..DoubtReason::ALL.len()).prop_map(|n| Body::BookDoubt { reason: DoubtReason::ALL[n] }),
        (side(), near(), near(), any::<u64>()).prop_map(
            |(maker_side, price_ticks, size_lots, trade_id)| Body::Trade {
                maker_side,
                price_ticks,
                size_lots,
                trade_id
            }
        ),
        any::<[u64; 3]>().prop_map(|[bid_ticks, ask_ticks, last_ticks]| Body::Ticker {
            bid_ticks,
            ask_ticks,
            last_ticks
        }),
        any::<u64>().prop_map(|counter| Body::Heartbeat { counter }),
        any::<u8>().prop_map(|tradable| Body::Status { tradable }),
        any::<(u32, u64, [u64; 2])>().prop_map(|(sqrt_price_hi, sqrt_price_lo, liquidity)| {
            Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, liquidity }
        }),
        any::<(i32, u16, u16, u16, u16)>().prop_map(|(tick, spacing, tier, fee, protocol)| {
            Body::PoolMeta {
                tick_current_index: tick,
                tick_spacing: spacing,
                fee_tier_index: tier,
                fee_rate_ppm: fee,
                protocol_fee_rate: protocol,
            }
        }),
        any::<(i32, u8)>().prop_map(|(start_tick_index, exists)| Body::TickArrayBegin {
            start_tick_index,
            exists
        }),
        any::<(i32, [u64; 2])>()
            .prop_map(|(index, liquidity_net)| Body::Tick { index, liquidity_net }),
        any::<([u16; 5], u32, u32, u64)>().prop_map(|(shorts, factor, max, enabled)| {
            Body::OracleConstants {
                filter_period: shorts[0],
                decay_period: shorts[1],
                reduction_factor: shorts[2],
                tick_group_size: shorts[3],
                major_swap_threshold_ticks: shorts[4],
                adaptive_fee_control_factor: factor,
                max_volatility_accumulator: max,
                trade_enable_timestamp: enabled,
            }
        }),
        any::<(u32, u64, u64, i32, u32)>().prop_map(|(reference, update, swap, group, now)| {
            Body::OracleVariables {
                volatility_reference: reference,
                last_reference_update_timestamp: update,
                last_major_swap_timestamp: swap,
                tick_group_index_reference: group,
                volatility_accumulator: now,
            }
        }),
        any::<[u64; 2]>().prop_map(|[parent, root]| Body::Slot { parent, root }),
        any::<(u8, u64)>().prop_map(|(key, value)| {
            let keys = [ParamKey::PriorityFee, ParamKey::Tip, ParamKey::TakerFee];
            Body::Param { key: keys[usize::from(key) % 3], value }
        }),
    ];
    prop_oneof![levels, others]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let times = || prop_oneof![3 => Just(7_u64), 1 => Just(0), 1 => any::<u64>()];
    let header = (times(), times(), times(), 0..3_u16, 0..4_usize, any::<u8>());
    let flags = prop_oneof![6 => Just(0_u8), 2 => Just(1), 2 => Just(2), 1 => any::<u8>()];
    let event = (proptest::option::weighted(0.2, header), flags, bodies());
    proptest::collection::vec(event, 0..80).prop_map(|parts| {
        let mut last = (7, 0, 7, 1, 2, 0);
        let make = |(header, flags, body): (Option<_>, u8, Body)| {
            last = header.unwrap_or(last);
            Event {
                recv_ns: last.0,
                venue_ns: last.1,
                seq: last.2,
                market: MarketId(last.3),
                venue: Venue::ALL[last.4],
                flags: Flags(flags),
                body,
            }
        };
        parts.into_iter().map(make).collect()
    })
}

proptest! {
    #[test]
    fn any_events_come_back(events in events()) {
        round_trip(&events);
    }

    #[test]
    fn a_cut_or_changed_payload_never_panics(
        events in events(), cut in any::<usize>(), at in any::<usize>(), byte in any::<u8>(),
    ) {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        encode(&events, &mut bytes).expect("a batch");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(1 + cut % bytes.len());
        let _ = decode(&bytes, &mut out);
        // An op takes two bytes at least for each event, but a body of one variant byte and its op.
        prop_assert!(out.len() <= bytes.len());
    }

    #[test]
    fn numbers_come_back(values in proptest::collection::vec(any::<(u64, u32)>(), 0..40)) {
        let values: Vec<u64> = values.iter().map(|(value, shift)| value >> (shift % 64)).collect();
        let mut bytes = Vec::new();
        for value in &values {
            put_varint(&mut bytes, *value);
        }
        let mut input = Input { bytes: &bytes };
        for value in values {
            prop_assert_eq!(input.varint(), Ok(value));
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
        prop_assert!(input.bytes.is_empty());
    }
}
