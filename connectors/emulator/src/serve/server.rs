//! Starting and stopping: listeners, the turning world, one thread for all of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;

use super::board::{Board, FaultRefused, FaultStatus};
use super::certs::Authority;
use super::clock::Clock;
use super::contract::Feed;
use super::fault::{Fault, FaultOrder};
use super::log::FrameLog;
use super::options::{Options, StartError, Truth, VenueOptions};
use super::socket::Socket;
use super::state::{Batch, SOCKETS_MAX, VenueCounts, VenueState};
use super::{control, http};

/// How long a client may take for the TLS handshake.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Real time between two flushes of the frame log, so that a reader lags by no more.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Pause after a failed accept: it fails again at once where descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Where a venue listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The venue's name.
    pub venue: &'static str,
    /// `http` and `ws`.
    pub plain: Option<SocketAddr>,
    /// `https` and `wss`.
    pub tls: Option<SocketAddr>,
}

/// What listeners, connections and the control endpoint share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) board: Board,
    states: Vec<Arc<VenueState>>,
    bound: Vec<Bound>,
    feed: Mutex<Box<dyn Feed>>,
    truth: Option<Truth>,
    log: Option<Arc<FrameLog>>,
}

impl Shared {
    pub(crate) fn truth(&self) -> Option<Value> {
        self.truth.as_ref().map(|truth| truth())
    }

    /// Says from which market time on prices stand still.
    pub(crate) fn freeze(&self) -> u64 {
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ns = self.clock.now_ns();
        feed.freeze(now_ns);
        now_ns
    }

    /// Says from which market time on prices move again.
    pub(crate) fn thaw(&self) -> u64 {
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ns = self.clock.now_ns();
        feed.thaw(now_ns);
        now_ns
    }

    pub(crate) fn venues_json(&self) -> Value {
        let venue = |(bound, state): (&Bound, &Arc<VenueState>)| {
            json!({
                "venue": bound.venue,
                "plain": bound.plain.map(|address| address.to_string()),
                "tls": bound.tls.map(|address| address.to_string()),
                "counts": state.counts(),
            })
        };
        let venues: Vec<Value> = self.bound.iter().zip(&self.states).map(venue).collect();
        json!({ "now_ns": self.clock.now_ns(), "scale": self.clock.scale(), "venues": venues })
    }

    /// One turn of the world.
    fn turn(&self) {
        self.board.turn(self.clock.now_ns());
        let happened = {
            let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
            // The time is read under the lock, so that it never lies before a freeze.
            feed.advance(self.clock.now_ns())
        };
        if !happened.is_empty() {
            let batch = Batch::from(happened);
            self.states.iter().for_each(|state| state.tell(&batch));
        }
    }
}

/// A server at work. Dropping it stops it.
pub struct Running {
    shared: Arc<Shared>,
    control: Option<SocketAddr>,
    ca_pem: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why a server did not work to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// Its thread has panicked.
    #[error("the emulator's thread has panicked")]
    Panicked,
    /// The frame log could not be written.
    #[error("the frame log: {0}")]
    FrameLog(String),
}

struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    state: Arc<VenueState>,
}

/// What the server's thread tells when all its ports listen.
struct Started {
    shared: Arc<Shared>,
    control: Option<SocketAddr>,
    ca_pem: String,
}

/// Starts a server on a thread of its own and comes back when all its ports listen.
///
/// # Errors
///
/// As [`StartError`] says; nothing listens then.
pub fn start(options: Options) -> Result<Running, StartError> {
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = std::sync::mpsc::channel();
    // The runtime is made and dropped over there: here might be another one's task, and no runtime
    // can be dropped inside another.
    let thread = std::thread::Builder::new()
        .name("emulator".to_owned())
        .spawn(move || thread(options, &tell, stopped))
        .map_err(StartError::Thread)?;
    let gone = |_| StartError::Thread(io::Error::other("it ended before it had begun"));
    let Started { shared, control, ca_pem } = told.recv().map_err(gone)??;
    Ok(Running { shared, control, ca_pem, stop, thread: Some(thread) })
}

