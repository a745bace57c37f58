//! The venues' decoders on recorded frames: nothing is lost, and both paths say the same.

mod captures;
mod current;
mod keys;
mod paths;

use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::{CurrentDecoder, GeminiDecoder};
use connector_net::books::ReadPath;
use connector_net::capture::{Capture, Kind};
use connector_net::{Decoder, Markets, Odd, Sink};
use engine_model::{Grid, Venue};

use crate::support::shared;

const COINBASE: &str = "coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst";
const GEMINI_2026: &str = "gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst";
const GEMINI_2021: &str = "gemini/v2_marketdata_20210405_10sym_120s.raw.zst";
const BITSTAMP_BTC: &str = "bitstamp/ws_20210417_btcusd_10sym.raw.zst";
const BITSTAMP_120S: &str = "bitstamp/ws_20210405_10sym_120s.raw.zst";

const ALL: [(Venue, &str); 5] = [
    (Venue::Coinbase, COINBASE),
    (Venue::Gemini, GEMINI_2026),
    (Venue::Gemini, GEMINI_2021),
    (Venue::Bitstamp, BITSTAMP_BTC),
    (Venue::Bitstamp, BITSTAMP_120S),
];

fn capture(file: &str) -> Option<Capture> {
    Some(Capture::open(&shared(file)?).expect("a recording of the shared data is readable"))
}

/// Grids that a recording's own HTTP answers name.
fn known(capture: &Capture, venue: Venue) -> Vec<(Box<str>, Grid)> {
    let metadata = match venue {
        Venue::Coinbase => connector_coinbase::metadata,
        Venue::Gemini => connector_gemini::metadata,
        Venue::Bitstamp => connector_bitstamp::metadata,
        Venue::Solana => unreachable!("no exchange"),
    };
    let mut known = Vec::new();
    for record in capture.records() {
        let record = record.expect("readable");
        if let Kind::Http { url, .. } = &record.kind {
            known.extend(metadata(url, record.data.as_bytes()));
        }
    }
    known
}

/// Any venue's decoder, as a value that can be copied to try something on it.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "one decoder a test, made once")]
enum AnyDecoder {
    Coinbase(CoinbaseDecoder),
    Gemini(GeminiDecoder),
    GeminiCurrent(CurrentDecoder),
    Bitstamp(BitstampDecoder),
}

impl AnyDecoder {
    fn new(venue: Venue, markets: Markets, path: ReadPath) -> Self {
        match venue {
            Venue::Coinbase => Self::Coinbase(CoinbaseDecoder::new(markets).with_path(path)),
            Venue::Gemini => Self::Gemini(GeminiDecoder::new(markets).with_path(path)),
            Venue::Bitstamp => Self::Bitstamp(BitstampDecoder::new(markets).with_path(path)),
            Venue::Solana => unreachable!("no exchange"),
        }
    }

    fn get(&mut self) -> &mut dyn Decoder {
        match self {
            Self::Coinbase(decoder) => decoder,
            Self::Gemini(decoder) => decoder,
            Self::GeminiCurrent(decoder) => decoder,
            Self::Bitstamp(decoder) => decoder,
        }
    }
}

/// Two decoders that read the same input by different paths and must not differ.
#[derive(Clone)]
struct Twins {
    fast: AnyDecoder,
    typed: AnyDecoder,
    fast_out: Sink,
    typed_out: Sink,
}

impl Twins {
    fn new(venue: Venue, known: &[(Box<str>, Grid)]) -> Self {
        Self::of(|path| AnyDecoder::new(venue, Markets::open(known.to_vec()), path))
    }

    /// The same of Gemini's current feed.
    fn current(known: &[(Box<str>, Grid)]) -> Self {
        Self::of(|path| {
            let decoder = CurrentDecoder::new(Markets::open(known.to_vec()));
            AnyDecoder::GeminiCurrent(decoder.with_path(path))
        })
    }

    fn of(decoder: impl Fn(ReadPath) -> AnyDecoder) -> Self {
        Self {
            fast: decoder(ReadPath::FastThenTyped),
            typed: decoder(ReadPath::TypedOnly),
            fast_out: Sink::default(),
            typed_out: Sink::default(),
        }
    }

    /// Feeds both and compares events, batches, counters and symbol tables.
    fn feed(&mut self, recv_ns: u64, line: u64, input: connector_net::Input<'_>) {
        self.fast_out.clear();
        self.typed_out.clear();
        self.fast.get().decode(recv_ns, line, input, &mut self.fast_out);
        self.typed.get().decode(recv_ns, line, input, &mut self.typed_out);
        let shown = || match input {
            connector_net::Input::Received(frame) => {
                String::from_utf8_lossy(&frame[..frame.len().min(2_000)]).into_owned()
            }
            connector_net::Input::Connected
            | connector_net::Input::Closed
            | connector_net::Input::Sent(_)
            | connector_net::Input::Http { .. } => {
                format!("{input:?}").chars().take(2_000).collect()
            }
        };
        assert_eq!(self.fast_out.events, self.typed_out.events, "line {line}: {}", shown());
        assert_eq!(self.fast_out.batches, self.typed_out.batches, "line {line}: {}", shown());
        assert_eq!(self.fast_out.open_len(), 0, "line {line}: a batch is open: {}", shown());
        let (fast, typed) = (self.fast.get().counts(), self.typed.get().counts());
        for odd in Odd::ALL {
            assert_eq!(fast.get(odd), typed.get(odd), "line {line}: {}: {}", odd.name(), shown());
        }
        assert_eq!(fast.frames, typed.frames);
        let (fast, typed) = (self.fast.get().markets(), self.typed.get().markets());
        assert_eq!(fast.list(), typed.list(), "line {line}: {}", shown());
    }
}
