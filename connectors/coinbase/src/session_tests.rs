//! A connection played without a socket.

use connector_net::session::{Effect, Link, LinkSettings, Phase, StreamState};
use connector_net::{Market, Sink};
use engine_model::{Body, DoubtReason, Grid, Venue};

use super::*;

const START_NS: u64 = 1_786_316_400 * SECOND_NS;

fn link(key: Option<Key>) -> Link {
    let market =
        |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid: Grid::DEFAULT };
    let markets = Markets::closed(vec![market("BTC-USD", 0), market("ETH-USD", 1)]);
    let settings = Settings {
        ws_url: "wss://advanced-trade-ws.coinbase.com".to_owned(),
        rest_url: "https://api.coinbase.com".to_owned(),
        key,
        trades: Trades::Off,
        fees_every_ns: 3_600 * SECOND_NS,
    };
    let session = Box::new(CoinbaseSession::new(settings, markets));
    Link::new("coinbase", Venue::Coinbase, session, LinkSettings::default(), 1)
}

/// Everything that the link wants within two seconds, as text.
fn effects(link: &mut Link, now_ns: &mut u64) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..200 {
        *now_ns += 10 * NS_PER_MS;
        let mut out = Sink::default();
        if link.due_ns() <= *now_ns {
            link.time(*now_ns, &mut out);
        }
        while let Some(effect) = link.effect(*now_ns) {
            match effect {
                Effect::Send(text) => all.push(text),
                Effect::Fetch(fetch, _) => all.push(format!("fetch {}", fetch.url)),
                Effect::Close(cause) => {
                    all.push(format!("close {}", cause.name()));
                    return all;
                }
                Effect::Ping(payload) => link.ponged(*now_ns, &payload),
            }
        }
    }
    all
}

fn say(link: &mut Link, now_ns: u64, frame: &str) -> Vec<Event> {
    let (mut out, mut extra) = (Sink::default(), Sink::default());
    link.text(now_ns, frame.as_bytes(), &mut out);
    link.settle(now_ns, frame.as_bytes(), &out.events, &mut extra);
    out.events.extend_from_slice(&extra.events);
    out.events
}

fn book(sequence: u64, kind: &str, product: &str) -> String {
    format!(
        r#"{{"channel":"l2_data","timestamp":"2026-08-09T21:05:48Z","sequence_num":{sequence},"events":[{{"type":"{kind}","product_id":"{product}","updates":[{{"side":"bid","event_time":"2026-08-09T21:05:48Z","price_level":"100.00","new_quantity":"1"}}]}}]}}"#
    )
}

fn opened(key: Option<Key>, now_ns: &mut u64) -> (Link, Vec<String>) {
    let mut link = link(key);
    assert_eq!(link.dial(*now_ns).url, "wss://advanced-trade-ws.coinbase.com");
    link.opened(*now_ns, &mut Sink::default());
    let said = effects(&mut link, now_ns);
    (link, said)
}

#[test]
fn heartbeats_first_then_books_and_live_with_their_snapshots() {
    let mut now_ns = START_NS;
    let (mut link, said) = opened(None, &mut now_ns);
    assert_eq!(said[0], r#"{"type":"subscribe","channel":"heartbeats"}"#);
    assert_eq!(
        said[1],
        r#"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}"#
    );
    let states = |link: &Link| link.streams().iter().map(|it| it.state).collect::<Vec<_>>();
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    assert_eq!(states(&link), [StreamState::Live, StreamState::Waiting]);
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    assert_eq!(states(&link), [StreamState::Live, StreamState::Live]);
}

#[test]
fn a_gap_doubts_every_book_of_the_connection_and_asks_once_for_all() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    let events = say(&mut link, now_ns, &book(3, "update", "ETH-USD"));
    let gap = Body::BookDoubt { reason: DoubtReason::SequenceGap };
    assert_eq!(events.iter().filter(|event| event.body == gap).count(), 2);
    assert!(link.streams().iter().all(|it| it.state == StreamState::Suspect));
    let said = effects(&mut link, &mut now_ns);
    assert_eq!(
        said,
        [
            r#"{"type":"unsubscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}"#,
            r#"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}"#
        ]
    );
    say(&mut link, now_ns, &book(4, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(5, "snapshot", "ETH-USD"));
    assert!(link.streams().iter().all(|it| it.state == StreamState::Live));
    assert_eq!((link.counts().doubts, link.counts().resyncs), (1, 2));
}

/// A frame that names its book doubts that one only.
#[test]
fn only_the_book_in_doubt_is_asked_for() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    say(&mut link, now_ns, &book(2, "update", "ETH-USD").replace("100.00", "1e400"));
    let said = effects(&mut link, &mut now_ns);
    assert_eq!(said[0], r#"{"type":"unsubscribe","product_ids":["ETH-USD"],"channel":"level2"}"#);
    assert_eq!(said.len(), 2);
}

#[test]
fn a_snapshot_that_never_comes_is_asked_for_twice_and_then_the_connection_ends() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    let mut all = Vec::new();
    let mut sequence = 0;
    while all.last().is_none_or(|it: &String| !it.starts_with("close")) {
        let beat = format!(
            r#"{{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48Z","sequence_num":{sequence},"events":[{{"current_time":"x","heartbeat_counter":{sequence}}}]}}"#
        );
        sequence += 1;
        say(&mut link, now_ns, &beat);
        all.extend(effects(&mut link, &mut now_ns));
        assert!(all.len() < 20);
    }
    assert_eq!(all.iter().filter(|it| it.contains("unsubscribe")).count(), 1);
    assert_eq!(all.last().map(String::as_str), Some("close snapshot_late"));
    assert!(now_ns - START_NS < 16 * SECOND_NS);
}

