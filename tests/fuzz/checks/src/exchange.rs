//! Frames of an exchange through both paths of its decoder, and their events through books.
//!
//! An input is a list of records with the byte 1E (record separator) between them, so that a
//! mutation can drop, repeat or join frames; the first byte of a record says what it is: `!` the
//! connection opened, `@` an HTTP answer (address, space, body), `#` metadata to take grids from,
//! `>` text that was sent; anything else is a frame.

use std::cell::RefCell;

use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::{CurrentDecoder, GeminiDecoder};
use connector_net::books::ReadPath;
use connector_net::{Decoder, Input, Markets, Odd, Sink};
use engine_model::{Body, Grid, Venue};

use crate::books::Shelf;

/// Stands between the records of an input.
pub const SEPARATOR: u8 = 0x1e;
/// Markets of one input whose books are built.
const BOOKS: usize = 3;
/// Records of one input that are looked at.
const RECORDS_MAX: usize = 64;
/// Receive time of the first record: right behind the recordings', so that both signs of latency
/// occur. Unit: Unix nanoseconds.
const BEGIN_NS: u64 = 1_786_309_550_000_000_000;
const MS: u64 = 1_000_000;

/// What an exchange speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Coinbase Advanced Trade.
    Coinbase,
    /// Gemini's market data v2.
    Gemini,
    /// Gemini's current WebSocket.
    GeminiCurrent,
    /// Bitstamp, with its REST books.
    Bitstamp,
}

impl Wire {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Coinbase, Self::Gemini, Self::GeminiCurrent, Self::Bitstamp];

    /// Whose it is.
    #[must_use]
    pub const fn venue(self) -> Venue {
        match self {
            Self::Coinbase => Venue::Coinbase,
            Self::Gemini | Self::GeminiCurrent => Venue::Gemini,
            Self::Bitstamp => Venue::Bitstamp,
        }
    }

    /// Its target.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Gemini => "gemini",
            Self::GeminiCurrent => "gemini_current",
            Self::Bitstamp => "bitstamp",
        }
    }
}

/// Any exchange's decoder, as a value that can be copied to try something on it.
#[derive(Clone, Debug)]
pub enum AnyDecoder {
    /// Coinbase.
    Coinbase(Box<CoinbaseDecoder>),
    /// Gemini's market data v2.
    Gemini(Box<GeminiDecoder>),
    /// Gemini's current feed.
    GeminiCurrent(Box<CurrentDecoder>),
    /// Bitstamp.
    Bitstamp(Box<BitstampDecoder>),
}

impl AnyDecoder {
    /// A decoder of `wire` that reads by `path`.
    #[must_use]
    pub fn new(wire: Wire, markets: Markets, path: ReadPath) -> Self {
        match wire {
            Wire::Coinbase => {
                Self::Coinbase(Box::new(CoinbaseDecoder::new(markets).with_path(path)))
            }
            Wire::Gemini => Self::Gemini(Box::new(GeminiDecoder::new(markets).with_path(path))),
            Wire::GeminiCurrent => {
                Self::GeminiCurrent(Box::new(CurrentDecoder::new(markets).with_path(path)))
            }
            Wire::Bitstamp => {
                Self::Bitstamp(Box::new(BitstampDecoder::new(markets).with_path(path)))
            }
        }
    }

    /// The decoder.
    #[must_use]
    pub fn get(&self) -> &dyn Decoder {
        match self {
            Self::Coinbase(decoder) => &**decoder,
            Self::Gemini(decoder) => &**decoder,
            Self::GeminiCurrent(decoder) => &**decoder,
            Self::Bitstamp(decoder) => &**decoder,
        }
    }

    /// The decoder, to decode with.
    pub fn get_mut(&mut self) -> &mut dyn Decoder {
        match self {
            Self::Coinbase(decoder) => &mut **decoder,
            Self::Gemini(decoder) => &mut **decoder,
            Self::GeminiCurrent(decoder) => &mut **decoder,
            Self::Bitstamp(decoder) => &mut **decoder,
        }
    }
}

/// Two decoders that read the same inputs by different paths and must not differ.
#[derive(Clone, Debug)]
pub struct Twins {
    wire: Wire,
    fast: AnyDecoder,
    typed: AnyDecoder,
    fast_out: Sink,
    typed_out: Sink,
}

impl Twins {
    /// Two decoders with an open table that knows these grids.
    #[must_use]
    pub fn new(wire: Wire, known: &[(Box<str>, Grid)]) -> Self {
        let decoder = |path| AnyDecoder::new(wire, Markets::open(known.to_vec()), path);
        Self {
            wire,
            fast: decoder(ReadPath::FastThenTyped),
            typed: decoder(ReadPath::TypedOnly),
            fast_out: Sink::default(),
            typed_out: Sink::default(),
        }
    }

    /// As [`Twins::new`], keeping the memory of the sinks.
    pub fn reset(&mut self, wire: Wire, known: &[(Box<str>, Grid)]) {
        self.wire = wire;
        let decoder = |path| AnyDecoder::new(wire, Markets::open(known.to_vec()), path);
        self.fast = decoder(ReadPath::FastThenTyped);
        self.typed = decoder(ReadPath::TypedOnly);
    }

