//! The market as it looks from the derived files: best prices after every frame.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{data, lines};

/// One book, rebuilt from text.
#[derive(Default)]
pub(super) struct Book {
    pub(super) bids: BTreeMap<Decimal, Decimal>,
    pub(super) asks: BTreeMap<Decimal, Decimal>,
}

impl Book {
    fn put(&mut self, is_bid: bool, price: &Value, size: &Value) {
        let side = if is_bid { &mut self.bids } else { &mut self.asks };
        let (price, size) = (decimal(price), decimal(size));
        assert!(price > Decimal::ZERO, "prices are positive");
        if size.is_zero() {
            side.remove(&price);
        } else {
            side.insert(price, size);
        }
    }

    /// Best bid and ask with their sizes.
    pub(super) fn best(&self) -> Option<[(Decimal, Decimal); 2]> {
        let (bid, ask) = (self.bids.last_key_value()?, self.asks.first_key_value()?);
        Some([(*bid.0, *bid.1), (*ask.0, *ask.1)])
    }
}

fn decimal(text: &Value) -> Decimal {
    text.as_str().expect("numbers are text").parse().expect("a plain decimal")
}

/// Whose book a frame changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Coinbase = 0,
    Gemini = 1,
    Bitstamp = 2,
    Peg = 3,
    Pool = 4,
}

/// The four files, merged by (time, source, line), one frame at a time.
pub(super) struct View {
    records: std::vec::IntoIter<(u64, usize, usize, Value)>,
    pub(super) books: [Book; 4],
    /// Square of the pool's root price, in USDC per SOL, to 12 places. `None` before the bootstrap.
    pub(super) pool: Option<Decimal>,
    joined_us: [u64; 2],
    held: [Vec<Value>; 2],
    /// The line that was applied last, when it came from the chain.
    pub(super) chain_line: Option<Value>,
}

pub(super) const FILES: [&str; 4] = ["coinbase", "gemini", "bitstamp", "solana"];

/// Microseconds since the recording's first moment.
pub(super) fn micros(line: &Value) -> u64 {
    let text = line["ts"].to_string();
    let seconds: Decimal = text.parse().expect("a time");
    let micros = (seconds - Decimal::from(1_786_316_400)) * Decimal::from(1_000_000);
    micros.try_into().expect("after the start")
}

impl View {
    pub(super) fn open() -> Self {
        let mut records = Vec::new();
        for (source, name) in FILES.into_iter().enumerate() {
            for (number, line) in
                lines(&format!("derived/{name}.jsonl.zst")).into_iter().enumerate()
            {
                if line["t"] == "recv" || line["t"] == "http" {
                    records.push((micros(&line), source, number, line));
                }
            }
        }
        records.sort_by_key(|record| (record.0, record.1, record.2));
        Self {
            records: records.into_iter(),
            books: [Book::default(), Book::default(), Book::default(), Book::default()],
            pool: None,
            joined_us: [0; 2],
            held: [Vec::new(), Vec::new()],
            chain_line: None,
        }
    }

    /// When the next frame comes. Unit: microseconds since the recording's first moment.
    pub(super) fn next_us(&self) -> Option<u64> {
        self.records.as_slice().first().map(|record| record.0)
    }

    /// Applies the next frame; gives its time and what it changed.
    pub(super) fn step(&mut self) -> Option<(u64, Option<Place>)> {
        let (at_us, source, _, line) = self.records.next()?;
        let place = match source {
            0 => self.coinbase(&line),
            1 => self.gemini(&line),
            2 => self.bitstamp(&line),
            _ => self.solana(&line),
        };
        self.chain_line = (source == 3).then_some(line);
        Some((at_us, place))
    }

    fn coinbase(&mut self, line: &Value) -> Option<Place> {
        let frame = data(line);
        if frame["channel"] != "l2_data" {
            return None;
        }
        for event in frame["events"].as_array()? {
            if event["type"] == "snapshot" {
                self.books[0] = Book::default();
            }
            for update in event["updates"].as_array()? {
                let is_bid = update["side"] == "bid";
                self.books[0].put(is_bid, &update["price_level"], &update["new_quantity"]);
            }
        }
        Some(Place::Coinbase)
    }

    fn gemini(&mut self, line: &Value) -> Option<Place> {
        let frame = data(line);
        if line["t"] != "recv" || frame["type"] != "l2_updates" {
            return None;
        }
        for change in frame["changes"].as_array()? {
            self.books[1].put(change[0] == "buy", &change[1], &change[2]);
        }
        Some(Place::Gemini)
    }

    fn bitstamp(&mut self, line: &Value) -> Option<Place> {
        let frame = data(line);
        let name = if line["t"] == "http" { &line["url"] } else { &frame["channel"] };
        let pair = usize::from(name.as_str()?.contains("usdcusd"));
        if line["t"] == "http" && line["url"].as_str()?.contains("order_book") {
            self.joined_us[pair] = microtimestamp(&frame);
            self.rows(pair, &frame);
            for held in std::mem::take(&mut self.held[pair]) {
                if microtimestamp(&held["data"]) > self.joined_us[pair] {
                    self.rows(pair, &held["data"]);
                }
            }
        } else if frame["event"] == "data" && self.joined_us[pair] == 0 {
            self.held[pair].push(frame);
            return None;
        } else if frame["event"] == "data" {
            self.rows(pair, &frame["data"]);
        } else {
            return None;
        }
        Some([Place::Bitstamp, Place::Peg][pair])
    }

    fn rows(&mut self, pair: usize, body: &Value) {
        for (key, is_bid) in [("bids", true), ("asks", false)] {
            for row in body[key].as_array().expect("rows") {
                self.books[2 + pair].put(is_bid, &row[0], &row[1]);
            }
        }
    }

    fn solana(&mut self, line: &Value) -> Option<Place> {
        let frame = data(line);
        let text = if line["t"] == "http" {
            frame["result"]["value"][0]["data"][0].as_str()?
        } else {
            frame["params"]["result"]["value"]["data"][0].as_str()?
        };
        let bytes = STANDARD.decode(text).expect("base64");
        if bytes.len() != 653 {
            return None;
        }
        // 48 bits of the root are plenty here: (root / 2^32)^2 / 2^64 × 10^3 USDC per SOL.
        let root = u128::from_le_bytes(bytes[65..81].try_into().expect("16 bytes")) >> 32;
        let square = (root * root * 1_000_000_000) >> 64;
        let micros = i128::try_from(square).expect("a price");
        self.pool = Some(Decimal::from_i128_with_scale(micros, 6));
        Some(Place::Pool)
    }
}

pub(super) fn microtimestamp(body: &Value) -> u64 {
    body["microtimestamp"].as_str().expect("a text").parse().expect("a number")
}
