//! One WebSocket connection: a dialect, its socket, and the faults in between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::board::Active;
use super::contract::{Dialect, Disturbance, Out};
use super::fault::{Ending, Fault, Pings};
use super::inject::{Outgoing, Planned};
use super::log::monotonic_ns;
use super::socket::Socket;
use super::state::{Batch, Inbox, Limited, VenueState};
use super::wire::{self, Incoming};

/// Time between two ticks of a dialect. Unit: ns of market time.
const TICK_NS: u64 = 50_000_000;

/// Longest that a write may wait for the client to read: then the client is too slow. Real time,
/// because it is the client's machine that is slow.
const WRITE_WAIT: Duration = Duration::from_secs(20);

/// How long a closed connection waits for the client's own end, so that the close frame arrives
/// before the socket goes.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that may wait on one connection: a giant frame and its copy. Beyond that the client, or a
/// delay, is too slow for the venue.
const WAITING_BYTES_MAX: usize = 160 * 1024 * 1024;

/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// Time between two pieces of a slow write. Unit: ns of market time.
const PIECE_NS: u64 = 50_000_000;

/// How long a stalled connection is kept: longer than any client's patience. Unit: ns of market time.
const STALL_NS: u64 = 60 * SECOND_NS;

const SECOND_NS: u64 = 1_000_000_000;

/// How far the connection is alive.
#[derive(Clone, Debug)]
enum Mode {
    Open,
    Silent {
        by: Arc<Active>,
        pings: Pings,
    },
    /// By a fault, or by itself until a time.
    Dead {
        by: Option<Arc<Active>>,
        until_ns: u64,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The socket failed, or the client is gone.
    Lost,
    /// Properly, from either side.
    Closed,
    /// By a reset of ours.
    Reset,
    /// The client is too slow.
    TooSlow,
    /// The server stops.
    Stopped,
}

/// What the connection waits for.
enum Event {
    Stop,
    Overflow,
    Fault(Arc<Active>),
    Batch(Batch),
    Read(io::Result<usize>),
    Time,
}

/// Bytes per second that a fault leaves, and until when.
#[derive(Clone, Debug)]
struct Rate {
    bytes_per_s: u64,
    by: Arc<Active>,
}

pub(crate) struct Connection {
    state: Arc<VenueState>,
    socket: Socket,
    inbox: Inbox,
    stop: watch::Receiver<bool>,
    life: Life,
    reader: wire::Reader,
    outgoing: Outgoing,
    out: Vec<Out>,
    mode: Mode,
    reads: Option<Rate>,
    writes: Option<Rate>,
    read_from_ns: u64,
    tick_ns: u64,
    frames: u64,
    /// Faults in the venue's words, and the words that end them.
    ending: Vec<(Arc<Active>, Disturbance)>,
}

/// The dialect and its place on the venue's list, given up however the connection ends.
struct Life {
    state: Arc<VenueState>,
    number: u64,
    dialect: Box<dyn Dialect>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.state.leave(self.number);
        self.dialect.closed(self.state.now_ns());
    }
}

impl Connection {
    pub(crate) fn new(
        state: &Arc<VenueState>,
        socket: Socket,
        read_already: &[u8],
        dialect: Box<dyn Dialect>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let inbox = state.join();
        let mut reader = wire::Reader::new(state.venue.client_frame_bytes_max());
        reader.push(read_already);
        Self {
            life: Life { state: Arc::clone(state), number: inbox.number, dialect },
            state: Arc::clone(state),
            socket,
            inbox,
            stop,
            reader,
            outgoing: Outgoing::default(),
            out: Vec::new(),
            mode: Mode::Open,
            reads: None,
            writes: None,
            read_from_ns: 0,
            tick_ns: state.clock.now_ns() + TICK_NS,
            frames: 0,
            ending: Vec::new(),
        }
    }

    /// Runs until the connection ends.
    pub(crate) async fn run(mut self) {
        // Faults that are on already are met before the first word.
        while let Ok(active) = self.inbox.faults.try_recv() {
            if let Err(end) = self.fault(&active).await {
                return self.end(end).await;
            }
        }
        self.life.dialect.opened(self.state.now_ns(), &mut self.out);
        let end = match self.talk().await {
            Ok(()) => End::Closed,
            Err(end) => end,
        };
        self.end(end).await;
    }

