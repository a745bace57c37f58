//! Two books of one market, seen at different moments.

use engine_model::{DoubtReason, Flags, Venue};
use proptest::prelude::*;

use super::*;

const SETTLE_NS: u64 = 2_000;
const MARKET: MarketId = MarketId(3);

/// Price and size of levels.
type Rows = &'static [(u64, u64)];
/// Equal, mismatched, inconclusive.
type Found = (u64, u64, u64);

fn settings(levels: usize) -> AuditSettings {
    AuditSettings { levels, settle_ns: SETTLE_NS, strikes: 2 }
}

fn event(recv_ns: u64, seq: u64, body: Body) -> Event {
    let (market, venue, flags) = (MARKET, Venue::Bitstamp, Flags(0));
    Event { recv_ns, venue_ns: 0, seq, market, venue, flags, body }
}

fn level(recv_ns: u64, seq: u64, side: Side, price_ticks: u64, size_lots: u64) -> Event {
    event(recv_ns, seq, Body::Level { side, price_ticks, size_lots })
}

fn book(recv_ns: u64, seq: u64, bids: &[(u64, u64)], asks: &[(u64, u64)]) -> Vec<Event> {
    let clear = event(recv_ns, seq, Body::BookClear);
    let bids = bids.iter().map(|(price, size)| level(recv_ns, seq, Side::Bid, *price, *size));
    let asks = asks.iter().map(|(price, size)| level(recv_ns, seq, Side::Ask, *price, *size));
    let mut events: Vec<Event> = [clear].into_iter().chain(bids).chain(asks).collect();
    for event in &mut events {
        event.flags.0 |= Flags::SNAPSHOT;
    }
    events
}

/// A book at time 1000, changes after it, an answer at 10000: how it was found.
fn found(levels: usize, changes: &[Event], (seq, limit): (u64, usize), answer: [Rows; 2]) -> Found {
    let mut audit = Audit::new(settings(levels));
    audit.note(&book(1_000, 1_000, &[(9, 1), (8, 2), (7, 3)], &[(11, 1), (12, 2), (13, 3)]));
    let (before, after): (Vec<Event>, Vec<Event>) =
        changes.iter().partition(|event| event.recv_ns <= 10_000);
    audit.note(&before);
    let levels = book(10_000, 0, answer[0], answer[1]);
    audit.answered(Answer { market: MARKET, recv_ns: 10_000, seq, levels: &levels, limit });
    assert!(audit.is_pending(MARKET));
    assert_eq!(audit.due(11_999), []);
    audit.note(&after);
    let findings = audit.due(12_000);
    let AuditCounts { equal, mismatched, inconclusive } = audit.counts();
    assert_eq!(findings.len() as u64, equal + mismatched);
    assert!(findings.iter().all(|it| it.market == MARKET && !it.is_doubt));
    assert!(!audit.is_pending(MARKET));
    (equal, mismatched, inconclusive)
}

const EQUAL: Found = (1, 0, 0);
const DIFFERENT: Found = (0, 1, 0);
const UNKNOWN: Found = (0, 0, 1);

#[test]
fn what_is_equal_and_what_is_not() {
    let bids: Rows = &[(9, 1), (8, 2), (7, 3)];
    let asks: Rows = &[(11, 1), (12, 2), (13, 3)];
    let all = usize::MAX;
    let rows: &[(&str, usize, usize, [Rows; 2], Found)] = &[
        ("the same", 50, all, [bids, asks], EQUAL),
        ("another size", 50, all, [&[(9, 1), (8, 9), (7, 3)], asks], DIFFERENT),
        ("a level less", 50, all, [&[(9, 1), (7, 3)], asks], DIFFERENT),
        ("a level more", 50, all, [bids, &[(10, 1), (11, 1), (12, 2), (13, 3)]], DIFFERENT),
        (
            "a level more at the end",
            50,
            all,
            [bids, &[(11, 1), (12, 2), (13, 3), (14, 4)]],
            DIFFERENT,
        ),
        ("cut short by the address", 50, 2, [&bids[..2], &asks[..2]], EQUAL),
        ("short, and nobody cut it", 50, 3, [&bids[..2], asks], DIFFERENT),
        ("only the best are compared", 2, all, [&[(9, 1), (8, 2), (7, 9)], asks], EQUAL),
        ("the best of them differ", 2, all, [&[(9, 2), (8, 2), (7, 3)], asks], DIFFERENT),
        ("an empty side", 50, all, [&[], asks], DIFFERENT),
    ];
    for (name, levels, limit, answer, expected) in rows {
        assert_eq!(found(*levels, &[], (0, *limit), *answer), *expected, "{name}");
    }
}