    /// Feeds both, compares events, batches and counters, and gives the events to the books.
    pub fn feed(&mut self, recv_ns: u64, line: u64, input: Input<'_>, shelf: &mut Shelf) {
        self.fast_out.clear();
        self.typed_out.clear();
        self.fast.get_mut().decode(recv_ns, line, input, &mut self.fast_out);
        self.typed.get_mut().decode(recv_ns, line, input, &mut self.typed_out);
        // Not `assert_eq`: a snapshot's events would fill the screen.
        if self.fast_out.events != self.typed_out.events {
            let (fast, typed) = (&self.fast_out.events, &self.typed_out.events);
            let at = fast.iter().zip(typed).position(|(fast, typed)| fast != typed);
            let at = at.unwrap_or(fast.len().min(typed.len()));
            let (fast, typed) = (fast.get(at), typed.get(at));
            panic!("line {line}, event {at}: scanner {fast:?}, typed {typed:?}");
        }
        assert_eq!(self.fast_out.batches, self.typed_out.batches, "line {line}");
        assert_eq!(self.fast_out.open_len(), 0, "line {line}: a batch is open");
        let (fast, typed) = (self.fast.get().counts(), self.typed.get().counts());
        for odd in Odd::ALL {
            assert_eq!(fast.get(odd), typed.get(odd), "line {line}: {}", odd.name());
        }
        assert_eq!(fast.frames, typed.frames);
        assert_eq!(typed.fast, 0);
        for (batch_line, events) in self.fast_out.iter() {
            assert!(batch_line <= line, "line {line}: a batch of a later line");
            shelf.batch(self.wire.venue(), recv_ns, events);
        }
    }

    /// Compares the symbol tables.
    pub fn finish(&self) {
        assert_eq!(self.fast.get().markets().list(), self.typed.get().markets().list());
    }

    /// Whether the last input gave a snapshot.
    #[must_use]
    pub fn gave_snapshot(&self) -> bool {
        self.fast_out.events.iter().any(|event| event.body == Body::BookClear)
    }

    /// The decoder that scans first.
    #[must_use]
    pub fn fast(&self) -> &dyn Decoder {
        self.fast.get()
    }
}

/// Grids named by metadata of a venue.
#[must_use]
pub fn metadata(venue: Venue, url: &str, body: &[u8]) -> Vec<(Box<str>, Grid)> {
    match venue {
        Venue::Coinbase => connector_coinbase::metadata(url, body),
        Venue::Gemini => connector_gemini::metadata(url, body),
        Venue::Bitstamp => connector_bitstamp::metadata(url, body),
        Venue::Solana => Vec::new(),
    }
}

/// Everything that is made once.
struct Bench {
    twins: Twins,
    shelf: Shelf,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// What an input led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Book updates that the scanner took.
    pub updates_fast: u64,
    /// Books that are usable at the end.
    pub books_usable: usize,
}

/// Checks the records of an input and tells how far they led.
#[expect(clippy::must_use_candidate, reason = "a check is called for its panics")]
pub fn check(wire: Wire, data: &[u8]) -> Outcome {
    BENCH.with_borrow_mut(|bench| {
        let bench = bench.get_or_insert_with(|| Bench {
            twins: Twins::new(wire, &[]),
            shelf: Shelf::new(BOOKS),
        });
        run(bench, wire, data)
    })
}

fn run(bench: &mut Bench, wire: Wire, data: &[u8]) -> Outcome {
    let Bench { twins, shelf } = bench;
    shelf.reset();
    let mut known = Vec::new();
    for record in data.split(|byte| *byte == SEPARATOR).take(RECORDS_MAX) {
        if let Some((url, body)) = record.strip_prefix(b"#").and_then(addressed) {
            known.extend(metadata(wire.venue(), url, body));
        }
    }
    for (symbol, grid) in &known {
        assert!(grid.tick.is_valid() && grid.lot.is_valid(), "{symbol}: {grid:?}");
    }
    twins.reset(wire, &known);
    let records = data.split(|byte| *byte == SEPARATOR).take(RECORDS_MAX);
    for (line, record) in (1..).zip(records) {
        let input = match record.split_first() {
            Some((b'!', _)) => Input::Connected,
            Some((b'>', sent)) => Input::Sent(sent),
            Some((b'#', _)) => continue,
            Some((b'@', rest)) => {
                let Some((url, body)) = addressed(rest) else { continue };
                Input::Http { url, request: b"", body }
            }
            _ => Input::Received(record),
        };
        twins.feed(BEGIN_NS + line * MS, line, input, shelf);
    }
    twins.finish();
    shelf.finish();
    let books_usable = (0..BOOKS).filter(|market| shelf.is_usable(*market)).count();
    Outcome { updates_fast: twins.fast().counts().fast, books_usable }
}

/// Address and body, with one space between them.
pub(crate) fn addressed(record: &[u8]) -> Option<(&str, &[u8])> {
    let space = record.iter().position(|byte| *byte == b' ')?;
    let url = core::str::from_utf8(&record[..space]).ok()?;
    Some((url, &record[space + 1..]))
}