/// Ten seconds of heartbeats, and changes of the other book alone: a venue that has dropped one product
/// says nothing of it.
#[test]
fn a_book_that_is_told_nothing_while_the_connection_lives_is_asked_for_anew() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    let from_ns = now_ns;
    let (mut sequence, mut said) = (2, Vec::new());
    while said.is_empty() {
        say(&mut link, now_ns, &book(sequence, "update", "BTC-USD"));
        sequence += 1;
        said = effects(&mut link, &mut now_ns);
        assert!(now_ns - from_ns <= 12 * SECOND_NS);
    }
    assert!(now_ns - from_ns >= 10 * SECOND_NS);
    assert_eq!(
        said,
        [
            r#"{"type":"unsubscribe","product_ids":["ETH-USD"],"channel":"level2"}"#,
            r#"{"type":"subscribe","product_ids":["ETH-USD"],"channel":"level2"}"#
        ]
    );
    let states = |link: &Link| link.streams().iter().map(|it| it.state).collect::<Vec<_>>();
    assert_eq!(states(&link), [StreamState::Live, StreamState::Suspect]);
    assert_eq!((link.counts().doubts, link.counts().resyncs), (0, 1), "counted, and no doubt");
    say(&mut link, now_ns, &book(sequence, "snapshot", "ETH-USD"));
    assert_eq!(states(&link), [StreamState::Live, StreamState::Live]);
}

/// It is not left to be believed where the venue does not tell it any more.
#[test]
fn a_quiet_book_that_does_not_come_ends_the_connection() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    let from_ns = now_ns;
    let (mut sequence, mut all) = (2, Vec::new());
    while all.last().is_none_or(|it: &String| !it.starts_with("close")) {
        say(&mut link, now_ns, &book(sequence, "update", "BTC-USD"));
        sequence += 1;
        all.extend(effects(&mut link, &mut now_ns));
        assert!(now_ns - from_ns <= 22 * SECOND_NS, "{all:?}");
    }
    assert_eq!(all.last().map(String::as_str), Some("close snapshot_late"));
    assert_eq!(all.iter().filter(|it| it.contains("unsubscribe")).count(), 2);
}

#[test]
fn three_seconds_without_a_heartbeat_end_the_connection() {
    let mut now_ns = START_NS;
    let (mut link, _) = opened(None, &mut now_ns);
    say(&mut link, now_ns, &book(0, "snapshot", "BTC-USD"));
    say(&mut link, now_ns, &book(1, "snapshot", "ETH-USD"));
    let from_ns = now_ns;
    let mut all = effects(&mut link, &mut now_ns);
    all.extend(effects(&mut link, &mut now_ns));
    assert_eq!(all, ["close silent"]);
    assert!((2_990..3_020).contains(&((now_ns - from_ns) / NS_PER_MS)));
    let mut out = Sink::default();
    link.ended(now_ns, Cause::Silent, &mut out);
    assert_eq!(out.events.len(), 2, "both books are in doubt at once");
    let Phase::Down { dial_ns } = link.phase() else { panic!("{:?}", link.phase()) };
    assert!(dial_ns <= now_ns + 250 * NS_PER_MS);
}

#[test]
fn a_refused_token_is_made_anew_once_and_never_written_down() {
    use std::sync::{Arc, Mutex};

    use connector_net::session::{Tap, Tapped};

    struct Kept(Arc<Mutex<String>>);
    impl Tap for Kept {
        fn tapped(&mut self, _: u64, what: Tapped<'_>) {
            use std::fmt::Write as _;
            let written = writeln!(self.0.lock().expect("one thread"), "{what:?}");
            written.expect("a string takes everything");
        }
    }

    let seed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let key = Key::new("name", &seed).expect("a seed");
    let kept = Arc::new(Mutex::new(String::new()));
    let mut link = link(Some(key));
    link.record(Box::new(Kept(Arc::clone(&kept))));
    let mut now_ns = START_NS;
    link.dial(now_ns);
    link.opened(now_ns, &mut Sink::default());
    let first = effects(&mut link, &mut now_ns);
    assert!(first[0].contains("\"jwt\":\"ey"), "{first:?}");
    assert!(first.iter().any(|it| it.ends_with("transaction_summary")));
    let refusal = r#"{"type":"error","message":"authentication failure"}"#;
    say(&mut link, now_ns, refusal);
    let second = effects(&mut link, &mut now_ns);
    assert!(second[0].contains("\"jwt\":\"ey") && second[0] != first[0], "a token of its own");
    say(&mut link, now_ns, refusal);
    let third = effects(&mut link, &mut now_ns);
    assert!(third[0].contains("subscribe") && !third[0].contains("jwt"), "{third:?}");
    let kept = kept.lock().expect("one thread");
    assert!(kept.contains("level2") && !kept.contains("jwt"), "{kept}");
}

/// A venue that answers at once: the four refusals of one attempt count as one, and the first of the
/// next attempt, milliseconds later, as the second.
#[test]
fn refusals_are_counted_by_attempt_however_quickly_they_come() {
    let seed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let mut link = link(Some(Key::new("name", &seed).expect("a seed")));
    let mut now_ns = START_NS;
    link.dial(now_ns);
    link.opened(now_ns, &mut Sink::default());
    let first = effects(&mut link, &mut now_ns);
    let subscribed = first.iter().filter(|it| it.contains("\"subscribe\"")).count();
    let refusal = r#"{"type":"error","message":"authentication failure"}"#;
    for _ in 0..subscribed {
        say(&mut link, now_ns, refusal);
    }
    say(&mut link, now_ns + NS_PER_MS, refusal);
    let sent = effects(&mut link, &mut now_ns);
    let is_open = |it: &String| it.contains("level2") && !it.contains("jwt");
    assert!(sent.iter().any(is_open), "without a token: {sent:?}");
}
