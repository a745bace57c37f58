//! Whenever diffs are lost and answers come, a book that counts as live is the venue's.

use std::collections::BTreeMap;

use connector_net::{Input, Market};
use engine_model::grid::Step;
use engine_model::{Grid, Side};
use proptest::prelude::*;

use super::*;

type Book = [BTreeMap<u64, u64>; 2];

/// What happens at the venue and on the way, a millisecond each.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A level changes.
    Diff(bool, u64, u64),
    /// The same, and its frame cannot be read.
    Garbled(bool, u64, u64),
    /// Another market's frame, which shows the venue's time.
    Other,
    /// A book is asked for.
    Ask,
    /// One of the answers under way arrives.
    Answer(usize),
    /// The channel ends and is subscribed anew.
    Anew,
}

/// What the venue's books say of their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// When they were made.
    Made,
    /// When they last changed.
    Changed,
}

fn happening() -> impl Strategy<Value = Happening> {
    let change = (any::<bool>(), 1..7_u64, 0..4_u64);
    prop_oneof![
        8 => change.clone().prop_map(|(bid, price, size)| Happening::Diff(bid, price, size)),
        1 => change.prop_map(|(bid, price, size)| Happening::Garbled(bid, price, size)),
        2 => Just(Happening::Other),
        3 => Just(Happening::Ask),
        3 => any::<usize>().prop_map(Happening::Answer),
        1 => Just(Happening::Anew),
    ]
}

const BEGIN_NS: u64 = 1_767_225_600_000_000_000;

fn text(micros: u64, book: &Book) -> String {
    let side = |rows: &BTreeMap<u64, u64>| {
        let rows = rows.iter().map(|(price, size)| format!("[\"{price}\",\"{size}\"]"));
        rows.collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(&book[0]), side(&book[1]));
    format!(r#"{{"timestamp":"1","microtimestamp":"{micros}","bids":[{bids}],"asks":[{asks}]}}"#)
}

fn diff(symbol: &str, data: &str) -> String {
    format!(r#"{{"data":{data},"channel":"diff_order_book_{symbol}","event":"data"}}"#)
}

fn control(event: &str) -> String {
    format!(r#"{{"event":"bts:{event}","channel":"diff_order_book_btcusd","data":{{}}}}"#)
}

struct Client {
    decoder: BitstampDecoder,
    out: Sink,
    now_ns: u64,
    book: Option<Book>,
    at: u64,
}

impl Client {
    fn take(&mut self, input: Input<'_>, truth: &BTreeMap<u64, Book>) {
        self.out.clear();
        self.decoder.decode(self.now_ns, self.now_ns, input, &mut self.out);
        for event in self.out.events.iter().filter(|event| event.market == MarketId(0)) {
            if let Body::BookDoubt { .. } = event.body {
                self.book = None;
                continue;
            }
            self.at = event.seq;
            if event.body == Body::BookClear {
                self.book = Some(Book::default());
            } else if let Body::Level { side, price_ticks, size_lots } = event.body {
                let book = self.book.as_mut().expect("no level of a book in doubt");
                if size_lots > 0 {
                    book[side as usize].insert(price_ticks, size_lots);
                } else {
                    book[side as usize].remove(&price_ticks);
                }
            }
        }
        if let Some(book) = &self.book {
            let (_, then) = truth.range(..=self.at).next_back().expect("begun");
            assert_eq!(book, then, "at {}", self.at);
        }
    }
}

/// How often a book was joined.
fn run(happenings: &[Happening], says: Says) -> u64 {
    let grid = Grid { tick: Step::decimal(0), lot: Step::decimal(0) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    let markets = Markets::closed(vec![market("btcusd", 0), market("ethusd", 1)]);
    let decoder = BitstampDecoder::new(markets);
    let mut client = Client { decoder, out: Sink::default(), now_ns: BEGIN_NS, book: None, at: 0 };
    let mut book = Book::default();
    let mut changed = BEGIN_NS / 1_000;
    let mut truth = BTreeMap::from([(changed, book.clone())]);
    let mut asked: Vec<(String, String)> = Vec::new();
    let mut joined = 0;
    client.take(Input::Connected, &truth);
    client.take(Input::Received(control("subscription_succeeded").as_bytes()), &truth);
    for happening in happenings {
        client.now_ns += 1_000_000;
        let micros = client.now_ns / 1_000;
        match *happening {
            Happening::Diff(is_bid, price, size) | Happening::Garbled(is_bid, price, size) => {
                let side = if is_bid { Side::Bid } else { Side::Ask } as usize;
                let mut change = Book::default();
                change[side].insert(price, size);
                if size > 0 {
                    book[side].insert(price, size);
                } else {
                    book[side].remove(&price);
                }
                changed = micros;
                truth.insert(micros, book.clone());
                let frame = diff("btcusd", &text(micros, &change));
                let is_whole = matches!(happening, Happening::Diff(..));
                let frame = if is_whole { &frame[..] } else { &frame[..frame.len() / 2] };
                client.take(Input::Received(frame.as_bytes()), &truth);
            }
            Happening::Other => {
                let frame = diff("ethusd", &text(micros, &Book::default()));
                client.take(Input::Received(frame.as_bytes()), &truth);
            }
            Happening::Ask => {
                // Made at once, so that whatever comes before the answer arrives is not in it.
                let url = book_url("https://x/api/v2", "btcusd", Purpose::Join(client.now_ns));
                let said = if says == Says::Made { micros } else { changed };
                asked.push((url, text(said, &book)));
            }
            Happening::Answer(which) if !asked.is_empty() => {
                let (url, body) = asked.remove(which % asked.len());
                let input = Input::Http { url: &url, request: b"", body: body.as_bytes() };
                client.take(input, &truth);
                joined += u64::from(client.out.events.iter().any(|it| it.body == Body::BookClear));
            }
            Happening::Answer(_) => {}
            Happening::Anew => {
                client
                    .take(Input::Received(control("unsubscription_succeeded").as_bytes()), &truth);
                client.now_ns += 1_000_000;
                client.take(Input::Received(control("subscription_succeeded").as_bytes()), &truth);
            }
        }
    }
    joined
}

proptest! {
    #[test]
    fn a_live_book_is_the_venues(
        happenings in prop::collection::vec(happening(), 1..120), is_made: bool,
    ) {
        run(&happenings, if is_made { Says::Made } else { Says::Changed });
    }
}

#[test]
fn whatever_its_time_means_a_book_is_joined_in_the_end() {
    let ask = [Happening::Ask, Happening::Answer(0)];
    for says in [Says::Made, Says::Changed] {
        let mut happenings = vec![Happening::Diff(true, 3, 1), Happening::Other];
        happenings.push(Happening::Anew);
        // As often as the session would, and as long as a stored copy would live.
        happenings.extend(ask);
        happenings.extend(vec![Happening::Answer(0); 1_500]);
        happenings.extend(ask);
        assert_eq!(run(&happenings, says), 1 + u64::from(says == Says::Made), "{says:?}");
    }
}
