//! Frames of the recorded Coinbase and Gemini connections.

use connector_coinbase::CoinbaseDecoder;
use connector_gemini::GeminiDecoder;
use connector_net::capture::{Capture, Kind};
use connector_net::{Decoder, Input, Market, Markets, OddCounts, Sink};
use engine_model::{Body, Venue};

/// One frame of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Local receive time. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// 1-based line of the recording.
    pub line: u64,
    /// The text as it came; see [`Feed`] for the one number that may differ.
    pub text: Vec<u8>,
    /// Levels in it.
    pub levels: usize,
}

/// The book frames of one connection.
///
/// Coinbase counts the messages of all channels in one sequence. Here the book frames stand alone,
/// so their `sequence_num` is renumbered without gaps; nothing else of their text is touched.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Whose.
    pub venue: Venue,
    /// Symbols and grids, the latter from the recording's own metadata.
    pub markets: Vec<Market>,
    /// First frame of each book.
    pub snapshots: Vec<Frame>,
    /// All later book frames.
    pub updates: Vec<Frame>,
    /// Our decoder's counters over the whole, untouched recording.
    pub counts: OddCounts,
}

/// Our decoder of a venue.
#[derive(Clone, Debug)]
pub enum Ours {
    /// Coinbase Advanced Trade.
    Coinbase(Box<CoinbaseDecoder>),
    /// Gemini v2.
    Gemini(Box<GeminiDecoder>),
}

impl Ours {
    fn new(venue: Venue, markets: Markets) -> Self {
        match venue {
            Venue::Coinbase => Self::Coinbase(Box::new(CoinbaseDecoder::new(markets))),
            Venue::Gemini => Self::Gemini(Box::new(GeminiDecoder::new(markets))),
            Venue::Bitstamp | Venue::Solana => panic!("no such recording: {}", venue.name()),
        }
    }

    /// Decodes one frame, appending its batch.
    #[inline]
    pub fn decode(&mut self, frame: &Frame, out: &mut Sink) {
        let input = Input::Received(&frame.text);
        match self {
            Self::Coinbase(decoder) => decoder.decode(frame.recv_ns, frame.line, input, out),
            Self::Gemini(decoder) => decoder.decode(frame.recv_ns, frame.line, input, out),
        }
    }

    /// Decodes any input.
    fn input(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        match self {
            Self::Coinbase(decoder) => decoder.decode(recv_ns, line, input, out),
            Self::Gemini(decoder) => decoder.decode(recv_ns, line, input, out),
        }
    }

    /// The decoder's counters.
    #[must_use]
    pub fn counts(&self) -> &OddCounts {
        match self {
            Self::Coinbase(decoder) => decoder.counts(),
            Self::Gemini(decoder) => decoder.counts(),
        }
    }

    fn markets(&self) -> &Markets {
        match self {
            Self::Coinbase(decoder) => decoder.markets(),
            Self::Gemini(decoder) => decoder.markets(),
        }
    }
}

impl Feed {
    /// Coinbase, BTC-USD and ETH-USD.
    #[must_use]
    pub fn coinbase() -> Self {
        Self::load(Venue::Coinbase, "coinbase.jsonl.zst")
    }

    /// Gemini, ten symbols.
    #[must_use]
    pub fn gemini() -> Self {
        Self::load(Venue::Gemini, "gemini.jsonl.zst")
    }

    fn load(venue: Venue, file: &str) -> Self {
        let capture = Capture::from_bytes(file, &crate::recorded(file)).expect("a whole recording");
        let mut decoder = Ours::new(venue, Markets::open(known(&capture, venue)));
        let (mut snapshots, mut updates) = (Vec::new(), Vec::new());
        let mut out = Sink::default();
        for record in capture.records() {
            let record = record.expect("a readable line");
            let read = decoder.counts().fast + decoder.counts().typed;
            out.clear();
            decoder.input(record.recv_ns, record.line, record.input(), &mut out);
            let is_update = decoder.counts().fast + decoder.counts().typed > read;
            let is_snapshot = out.events.first().is_some_and(|event| event.body == Body::BookClear);
            let levels =
                out.events.iter().filter(|event| matches!(event.body, Body::Level { .. })).count();
            let frame = Frame {
                recv_ns: record.recv_ns,
                line: record.line,
                text: record.data.into_owned().into_bytes(),
                levels,
            };
            if is_snapshot {
                snapshots.push(frame);
            } else if is_update {
                updates.push(frame);
            }
        }
        if venue == Venue::Coinbase {
            for (seq, frame) in snapshots.iter_mut().chain(&mut updates).enumerate() {
                renumber(frame, seq);
            }
        }
        let markets = decoder.markets().list().to_vec();
        Self { venue, markets, snapshots, updates, counts: *decoder.counts() }
    }

    /// Our decoder on a new connection: the snapshots come next.
    #[must_use]
    pub fn decoder(&self) -> Ours {
        Ours::new(self.venue, Markets::closed(self.markets.clone()))
    }

    /// Our decoder with every snapshot read: the updates come next.
    #[must_use]
    pub fn decoder_after_snapshots(&self) -> Ours {
        let mut decoder = self.decoder();
        let mut out = Sink::default();
        for frame in &self.snapshots {
            out.clear();
            decoder.decode(frame, &mut out);
        }
        decoder
    }
}

fn known(capture: &Capture, venue: Venue) -> Vec<(Box<str>, engine_model::Grid)> {
    let mut known = Vec::new();
    for record in capture.records() {
        let record = record.expect("a readable line");
        if let Kind::Http { url, .. } = &record.kind {
            let body = record.data.as_bytes();
            known.extend(if venue == Venue::Coinbase {
                connector_coinbase::metadata(url, body)
            } else {
                connector_gemini::metadata(url, body)
            });
        }
    }
    known
}

fn renumber(frame: &mut Frame, seq: usize) {
    const KEY: &str = "\"sequence_num\":";
    let text = core::str::from_utf8(&frame.text).expect("the recording is UTF-8");
    let start = text.find(KEY).expect("every message has one") + KEY.len();
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let renumbered = format!("{}{seq}{}", &text[..start], &text[start + digits..]);
    frame.text = renumbered.into_bytes();
}