#[test]
fn what_moved_does_not_count() {
    let asks: Rows = &[(11, 1), (12, 2), (13, 3)];
    let answer: [Rows; 2] = [&[(9, 5), (8, 2), (7, 3)], asks];
    let change = |recv_ns, seq, size| level(recv_ns, seq, Side::Bid, 9, size);
    let rows = [
        ("long before: it counts", 0, change(7_999, 5_000, 6), DIFFERENT),
        ("long before, to the same", 0, change(7_999, 5_000, 5), EQUAL),
        ("shortly before", 0, change(8_000, 5_000, 6), EQUAL),
        ("shortly after", 0, change(11_999, 5_000, 6), EQUAL),
        ("gone meanwhile", 0, change(11_999, 5_000, 0), EQUAL),
        ("by the venue's time: older than the answer", 5_000, change(11_000, 5_000, 6), DIFFERENT),
        ("older, and it comes late", 5_000, change(11_000, 4_999, 5), EQUAL),
        ("by the venue's time: younger", 5_000, change(2_000, 5_001, 6), EQUAL),
        ("an answer older than the book", 999, change(2_000, 5_001, 6), UNKNOWN),
    ];
    for (name, seq, change, expected) in rows {
        assert_eq!(found(50, &[change], (seq, usize::MAX), answer), expected, "{name}");
    }
    // A book that began shortly before an answer without a time.
    let fresh = book(8_500, 8_500, &[(9, 1)], &[]);
    assert_eq!(found(50, &fresh, (0, usize::MAX), answer), UNKNOWN);
}

#[test]
fn so_many_in_a_row_are_a_doubt() {
    let mut audit = Audit::new(settings(50));
    audit.note(&book(1_000, 0, &[(9, 1)], &[(11, 1)]));
    let mut now_ns = 10_000;
    let mut ask = |audit: &mut Audit, size| {
        now_ns += 10_000;
        let levels = book(now_ns, 0, &[(9, size)], &[(11, 1)]);
        let limit = usize::MAX;
        audit.answered(Answer { market: MARKET, recv_ns: now_ns, seq: 0, levels: &levels, limit });
        let found = audit.due(now_ns + SETTLE_NS);
        (found.len(), found[0].is_mismatch, found[0].is_doubt, audit.strikes(MARKET))
    };
    assert_eq!(ask(&mut audit, 2), (1, true, false, 1));
    assert_eq!(ask(&mut audit, 1), (1, false, false, 0));
    assert_eq!(ask(&mut audit, 2), (1, true, false, 1));
    assert_eq!(ask(&mut audit, 2), (1, true, true, 2));
    // In doubt there is nothing to compare, and a new book begins without strikes.
    audit.note(&[event(60_000, 0, Body::BookDoubt { reason: DoubtReason::SequenceGap })]);
    let levels = book(61_000, 0, &[(9, 1)], &[]);
    audit.answered(Answer { market: MARKET, recv_ns: 61_000, seq: 0, levels: &levels, limit: 9 });
    assert_eq!((audit.due(70_000).len(), audit.strikes(MARKET)), (0, 0));
    // And an answer that waits when the doubt comes is not compared.
    audit.note(&book(71_000, 0, &[(9, 1)], &[]));
    audit.answered(Answer { market: MARKET, recv_ns: 80_000, seq: 0, levels: &levels, limit: 9 });
    audit.note(&[event(80_001, 0, Body::BookDoubt { reason: DoubtReason::Disconnected })]);
    assert_eq!(audit.due(90_000).len(), 0);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut audit = Audit::new(settings(50));
    audit.note(&book(1_000, 1, &[(9, 1)], &[(11, 1)]));
    // More changes at one moment than are remembered: nobody can say what moved.
    for number in 0..=TOUCHED_MAX as u64 {
        audit.note(&[level(9_000, 2 + number, Side::Bid, 9, 1 + number % 2)]);
    }
    let levels = book(10_000, 0, &[(9, 7)], &[(11, 1)]);
    let limit = usize::MAX;
    audit.answered(Answer { market: MARKET, recv_ns: 10_000, seq: 0, levels: &levels, limit });
    assert_eq!(audit.due(12_000), []);
    assert_eq!(audit.counts().inconclusive, 1);
}

