use connector_net::session::{Ask, Fetch};
use connector_net::{Input, Odd};
use engine_model::Grid;
use engine_model::grid::Step;

use super::*;
use crate::sign::Key;

const BEGIN_NS: u64 = 1_767_225_600_000_000_000;
const MS: u64 = 1_000_000;

/// A venue that is played by hand, and the session against it.
struct Play {
    session: GeminiSession,
    now: Now,
    out: Sink,
    asks: Asks,
}

fn markets(count: u16) -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |id: u16| connector_net::Market {
        symbol: symbol(id).to_ascii_uppercase().into(),
        id: MarketId(id),
        grid,
    };
    Markets::closed((0..count).map(market).collect())
}

fn symbol(id: u16) -> String {
    ["btcusd".to_owned(), "ethusd".to_owned()]
        .get(usize::from(id))
        .cloned()
        .unwrap_or_else(|| format!("coin{id}usd"))
}

fn settings(feed: Feed, count: u16) -> Settings {
    Settings::new(feed, (0..count).map(symbol).collect())
}

fn depth(symbol: &str, first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":{BEGIN_NS},"s":"{symbol}","U":{first},"u":{last},"b":[["99.00","1"]],"a":[["101.00","1"]]}}"#
    )
}

const V2_BOOK: &str = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","99.00","1"],["sell","101.00","1"]],"trades":[],"auction_events":[]}"#;

impl Play {
    fn new(settings: Settings, count: u16) -> Self {
        let session = GeminiSession::new(settings, markets(count));
        let now = Now { ns: BEGIN_NS, line: 0 };
        Self { session, now, out: Sink::default(), asks: Asks::default() }
    }

    fn decode(&mut self, input: Input<'_>) {
        self.now.line += 1;
        let Now { ns, line } = self.now;
        self.session.decoder().decode(ns, line, input, &mut self.out);
        assert_eq!(self.out.open_len(), 0);
    }

    /// Sends what is to be sent, as the link does: the decoder is told. In words; requests stay.
    fn sent(&mut self) -> Vec<String> {
        let (fetches, others): (Vec<Ask>, Vec<Ask>) =
            self.asks.list.drain(..).partition(|ask| matches!(ask, Ask::Fetch(_)));
        self.asks.list = fetches;
        let mut words = Vec::new();
        for ask in others {
            match ask {
                Ask::Send(text) => {
                    let events = self.out.events.len();
                    self.decode(Input::Sent(text.as_bytes()));
                    assert_eq!(self.out.events.len(), events, "nobody would see them");
                    words.push(text);
                }
                Ask::Reconnect(cause) => words.push(format!("reconnect {}", cause.name())),
                Ask::SendSecret { .. } | Ask::Fetch(_) | Ask::Mend(_) => {
                    unreachable!("none of this session")
                }
            }
        }
        words.retain(|word| !word.contains("\"ping\""));
        words
    }

    fn fetches(&mut self) -> Vec<Fetch> {
        let mut fetches = Vec::new();
        self.asks.list.retain(|ask| {
            if let Ask::Fetch(fetch) = ask {
                fetches.push(fetch.clone());
            }
            !matches!(ask, Ask::Fetch(_))
        });
        fetches
    }

    fn open(&mut self) -> Endpoint {
        let endpoint = self.session.endpoint(self.now.ns);
        self.out.clear();
        self.decode(Input::Connected);
        self.session.opened(self.now, &mut self.out, &mut self.asks);
        endpoint
    }

    fn close(&mut self, cause: Cause) {
        self.out.clear();
        self.decode(Input::Closed);
        self.session.closed(self.now, cause);
        self.asks.list.clear();
    }