    async fn end(self, end: End) {
        let Self { state, mut socket, life, .. } = self;
        drop(life);
        match end {
            End::Reset => socket.reset(),
            End::TooSlow => {
                state.counts.too_slow.fetch_add(1, Ordering::Relaxed);
                socket.reset();
            }
            End::Closed => {
                // A socket that is dropped with unread bytes is reset by the kernel, and the close
                // frame would be lost with it.
                let wait_for_client = async {
                    if socket.shutdown().await.is_ok() {
                        let mut bytes = vec![0; READ_BYTES];
                        while socket.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                    }
                };
                // Whoever does not end within that time loses the rest.
                let _ = timeout(LINGER, wait_for_client).await;
            }
            End::Lost | End::Stopped => {}
        }
    }

    async fn talk(&mut self) -> Result<(), End> {
        let mut bytes = vec![0; READ_BYTES];
        self.read_messages().await?;
        loop {
            self.hand_over();
            if self.outgoing.waiting_bytes() > WAITING_BYTES_MAX {
                return Err(End::TooSlow);
            }
            self.write_due().await?;
            let event = self.wait(&mut bytes).await;
            // A fault that was ordered before something was sent here is met by that already.
            while let Ok(active) = self.inbox.faults.try_recv() {
                self.fault(&active).await?;
            }
            match event {
                Event::Stop => return Err(End::Stopped),
                Event::Overflow => return Err(End::TooSlow),
                Event::Fault(active) => self.fault(&active).await?,
                Event::Batch(batch) => self.happened(&batch),
                Event::Read(Ok(0) | Err(_)) => return Err(End::Lost),
                // Taken off the socket a moment before it went dead.
                Event::Read(Ok(_)) if matches!(self.mode, Mode::Dead { .. }) => {}
                Event::Read(Ok(count)) => {
                    self.reader.push(&bytes[..count]);
                    self.pace_reads(count);
                    self.read_messages().await?;
                }
                Event::Time => self.time()?,
            }
        }
    }

    async fn wait(&mut self, bytes: &mut [u8]) -> Event {
        let now_ns = self.state.clock.now_ns();
        let is_read = !matches!(self.mode, Mode::Dead { .. }) && now_ns >= self.read_from_ns;
        let mut wake_ns = self.tick_ns;
        if !is_read {
            wake_ns = wake_ns.min(self.read_from_ns.max(now_ns));
        }
        wake_ns = self.outgoing.next_due_ns().map_or(wake_ns, |due_ns| wake_ns.min(due_ns));
        if matches!(self.mode, Mode::Dead { .. }) {
            // Nothing is read or written; the tick is often enough to look after the end.
            wake_ns = self.tick_ns;
        }
        let room = match &self.reads {
            Some(rate) => usize::try_from(rate.bytes_per_s / 20).unwrap_or(READ_BYTES),
            None => READ_BYTES,
        };
        let room = room.clamp(1, bytes.len());
        let wake = Instant::from_std(self.state.clock.instant(wake_ns));
        tokio::select! {
            _ = self.stop.changed() => Event::Stop,
            () = self.inbox.overflow.notified() => Event::Overflow,
            Some(active) = self.inbox.faults.recv() => Event::Fault(active),
            Some(batch) = self.inbox.batches.recv() => Event::Batch(batch),
            read = self.socket.read(&mut bytes[..room]), if is_read => Event::Read(read),
            () = sleep_until(wake) => Event::Time,
        }
    }

    fn happened(&mut self, batch: &Batch) {
        if matches!(self.mode, Mode::Dead { .. }) {
            return;
        }
        let now_ns = self.state.now_ns();
        for what in batch.iter() {
            self.life.dialect.happened(now_ns, what, &mut self.out);
        }
    }

