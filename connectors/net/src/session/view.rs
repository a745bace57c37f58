//! What a link is told, what it wants done, and how it is seen from outside.

use engine_model::{MarketId, Venue};

use super::backoff::BackoffSpec;
use super::{Cause, Fetch, Secrecy};

/// A second.
const SECOND_NS: u64 = 1_000_000_000;

/// How patient a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// Waits between attempts.
    pub backoff: BackoffSpec,
    /// Frames that put a market in doubt within one minute: a new connection instead of mending.
    pub doubts_a_minute: usize,
    /// And within five minutes: the connection stays down for `quarantine_ns`.
    pub doubts_in_five: usize,
    /// Unit: nanoseconds.
    pub quarantine_ns: u64,
    /// Longest attempt to connect. Unit: nanoseconds.
    pub dial_within_ns: u64,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            backoff: BackoffSpec::default(),
            doubts_a_minute: 3,
            doubts_in_five: 10,
            quarantine_ns: 60 * SECOND_NS,
            dial_within_ns: 10 * SECOND_NS,
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No socket until then. Unit: Unix nanoseconds.
    Down {
        /// When to try again.
        dial_ns: u64,
    },
    /// An attempt is under way since then.
    Dialing {
        /// Unit: Unix nanoseconds.
        since_ns: u64,
    },
    /// Open since then.
    Open {
        /// Unit: Unix nanoseconds.
        since_ns: u64,
    },
}

/// Where one market of the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// No snapshot on this connection so far.
    Waiting,
    /// Fresh and in sequence.
    Live,
    /// In doubt; a snapshot was asked for.
    Suspect,
}

/// One market of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Which.
    pub market: MarketId,
    /// Where it stands.
    pub state: StreamState,
    /// Since when. Unit: Unix nanoseconds.
    pub since_ns: u64,
    /// When its snapshot was last asked for. Unit: Unix nanoseconds.
    pub(super) asked_ns: u64,
    /// How often, since it was last live.
    pub(super) tries: u32,
}

impl Stream {
    /// Nothing was asked for so far.
    pub(super) const fn waiting(market: MarketId) -> Self {
        Self { market, state: StreamState::Waiting, since_ns: 0, asked_ns: 0, tries: 0 }
    }
}

/// What has happened on a link. 2⁶⁴ of any do not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Attempts to connect.
    pub dials: u64,
    /// Times that it opened.
    pub opens: u64,
    /// Ends and failed attempts, by [`Cause`] index.
    pub ends: [u64; Cause::ALL.len()],
    /// Text frames received.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Text frames sent.
    pub sends: u64,
    /// Requests made.
    pub fetches: u64,
    /// Requests that failed, or were answered with a status other than 200 to 299.
    pub fetches_failed: u64,
    /// Times that a market was asked for anew.
    pub resyncs: u64,
    /// Frames that put a market in doubt.
    pub doubts: u64,
    /// Pongs that answered no ping of ours.
    pub foreign_pongs: u64,
    /// Times that the connection was kept down for too many doubts.
    pub quarantines: u64,
    /// Text frames and requests that had no room to wait.
    pub refused: u64,
    /// Events lost on the way to the core, by overrun.
    pub lost_events: u64,
}

impl LinkCounts {
    /// Ends for this cause.
    #[must_use]
    pub const fn ended(&self, cause: Cause) -> u64 {
        self.ends[cause as usize]
    }
}

/// A picture of a link for reports.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Its name: `coinbase`.
    pub name: String,
    /// Whose.
    pub venue: Venue,
    /// Where it stands.
    pub phase: Phase,
    /// Its markets.
    pub streams: Vec<Stream>,
    /// What has happened.
    pub counts: LinkCounts,
    /// Why it last ended.
    pub last_end: Option<Cause>,
    /// What the machine or the venue said about that; holds no secret.
    pub last_error: String,
    /// When the last frame came. Unit: Unix nanoseconds.
    pub last_text_ns: u64,
    /// What only an operator can mend.
    pub problems: Vec<String>,
    /// What its decoder found odd.
    pub odd: crate::OddCounts,
}

impl LinkView {
    /// Whether every market is fresh and in sequence.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
            && self.streams.iter().all(|stream| stream.state == StreamState::Live)
    }
}

/// What the owner of the socket is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a text frame.
    Send(String),
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// Make a request; its end is told to [`super::Link::fetched`] with the ticket.
    Fetch(Fetch, Ticket),
    /// Close the socket, then tell [`super::Link::ended`].
    Close(Cause),
}

/// Whose request it is, and what may be written down of its answer: comes back with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Number of the connection that asked.
    pub(super) epoch: u64,
    /// What may be written down.
    pub(super) secrecy: Secrecy,
}

/// What a decoder was given, for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tapped<'a> {
    /// The socket opened: its address.
    Connected(&'a str),
    /// It ended.
    Closed,
    /// A frame was sent. Frames with credentials are told without them.
    Sent(&'a str),
    /// A frame came.
    Received(&'a [u8]),
    /// An answer came.
    Http {
        /// Address.
        url: &'a str,
        /// Body of the request.
        request: &'a [u8],
        /// Body of the answer.
        body: &'a [u8],
    },
}

/// Takes down what the decoder of a link is given.
pub trait Tap: Send {
    /// One input, at its receive time in Unix nanoseconds. Must not block.
    fn tapped(&mut self, at_ns: u64, what: Tapped<'_>);
}