    fn frame(&mut self, text: &str) {
        self.out.clear();
        self.decode(Input::Received(text.as_bytes()));
        let mut fresh = self.out.events.clone();
        let (now, out, asks) = (self.now, &mut self.out, &mut self.asks);
        // The link says beside it which markets are alive.
        let venue = engine_model::Venue::Gemini;
        let stamp = connector_net::decode::Stamp { recv_ns: now.ns, venue_ns: 0, seq: 0, venue };
        fresh.push(stamp.event(MarketId(0), Body::Timer));
        self.session.received(now, text.as_bytes(), &fresh, out, asks);
        for event in &fresh {
            if let Body::BookDoubt { .. } = event.body {
                self.session.resync(now, event.market, out, asks);
            }
        }
    }

    fn answer(&mut self, fetch: &Fetch, status: u16, body: &str) {
        self.out.clear();
        let body = body.as_bytes();
        if status == 200 {
            self.decode(Input::Http { url: &fetch.url, request: b"", body });
        }
        let (tag, url, retry_after_ms) = (fetch.tag, &*fetch.url, Some(7_000));
        let end = Fetched::Answer { tag, status, url, request: b"", body, retry_after_ms };
        let fresh = self.out.events.clone();
        self.session.fetched(self.now, &end, &fresh, &mut self.out, &mut self.asks);
    }

    fn pass(&mut self, ms: u64) {
        let end_ns = self.now.ns + ms * MS;
        for _ in 0..100_000 {
            let due_ns = self.session.due_ns();
            if due_ns > end_ns {
                break;
            }
            self.now.ns = self.now.ns.max(due_ns);
            self.out.clear();
            self.session.time(self.now, &mut self.out, &mut self.asks);
            assert!(self.session.due_ns() > self.now.ns, "time stands still");
        }
        self.now.ns = end_ns;
    }

    fn said(&self, body: Body) -> usize {
        self.out.events.iter().filter(|event| event.body == body).count()
    }

    fn doubts(&self) -> usize {
        let doubts = self.out.events.iter();
        doubts.filter(|event| matches!(event.body, Body::BookDoubt { .. })).count()
    }
}

const REFUSAL: &str = r#""status":400,"error":{"code":-1013,"msg":"Invalid stream name: x"}}"#;

#[test]
fn subscriptions_have_at_most_25_streams() {
    let mut play = Play::new(settings(Feed::Current, 30), 30);
    assert_eq!(play.open().url, "wss://ws.gemini.com/?snapshot=-1");
    let sent = play.sent();
    let streams: Vec<usize> = sent.iter().map(|text| text.matches('@').count()).collect();
    // One `@` more in `depth@100ms`: 24, 24 and 12 streams.
    assert_eq!(streams, [36, 36, 18]);
    assert!(sent[0].starts_with(
        r#"{"id":1,"method":"subscribe","params":["btcusd@depth@100ms","btcusd@trade","ethusd@depth@100ms""#
    ));
    let ids: Vec<&str> = sent.iter().map(|text| &text[..8]).collect();
    assert_eq!(ids, ["{\"id\":1,", "{\"id\":2,", "{\"id\":3,"]);
    assert_eq!(play.session.markets_wanted().len(), 30);
}

