//! Ages on and around the limit, deadlines, and recovery.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::ring::testing::{Random, restored};
use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const FEED: MarketId = MarketId(1);

fn watched(scope: FeedScope) -> (Staleness, Limits) {
    let mut staleness = Staleness::new(3);
    staleness.watch(FEED, scope, START);
    (staleness, Limits::default())
}

fn swept(staleness: &mut Staleness, now_ns: u64, limits: &Limits) -> Vec<(MarketId, FeedChange)> {
    let mut changes = Vec::new();
    staleness.sweep(now_ns, limits, |market, change| changes.push((market, change)));
    changes
}

#[test]
fn stale_data_halts_one_nanosecond_after_ten_seconds() {
    for (shows, proof_ns, now_ns, stale) in [
        ("1 ns before", Some(START + 5), START + 10 * SECOND + 4, false),
        ("exactly ten seconds", Some(START + 5), START + 10 * SECOND + 5, false),
        ("1 ns more", Some(START + 5), START + 10 * SECOND + 6, true),
        ("never, 1 ns before", None, START + 10 * SECOND - 1, false),
        ("never, ten seconds after the start", None, START + 10 * SECOND, false),
        ("never, 1 ns more", None, START + 10 * SECOND + 1, true),
        ("at the end of time", Some(START), u64::MAX, true),
        ("time does not run back", Some(START + 99 * SECOND), START, false),
    ] {
        let (mut staleness, limits) = watched(FeedScope::Global);
        if let Some(at_ns) = proof_ns {
            staleness.note(FEED, Proof::Update, at_ns, &limits);
        }
        let mut staleness = restored(&staleness);
        let changes = swept(&mut staleness, now_ns, &limits);
        assert_eq!(changes.len(), usize::from(stale), "{shows}");
        assert_eq!(staleness.is_stale(FEED), stale, "{shows}");
        assert_eq!(swept(&mut staleness, now_ns, &limits), [], "told once");
    }
    let (mut staleness, limits) = watched(FeedScope::Global);
    let breach = Breach { observed: 10_000_000_001, limit: 10_000_000_000 };
    let changes = swept(&mut staleness, START + 10 * SECOND + 1, &limits);
    assert_eq!(changes, [(FEED, FeedChange::Stale(breach))]);
}

#[test]
fn never_received_is_shown_as_never() {
    let (mut staleness, limits) = watched(FeedScope::Global);
    assert_eq!(staleness.age_ns(FEED, START + 3), None);
    staleness.note(FEED, Proof::Update, START + 5, &limits);
    assert_eq!(staleness.age_ns(FEED, START + 8), Some(3));
    assert_eq!(staleness.age_ns(MarketId(9), START), None);
}

#[test]
fn only_watched_feeds_count_and_each_in_its_scope() {
    let (mut staleness, limits) = watched(FeedScope::Market);
    let late = START + 60 * SECOND;
    assert_eq!(staleness.halt_scope(FEED), Some(Scope::Market(FEED)));
    assert_eq!(staleness.halt_scope(MarketId(0)), None);
    assert_eq!(staleness.halt_scope(MarketId(9)), None);
    assert_eq!(swept(&mut staleness, late, &limits).len(), 1);
    assert!(!staleness.is_stale(MarketId(0)));
    // Watched later: the age counts from then, although the last proof is older.
    staleness.note(MarketId(0), Proof::Update, START, &limits);
    staleness.watch(MarketId(0), FeedScope::Global, late);
    assert_eq!(staleness.halt_scope(MarketId(0)), Some(Scope::Global));
    assert_eq!(swept(&mut staleness, late + 10 * SECOND, &limits), []);
    assert_eq!(swept(&mut staleness, late + 10 * SECOND + 1, &limits).len(), 1);
    staleness.unwatch(MarketId(0));
    assert!(!staleness.is_stale(MarketId(0)));
    staleness.watch(MarketId(9), FeedScope::Global, late);
    assert_eq!(staleness.note(MarketId(9), Proof::Update, late, &limits), None);
}

#[test]
fn the_deadline_is_that_of_the_feed_silent_for_longest() {
    let (mut staleness, limits) = watched(FeedScope::Global);
    assert_eq!(Staleness::new(2).next_deadline_ns(&limits), None);
    assert_eq!(staleness.next_deadline_ns(&limits), Some(START + 10 * SECOND + 1));
    staleness.watch(MarketId(2), FeedScope::Global, START);
    staleness.note(FEED, Proof::Update, START + 4, &limits);
    assert_eq!(staleness.next_deadline_ns(&limits), Some(START + 10 * SECOND + 1));
    staleness.note(MarketId(2), Proof::Update, START + 9, &limits);
    assert_eq!(staleness.next_deadline_ns(&limits), Some(START + 10 * SECOND + 5));
    let deadline_ns = START + 10 * SECOND + 5;
    assert_eq!(swept(&mut staleness, deadline_ns - 1, &limits), []);
    assert_eq!(swept(&mut staleness, deadline_ns, &limits).len(), 1);
    assert_eq!(staleness.next_deadline_ns(&limits), Some(START + 10 * SECOND + 10));
}

