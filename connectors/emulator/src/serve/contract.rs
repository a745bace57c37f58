//! What a venue is to the server, and what a connection is: plain state machines without sockets.
//!
//! The server owns sockets, time and faults. A venue answers requests and opens dialects; a dialect
//! turns what happens in the market into the frames of one connection. Both can be driven by a test
//! without any socket.

use std::sync::Arc;

use crate::happening::Happening;

/// One HTTP request, whole, as the client sent it.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// As in the `Host` header, with the port where there is one.
    pub host: String,
    /// Whether the client came over TLS: some clients sign the scheme.
    pub is_tls: bool,
    /// Path as sent, without the query.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Names in lower case, values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// Body; bounded by the server.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// First value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Names and values; `content-length` is the server's business.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// JSON text with a status.
    #[must_use]
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self { status, headers: vec![kind], body: body.into().into_bytes() }
    }

    /// Plain text with a status.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        let kind = ("content-type".to_owned(), "text/plain".to_owned());
        Self { status, headers: vec![kind], body: body.into().into_bytes() }
    }
}

/// What a dialect wants sent on its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// A text frame.
    Text(String),
    /// A protocol ping.
    Ping(Vec<u8>),
    /// A close frame with code and reason; the socket is closed behind it.
    Close(u16, String),
}

/// A fault that only the venue's own words can express. Everything else (cuts, delays, copies,
/// reordering, mutation, silence, bans, skewed clocks) is done by the server around the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// A frame that leaves the client's book crossed: a bid above the best ask. The truth does not
    /// change, and the next snapshot mends it.
    CrossedBook {
        /// Neutral product name, or a pool's address.
        product: Arc<str>,
    },
    /// One text frame of at least so many bytes, otherwise well-formed.
    GiantFrame {
        /// Unit: bytes.
        bytes: usize,
    },
    /// The venue's own notice of maintenance, and what it does then.
    Maintenance,
    /// Credentials that were good are refused from now on, until `AuthRestored`.
    AuthExpired,
    /// Credentials are good again.
    AuthRestored,
    /// The node answers and notifies as if so many slots behind, until set to 0.
    SlotLag {
        /// Unit: slots.
        slots: u64,
    },
    /// The pool account of a slot is sent at once, its tick arrays this much later.
    SplitSlot {
        /// Unit: milliseconds.
        delay_ms: u64,
    },
    /// Tick arrays are missing (null) from answers, until switched off.
    MissingAccounts {
        /// Whether from now on.
        is_on: bool,
    },
    /// One subscription of the connection is dropped without a word.
    SubscriptionDropped,
}

/// One WebSocket connection as the venue sees it.
pub trait Dialect: Send {
    /// The handshake is done.
    fn opened(&mut self, now_ns: u64, out: &mut Vec<Out>);

    /// The client sent a text frame.
    fn text(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>);

    /// Something happened in the market or in an account. Called in order, with every happening
    /// since the connection opened.
    ///
    /// Happenings reach a connection a little after the world has changed: a snapshot taken in
    /// `text` may already contain some that are still to come. Whoever sends a snapshot compares
    /// update ids (or slots) and leaves out what it has shown already.
    fn happened(&mut self, now_ns: u64, what: &Happening, out: &mut Vec<Out>);

    /// Time passes: about every 50 ms of market time. Heartbeats, pings and deadlines.
    fn tick(&mut self, now_ns: u64, out: &mut Vec<Out>);

    /// Expresses a fault on this connection. False: this venue has no such thing.
    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        let _ = (now_ns, what, out);
        false
    }

    /// The client sends more messages than the venue takes: this one is not handed to [`text`].
    /// By default the venue closes the connection, as most do.
    ///
    /// [`text`]: Self::text
    fn too_many(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        let _ = now_ns;
        out.push(Out::Close(CLOSE_POLICY, "rate limit exceeded".to_owned()));
    }

    /// The connection has ended, however it did (cancel-on-disconnect lives here).
    fn closed(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
}

/// One venue: its HTTP surface and its WebSocket endpoints.
pub trait Venue: Send + Sync {
    /// The name in configuration and on the control endpoint.
    fn name(&self) -> &'static str;

    /// A request that asks for a WebSocket: the connection's dialect, or a refusal.
    ///
    /// # Errors
    ///
    /// The answer that refuses the upgrade.
    fn upgrade(&self, now_ns: u64, request: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer>;

    /// Expresses a fault of the whole venue (its HTTP side). False: this venue has no such thing.
    fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        let _ = (now_ns, what);
        false
    }

    /// Any other request. Never blocks.
    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer;

    /// The answer to a request or an upgrade beyond what the venue takes per second. Called instead
    /// of [`call`] or [`upgrade`].
    ///
    /// [`call`]: Self::call
    /// [`upgrade`]: Self::upgrade
    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        let _ = kind;
        HttpAnswer::text(429, "Too Many Requests")
    }

    /// Largest text frame that the venue takes from a client; a larger one closes the connection
    /// with 1009. Unit: bytes.
    fn client_frame_bytes_max(&self) -> usize {
        CLIENT_FRAME_BYTES_MAX
    }
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Upgrades to WebSocket.
    Connections,
    /// Other requests.
    Requests,
}

/// Where the happenings of the world come from.
pub trait Feed: Send {
    /// Brings the world to a market time and says what happened on the way, in order, together
    /// with what clients caused since the last call. Called about every millisecond with times that
    /// never decrease; calls with the time of the call before are allowed and tell what clients
    /// caused. Bounded work per call: a feed that is behind may catch up over several calls.
    fn advance(&mut self, now_ns: u64) -> Vec<Happening>;

    /// From this market time on no price and no pool moves by itself. Slots go on, and so do the
    /// orders and transactions of clients.
    fn freeze(&mut self, at_ns: u64);

    /// Prices move again from this market time on. The time in between is left out: nothing is
    /// caught up.
    fn thaw(&mut self, now_ns: u64);
}

/// Close code of a venue that refuses to go on: a policy of its own.
pub const CLOSE_POLICY: u16 = 1008;

/// Text frames of clients are subscriptions and orders of a few hundred bytes; 64 KiB leave room
/// for lists of every product.
pub const CLIENT_FRAME_BYTES_MAX: usize = 64 * 1024;

/// A venue that several listeners share.
pub type SharedVenue = Arc<dyn Venue>;
