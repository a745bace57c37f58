use connector_net::session::Ask;
use connector_net::{Input, Market, Odd};
use engine_model::Grid;
use engine_model::grid::Step;

use super::*;
use crate::sign::Key;

const BEGIN_NS: u64 = 1_767_225_600_000_000_000;
const MS: u64 = 1_000_000;

/// A venue that is played by hand, and the session against it.
struct Play {
    session: BitstampSession,
    now: Now,
    out: Sink,
    asks: Asks,
}

/// The book of the venue at a time after the beginning. Unit: microseconds.
fn book(micros: u64, bid: &str, ask: &str) -> String {
    let micros = BEGIN_NS / 1_000 + micros;
    let row = |text: &str| {
        let rows = text.split_whitespace().filter_map(|it| it.split_once('x'));
        rows.map(|(price, size)| format!(r#"["{price}","{size}"]"#)).collect::<Vec<_>>().join(",")
    };
    format!(
        r#"{{"timestamp":"1","microtimestamp":"{micros}","bids":[{}],"asks":[{}]}}"#,
        row(bid),
        row(ask)
    )
}

fn diff(symbol: &str, micros: u64, bid: &str, ask: &str) -> String {
    let data = book(micros, bid, ask);
    format!(r#"{{"data":{data},"channel":"diff_order_book_{symbol}","event":"data"}}"#)
}

fn ack(channel: &str) -> String {
    format!(r#"{{"event":"bts:subscription_succeeded","channel":"{channel}","data":{{}}}}"#)
}

fn markets() -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    Markets::closed(vec![market("btcusd", 4), market("ethusd", 9)])
}

fn settings(symbols: &[&str]) -> Settings {
    Settings::new(symbols.iter().map(|&symbol| symbol.to_owned()).collect())
}

impl Play {
    fn new(settings: Settings) -> Self {
        let session = BitstampSession::new(settings, markets());
        let now = Now { ns: BEGIN_NS, line: 0 };
        Self { session, now, out: Sink::default(), asks: Asks::default() }
    }

    /// What was asked for since the last look; requests without their moment.
    fn asked(&mut self) -> Vec<String> {
        let word = |ask: Ask| match ask {
            Ask::Send(text) => {
                assert!(text.len() < 512, "{text}");
                let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let what = parsed["event"].as_str().expect("named").trim_start_matches("bts:");
                format!("{what} {}", parsed["data"]["channel"].as_str().unwrap_or(""))
            }
            Ask::SendSecret { text, shown } => {
                assert!(text.contains("abc") && !shown.contains("abc"));
                let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                format!("secret {}", parsed["data"]["channel"].as_str().unwrap_or(""))
            }
            Ask::Fetch(fetch) => {
                let path = fetch.url.trim_start_matches("https://www.bitstamp.net/api/v2");
                let path = path.trim_end_matches(|it: char| it.is_ascii_digit());
                format!("fetch {}", path.trim_end_matches('-'))
            }
            Ask::Reconnect(cause) => format!("reconnect {}", cause.name()),
            Ask::Mend(market) => format!("mend {}", market.0),
        };
        self.asks.list.drain(..).map(word).collect()
    }

    fn fetches(&self) -> Vec<connector_net::session::Fetch> {
        let fetch = |ask: &Ask| match ask {
            Ask::Fetch(fetch) => Some(fetch.clone()),
            Ask::Send(_) | Ask::SendSecret { .. } | Ask::Reconnect(_) | Ask::Mend(_) => None,
        };
        self.asks.list.iter().filter_map(fetch).collect()
    }

    /// As the link does: events first, then the session, then what is in doubt.
    fn after(
        &mut self,
        step: impl FnOnce(&mut BitstampSession, Now, &[Event], &mut Sink, &mut Asks),
    ) {
        let fresh = self.out.events.clone();
        step(&mut self.session, self.now, &fresh, &mut self.out, &mut self.asks);
        for event in &fresh {
            if let Body::BookDoubt { .. } = event.body {
                self.session.resync(self.now, event.market, &mut self.out, &mut self.asks);
            }
        }
    }

    fn decode(&mut self, input: Input<'_>) {
        self.out.clear();
        self.now.line += 1;
        let Now { ns, line } = self.now;
        self.session.decoder().decode(ns, line, input, &mut self.out);
        assert_eq!(self.out.open_len(), 0);
    }

    fn open(&mut self) {
        self.decode(Input::Connected);
        self.after(|session, now, _, out, asks| session.opened(now, out, asks));
    }

    fn frame(&mut self, text: &str) {
        self.decode(Input::Received(text.as_bytes()));
        self.after(|session, now, fresh, out, asks| {
            // The link says beside it which markets are alive.
            let venue = engine_model::Venue::Bitstamp;
            let stamp =
                connector_net::decode::Stamp { recv_ns: now.ns, venue_ns: 0, seq: 0, venue };
            let alive = stamp.event(MarketId(4), Body::Timer);
            let fresh: Vec<Event> = fresh.iter().copied().chain([alive]).collect();
            session.received(now, text.as_bytes(), &fresh, out, asks);
        });
    }

    /// Answers the first request whose address holds `part`.
    fn answer(&mut self, part: &str, status: u16, body: &str) {
        let fetches = self.fetches();
        let fetch = fetches.into_iter().find(|fetch| fetch.url.contains(part)).expect("asked for");
        self.asks.list.retain(|ask| *ask != Ask::Fetch(fetch.clone()));
        self.answer_to(&fetch, status, body);
    }

    fn answer_to(&mut self, fetch: &connector_net::session::Fetch, status: u16, body: &str) {
        let body = body.as_bytes();
        if status == 200 {
            self.decode(Input::Http { url: &fetch.url, request: b"", body });
        } else {
            self.out.clear();
        }
        let (tag, url, retry_after_ms) = (fetch.tag, &*fetch.url, None);
        let end = Fetched::Answer { tag, status, url, request: b"", body, retry_after_ms };
        self.after(|session, now, fresh, out, asks| session.fetched(now, &end, fresh, out, asks));
    }

    /// Lets time pass in steps as the link would.
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

    fn micros(&self) -> u64 {
        (self.now.ns - BEGIN_NS) / 1_000
    }

    /// Opens one market and makes its book good.
    fn live(&mut self) {
        self.open();
        self.frame(&ack("diff_order_book_btcusd"));
        self.answer("order_book/btcusd", 200, &book(self.micros(), "99.00x1 98.00x1", "101.00x1"));
        self.asked();
        assert!(self.session.decoder.is_live(MarketId(4)));
    }

    fn is_live(&self) -> bool {
        self.session.decoder.is_live(MarketId(4))
    }

    fn doubts(&self) -> usize {
        let doubts = self.out.events.iter();
        doubts.filter(|event| matches!(event.body, Body::BookDoubt { .. })).count()
    }

    /// Heartbeats aside.
    fn asked_but_beats(&mut self) -> Vec<String> {
        let mut asked = self.asked();
        asked.retain(|ask| ask != "heartbeat ");
        asked
    }
}

const FETCH: &str = "fetch /order_book/btcusd/?group=1&_=join";
const AUDIT: &str = "fetch /order_book/btcusd/?group=1&_=audit";
const SUBSCRIBE: [&str; 2] = ["subscribe diff_order_book_btcusd", "subscribe live_trades_btcusd"];
const ANEW: [&str; 4] = [
    "unsubscribe diff_order_book_btcusd",
    "subscribe diff_order_book_btcusd",
    "unsubscribe live_trades_btcusd",
    "subscribe live_trades_btcusd",
];

#[test]
fn a_book_is_fetched_behind_the_acknowledgement() {
    let mut play = Play::new(settings(&["btcusd", "ethusd"]));
    assert_eq!(play.session.markets_wanted(), [MarketId(4), MarketId(9)]);
    play.open();
    assert_eq!(play.asked()[..2], SUBSCRIBE);
    play.frame(&diff("btcusd", 1, "99.00x1", ""));
    play.frame(&ack("live_trades_btcusd"));
    assert_eq!(play.asked(), [""; 0], "an acknowledgement of trades is none of diffs");
    play.frame(&ack("diff_order_book_btcusd"));
    play.frame(&diff("btcusd", 9, "99.50x1", ""));
    assert_eq!(play.fetches().len(), 1);
    play.answer("order_book/btcusd", 200, &book(5, "99.00x1", "101.00x1"));
    assert!(play.is_live() && !play.session.decoder.is_live(MarketId(9)));
    assert_eq!(play.out.batches.len(), 2, "the book and the diff behind it");
    assert_eq!(play.session.problems(), [""; 0]);
    let asked = play.asked();
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn an_old_book_is_fetched_three_times() {
    let mut play = Play::new(settings(&["btcusd", "ethusd"]));
    play.open();
    // The venue's time is known from another market.
    play.frame(&diff("ethusd", 1_000, "5.00x1", ""));
    play.asked();
    play.frame(&ack("diff_order_book_btcusd"));
    for (micros, wait_ms) in [(900, 500), (950, 1_000)] {
        play.answer("btcusd", 200, &book(micros, "99.00x1", "101.00x1"));
        play.pass(wait_ms - 1);
        assert_eq!(play.fetches().len(), 0, "too early");
        play.pass(1);
        assert_eq!(play.fetches().len(), 1);
    }
    play.answer("btcusd", 200, &book(999, "99.00x1", "101.00x1"));
    assert_eq!(play.asked_but_beats(), ["reconnect snapshot_late"]);
    assert_eq!(play.session.decoder.counts().get(Odd::StaleUpdate), 3);

    // The same, but the second one is as new as the acknowledgement.
    let mut play = Play::new(settings(&["btcusd"]));
    play.open();
    play.frame(&diff("btcusd", 1_000, "5.00x1", ""));
    play.frame(&ack("diff_order_book_btcusd"));
    play.answer("btcusd", 200, &book(999, "99.00x1", "101.00x1"));
    play.pass(500);
    play.answer("btcusd", 200, &book(1_000, "99.00x1", "101.00x1"));
    assert!(play.is_live());
}

#[test]
fn a_quiet_pair_is_not_fetched_for_ever() {
    let mut play = Play::new(settings(&["btcusd", "ethusd"]));
    play.open();
    play.frame(&diff("ethusd", 1_000, "5.00x1", ""));
    play.frame(&ack("diff_order_book_btcusd"));
    // Its last change was long before.
    for wait_ms in [500, 1_000] {
        play.answer("btcusd", 200, &book(7, "99.00x1", "101.00x1"));
        assert!(!play.is_live());
        play.pass(wait_ms);
    }
    play.answer("btcusd", 200, &book(7, "99.00x1", "101.00x1"));
    assert!(play.is_live());
    assert_eq!(play.session.decoder.unproven_joins().collect::<Vec<_>>(), ["btcusd"]);
}

#[test]
fn an_answer_to_an_older_question_is_none() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.open();
    play.frame(&ack("diff_order_book_btcusd"));
    let before = play.fetches().remove(0);
    play.pass(10);
    // The connection begins anew, and the answer of the one before comes.
    play.session.closed(play.now, Cause::Broken);
    play.decode(Input::Closed);
    play.open();
    play.frame(&ack("diff_order_book_btcusd"));
    play.asked();
    play.answer_to(&before, 200, &book(20_000, "99.00x1", "101.00x1"));
    assert!(!play.is_live());
    // And one that was asked for before a loss.
    let mut play = Play::new(settings(&["btcusd"]));
    play.live();
    play.pass(5);
    play.frame("{");
    assert_eq!((play.doubts(), play.asked_but_beats()), (1, vec![FETCH.to_owned()]));
    assert!(!play.is_live());
}

#[test]
fn doubt_is_fetched_and_loss_behind_the_decoder_is_subscribed_anew() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.live();
    play.pass(1_000);
    play.frame(&diff("btcusd", play.micros(), "99.00x2", ""));
    play.frame("{\"cut");
    assert_eq!(play.doubts(), 1);
    let bad = play.fetches().len();
    assert_eq!(bad, 1);
    play.answer("btcusd", 200, &book(play.micros() + 1, "99.00x2", "101.00x1"));
    assert!(play.is_live());
    play.asked();
    // Lost on the way to the core: the decoder knows nothing of it.
    play.session.resync(play.now, MarketId(4), &mut play.out, &mut play.asks);
    assert_eq!(play.asked(), ANEW);
    play.frame(r#"{"event":"bts:unsubscription_succeeded","channel":"diff_order_book_btcusd"}"#);
    assert_eq!((play.doubts(), play.is_live()), (1, false));
    assert_eq!(play.asked(), [""; 0]);
    play.pass(10);
    play.frame(&ack("diff_order_book_btcusd"));
    play.answer("btcusd", 200, &book(play.micros(), "99.00x2", "101.00x1"));
    assert!(play.is_live());
    // A second acknowledgement without an end in between: nobody knows what was lost.
    play.frame(&ack("diff_order_book_btcusd"));
    assert_eq!(play.doubts(), 1);
}

#[test]
fn refusals_and_limits() {
    let mut play = Play::new(settings(&["btcusd", "ethusd"]));
    play.open();
    play.frame(r#"{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}"#);
    assert_eq!(
        play.session.problems(),
        ["btcusd: the venue refuses its channel: Bad subscription string."]
    );
    play.asked();
    play.frame(&ack("diff_order_book_ethusd"));
    play.answer("ethusd", 404, "<html>");
    assert!(play.session.problems()[1].starts_with("ethusd: "));
    play.frame(&ack("diff_order_book_btcusd"));
    play.answer("btcusd", 429, "");
    play.pass(9_999);
    assert_eq!(play.fetches().len(), 0, "it is asked to wait");
    play.pass(1);
    assert_eq!(play.asked_but_beats(), [FETCH]);
    // Not acknowledged at all.
    let mut play = Play::new(settings(&["btcusd"]));
    play.open();
    play.asked();
    play.pass(5_079);
    assert_eq!(play.asked_but_beats(), [""; 0]);
    play.pass(1);
    assert_eq!(play.asked_but_beats(), ANEW);
    play.pass(6_000);
    assert!(play.session.problems()[0].contains("not acknowledged"));
    play.frame(r#"{"event":"bts:request_reconnect","channel":"","data":""}"#);
    assert_eq!(play.asked().last().map(String::as_str), Some("reconnect venue_asked"));
    // A market of the configuration that the venue's list did not have.
    let session = BitstampSession::new(settings(&["dogeusd"]), markets());
    assert_eq!(session.problems(), ["dogeusd: its tick and lot are not known"]);
}

#[test]
fn failures_of_requests_are_waited_out() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.open();
    play.frame(&ack("diff_order_book_btcusd"));
    for wait_ms in [500, 1_000, 2_000, 4_000] {
        play.answer("btcusd", 503, "<html>maintenance</html>");
        play.pass(wait_ms);
        assert_eq!(play.fetches().len(), 1, "after {wait_ms} ms");
    }
    play.answer("btcusd", 200, &book(play.micros(), "99.00x1", "101.00x1"));
    assert!(play.is_live());
}

#[test]
fn heartbeats_go_out() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.open();
    play.asked();
    play.frame(&ack("diff_order_book_btcusd"));
    play.asked();
    play.pass(10_000);
    let beats = play.asked().iter().filter(|ask| *ask == "heartbeat ").count();
    assert_eq!(beats, 5);
    assert!(play.session.manners().text_silence_ns <= 10_000 * MS);
}

#[test]
fn a_lost_diff_is_found_by_comparison() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.live();
    // The diff that took 98.00 away was lost.
    play.pass(30_000);
    for round in 1..=2 {
        assert_eq!(play.asked_but_beats_kept(), [AUDIT], "round {round}");
        play.answer("audit", 200, &book(play.micros(), "99.00x1", "101.00x1"));
        play.pass(2_000);
        play.frame(r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#);
        assert_eq!(play.session.decoder.counts().get(Odd::AuditMismatch), round);
        assert_eq!(play.doubts(), usize::from(round == 2));
        if round == 1 {
            assert!(play.is_live());
            play.asked();
            play.pass(28_000);
        }
    }
    // Quiet for so long: the channel itself may be dead.
    assert_eq!(play.asked_but_beats(), ANEW);
}

#[test]
fn a_quiet_channel_is_subscribed_anew_where_nothing_is_compared() {
    let mut play = Play::new(Settings { audit: None, ..settings(&["btcusd"]) });
    play.live();
    play.pass(20_000);
    play.frame(&diff("btcusd", play.micros(), "99.00x2", ""));
    play.pass(29_999);
    assert_eq!(play.asked_but_beats(), [""; 0]);
    play.pass(1);
    assert_eq!(play.asked_but_beats(), ANEW);
}

/// Compared often, a channel that died lately is not merely fetched: its book would be good and go wrong
/// again. Trades are another channel, and prove nothing.
#[test]
fn a_channel_that_tells_nothing_while_the_books_differ_is_subscribed_anew() {
    for is_dead in [true, false] {
        let mut play = Play::new(Settings { audit_every_ms: 2_000, ..settings(&["btcusd"]) });
        play.live();
        play.pass(20_000);
        play.frame(&diff("btcusd", play.micros(), "97.00x1", ""));
        for _ in 1..=2 {
            let mut waited_ms = 0;
            while !play.fetches().iter().any(|fetch| fetch.url.contains("audit")) {
                play.pass(1_000);
                waited_ms += 1_000;
                assert!(waited_ms <= 12_000, "no comparison is asked for");
            }
            play.asked_but_beats_kept();
            play.answer("audit", 200, &book(play.micros(), "99.00x1 97.00x1", "101.00x1"));
            play.pass(1_000);
            if is_dead {
                play.frame(
                    r#"{"data":{"id":1,"id_str":"1","amount":1,"amount_str":"1.00","price":99,"price_str":"99.00","type":0,"timestamp":"1767225600","microtimestamp":"1767225600000001","buy_order_id":1,"sell_order_id":2},"channel":"live_trades_btcusd","event":"trade"}"#,
                );
            } else {
                play.frame(&diff("btcusd", play.micros(), "96.00x1", ""));
            }
            play.pass(1_000);
            play.frame(r#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#);
        }
        assert_eq!(play.session.decoder.counts().get(Odd::AuditMismatch), 2);
        let asked = play.asked_but_beats();
        assert_eq!(asked.ends_with(&ANEW.map(str::to_owned)), is_dead, "{asked:?}");
        // What mends it is not another doubt: three in a minute would end the connection.
        play.frame(
            r#"{"event":"bts:unsubscription_succeeded","channel":"diff_order_book_btcusd"}"#,
        );
        assert_eq!(play.doubts(), 0);
    }
}

impl Play {
    /// As [`Play::asked_but_beats`], requests stay.
    fn asked_but_beats_kept(&mut self) -> Vec<String> {
        let kept = self.asks.clone();
        let asked = self.asked_but_beats();
        self.asks = kept;
        self.asks.list.retain(|ask| matches!(ask, Ask::Fetch(_)));
        asked
    }
}

#[test]
fn what_moves_is_no_mismatch() {
    let mut play = Play::new(settings(&["btcusd"]));
    play.live();
    play.pass(30_000);
    // The answer knows of a change that comes as a diff a moment later, and the stream of one that is
    // younger than the answer.
    let micros = play.micros();
    play.answer("audit", 200, &book(micros, "99.00x5 98.00x1", "101.00x1"));
    play.pass(100);
    play.frame(&diff("btcusd", micros - 10, "99.00x5", ""));
    play.frame(&diff("btcusd", micros + 10, "", "101.00x9"));
    play.pass(1_900);
    play.frame(&diff("btcusd", micros + 20, "97.00x1", ""));
    let counts = play.session.decoder.audit_counts();
    assert_eq!((counts.equal, counts.mismatched, counts.inconclusive), (1, 0, 0));
    assert!(play.is_live());
}

fn key() -> Key {
    Key { id: "bitstamp-test-key".into(), secret: "bitstamp-test-secret".into(), nonce_salt: 7 }
}

#[test]
fn every_connection_has_a_token_of_its_own() {
    let mut play = Play::new(Settings { key: Some(key()), ..settings(&["btcusd"]) });
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..3 {
        play.open();
        let fetch = play.fetches().remove(0);
        assert!(fetch.url.ends_with("/api/v2/websockets_token/"));
        let header = |name| {
            let mut headers = fetch.headers.iter();
            headers.find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        assert!(nonces.insert(header("X-Auth-Nonce")), "a nonce came twice");
        assert_eq!(header("X-Auth").as_deref(), Some("BITSTAMP bitstamp-test-key"));
        play.answer("token", 200, r#"{"token":"abc","valid_sec":60,"user_id":4242}"#);
        let asked = play.asked();
        assert_eq!(
            asked[asked.len() - 2..],
            ["secret private-my_orders_btcusd-4242", "secret private-my_trades_btcusd-4242"]
        );
        play.session.closed(play.now, Cause::Broken);
        play.decode(Input::Closed);
    }
}

#[test]
fn a_refused_key_is_tried_once_more_and_reported() {
    let mut play = Play::new(Settings { key: Some(key()), ..settings(&["btcusd"]) });
    let refusal = r#"{"status":"error","reason":"Invalid signature","code":"API0005"}"#;
    play.open();
    play.answer("token", 403, refusal);
    assert_eq!(play.session.problems(), [""; 0]);
    play.pass(5_000);
    play.answer("token", 403, refusal);
    assert_eq!(
        play.session.problems(),
        ["key: the venue refuses it: API0005 \"Invalid signature\""]
    );
    play.asked();
    play.pass(60_000);
    let private = play.asked().into_iter().filter(|it| it.contains("token")).count();
    assert_eq!(private, 0, "no loops");
    // Public data goes on.
    play.frame(&ack("diff_order_book_btcusd"));
    play.answer("order_book", 200, &book(play.micros(), "99.00x1", "101.00x1"));
    assert!(play.is_live());
}

#[test]
fn metadata_is_asked_for_where_it_is_read() {
    let requests = metadata_requests(&settings(&["btcusd"]));
    let body = br#"[{"market_symbol":"btcusd","base_decimals":8,"counter_decimals":2}]"#;
    assert_eq!(crate::metadata(&requests[0].url, body).len(), 1);
}