    fn time(&mut self) -> Result<(), End> {
        let now_ns = self.state.clock.now_ns();
        let is_over = |by: &Arc<Active>| by.is_over(now_ns);
        match &self.mode {
            Mode::Dead { by, until_ns } => {
                if now_ns >= *until_ns || by.as_ref().is_some_and(is_over) {
                    return Err(End::Reset);
                }
            }
            Mode::Silent { by, .. } if is_over(by) => self.mode = Mode::Open,
            Mode::Open | Mode::Silent { .. } => {}
        }
        if self.reads.take_if(|rate| is_over(&rate.by)).is_some() {
            self.read_from_ns = 0;
        }
        self.writes.take_if(|rate| is_over(&rate.by));
        let over = self.ending.extract_if(.., |(by, _)| is_over(by));
        for (by, last) in over.collect::<Vec<_>>() {
            if !self.state.is_on(by.order.fault.name(), now_ns) {
                self.life.dialect.disturb(self.state.now_ns(), &last, &mut self.out);
            }
        }
        if now_ns >= self.tick_ns {
            self.tick_ns = now_ns + TICK_NS;
            if !matches!(self.mode, Mode::Dead { .. }) {
                self.life.dialect.tick(self.state.now_ns(), &mut self.out);
            }
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "each kind of fault has one place; elsewhere it is nobody's business"
    )]
    async fn fault(&mut self, active: &Arc<Active>) -> Result<(), End> {
        let by = Arc::clone(active);
        let fault = &active.order.fault;
        match fault {
            Fault::Disconnect { how } => {
                active.count();
                return self.cut(*how).await;
            }
            Fault::HalfOpen => self.mode = Mode::Dead { by: Some(by), until_ns: u64::MAX },
            Fault::Silence { pings } => self.mode = Mode::Silent { by, pings: *pings },
            Fault::SlowReads { bytes_per_s } => {
                self.reads = Some(Rate { bytes_per_s: u64::from(*bytes_per_s), by });
            }
            Fault::SlowWrites { bytes_per_s } => {
                self.writes = Some(Rate { bytes_per_s: u64::from(*bytes_per_s), by });
            }
            _ => {
                if fault.pick().is_some() {
                    let seed = self.state.seed_of(self.life.number, active.number);
                    self.outgoing.meet(Arc::clone(active), seed);
                }
                if let Some(words) = fault.words() {
                    let now_ns = self.state.now_ns();
                    if self.life.dialect.disturb(now_ns, &words.first, &mut self.out) {
                        active.count();
                        let ending = words.last.map(|last| (by, last));
                        self.ending.extend(ending);
                    }
                }
                return Ok(());
            }
        }
        active.count();
        Ok(())
    }

    /// Ends the connection in one of the ways there are.
    async fn cut(&mut self, how: Ending) -> Result<(), End> {
        match how {
            Ending::Close => {
                let frame = wire::close_frame(1001, "going away");
                self.write(&frame, self.state.clock.now_ns()).await?;
                Err(End::Closed)
            }
            Ending::Fin => Err(End::Closed),
            Ending::Reset => Err(End::Reset),
            Ending::Stall => {
                let until_ns = self.state.clock.now_ns() + STALL_NS;
                self.mode = Mode::Dead { by: None, until_ns };
                Ok(())
            }
        }
    }

    async fn read_messages(&mut self) -> Result<(), End> {
        loop {
            let incoming = match self.reader.next_message() {
                Ok(Some(incoming)) => incoming,
                Ok(None) => return Ok(()),
                Err(abuse) => {
                    self.state.counts.abuses.fetch_add(1, Ordering::Relaxed);
                    let frame = wire::close_frame(abuse.code, abuse.reason);
                    self.write(&frame, self.state.clock.now_ns()).await?;
                    return Err(End::Closed);
                }
            };
            let is_mute = matches!(self.mode, Mode::Silent { pings: Pings::Unanswered, .. });
            match incoming {
                Incoming::Text(text) => self.message(&text),
                Incoming::Ping(payload) if !is_mute => {
                    let frame = wire::frame(wire::PONG, &payload);
                    self.write(&frame, self.state.clock.now_ns()).await?;
                }
                Incoming::Ping(_) | Incoming::Pong => {}
                Incoming::Close(code) => {
                    let frame = wire::close_frame(code.unwrap_or(1000), "");
                    self.write(&frame, self.state.clock.now_ns()).await?;
                    return Err(End::Closed);
                }
            }
        }
    }