/// All that the server's thread does. Where nobody waits for what it tells any more, it ends.
fn thread(
    options: Options,
    tell: &std::sync::mpsc::Sender<Result<Started, StartError>>,
    stopped: watch::Receiver<bool>,
) {
    let turn = options.turn;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let prepared = runtime.map_err(StartError::Thread).and_then(|runtime| {
        let inside = runtime.enter();
        let (shared, listeners, control, ca_pem) = prepare(options)?;
        drop(inside);
        let at = control.as_ref().map(TcpListener::local_addr).transpose();
        let shared = Arc::new(shared);
        let started = Started {
            shared: Arc::clone(&shared),
            control: at.map_err(StartError::Thread)?,
            ca_pem,
        };
        Ok((runtime, shared, listeners, control, started))
    });
    match prepared {
        Err(error) => {
            let _ = tell.send(Err(error));
        }
        Ok((runtime, shared, listeners, control, started)) => {
            if tell.send(Ok(started)).is_ok() {
                runtime.block_on(run(&shared, listeners, control, turn, stopped));
            }
            // Whatever still runs is cancelled here, and with it every socket is closed.
            drop(runtime);
            shared.log.iter().for_each(|log| log.flush());
        }
    }
}

type Prepared = (Shared, Vec<Listener>, Option<TcpListener>, String);

/// Opens every port and file. Inside the runtime, because its sockets belong to it.
fn prepare(options: Options) -> Result<Prepared, StartError> {
    let clock = Clock::start(options.start_unix_ns, options.scale);
    let authority = Authority::new()?;
    let file = |path: &std::path::Path| {
        let path = path.to_owned();
        move |error: io::Error| StartError::File { path, error }
    };
    for path in [&options.ca_file, &options.frame_log].into_iter().flatten() {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(file(path))?;
        }
    }
    if let Some(path) = &options.ca_file {
        std::fs::write(path, authority.pem()).map_err(file(path))?;
    }
    let log = match &options.frame_log {
        Some(path) => Some(Arc::new(FrameLog::create(path).map_err(file(path))?)),
        None => None,
    };
    let (mut states, mut bound, mut listeners): (Vec<Arc<VenueState>>, _, _) =
        (Vec::new(), Vec::new(), Vec::new());
    for VenueOptions { venue, port, tls, limits } in options.venues {
        let name = venue.name();
        if states.iter().any(|state| state.name == name) {
            return Err(StartError::SameName(name));
        }
        let state = VenueState::new(venue, clock, options.seed, limits, log.clone());
        let state = Arc::new(state);
        let mut at = Bound { venue: name, plain: None, tls: None };
        if let Some(port) = port {
            let (socket, address) = listen(name, port)?;
            at.plain = Some(address);
            listeners.push(Listener { socket, tls: None, state: Arc::clone(&state) });
        }
        if let Some(tls) = tls {
            let config = authority.server_config(tls.certificate, &options.host_names)?;
            let (socket, address) = listen(name, tls.port)?;
            at.tls = Some(address);
            let tls = Some(TlsAcceptor::from(config));
            listeners.push(Listener { socket, tls, state: Arc::clone(&state) });
        }
        states.push(state);
        bound.push(at);
    }
    let control = match options.control_port {
        Some(port) => Some(listen("control", port)?.0),
        None => None,
    };
    let board = Board::new(clock, states.clone(), options.schedule)?;
    let feed = Mutex::new(options.feed);
    let shared = Shared { clock, board, states, bound, feed, truth: options.truth, log };
    Ok((shared, listeners, control, authority.pem().to_owned()))
}

fn listen(what: &str, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { what: what.to_owned(), port, error };
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((TcpListener::from_std(socket).map_err(failed)?, address))
}

async fn run(
    shared: &Arc<Shared>,
    listeners: Vec<Listener>,
    control: Option<TcpListener>,
    turn: Duration,
    mut stop: watch::Receiver<bool>,
) {
    for listener in listeners {
        tokio::spawn(accept(listener, stop.clone()));
    }
    if let Some(control) = control {
        tokio::spawn(accept_control(Arc::clone(shared), control, stop.clone()));
    }
    let mut turns = interval(turn.max(Duration::from_micros(100)));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flushes = interval(FLUSH_EVERY);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // Also when the other end is gone.
            _ = stop.changed() => return,
            _ = turns.tick() => shared.turn(),
            _ = flushes.tick() => shared.log.iter().for_each(|log| log.flush()),
        }
    }
}

