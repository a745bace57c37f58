//! What keeps one live connection going, without sockets and clocks.
//!
//! A venue's [`Protocol`] knows what to send, what to fetch and how to make one market good again.
//! What every connection needs alike (back-off, pings, silence, budgets, deadlines of snapshots, who
//! is live) is done once, in the link that drives it. Time comes in as an argument, and whatever is
//! wanted goes out as [`Asks`], so that a test can play a day of failures without a socket.

mod alive;
mod backoff;
mod host;
mod link;
mod mending;
mod view;

use engine_model::{Event, MarketId};

pub use alive::Alive;
pub use backoff::{Backoff, BackoffSpec, Budget, Jitter};
pub use link::Link;
pub use view::{
    Effect, LinkCounts, LinkSettings, LinkView, Phase, Stream, StreamState, Tap, Tapped, Ticket,
};

use crate::decode::{Decoder, Sink};

/// The moment of something, and its number on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Unit: Unix nanoseconds; never falls.
    pub ns: u64,
    /// Arrival number: the line of a recording of this connection.
    pub line: u64,
}

/// Where to connect next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `wss://` (or `ws://` to this machine).
    pub url: String,
    /// Headers of the upgrade request. Values may be secret: they are never printed.
    pub headers: Vec<(String, String)>,
}

/// Method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// An HTTP request that a protocol wants made. One answer or failure comes back for each.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The protocol's own number; comes back with the answer.
    pub tag: u64,
    /// Method.
    pub method: Method,
    /// Absolute address.
    pub url: String,
    /// Headers. Values may be secret: they are never printed.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: String,
    /// Whether a recording may hold the answer.
    pub secrecy: Secrecy,
}

/// Whether something may be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// Anybody may read it.
    #[default]
    Public,
    /// It holds, or may hold, credentials or an account's affairs: never recorded.
    Secret,
    /// Its address may hold credentials: recorded with the host alone.
    SecretAddress,
}

impl core::fmt::Debug for Fetch {
    /// Headers and body may hold secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fetch")
            .field("tag", &self.tag)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched<'a> {
    /// An answer came, whatever its status. A body of status 200 to 299 was given to the decoder
    /// before.
    Answer {
        /// Of the request.
        tag: u64,
        /// HTTP status.
        status: u16,
        /// Address, with its query.
        url: &'a str,
        /// Body of the request.
        request: &'a [u8],
        /// Body of the answer.
        body: &'a [u8],
        /// What a `Retry-After` header asks for. Unit: milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// None came.
    Failed {
        /// Of the request.
        tag: u64,
        /// Why.
        why: FetchFailure,
    },
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FetchFailure {
    /// Name, connection or TLS.
    Unreachable,
    /// Nothing in time.
    TimedOut,
    /// Larger than what is read.
    TooLarge,
    /// The budget of requests does not allow it now.
    OverBudget,
    /// Too many wait already.
    QueueFull,
}

/// Why a connection is given up, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// The venue closed it.
    Closed = 0,
    /// Reset, or cut without a close.
    Broken = 1,
    /// The name was not resolved.
    Dns = 2,
    /// Nobody listens, or nobody answered in time.
    Refused = 3,
    /// TLS failed: certificate, name or version.
    Tls = 4,
    /// The upgrade was refused with 401 or 403.
    Unauthorized = 5,
    /// The upgrade was refused with 418 or 429.
    Limited = 6,
    /// The upgrade was refused otherwise.
    Handshake = 7,
    /// Nothing came for too long.
    Silent = 8,
    /// No pong came in time.
    PongLate = 9,
    /// A frame above the limit, or against the protocol.
    BadFrame = 10,
    /// A snapshot did not come in time, twice.
    SnapshotLate = 11,
    /// Too many doubts in a short time.
    TooManyDoubts = 12,
    /// The venue asked for it.
    VenueAsked = 13,
    /// The venue answered with an error that nothing else mends.
    VenueError = 14,
    /// The node lies behind the chain.
    Lagging = 15,
    /// We were too slow, and the connection cannot mend single markets.
    Overrun = 16,
    /// An operator or the end of the process.
    Stopped = 17,
    /// A better address has been well for long enough.
    Preferred = 18,
}

impl Cause {
    /// Every cause, in index order.
    pub const ALL: [Self; 19] = [
        Self::Closed,
        Self::Broken,
        Self::Dns,
        Self::Refused,
        Self::Tls,
        Self::Unauthorized,
        Self::Limited,
        Self::Handshake,
        Self::Silent,
        Self::PongLate,
        Self::BadFrame,
        Self::SnapshotLate,
        Self::TooManyDoubts,
        Self::VenueAsked,
        Self::VenueError,
        Self::Lagging,
        Self::Overrun,
        Self::Stopped,
        Self::Preferred,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Tls => "tls",
            Self::Unauthorized => "unauthorized",
            Self::Limited => "limited",
            Self::Handshake => "handshake",
            Self::Silent => "silent",
            Self::PongLate => "pong_late",
            Self::BadFrame => "bad_frame",
            Self::SnapshotLate => "snapshot_late",
            Self::TooManyDoubts => "too_many_doubts",
            Self::VenueAsked => "venue_asked",
            Self::VenueError => "venue_error",
            Self::Lagging => "lagging",
            Self::Overrun => "overrun",
            Self::Stopped => "stopped",
            Self::Preferred => "preferred",
        }
    }
}

