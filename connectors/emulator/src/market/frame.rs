//! What comes out: frames in the order of their arrival.

use std::collections::BTreeMap;

/// One connection (with the HTTP calls that belong to it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Coinbase Advanced Trade: SOL-USD.
    Coinbase = 0,
    /// Gemini v2: SOLUSD.
    Gemini = 1,
    /// Bitstamp v2: solusd and usdcusd.
    Bitstamp = 2,
    /// Solana JSON-RPC: one Whirlpool.
    Solana = 3,
}

impl Stream {
    /// Every stream, in index order.
    pub const ALL: [Self; 4] = [Self::Coinbase, Self::Gemini, Self::Bitstamp, Self::Solana];

    /// The venue's name in configuration and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Gemini => "gemini",
            Self::Bitstamp => "bitstamp",
            Self::Solana => "solana",
        }
    }

    /// From the venue's clock to the receiver's: (always, at most more). Unit: microseconds.
    const fn latency_us(self) -> (u64, u64) {
        match self {
            Self::Coinbase => (58_000, 9_000),
            Self::Gemini => (45_000, 7_000),
            Self::Bitstamp => (80_000, 11_000),
            Self::Solana => (112_000, 17_000),
        }
    }
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The socket opened; the text is its address.
    Connect,
    /// The client sent the text.
    Send,
    /// The venue sent the text.
    Receive,
    /// The text answers an HTTP request.
    Http {
        /// Request address.
        url: String,
        /// Request body of a POST.
        request: Option<String>,
    },
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where from.
    pub stream: Stream,
    /// When the receiver has it. Unit: Unix nanoseconds. Never falls within a stream.
    pub recv_ns: u64,
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
}

/// Frames on their way, and how late each stream is.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    start_ns: u64,
    rng: super::rng::Rng,
    waiting: BTreeMap<(u64, u64), Frame>,
    count: u64,
    /// Last arrival per stream: a socket does not overtake itself. Unit: microseconds since start.
    last_us: [u64; 4],
}

impl Outbox {
    pub(super) const fn new(start_ns: u64, rng: super::rng::Rng) -> Self {
        Self { start_ns, rng, waiting: BTreeMap::new(), count: 0, last_us: [0; 4] }
    }

    /// The venue sends a frame now; it arrives one latency later.
    pub(super) fn venue_sends(&mut self, stream: Stream, at_us: u64, text: String) {
        let (always, more) = stream.latency_us();
        let arrival = at_us + always + self.rng.between(0, more);
        let arrival = arrival.max(self.last_us[stream as usize] + 3);
        self.last_us[stream as usize] = arrival;
        self.put(stream, arrival, Kind::Receive, text);
    }

    /// Something that the client does or gets at exactly this time.
    pub(super) fn put(&mut self, stream: Stream, recv_us: u64, kind: Kind, text: String) {
        let recv_ns = self.start_ns + recv_us * 1_000;
        self.waiting.insert((recv_us, self.count), Frame { stream, recv_ns, kind, text });
        self.count += 1;
    }

    /// Frames that have arrived by now, in order.
    pub(super) fn take(&mut self, now_us: u64) -> Vec<Frame> {
        let later = self.waiting.split_off(&(now_us + 1, 0));
        std::mem::replace(&mut self.waiting, later).into_values().collect()
    }
}