    fn message(&mut self, text: &str) {
        self.state.counts.messages.fetch_add(1, Ordering::Relaxed);
        let now_ns = self.state.now_ns();
        if self.state.allows(Limited::Messages) {
            self.life.dialect.text(now_ns, text, &mut self.out);
        } else {
            self.life.dialect.too_many(now_ns, &mut self.out);
        }
    }

    /// After a slow read, the next one waits until the rate allows it.
    fn pace_reads(&mut self, count: usize) {
        if let Some(rate) = &self.reads {
            let wait_ns = count as u64 * SECOND_NS / rate.bytes_per_s.max(1);
            self.read_from_ns = (self.state.clock.now_ns() + wait_ns).min(rate.by.until_ns());
        }
    }

    /// Brings what the dialect said in front of the faults.
    fn hand_over(&mut self) {
        let now_ns = self.state.clock.now_ns();
        for out in self.out.drain(..) {
            match out {
                Out::Text(text) => self.outgoing.text(now_ns, text),
                Out::Ping(payload) => self.outgoing.ping(now_ns, &payload),
                Out::Close(code, reason) => self.outgoing.close(now_ns, code, &reason),
            }
        }
    }

    async fn write_due(&mut self) -> Result<(), End> {
        loop {
            let now_ns = self.state.clock.now_ns();
            if matches!(self.mode, Mode::Dead { .. }) {
                self.outgoing.clear();
                return Ok(());
            }
            let Some(planned) = self.outgoing.take(now_ns) else { return Ok(()) };
            if let Mode::Silent { by, .. } = &self.mode
                && !by.is_over(now_ns)
            {
                if planned.then.is_some() {
                    // The venue has ended the connection, and the client is not told.
                    self.mode = Mode::Dead { by: Some(Arc::clone(by)), until_ns: u64::MAX };
                }
                continue;
            }
            self.write_planned(&planned, now_ns).await?;
            if let Some(how) = planned.then {
                self.cut(how).await?;
            }
        }
    }

    async fn write_planned(&mut self, planned: &Planned, now_ns: u64) -> Result<(), End> {
        let mono_ns = monotonic_ns();
        self.write(&planned.bytes, now_ns).await?;
        if planned.is_text {
            self.frames += 1;
            self.state.counts.frames.fetch_add(1, Ordering::Relaxed);
            if let Some(log) = &self.state.log {
                let (number, frame) = (self.life.number, self.frames);
                log.note(self.state.name, number, frame, mono_ns, planned.bytes.len());
            }
        }
        Ok(())
    }

    /// Writes bytes, as slowly as a fault says while it lasts.
    async fn write(&mut self, bytes: &[u8], now_ns: u64) -> Result<(), End> {
        let rate = self.writes.as_ref().filter(|rate| !rate.by.is_over(now_ns));
        let slow = rate.map(|rate| {
            let piece = usize::try_from(rate.bytes_per_s * PIECE_NS / SECOND_NS);
            (piece.unwrap_or(usize::MAX).max(1), Arc::clone(&rate.by))
        });
        let Self { state, socket, inbox, stop, .. } = self;
        let work = async {
            let mut rest = bytes;
            if let Some((piece, by)) = &slow {
                while rest.len() > *piece && !by.is_over(state.clock.now_ns()) {
                    let (first, others) = rest.split_at(*piece);
                    write_piece(socket, first).await?;
                    tokio::time::sleep(state.clock.real(PIECE_NS)).await;
                    rest = others;
                }
            }
            write_piece(socket, rest).await
        };
        tokio::select! {
            biased;
            done = work => done?,
            () = inbox.overflow.notified() => return Err(End::TooSlow),
            _ = stop.changed() => return Err(End::Stopped),
        }
        self.state.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes all of it. The wait is for one piece: a slow write as a whole takes as long as it takes.
async fn write_piece(socket: &mut Socket, piece: &[u8]) -> Result<(), End> {
    let write = async {
        socket.write_all(piece).await?;
        socket.flush().await
    };
    timeout(WRITE_WAIT, write).await.map_err(|_| End::TooSlow)?.map_err(|_| End::Lost)
}