/// One thing that a protocol wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A text frame. Sent as the budget of messages allows, in order.
    Send(String),
    /// A text frame with credentials; recorded, and told to the decoder, as `shown`.
    SendSecret {
        /// As sent.
        text: String,
        /// As written down.
        shown: String,
    },
    /// A request.
    Fetch(Fetch),
    /// An end of this connection and a new one.
    Reconnect(Cause),
    /// A new snapshot of a live market whose stream may be dead: [`Protocol::resync`] is called, and the
    /// snapshot must come as after a doubt.
    Mend(MarketId),
}

/// What a protocol wants, in order.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    /// In order.
    pub list: Vec<Ask>,
}

impl Asks {
    /// A text frame.
    pub fn send(&mut self, text: impl Into<String>) {
        self.list.push(Ask::Send(text.into()));
    }

    /// A text frame with credentials, and what may be written down of it.
    pub fn send_secret(&mut self, text: impl Into<String>, shown: impl Into<String>) {
        self.list.push(Ask::SendSecret { text: text.into(), shown: shown.into() });
    }

    /// A request.
    pub fn fetch(&mut self, fetch: Fetch) {
        self.list.push(Ask::Fetch(fetch));
    }

    /// A new connection.
    pub fn reconnect(&mut self, cause: Cause) {
        self.list.push(Ask::Reconnect(cause));
    }

    /// A market to be made good.
    pub fn mend(&mut self, market: MarketId) {
        self.list.push(Ask::Mend(market));
    }
}

/// When a connection counts as dead, and what the venue allows. Durations in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Longest time without any frame, ping or pong.
    pub silence_ns: u64,
    /// Longest time without a text frame; `u64::MAX` where a quiet venue sends none.
    pub text_silence_ns: u64,
    /// A protocol ping after this long without anything received.
    pub ping_every_ns: u64,
    /// And a pong within this.
    pub pong_within_ns: u64,
    /// From asking for a market to its snapshot.
    pub snapshot_within_ns: u64,
    /// Text frames that may be sent a second.
    pub sends_per_s: u32,
    /// Requests that may be made a second.
    pub fetches_per_s: u32,
}

/// One connection's protocol: what to say, and how to make markets good.
///
/// The link calls in order; every call may ask for something. Events that a call appends to `out`
/// are published as they are; batches must be closed. The decoder is given all input by the link
/// itself, including what is sent.
pub trait Protocol: Send {
    /// The decoder of this connection.
    fn decoder(&mut self) -> &mut dyn Decoder;

    /// Its manners.
    fn manners(&self) -> Manners;

    /// Where to connect now: called before each attempt, so that headers are fresh and a list of
    /// nodes can be walked.
    fn endpoint(&mut self, now_ns: u64) -> Endpoint;

    /// The socket is open.
    fn opened(&mut self, now: Now, out: &mut Sink, asks: &mut Asks);

    /// The decoder took a text frame and gave these events (whole batches; often none).
    fn received(
        &mut self,
        now: Now,
        frame: &[u8],
        fresh: &[Event],
        out: &mut Sink,
        asks: &mut Asks,
    );

    /// A request ended; the decoder gave these events of it.
    fn fetched(
        &mut self,
        now: Now,
        end: &Fetched<'_>,
        fresh: &[Event],
        out: &mut Sink,
        asks: &mut Asks,
    );

    /// One market must be made good: its book is in doubt, or events of it were lost on the way to
    /// the core although the decoder saw them. A new snapshot must come. Called again when none came
    /// in time.
    fn resync(&mut self, now: Now, market: MarketId, out: &mut Sink, asks: &mut Asks);

    /// When [`Protocol::time`] wants to be called next; `u64::MAX` for never. Unit: Unix nanoseconds.
    fn due_ns(&self) -> u64;

    /// That time has come.
    fn time(&mut self, now: Now, out: &mut Sink, asks: &mut Asks);

    /// The connection ended, or could not be made.
    fn closed(&mut self, now: Now, cause: Cause);

    /// Markets of this connection that need a snapshot to be live.
    fn markets_wanted(&self) -> Vec<MarketId>;

    /// What only an operator can mend: a refused key, an unknown symbol. One line each, no secret.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}