#[test]
fn a_hole_is_mended_by_subscribing_its_market_anew() {
    let mut play = Play::new(settings(Feed::Current, 2), 2);
    play.open();
    play.sent();
    // Before the reply, as the venue does at times.
    play.frame(&depth("btcusd", 10, 10));
    assert_eq!(play.said(Body::BookClear), 1);
    play.frame(r#"{"id":1,"status":200}"#);
    play.frame(&depth("ethusd", 5, 5));
    play.frame(&depth("btcusd", 10, 12));
    play.frame(&depth("btcusd", 13, 14));
    assert_eq!(play.doubts(), 1);
    assert_eq!(
        play.sent(),
        [
            r#"{"id":2,"method":"unsubscribe","params":["btcusd@depth@100ms"]}"#,
            r#"{"id":3,"method":"subscribe","params":["btcusd@depth@100ms"]}"#,
        ]
    );
    play.frame(&depth("btcusd", 14, 16));
    assert_eq!(play.out.events.len(), 0);
    play.frame(&depth("btcusd", 16, 16));
    assert_eq!(play.said(Body::BookClear), 1);
    play.frame(&depth("ethusd", 5, 6));
    assert_eq!((play.doubts(), play.out.events.len()), (0, 2), "the other one went on");
    // Lost behind the decoder: the same, and the book stays right meanwhile.
    play.session.resync(play.now, MarketId(0), &mut play.out, &mut play.asks);
    assert_eq!(play.sent().len(), 2);
    play.frame(&depth("btcusd", 16, 17));
    assert_eq!(play.out.events.len(), 2);
    play.frame(&depth("btcusd", 20, 20));
    assert_eq!((play.said(Body::BookClear), play.doubts()), (1, 0));
}

#[test]
fn the_current_feed_is_asked_for_a_sign_of_life() {
    let mut play = Play::new(settings(Feed::Current, 1), 1);
    play.open();
    play.frame(&depth("btcusd", 10, 10));
    play.frame(r#"{"id":1,"status":200}"#);
    play.asks.list.clear();
    play.pass(10_000);
    let pings = play.asks.list.iter().filter(|ask| match ask {
        Ask::Send(text) => text == r#"{"id":1000000000,"method":"ping"}"#,
        Ask::SendSecret { .. } | Ask::Fetch(_) | Ask::Reconnect(_) | Ask::Mend(_) => false,
    });
    assert_eq!(pings.count(), 5);
    play.frame(r#"{"id":1000000000,"status":200}"#);
    assert_eq!(play.said(Body::Heartbeat { counter: 0 }), 1);
    let (current, v2) = (settings(Feed::Current, 1), settings(Feed::V2, 1));
    assert_eq!(GeminiSession::new(current, markets(1)).manners().text_silence_ns, 10_000 * MS);
    assert_eq!(GeminiSession::new(v2, markets(1)).manners().text_silence_ns, 15_000 * MS);
}

#[test]
fn a_bad_stream_is_named_and_the_others_are_served() {
    let mut play = Play::new(settings(Feed::Current, 3), 3);
    play.open();
    play.sent();
    play.frame(&format!("{{\"id\":1,{REFUSAL}"));
    let sent = play.sent();
    assert_eq!(sent.len(), 3, "one by one");
    play.frame(r#"{"id":2,"status":200}"#);
    play.frame(&format!("{{\"id\":3,{REFUSAL}"));
    play.frame(r#"{"id":4,"status":200}"#);
    assert_eq!(
        play.session.problems(),
        ["ethusd: the venue refuses its streams: -1013 Invalid stream name: x"]
    );
    assert_eq!(play.sent(), [""; 0]);
    // A symbol that the venue's metadata did not have.
    let session = GeminiSession::new(settings(Feed::V2, 2), markets(1));
    assert_eq!(session.problems(), ["ETHUSD: its tick and lot are not known"]);
}

#[test]
fn too_many_requests_are_waited_out() {
    let mut play = Play::new(settings(Feed::Current, 1), 1);
    play.open();
    for (id, wait_ms) in (1..).zip([2_000, 4_000, 8_000]) {
        play.sent();
        play.frame(&format!(r#"{{"id":{id},"status":429,"error":{{"code":-1003,"msg":"x"}}}}"#));
        play.pass(wait_ms - 1);
        assert_eq!(play.sent(), [""; 0], "{wait_ms}");
        play.pass(1);
        assert_eq!(play.sent().len(), 1, "{wait_ms}");
    }
}

#[test]
fn a_reply_that_does_not_come_is_asked_for_again_and_reported() {
    let mut play = Play::new(settings(Feed::Current, 1), 1);
    play.open();
    play.sent();
    play.pass(5_000);
    assert_eq!((play.sent().len(), play.session.problems().len()), (2, 0), "ended and begun");
    play.pass(5_000);
    assert_eq!(play.session.problems(), ["btcusd: its subscription is not answered"]);
    play.frame(&depth("btcusd", 10, 10));
    assert_eq!(play.session.problems(), [""; 0], "it is served all the same");
}

#[test]
fn v2_is_made_good_by_a_new_connection() {
    let mut play = Play::new(settings(Feed::V2, 2), 2);
    assert_eq!(play.open().url, "wss://api.gemini.com/v2/marketdata");
    assert_eq!(
        play.sent(),
        [r#"{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD","ETHUSD"]}]}"#]
    );
    play.frame(V2_BOOK);
    play.frame(&V2_BOOK.replace("BTCUSD", "ETHUSD"));
    play.frame("{\"cut");
    assert_eq!(play.doubts(), 2);
    assert_eq!(play.sent(), ["reconnect too_many_doubts"], "once for both");
    play.close(Cause::TooManyDoubts);
    play.open();
    play.sent();
    play.frame(V2_BOOK);
    assert_eq!(play.out.events[0].body, Body::BookClear, "no level of the one before is left");
    // No snapshot in time.
    play.session.resync(play.now, MarketId(1), &mut play.out, &mut play.asks);
    assert_eq!(play.sent(), ["reconnect snapshot_late"]);
}

#[test]
fn v2_does_not_say_which_symbol_it_refuses() {
    let mut play = Play::new(settings(Feed::V2, 3), 3);
    play.open();
    play.sent();
    let refusal = r#"{"result":"error","reason":"NoValidTradingPairs"}"#;
    play.frame(refusal);
    assert_eq!(play.sent().len(), 3, "one by one");
    play.frame(V2_BOOK);
    play.frame(refusal);
    let named: Vec<String> = play.session.problems();
    assert_eq!(named.len(), 2);
    assert!(named[0].starts_with("COIN2USD") && named[1].starts_with("ETHUSD"), "{named:?}");
    play.frame(&V2_BOOK.replace("BTCUSD", "COIN2USD"));
    assert_eq!(play.session.problems().len(), 1, "it came later");
}

fn rest_book(bid: &str) -> String {
    format!(
        r#"{{"bids":[{{"price":"99.00","amount":"{bid}","timestamp":"1"}}],"asks":[{{"price":"101.00","amount":"1","timestamp":"1"}}]}}"#
    )
}

#[test]
fn lost_updates_are_found_by_comparison() {
    let beat = r#"{"type":"heartbeat","timestamp":1767225600000}"#;
    for (feed, snapshot, beat) in [
        (Feed::V2, V2_BOOK.to_owned(), beat),
        (Feed::Current, depth("btcusd", 10, 10), r#"{"id":1000000000,"status":200}"#),
    ] {
        let mut play = Play::new(settings(feed, 1), 1);
        play.open();
        play.sent();
        play.frame(&snapshot);
        play.pass(30_000);
        let first = play.fetches().remove(0);
        assert!(first.url.contains("/v1/book/btcusd?limit_bids=50"), "{}", first.url);
        // What the stream says a moment later does not count; what it never says does.
        play.answer(&first, 200, &rest_book("2"));
        play.pass(2_000);
        play.frame(beat);
        assert_eq!(play.session.decoder().counts().get(Odd::AuditMismatch), 1);
        assert_eq!(play.doubts(), 0);
        play.pass(60_000);
        let second = play.fetches().remove(0);
        play.answer(&second, 200, &rest_book("2"));
        play.sent();
        play.pass(2_000);
        play.frame(beat);
        assert_eq!(play.doubts(), 1, "{feed:?}");
        assert_eq!(play.sent().len(), if feed == Feed::V2 { 1 } else { 2 });
    }
}

fn key() -> Key {
    Key { id: "account-x".into(), secret: "gemini-test-secret".into() }
}

#[test]
fn every_upgrade_has_a_nonce_of_its_own() {
    let settings = Settings { key: Some(key()), ..settings(Feed::Current, 1) };
    let mut play = Play::new(settings.clone(), 1);
    let mut nonces = BTreeSet::new();
    for _ in 0..5 {
        let endpoint = play.open();
        assert_eq!(endpoint.url, "wss://ws.gemini.com/?snapshot=-1");
        let mut headers = endpoint.headers.into_iter();
        let nonce = headers.find(|(name, _)| name == "X-GEMINI-NONCE").expect("there").1;
        assert!(nonces.insert(nonce), "within one second");
        play.close(Cause::Broken);
    }
    let mut live = Play::new(Settings { trading: Trading::Live, ..settings.clone() }, 1);
    assert_eq!(live.open().url, "wss://ws.gemini.com/?snapshot=-1&cancelOnDisconnect=true");
    let keyless = Settings { key: None, trading: Trading::Live, ..settings };
    let endpoint = Play::new(keyless, 1).open();
    assert_eq!((&*endpoint.url, endpoint.headers.len()), ("wss://ws.gemini.com/?snapshot=-1", 0));
}

#[test]
fn a_refused_key_leaves_public_data() {
    let settings = Settings { key: Some(key()), ..settings(Feed::Current, 1) };
    let mut play = Play::new(settings, 1);
    for refused in 0..2 {
        assert_eq!(play.session.problems().len(), 0);
        assert!(!play.session.endpoint(play.now.ns).headers.is_empty(), "{refused}");
        play.session.closed(play.now, Cause::Unauthorized);
    }
    assert_eq!(play.session.problems(), ["key: the venue refuses \"account-x\""]);
    let endpoint = play.open();
    assert_eq!(endpoint.headers.len(), 0);
    play.frame(&depth("btcusd", 10, 10));
    assert_eq!(play.said(Body::BookClear), 1);
    assert_eq!(play.session.problems().len(), 1, "it stays wrong");
}

#[test]
fn fees_are_asked_for_and_not_in_a_loop() {
    let settings = Settings { key: Some(key()), ..settings(Feed::V2, 1) };
    let mut play = Play::new(settings, 1);
    play.open();
    play.pass(0);
    let first = play.fetches().remove(0);
    assert!(first.url.ends_with("/v1/notionalvolume"));
    play.answer(&first, 200, r#"{"api_taker_fee_bps":40}"#);
    assert_eq!(play.out.events.len(), 1);
    play.pass(60_000);
    let second = play.fetches().remove(0);
    assert_ne!(first.headers, second.headers, "a nonce never comes twice");
    play.answer(&second, 400, r#"{"result":"error","reason":"InvalidSignature"}"#);
    assert_eq!(play.session.problems().len(), 0);
    play.pass(5_000);
    let third = play.fetches().remove(0);
    play.answer(&third, 400, r#"{"result":"error","reason":"InvalidSignature"}"#);
    assert_eq!(play.session.problems(), ["key: the venue refuses \"account-x\""]);
    play.pass(600_000);
    let fees = play.fetches().into_iter().filter(|it| it.url.contains("notional")).count();
    assert_eq!(fees, 0);
}

#[test]
fn a_limit_of_requests_is_obeyed() {
    let mut play = Play::new(settings(Feed::V2, 1), 1);
    play.open();
    play.frame(V2_BOOK);
    play.pass(30_000);
    let first = play.fetches().remove(0);
    // Seven seconds, by its header.
    play.answer(&first, 429, "");
    assert_eq!(play.session.fetch_from_ns, play.now.ns + 7_000 * MS);
}

#[test]
fn metadata_is_asked_for_where_it_is_read() {
    for feed in [Feed::Current, Feed::V2] {
        let requests = metadata_requests(&settings(feed, 2));
        let body = br#"{"symbol":"BTCUSD","tick_size":1e-8,"quote_increment":0.01}"#;
        assert_eq!(requests.len(), 2);
        assert_eq!(crate::metadata(&requests[0].url, body).len(), 1);
    }
    let rows = [
        ("wss://api.gemini.com/v2/marketdata", Feed::V2),
        ("ws://127.0.0.1:9/v2/marketdata", Feed::V2),
        ("wss://ws.gemini.com/?snapshot=-1", Feed::Current),
    ];
    for (url, feed) in rows {
        assert_eq!(Feed::of_url(url), feed, "{url}");
    }
}
