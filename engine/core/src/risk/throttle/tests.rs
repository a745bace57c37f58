//! Rates and windows, on and around their limits.

use alloc::collections::VecDeque;

use proptest::prelude::*;

use super::super::ring::testing::{Random, restored};
use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const RATE: VenueRate = VenueRate { burst_messages: 10, messages: 10, window_ns: SECOND };

fn throttle(rate: VenueRate) -> (Throttle, Limits) {
    let limits = Limits::default();
    (Throttle::new([rate; 4], &limits, START), limits)
}

/// Orders accepted at one moment.
fn orders(throttle: &mut Throttle, now_ns: u64, limits: &Limits) -> u32 {
    let left = throttle.orders_left(Venue::Gemini, now_ns, limits);
    let mut count = 0;
    while count < 1_000 && throttle.take_order(Venue::Gemini, now_ns, limits).is_ok() {
        count += 1;
    }
    assert_eq!(left, count, "what is left is what can be taken");
    count
}

#[test]
fn orders_use_four_fifths_of_a_venues_rate() {
    // One order takes an eighth of a second to come back.
    let eighth = SECOND / 8;
    for (shows, after_ns, expected) in [
        ("at once", 0, 0),
        ("1 ns early", eighth - 1, 0),
        ("one", eighth, 1),
        ("1 ns late", eighth + 1, 1),
        ("two", 2 * eighth, 2),
        ("1 ns before full", SECOND - 1, 7),
        ("full", SECOND, 8),
        ("never more", 9 * SECOND, 8),
        ("at the end of time", u64::MAX - START, 8),
    ] {
        let (mut throttle, limits) = throttle(RATE);
        assert_eq!(orders(&mut throttle, START, &limits), 8, "the burst");
        assert_eq!(orders(&mut throttle, START + after_ns, &limits), expected, "{shows}");
    }
}

#[test]
fn cancels_keep_a_fifth_and_are_never_refused() {
    let (mut throttle, limits) = throttle(RATE);
    assert_eq!(orders(&mut throttle, START, &limits), 8);
    for (shows, expected) in
        [("first kept", Spent::Within), ("second kept", Spent::Within), ("beyond", Spent::Beyond)]
    {
        assert_eq!(throttle.take_cancel(Venue::Gemini, START, &limits), expected, "{shows}");
    }
    assert_eq!(throttle.cancels_beyond(), 1);
    assert_eq!(orders(&mut throttle, START + SECOND, &limits), 8, "orders have their own part");
    // Idle, cancels may use the orders' part too.
    let (mut throttle, limits) = self::throttle(RATE);
    for n in 0..11 {
        let spent = throttle.take_cancel(Venue::Coinbase, START, &limits);
        assert_eq!(spent == Spent::Within, n < 10, "cancel {n}");
    }
    assert_eq!(throttle.orders_left(Venue::Coinbase, START, &limits), 0);
    assert_eq!(throttle.orders_left(Venue::Gemini, START, &limits), 8, "venues are apart");
}

#[test]
fn a_rate_of_nothing_sends_nothing() {
    for (shows, rate) in [
        ("no burst", VenueRate { burst_messages: 0, ..RATE }),
        ("less than a message", VenueRate { burst_messages: 1, ..RATE }),
        ("no window", VenueRate { window_ns: 0, ..RATE }),
    ] {
        let (mut throttle, limits) = throttle(rate);
        assert_eq!(orders(&mut throttle, START, &limits), 0, "{shows}");
        assert_eq!(orders(&mut throttle, START + SECOND, &limits), 0, "{shows}");
    }
    let widest = VenueRate { burst_messages: u32::MAX, messages: u32::MAX, window_ns: u64::MAX };
    let (mut throttle, limits) = throttle(widest);
    assert!(throttle.take_order(Venue::Gemini, u64::MAX, &limits).is_ok());
    let (mut throttle, _) = self::throttle(RATE);
    let odd = Limits { message_share_ppm: u64::MAX, ..limits };
    assert!(orders(&mut throttle, START + 9 * SECOND, &odd) <= 10, "a share above one is one");
}

#[test]
fn the_eleventh_trade_of_a_pair_in_a_minute_is_refused() {
    let limits = Limits::default();
    for (shows, after_ns, passes) in [
        ("1 ns inside", 60 * SECOND - 1, false),
        ("at the window's end", 60 * SECOND, true),
        ("1 ns outside", 60 * SECOND + 1, true),
    ] {
        let mut repeats = Repeats::new(2, &limits);
        for n in 0..10 {
            assert_eq!(repeats.note(PairId(0), START + n, &limits), Ok(()), "trade {n}");
        }
        let mut repeats = restored(&repeats);
        let now_ns = START + after_ns;
        let breach = Breach { observed: 11, limit: 10 };
        let expected = if passes { Ok(()) } else { Err(breach) };
        assert_eq!(repeats.check(PairId(0), now_ns, &limits), expected, "{shows}");
        assert_eq!(repeats.note(PairId(0), now_ns, &limits), expected, "{shows}");
        assert_eq!(repeats.note(PairId(1), now_ns, &limits), Ok(()), "another pair");
    }
}

