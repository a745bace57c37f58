//! What a server is started with.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::board::FaultRefused;
use super::certs::{CertificateError, CertificateKind};
use super::contract::{Feed, SharedVenue};
use super::fault::Scheduled;
use super::limits::Limits;

/// States of the world as they are, for comparing with what a client believes.
pub type Truth = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Real time between two turns of the world where nothing else is asked for: short against any
/// venue's delays, and a hundredth of a core.
pub const TURN_DEFAULT: Duration = Duration::from_millis(1);

/// A TLS listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// On 127.0.0.1; 0: any.
    pub port: u16,
    /// Which certificate it shows.
    pub certificate: CertificateKind,
}

/// A venue and where it listens. HTTP and WebSocket share a port.
pub struct VenueOptions {
    /// The venue.
    pub venue: SharedVenue,
    /// Plain port on 127.0.0.1; 0: any; none: no plain listener.
    pub port: Option<u16>,
    /// TLS, if at all.
    pub tls: Option<TlsOptions>,
    /// What it takes per second.
    pub limits: Limits,
}

impl VenueOptions {
    /// A venue on any plain port, without TLS and limits.
    #[must_use]
    pub fn plain(venue: SharedVenue) -> Self {
        Self { venue, port: Some(0), tls: None, limits: Limits::default() }
    }
}

/// Everything.
pub struct Options {
    /// Seed of all faults.
    pub seed: u64,
    /// Market time at the start. Unit: Unix nanoseconds.
    pub start_unix_ns: u64,
    /// How many times faster than real time the market runs, from 1.
    pub scale: u32,
    /// The venues; names are unique.
    pub venues: Vec<VenueOptions>,
    /// Where happenings come from.
    pub feed: Box<dyn Feed>,
    /// The state of the world; none: the control endpoint cannot tell it.
    pub truth: Option<Truth>,
    /// Port of the control endpoint on 127.0.0.1; 0: any; none: there is none.
    pub control_port: Option<u16>,
    /// Faults at set times.
    pub schedule: Vec<Scheduled>,
    /// Where a line per text frame is written.
    pub frame_log: Option<PathBuf>,
    /// Where the test authority's certificate is written, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Host names for the certificates, besides `localhost` and the loopback addresses.
    pub host_names: Vec<String>,
    /// Real time between two turns of the world.
    pub turn: Duration,
}

impl Options {
    /// No venue yet, wall clock, real time, no control endpoint.
    #[must_use]
    pub fn new(seed: u64, feed: Box<dyn Feed>) -> Self {
        Self {
            seed,
            start_unix_ns: super::clock::Clock::wall_unix_ns(),
            scale: 1,
            venues: Vec::new(),
            feed,
            truth: None,
            control_port: None,
            schedule: Vec::new(),
            frame_log: None,
            ca_file: None,
            host_names: Vec::new(),
            turn: TURN_DEFAULT,
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port that is taken, or not ours to take.
    #[error("{what}: cannot listen on 127.0.0.1:{port}: {error}")]
    Listen {
        /// The venue, or `control`.
        what: String,
        /// As asked for.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// Two venues of one name.
    #[error("two venues are called {0:?}")]
    SameName(&'static str),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A fault of the schedule that can never begin.
    #[error("the schedule of faults: {0}")]
    Schedule(#[from] FaultRefused),
    /// A file that cannot be written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No thread, or no runtime on it.
    #[error("the server's thread: {0}")]
    Thread(io::Error),
}
