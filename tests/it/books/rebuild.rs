//! A second opinion: books from recordings with ordered maps and decimals, and no code of the
//! engine: own lines, own JSON, own rules.

use std::collections::BTreeMap;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

/// One row: what the books' CSV says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) symbol: String,
    pub(crate) bid: Option<(Decimal, Decimal)>,
    pub(crate) ask: Option<(Decimal, Decimal)>,
    pub(crate) counts: (usize, usize),
}

/// What a recording becomes.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    pub(crate) rows: Vec<Row>,
    /// Bitstamp: symbols whose REST book no older diff precedes.
    pub(crate) unproven: Vec<String>,
}

#[derive(Debug, Default)]
struct Sides {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

impl Sides {
    fn set(&mut self, is_bid: bool, price: &Value, size: &Value) {
        let decimal = |value: &Value| value.as_str().expect("text").parse().expect("a decimal");
        let (price, size): (Decimal, Decimal) = (decimal(price), decimal(size));
        let side = if is_bid { &mut self.bids } else { &mut self.asks };
        if size.is_zero() {
            side.remove(&price);
        } else {
            side.insert(price, size);
        }
    }

    fn set_pairs(&mut self, data: &Value) {
        for (key, is_bid) in [("bids", true), ("asks", false)] {
            for pair in data[key].as_array().expect("a list") {
                self.set(is_bid, &pair[0], &pair[1]);
            }
        }
    }

    fn row(&self, line: u64, symbol: &str) -> Row {
        let copy = |(price, size): (&Decimal, &Decimal)| (*price, *size);
        Row {
            line,
            symbol: symbol.to_owned(),
            bid: self.bids.last_key_value().map(copy),
            ask: self.asks.first_key_value().map(copy),
            counts: (self.bids.len(), self.asks.len()),
        }
    }
}

/// A line of a recording, of either format.
enum Line {
    Received(Value),
    Http(String, Value),
}

/// The lines that matter, with their numbers.
fn lines(path: &Path) -> Vec<(u64, Line)> {
    let bytes = std::fs::read(path).expect("readable");
    let text = String::from_utf8(zstd::decode_all(bytes.as_slice()).expect("zstd")).expect("UTF-8");
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let mut list = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = index as u64 + 1;
        if line.starts_with('{') {
            let object = json(line);
            let data = || json(object["data"].as_str().expect("text"));
            match object["t"].as_str() {
                Some("recv") => list.push((number, Line::Received(data()))),
                Some("http") => {
                    let url = object["url"].as_str().expect("text").to_owned();
                    list.push((number, Line::Http(url, data())));
                }
                _ => {}
            }
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let (_, frame) = line.split_once(": ").expect("time and text");
            list.push((number, Line::Received(json(frame))));
        } else if let Some((url, rest)) = line.split_once(" -> ") {
            let (_, body) = rest.split_once(": ").expect("time and text");
            list.push((number, Line::Http(url.to_owned(), json(body))));
        }
    }
    list
}

pub(crate) fn coinbase(path: &Path) -> Rebuilt {
    let mut books: BTreeMap<String, Sides> = BTreeMap::new();
    let mut rebuilt = Rebuilt::default();
    for (number, line) in lines(path) {
        let Line::Received(frame) = line else { continue };
        if frame["channel"] != "l2_data" {
            continue;
        }
        for event in frame["events"].as_array().expect("a list") {
            let symbol = event["product_id"].as_str().expect("text");
            if event["type"] == "snapshot" {
                books.insert(symbol.to_owned(), Sides::default());
            }
            let book = books.get_mut(symbol).expect("a snapshot comes first");
            for update in event["updates"].as_array().expect("a list") {
                let is_bid = update["side"] == "bid";
                assert!(is_bid || update["side"] == "offer", "{update}");
                book.set(is_bid, &update["price_level"], &update["new_quantity"]);
            }
            rebuilt.rows.push(book.row(number, symbol));
        }
    }
    rebuilt
}

pub(crate) fn gemini(path: &Path) -> Rebuilt {
    let mut books: BTreeMap<String, Sides> = BTreeMap::new();
    let mut rebuilt = Rebuilt::default();
    for (number, line) in lines(path) {
        let Line::Received(frame) = line else { continue };
        if frame["type"] != "l2_updates" {
            continue;
        }
        let symbol = frame["symbol"].as_str().expect("text");
        if !frame["trades"].is_null() {
            books.insert(symbol.to_owned(), Sides::default());
        }
        let book = books.get_mut(symbol).expect("a snapshot comes first");
        for change in frame["changes"].as_array().expect("a list") {
            let is_bid = change[0] == "buy";
            assert!(is_bid || change[0] == "sell", "{change}");
            book.set(is_bid, &change[1], &change[2]);
        }
        rebuilt.rows.push(book.row(number, symbol));
    }
    rebuilt
}

#[derive(Debug, Default)]
struct Bitstamp {
    sides: Sides,
    /// Microtimestamp of the REST book.
    joined: Option<u64>,
    /// Diffs that wait for it, with their lines.
    held: Vec<(u64, Value)>,
    is_proven: bool,
}

impl Bitstamp {
    fn apply(&mut self, number: u64, symbol: &str, diff: &Value, rows: &mut Vec<Row>) {
        let joined = self.joined.expect("joined");
        if micros(diff) <= joined {
            self.is_proven = true;
            return;
        }
        self.sides.set_pairs(diff);
        rows.push(self.sides.row(number, symbol));
    }
}

fn micros(data: &Value) -> u64 {
    data["microtimestamp"].as_str().expect("text").parse().expect("a number")
}

pub(crate) fn bitstamp(path: &Path) -> Rebuilt {
    let mut books: BTreeMap<String, Bitstamp> = BTreeMap::new();
    let mut rebuilt = Rebuilt::default();
    for (number, line) in lines(path) {
        match line {
            Line::Http(url, body) => {
                let Some((_, symbol)) = url.split_once("/order_book/") else { continue };
                let book = books.entry(symbol.to_owned()).or_default();
                book.sides.set_pairs(&body);
                book.joined = Some(micros(&body));
                for (number, diff) in std::mem::take(&mut book.held) {
                    book.apply(number, symbol, &diff, &mut rebuilt.rows);
                }
            }
            Line::Received(frame) if frame["event"] == "data" => {
                let channel = frame["channel"].as_str().expect("text");
                let symbol = channel.strip_prefix("diff_order_book_").expect("a diff");
                let book = books.entry(symbol.to_owned()).or_default();
                if book.joined.is_some() {
                    book.apply(number, symbol, &frame["data"], &mut rebuilt.rows);
                } else {
                    book.held.push((number, frame["data"].clone()));
                }
            }
            Line::Received(_) => {}
        }
    }
    rebuilt.unproven =
        books.into_iter().filter(|(_, book)| !book.is_proven).map(|(symbol, _)| symbol).collect();
    rebuilt
}