#[test]
fn the_hundred_and_first_trade_in_an_hour_is_refused() {
    let limits = Limits::default();
    for (shows, after_ns, passes) in [
        ("1 ns inside", 3_600 * SECOND - 1, false),
        ("at the window's end", 3_600 * SECOND, true),
        ("1 ns outside", 3_600 * SECOND + 1, true),
    ] {
        let mut repeats = Repeats::new(20, &limits);
        for n in 0..100 {
            assert_eq!(repeats.note(PairId(n % 20), START, &limits), Ok(()), "trade {n}");
        }
        let breach = Breach { observed: 101, limit: 100 };
        let expected = if passes { Ok(()) } else { Err(breach) };
        let now_ns = START + after_ns;
        assert_eq!(repeats.note(PairId(0), now_ns, &limits), expected, "{shows}");
    }
}

#[test]
fn windows_without_room_refuse() {
    let limits = Limits::default();
    let mut repeats = Repeats::new(1, &limits);
    assert!(repeats.note(PairId(1), START, &limits).is_err(), "outside the tables");
    assert!(repeats.note(PairId(u16::MAX), START, &limits).is_err(), "outside the tables");
    let none = Limits { pair_trades_max: 0, ..limits };
    assert!(Repeats::new(1, &none).note(PairId(0), START, &none).is_err(), "none allowed");
    // A limit that was raised counts only once there is room to count to it.
    let raised = Limits { pair_trades_max: 12, ..limits };
    for n in 0..10 {
        assert_eq!(repeats.note(PairId(0), START + n, &raised), Ok(()));
    }
    assert!(repeats.check(PairId(0), START + 20, &raised).is_err());
    repeats.resize(&raised);
    assert_eq!(repeats.note(PairId(0), START + 20, &raised), Ok(()));
    assert_eq!(repeats.note(PairId(0), START + 20, &raised), Ok(()));
    assert!(repeats.note(PairId(0), START + 20, &raised).is_err());
    repeats.resize(&limits);
    assert_eq!(repeats.pair_count(PairId(0), START + 20, &limits), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// 10,000 attempts: in no span do orders exceed burst and rate, nor a window its count.
    #[test]
    fn no_sequence_exceeds_a_rate_or_a_window(seed: u64) {
        let (mut random, (mut throttle, limits)) = (Random(seed), throttle(RATE));
        let mut repeats = Repeats::new(3, &limits);
        let (mut now_ns, mut sent_count) = (START, 0_u64);
        let mut trades: VecDeque<(u64, u16)> = VecDeque::new();
        for n in 0..10_000 {
            let pause_ns = if random.below(50) == 0 { 40 * SECOND } else { SECOND / 9 };
            now_ns += random.below(pause_ns);
            sent_count += u64::from(throttle.take_order(Venue::Solana, now_ns, &limits).is_ok());
            // 8 at once and 8 a second; rounded up, in our favour by less than one message.
            let allowed = 8 + (now_ns - START).div_ceil(SECOND / 8);
            prop_assert!(sent_count <= allowed);
            if n % 500 == 0 {
                (throttle, repeats) = (restored(&throttle), restored(&repeats));
            }
            if n % 5 != 0 {
                continue;
            }
            let pair = u16::try_from(random.below(3)).expect("is small");
            while trades.front().is_some_and(|(at_ns, _)| now_ns - at_ns >= 3_600 * SECOND) {
                trades.pop_front();
            }
            let last_minute = |(at_ns, of): &&(u64, u16)| {
                *of == pair && now_ns - at_ns < 60 * SECOND
            };
            let in_pair = trades.iter().filter(last_minute).count();
            let passes = repeats.note(PairId(pair), now_ns, &limits).is_ok();
            prop_assert_eq!(passes, in_pair < 10 && trades.len() < 100);
            if passes {
                trades.push_back((now_ns, pair));
            }
        }
    }
}

#[test]
fn other_rates_keep_what_is_in_the_buckets() {
    let half = VenueRate { burst_messages: 5, messages: 5, window_ns: SECOND };
    let double = VenueRate { burst_messages: 20, messages: 20, window_ns: SECOND };
    let slower = VenueRate { burst_messages: 10, messages: 10, window_ns: 10 * SECOND };
    // A rate, orders taken before; orders that are there at once, and a second later.
    for (shows, rate, taken, at_once, later) in [
        ("the same", RATE, 3, 5, 8),
        ("a smaller burst", half, 0, 4, 4),
        ("no more than was left", half, 6, 2, 4),
        ("a larger burst has to come first", double, 3, 5, 16),
        ("a longer window holds as many", slower, 3, 5, 5),
    ] {
        let (mut throttle, limits) = throttle(RATE);
        for _ in 0..taken {
            throttle.take_order(Venue::Gemini, START, &limits).expect("there is one");
        }
        throttle.set_rates([rate; 4]);
        let now = throttle.orders_left(Venue::Gemini, START, &limits);
        let then = throttle.orders_left(Venue::Gemini, START + SECOND, &limits);
        assert_eq!((now, then), (at_once, later), "{shows}");
    }
}