proptest! {
    /// A stream without losses never differs from the venue, whenever the answer was made.
    #[test]
    fn a_whole_stream_is_never_struck(
        changes in prop::collection::vec((0..400_u64, any::<bool>(), 1..12_u64, 0..3_u64), 1..200),
        made in 0..30_000_u64, delay in 0..1_500_u64, lag in 0..1_500_u64, is_timed: bool,
        levels in 1..6_usize,
    ) {
        let mut audit = Audit::new(settings(levels));
        let (mut truth, mut asked) = ([BTreeMap::new(), BTreeMap::new()], None);
        let mut stream = book(1, 1, &[], &[]);
        let mut now = 1;
        for (wait, is_bid, price, size) in changes {
            // The answer shows the book of its moment, and arrives after its delay.
            if asked.is_none() && now + wait > made {
                asked = Some(truth.clone());
            }
            now += wait + 1;
            let side = if is_bid { Side::Bid } else { Side::Ask };
            let levels: &mut BTreeMap<u64, u64> = &mut truth[side as usize];
            if size > 0 { levels.insert(price, size) } else { levels.remove(&price) };
            stream.push(level(now + lag, now, side, price, size));
        }
        let asked = asked.unwrap_or(truth);
        let rows = |side: usize| asked[side].iter().map(|(a, b)| (*a, *b)).collect::<Vec<_>>();
        let answer_ns = made + delay;
        let answer = book(answer_ns, 0, &rows(0), &rows(1));
        let seq = if is_timed { made.max(1) } else { 0 };
        let mut is_asked = false;
        for event in stream {
            if !is_asked && event.recv_ns > answer_ns {
                is_asked = true;
                let (recv_ns, levels, limit) = (answer_ns, &answer[..], usize::MAX);
                audit.answered(Answer { market: MARKET, recv_ns, seq, levels, limit });
            }
            let found = audit.due(event.recv_ns);
            prop_assert!(found.iter().all(|it| !it.is_mismatch), "{found:?}");
            audit.note(&[event]);
        }
        let found = audit.due(u64::MAX);
        prop_assert!(found.iter().all(|it| !it.is_mismatch), "{found:?}");
    }

    /// When the work is done makes no difference.
    #[test]
    fn catching_up_changes_nothing(
        changes in prop::collection::vec((0..300_u64, 1..9_u64, 0..3_u64, 0..3_u8), 1..60),
    ) {
        let mut lazy = Audit::new(settings(5));
        let mut eager = lazy.clone();
        let mut now = 1;
        let begin = book(1, 1, &[(5, 1)], &[]);
        lazy.note(&begin);
        eager.note(&begin);
        for (wait, price, size, what) in changes {
            now += wait;
            prop_assert_eq!(lazy.due(now), eager.due(now));
            if what == 0 {
                let levels = book(now, 0, &[(price, 1)], &[]);
                let answer = Answer { market: MARKET, recv_ns: now, seq: 0, levels: &levels, limit: 50 };
                lazy.answered(answer);
                eager.answered(answer);
            } else {
                let change = [level(now, now, Side::Bid, price, size)];
                lazy.note(&change);
                eager.note(&change);
                eager.catch_up();
            }
        }
        prop_assert_eq!(lazy.due(u64::MAX), eager.due(u64::MAX));
        prop_assert_eq!(lazy.counts(), eager.counts());
    }
}