async fn accept(listener: Listener, stop: watch::Receiver<bool>) {
    loop {
        match listener.socket.accept().await {
            Ok((socket, _)) => {
                let (state, tls) = (Arc::clone(&listener.state), listener.tls.clone());
                greet(state, socket, tls, stop.clone());
            }
            // Out of descriptors, or a client that was gone before it was taken.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Takes or refuses one socket.
fn greet(
    state: Arc<VenueState>,
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) {
    let refusal = state.find(|fault| matches!(fault, Fault::Refuse));
    if let Some(active) = &refusal {
        active.count();
    }
    let counts = &state.counts;
    if refusal.is_some() || counts.sockets_open.load(Ordering::Relaxed) >= SOCKETS_MAX {
        counts.sockets_refused.fetch_add(1, Ordering::Relaxed);
        return Socket::Plain(socket).reset();
    }
    counts.sockets.fetch_add(1, Ordering::Relaxed);
    // Without it small frames wait for each other; where it is refused they only come later.
    let _ = socket.set_nodelay(true);
    let open = Open::new(Arc::clone(&state));
    let work = tokio::spawn(async move {
        let socket = match tls {
            None => Socket::Plain(socket),
            Some(tls) => match timeout(HANDSHAKE_WAIT, tls.accept(socket)).await {
                Ok(Ok(socket)) => Socket::Tls(Box::new(socket)),
                // The client does not trust us, or does not speak TLS.
                Ok(Err(_)) | Err(_) => return,
            },
        };
        http::serve(Arc::clone(&open.0), socket, stop).await;
    });
    tokio::spawn(async move {
        if work.await.is_err_and(|error| error.is_panic()) {
            state.counts.panics.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Counts a socket as open while it lives.
struct Open(Arc<VenueState>);

impl Open {
    fn new(state: Arc<VenueState>) -> Self {
        state.counts.sockets_open.fetch_add(1, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counts.sockets_open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept_control(shared: Arc<Shared>, control: TcpListener, stop: watch::Receiver<bool>) {
    loop {
        match control.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(control::serve(Arc::clone(&shared), socket, stop.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

impl Running {
    /// Where the venues listen, in the order of the options.
    #[must_use]
    pub fn venues(&self) -> &[Bound] {
        &self.shared.bound
    }

    /// Where one venue listens.
    #[must_use]
    pub fn venue(&self, name: &str) -> Option<&Bound> {
        self.shared.bound.iter().find(|bound| bound.venue == name)
    }

    /// Where the control endpoint listens.
    #[must_use]
    pub const fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// The test authority's certificate, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Market time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// Begins a fault; says its number.
    ///
    /// # Errors
    ///
    /// As [`FaultRefused`] says; nothing has begun then.
    pub fn fault(&self, order: FaultOrder) -> Result<u64, FaultRefused> {
        self.shared.board.begin(order)
    }

    /// Ends a fault before its time. False: there is none of that number.
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn end_fault(&self, number: u64) -> bool {
        self.shared.board.end(number)
    }

    /// All faults so far.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.shared.board.list()
    }

    /// A venue's counters.
    #[must_use]
    pub fn counts(&self, name: &str) -> Option<VenueCounts> {
        let state = self.shared.states.iter().find(|state| state.name == name);
        state.map(|state| state.counts())
    }

    /// The state of the world, where the options hold a way to tell it.
    #[must_use]
    pub fn truth(&self) -> Option<Value> {
        self.shared.truth()
    }

    /// What the control endpoint answers to `GET /venues`.
    #[must_use]
    pub fn venues_json(&self) -> Value {
        self.shared.venues_json()
    }

    /// Prices stand still from the market time that is returned.
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn freeze(&self) -> u64 {
        self.shared.freeze()
    }

    /// Prices move again from the market time that is returned.
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn thaw(&self) -> u64 {
        self.shared.thaw()
    }

    /// Whether the server's thread still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Closes every socket and waits for the thread.
    ///
    /// # Errors
    ///
    /// As [`StopError`] says.
    pub fn stop(mut self) -> Result<(), StopError> {
        self.end()?;
        match self.shared.log.as_ref().and_then(|log| log.failure()) {
            Some(says) => Err(StopError::FrameLog(says)),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), StopError> {
        // Where nobody listens any more, the thread has ended.
        let _ = self.stop.send(true);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().map_err(|_| StopError::Panicked)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}
