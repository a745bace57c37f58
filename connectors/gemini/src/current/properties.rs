//! Whatever a wire does to a chain, a book that counts as live is one that the venue had.

use std::collections::BTreeMap;

use connector_net::Market;
use engine_model::{Event, Grid, MarketId, Side};
use proptest::prelude::*;

use super::*;

type Book = [BTreeMap<u64, u64>; 2];

/// Frames of one market and the venue's book at every update id.
struct Venue {
    book: Book,
    id: u64,
    /// The book behind each id that a frame ends with.
    truth: BTreeMap<u64, Book>,
}

impl Venue {
    fn whole(&mut self) -> String {
        self.truth.insert(self.id, self.book.clone());
        frame(self.id, self.id, &self.book)
    }

    fn update(&mut self, side: Side, price: u64, size: u64, ids: u64) -> String {
        let mut change = Book::default();
        change[side as usize].insert(price, size);
        if size > 0 {
            self.book[side as usize].insert(price, size);
        } else {
            self.book[side as usize].remove(&price);
        }
        let first = self.id;
        self.id += ids;
        self.truth.insert(self.id, self.book.clone());
        frame(first, self.id, &change)
    }
}

fn frame(first: u64, last: u64, book: &Book) -> String {
    let side = |rows: &BTreeMap<u64, u64>| {
        let rows = rows.iter().map(|(price, size)| format!("[\"{price}\",\"{size}\"]"));
        rows.collect::<Vec<_>>().join(",")
    };
    format!(
        r#"{{"e":"depthUpdate","E":1,"s":"btcusd","U":{first},"u":{last},"b":[{}],"a":[{}]}}"#,
        side(&book[0]),
        side(&book[1])
    )
}

/// What happens to a frame on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Behind the next one.
    Late,
    /// Again after so many others.
    AgainAfter(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Late),
        1 => (1..30_usize).prop_map(Fate::AgainAfter),
    ]
}

/// One step of the venue: a side, price and size, how many ids it takes, what becomes of it.
type Step = (bool, u64, u64, u64, Fate);

fn apply(book: &mut Option<Book>, at: &mut u64, event: &Event) {
    if let Body::BookDoubt { .. } = event.body {
        *book = None;
        return;
    }
    *at = event.seq;
    if event.body == Body::BookClear {
        *book = Some(Book::default());
    } else if let Body::Level { side, price_ticks, size_lots } = event.body {
        let book = book.as_mut().expect("no level of a book in doubt");
        if size_lots > 0 {
            book[side as usize].insert(price_ticks, size_lots);
        } else {
            book[side as usize].remove(&price_ticks);
        }
    }
}

/// Runs a session with resyncs as a live one would make them; how often the book was live.
fn run(steps: &[Step], path: ReadPath) -> usize {
    let grid = Grid {
        tick: engine_model::grid::Step::decimal(0),
        lot: engine_model::grid::Step::decimal(0),
    };
    let markets = Markets::closed(vec![Market { symbol: "btcusd".into(), id: MarketId(0), grid }]);
    let mut decoder = CurrentDecoder::new(markets).with_path(path);
    let mut venue = Venue { book: Book::default(), id: 100, truth: BTreeMap::new() };
    let (mut book, mut at) = (None, 0);
    let mut queue: std::collections::VecDeque<String> = [venue.whole()].into();
    let mut later: Vec<(usize, String)> = Vec::new();
    let sent = br#"{"id":1,"method":"subscribe","params":["btcusd@depth@100ms"]}"#;
    let (mut live, mut out, mut line) = (0, Sink::default(), 0);
    decoder.decode(1, 0, Input::Sent(sent), &mut out);
    for (index, &(is_bid, price, size, ids, fate)) in steps.iter().enumerate() {
        let side = if is_bid { Side::Bid } else { Side::Ask };
        let text = venue.update(side, price, size, ids);
        match fate {
            Fate::Arrives => queue.push_back(text),
            Fate::Lost => {}
            Fate::Twice => queue.extend([text.clone(), text]),
            Fate::Late => later.push((index + 1, text)),
            Fate::AgainAfter(steps) => {
                later.push((index + steps, text.clone()));
                queue.push_back(text);
            }
        }
        while let Some(text) = queue.pop_front() {
            line += 1;
            out.clear();
            decoder.decode(line, line, Input::Received(text.as_bytes()), &mut out);
            out.events.iter().for_each(|event| apply(&mut book, &mut at, event));
            if let Some(book) = &book {
                assert_eq!(book, &venue.truth[&at], "at {at}, behind {text}");
                live += 1;
            }
            let is_doubt = out.events.iter().any(|it| matches!(it.body, Body::BookDoubt { .. }));
            if is_doubt {
                decoder.decode(line, line, Input::Sent(sent), &mut out);
                queue.push_back(venue.whole());
            }
        }
        queue.extend(later.extract_if(.., |(due, _)| *due == index).map(|(_, text)| text));
    }
    live
}

proptest! {
    #[test]
    fn a_live_book_is_the_venues(
        steps in prop::collection::vec((any::<bool>(), 1..9_u64, 0..4_u64, 1..5_u64, fate()), 1..120),
    ) {
        let fast = run(&steps, ReadPath::FastThenTyped);
        prop_assert_eq!(fast, run(&steps, ReadPath::TypedOnly));
        prop_assert!(fast > 0);
    }
}

#[test]
fn a_faultless_wire_keeps_the_book_live() {
    let steps: Vec<Step> =
        (0..200).map(|n| (n % 2 == 0, 1 + n % 7, n % 4, 1 + n % 3, Fate::Arrives)).collect();
    assert_eq!(run(&steps, ReadPath::FastThenTyped), 201);
}
