//! Typed decoders as one writes them with a serde format: strings are borrowed, the level buffer is
//! reused, numbers and times are read by the parsers that our own decoders use.

use std::cell::RefCell;
use std::fmt::{self, Formatter};

use connector_net::decimal::parse_level;
use connector_net::time::MinuteMemo;
use connector_net::{Markets, Sink};
use engine_model::{Body, Event, Flags, Side, Venue};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use benches::frames::{Feed, Frame};

/// Reads JSON text into a type.
pub(crate) trait Format {
    fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T>;
}

/// `serde_json`, the text checked as UTF-8 as a whole: faster than string by string.
pub(crate) struct SerdeJson;

impl Format for SerdeJson {
    #[inline]
    fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
        serde_json::from_str(std::str::from_utf8(text).ok()?).ok()
    }
}

/// `sonic-rs`, which checks the text as a whole too.
pub(crate) struct SonicRs;

impl Format for SonicRs {
    #[inline]
    fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
        sonic_rs::from_slice(text).ok()
    }
}

/// A list whose memory comes from the last one.
struct Reused<T>(Vec<T>);

/// Types that keep a spare list.
trait Spare<'a>: Sized {
    fn take() -> Vec<Self>;
    fn give(list: Vec<Self>);
}

/// Empties a list into one of another lifetime. It keeps its memory, since collecting a list into
/// one of the same layout is done in place.
fn emptied<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().filter_map(|_| None).collect()
}

impl<'de: 'a, 'a, T: Deserialize<'de> + Spare<'a>> Deserialize<'de> for Reused<T> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Into<T>(Vec<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Into<T> {
            type Value = Vec<T>;
            fn expecting(&self, out: &mut Formatter<'_>) -> fmt::Result {
                out.write_str("an array")
            }
            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<Vec<T>, A::Error> {
                while let Some(element) = array.next_element()? {
                    self.0.push(element);
                }
                Ok(self.0)
            }
        }
        from.deserialize_seq(Into(T::take())).map(Self)
    }
}

thread_local! {
    static COINBASE: RefCell<Vec<CoinbaseLevel<'static>>> = const { RefCell::new(Vec::new()) };
    static GEMINI: RefCell<Vec<GeminiLevel<'static>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Deserialize)]
struct CoinbaseFrame<'a> {
    channel: &'a str,
    timestamp: &'a str,
    sequence_num: u64,
    #[serde(borrow)]
    events: [CoinbaseEvent<'a>; 1],
}

#[derive(Deserialize)]
struct CoinbaseEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: &'a str,
    #[serde(borrow)]
    updates: Reused<CoinbaseLevel<'a>>,
}

#[derive(Deserialize)]
struct CoinbaseLevel<'a> {
    side: &'a str,
    event_time: &'a str,
    price_level: &'a str,
    new_quantity: &'a str,
}

impl<'a> Spare<'a> for CoinbaseLevel<'a> {
    fn take() -> Vec<Self> {
        emptied(COINBASE.take())
    }
    fn give(list: Vec<Self>) {
        COINBASE.set(emptied(list));
    }
}

#[derive(Deserialize)]
struct GeminiFrame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    symbol: &'a str,
    #[serde(borrow)]
    changes: Reused<GeminiLevel<'a>>,
    trades: Option<IgnoredAny>,
    auction_events: Option<IgnoredAny>,
}

/// Side, price, size.
#[derive(Deserialize)]
struct GeminiLevel<'a>(&'a str, &'a str, &'a str);

impl<'a> Spare<'a> for GeminiLevel<'a> {
    fn take() -> Vec<Self> {
        emptied(GEMINI.take())
    }
    fn give(list: Vec<Self>) {
        GEMINI.set(emptied(list));
    }
}

/// A typed decoder of one connection.
pub(crate) struct Typed {
    venue: Venue,
    markets: Markets,
    next_seq: u64,
    minute: MinuteMemo,
    level_minute: MinuteMemo,
}

impl Typed {
    /// On a new connection, or where `next_seq` comes next.
    pub(crate) fn new(feed: &Feed, next_seq: u64) -> Self {
        Self {
            venue: feed.venue,
            markets: Markets::closed(feed.markets.clone()),
            next_seq,
            minute: MinuteMemo::default(),
            level_minute: MinuteMemo::default(),
        }
    }

    /// Sets the number of the next message.
    pub(crate) fn expect(&mut self, next_seq: u64) {
        self.next_seq = next_seq;
    }

    /// Decodes one frame, appending its batch; none where it is not understood.
    #[inline]
    pub(crate) fn decode<F: Format>(&mut self, frame: &Frame, out: &mut Sink) -> Option<()> {
        if self.venue == Venue::Coinbase {
            self.coinbase::<F>(frame, out)
        } else {
            self.gemini::<F>(frame, out)
        }
    }

    fn head(&self, frame: &Frame, symbol: &str, is_snapshot: bool) -> Option<(Event, usize)> {
        let position = self.markets.find(symbol.as_bytes())?;
        let event = Event {
            recv_ns: frame.recv_ns,
            venue_ns: 0,
            seq: 0,
            market: self.markets.get(position).id,
            venue: self.venue,
            flags: Flags(if is_snapshot { Flags::SNAPSHOT } else { 0 }),
            body: Body::BookClear,
        };
        Some((event, position))
    }

    fn coinbase<F: Format>(&mut self, frame: &Frame, out: &mut Sink) -> Option<()> {
        let read: CoinbaseFrame<'_> = F::read(&frame.text)?;
        let CoinbaseFrame { channel, timestamp, sequence_num, events: [event] } = read;
        if channel != "l2_data" || sequence_num != self.next_seq {
            return None;
        }
        self.next_seq += 1;
        let is_snapshot = match event.kind {
            "snapshot" => true,
            "update" => false,
            _ => return None,
        };
        let (head, position) = self.head(frame, event.product_id, is_snapshot)?;
        let venue_ns = self.minute.parse(timestamp.as_bytes())?;
        let head = Event { venue_ns, seq: sequence_num, ..head };
        let grid = self.markets.get(position).grid;
        if is_snapshot {
            out.events.push(head);
        }
        for level in &event.updates.0 {
            let side = match level.side {
                "bid" => Side::Bid,
                "offer" => Side::Ask,
                _ => return None,
            };
            self.level_minute.parse(level.event_time.as_bytes())?;
            let (price, size) = (level.price_level.as_bytes(), level.new_quantity.as_bytes());
            let (price_ticks, size_lots) = parse_level(price, size, &grid).ok()?;
            out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..head });
        }
        Spare::give(event.updates.0);
        out.close(frame.line);
        Some(())
    }

    fn gemini<F: Format>(&mut self, frame: &Frame, out: &mut Sink) -> Option<()> {
        let read: GeminiFrame<'_> = F::read(&frame.text)?;
        if read.kind != "l2_updates" {
            return None;
        }
        let is_snapshot = read.trades.is_some() || read.auction_events.is_some();
        let (head, position) = self.head(frame, read.symbol, is_snapshot)?;
        let grid = self.markets.get(position).grid;
        if is_snapshot {
            out.events.push(head);
        }
        for GeminiLevel(side, price, size) in &read.changes.0 {
            let side = match *side {
                "buy" => Side::Bid,
                "sell" => Side::Ask,
                _ => return None,
            };
            let (price_ticks, size_lots) =
                parse_level(price.as_bytes(), size.as_bytes(), &grid).ok()?;
            out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..head });
        }
        Spare::give(read.changes.0);
        out.close(frame.line);
        Some(())
    }
}