#[test]
fn a_silence_that_no_sweep_saw_is_told_when_it_ends() {
    let (mut staleness, limits) = watched(FeedScope::Global);
    staleness.note(FEED, Proof::Update, START, &limits);
    let at_limit = START + 10 * SECOND;
    assert_eq!(staleness.note(FEED, Proof::Update, at_limit, &limits), None);
    let breach = Breach { observed: 10_000_000_001, limit: 10_000_000_000 };
    let late = at_limit + 10 * SECOND + 1;
    let told = staleness.note(FEED, Proof::Update, late, &limits);
    assert_eq!(told, Some(FeedChange::Lapsed(breach)));
    let recovery = staleness.recovery(Scope::Global);
    assert_eq!((recovery.fresh_since_ns, recovery.unrebuilt_count), (Some(late), 1));
}

#[test]
fn recovery_counts_proofs_and_rebuilt_books_since_the_outage() {
    let (mut staleness, limits) = watched(FeedScope::Global);
    staleness.watch(MarketId(2), FeedScope::Global, START);
    staleness.note(MarketId(2), Proof::Update, START + 9 * SECOND, &limits);
    staleness.note(FEED, Proof::Snapshot, START, &limits);
    let stale_ns = START + 11 * SECOND;
    assert_eq!(swept(&mut staleness, stale_ns, &limits).len(), 1);
    let nothing = FeedRecovery { fresh_since_ns: None, updates_min: 0, unrebuilt_count: 1 };
    assert_eq!(staleness.recovery(Scope::Global), nothing);
    for (shows, proof, change, updates_min, unrebuilt_count) in [
        ("first", Proof::Update, Some(FeedChange::Fresh), 1, 1),
        ("second", Proof::Update, None, 2, 1),
        ("rebuilt", Proof::Snapshot, None, 3, 0),
        ("more", Proof::Update, None, 4, 0),
    ] {
        staleness = restored(&staleness);
        let now_ns = stale_ns + u64::from(updates_min);
        assert_eq!(staleness.note(FEED, proof, now_ns, &limits), change, "{shows}");
        let fresh_since_ns = Some(stale_ns + 1);
        let expected = FeedRecovery { fresh_since_ns, updates_min, unrebuilt_count };
        assert_eq!(staleness.recovery(Scope::Global), expected, "{shows}");
    }
    staleness.note_doubt(FEED);
    assert_eq!(staleness.recovery(Scope::Global), nothing, "a doubt begins anew");
    // A second feed of the scope going stale holds the resume back.
    staleness.note(FEED, Proof::Snapshot, stale_ns + 8 * SECOND, &limits);
    assert_eq!(swept(&mut staleness, START + 19 * SECOND + 1, &limits).len(), 1);
    assert_eq!(staleness.recovery(Scope::Global).fresh_since_ns, None);
}

#[test]
fn a_scope_that_no_feed_belongs_to_does_not_recover() {
    let (staleness, _) = watched(FeedScope::Market);
    for scope in [Scope::Global, Scope::Strategy, Scope::Market(MarketId(0))] {
        assert_eq!(staleness.recovery(scope).fresh_since_ns, None, "{scope:?}");
    }
    assert_eq!(staleness.recovery(Scope::Market(FEED)).fresh_since_ns, Some(START));
}

#[test]
fn after_a_sleep_of_the_machine_every_feed_is_stale() {
    let (mut staleness, limits) = watched(FeedScope::Global);
    staleness.watch(MarketId(2), FeedScope::Market, START);
    staleness.note(FEED, Proof::Snapshot, START, &limits);
    let mut markets = Vec::new();
    staleness.expire_all(&limits, |market, _| markets.push(market));
    assert_eq!(markets, [FEED, MarketId(2)]);
    assert_eq!(staleness.next_deadline_ns(&limits), None);
    let change = staleness.note(FEED, Proof::Update, START + 1, &limits);
    assert_eq!(change, Some(FeedChange::Fresh));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// 10,000 events with a timer as the core has it: a feed is stale exactly when its age says so,
    /// and nobody had to look at every event.
    #[test]
    fn a_timer_at_the_deadline_misses_nothing(seed: u64) {
        let (mut random, limits) = (Random(seed), Limits::default());
        let mut staleness = Staleness::new(4);
        let mut proofs = [START; 4];
        for market in 0..4 {
            staleness.watch(MarketId(market), FeedScope::Market, START);
        }
        let mut timer_ns = staleness.next_deadline_ns(&limits);
        let mut now_ns = START;
        for n in 0..10_000 {
            let pause_ns = if random.below(9) == 0 { 9 * SECOND } else { SECOND };
            now_ns += random.below(pause_ns);
            while let Some(deadline_ns) = timer_ns.filter(|deadline_ns| *deadline_ns <= now_ns) {
                swept(&mut staleness, deadline_ns, &limits);
                timer_ns = staleness.next_deadline_ns(&limits);
                prop_assert!(timer_ns.is_none_or(|next_ns| next_ns > deadline_ns));
            }
            for (market, proof_ns) in (0_u16..).zip(proofs) {
                let expected = now_ns - proof_ns > 10 * SECOND;
                prop_assert_eq!(staleness.is_stale(MarketId(market)), expected);
            }
            let market = u16::try_from(random.below(4)).expect("is small");
            let change = staleness.note(MarketId(market), Proof::Update, now_ns, &limits);
            prop_assert!(!matches!(change, Some(FeedChange::Lapsed(_))));
            if change.is_some() {
                timer_ns = staleness.next_deadline_ns(&limits);
            }
            proofs[usize::from(market)] = now_ns;
            if n % 1_000 == 0 {
                staleness = restored(&staleness);
            }
        }
    }
}
