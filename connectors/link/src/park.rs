//! A link as a task: the runtime sleeps when nothing comes.

use std::time::Duration;

use connector_net::Sink;
use connector_net::session::{Cause, Effect, Endpoint, Link, Phase};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tungstenite::Message;

use crate::clock::Clock;
use crate::http::{End, Http};
use crate::net::{AsyncSocket, DialError, Net, end_cause};
use crate::outlet::{Control, Lost, Outlet, Seen};
use crate::stamp::ReadAt;

/// How often deadlines are looked at. Unit: nanoseconds of the link's clock.
pub(crate) const TICK_NS: u64 = 10_000_000;
/// Requests that may have ended before the link looks: more than it may have under way.
pub(crate) const ENDS_MAX: usize = 64;
/// How often the picture of a link is renewed. Unit: nanoseconds of the link's clock.
pub(crate) const VIEW_EVERY_NS: u64 = 100_000_000;
/// Longest that one frame may take to be sent. Unit: nanoseconds of the link's clock.
const SEND_WITHIN_NS: u64 = 5_000_000_000;

/// What a link needs to be driven.
pub struct Driven<O> {
    /// The link.
    pub link: Link,
    /// Where its events go.
    pub outlet: O,
    /// What it is told.
    pub control: mpsc::Receiver<Control>,
    /// How it looks from outside.
    pub seen: Seen,
}

/// What all links share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Time.
    pub clock: Clock,
    /// Sockets.
    pub net: Net,
    /// Requests.
    pub http: Http,
    /// The runtime that makes requests.
    pub runtime: tokio::runtime::Handle,
}

/// How an open connection ended.
enum Ended {
    By(Cause, String),
    Stopped,
}

/// How an attempt ended.
enum Dialed {
    Open(Box<AsyncSocket>, ReadAt),
    Failed(DialError),
    Late,
    Stopped,
}

/// Frames taken in a row before deadlines, answers and orders are looked at: a socket that is never empty
/// must not keep them waiting.
const FRAMES_IN_A_ROW: u32 = 64;

struct Driver<O> {
    /// Frames since anything else was looked at.
    in_a_row: u32,
    driven: Driven<O>,
    shared: Shared,
    sink: Sink,
    extra: Sink,
    lost: Vec<Lost>,
    ends_in: mpsc::Sender<End>,
    ends: mpsc::Receiver<End>,
    viewed_ns: u64,
}

/// Drives a link until it is told to stop.
pub async fn drive<O: Outlet>(driven: Driven<O>, shared: Shared) {
    let (ends_in, ends) = mpsc::channel(ENDS_MAX);
    let mut driver = Driver {
        in_a_row: 0,
        driven,
        shared,
        sink: Sink::default(),
        extra: Sink::default(),
        lost: Vec::new(),
        ends_in,
        ends,
        viewed_ns: 0,
    };
    driver.run().await;
}

impl<O: Outlet> Driver<O> {
    async fn run(&mut self) {
        loop {
            let Phase::Down { dial_ns } = self.driven.link.phase() else {
                unreachable!("Invariant: a link whose socket has ended is down");
            };
            if self.wait_until(dial_ns).await {
                return;
            }
            let endpoint = self.driven.link.dial(self.shared.clock.now_ns());
            let within = self.shared.clock.real(self.driven.link.settings().dial_within_ns);
            let ended = match self.dial(&endpoint, within).await {
                Dialed::Open(socket, read_at) => self.open(*socket, &read_at).await,
                Dialed::Failed(error) => {
                    if let Some(ms) = error.retry_after_ms {
                        let now_ns = self.shared.clock.now_ns();
                        self.driven.link.hold_off(now_ns, ms.saturating_mul(1_000_000));
                    }
                    Ended::By(error.cause, error.says)
                }
                Dialed::Late => Ended::By(Cause::Refused, "no connection in time".to_owned()),
                Dialed::Stopped => Ended::Stopped,
            };
            let at_ns = self.shared.clock.now_ns();
            let (cause, is_over) = match ended {
                Ended::By(cause, says) => {
                    self.driven.link.explain(says);
                    (cause, false)
                }
                Ended::Stopped => (Cause::Stopped, true),
            };
            self.sink.clear();
            self.driven.link.ended(at_ns, cause, &mut self.sink);
            self.publish();
            self.view();
            if is_over {
                return;
            }
        }
    }

    /// Connects, unless it takes too long or the link is told to stop.
    async fn dial(&mut self, endpoint: &Endpoint, within: Duration) -> Dialed {
        let net = self.shared.net.clone();
        let connect = timeout(within, net.connect(endpoint));
        tokio::pin!(connect);
        loop {
            tokio::select! {
                dialed = &mut connect => {
                    return match dialed {
                        Ok(Ok((socket, read_at))) => Dialed::Open(Box::new(socket), read_at),
                        Ok(Err(error)) => Dialed::Failed(error),
                        Err(_) => Dialed::Late,
                    };
                }
                told = self.driven.control.recv() => match told {
                    Some(Control::Stop) | None => return Dialed::Stopped,
                    // There is nothing to mend before there is a connection.
                    Some(Control::Mend(_) | Control::Reconnect(_)) => {}
                },
            }
        }
    }

    /// Waits for the next attempt. True: told to stop.
    async fn wait_until(&mut self, dial_ns: u64) -> bool {
        loop {
            let now_ns = self.shared.clock.now_ns();
            self.driven.outlet.tick();
            if now_ns >= dial_ns {
                return false;
            }
            let pause = self.shared.clock.real((dial_ns - now_ns).min(VIEW_EVERY_NS));
            match timeout(pause, self.driven.control.recv()).await {
                Ok(Some(Control::Stop) | None) => return true,
                Ok(Some(Control::Mend(_) | Control::Reconnect(_))) | Err(_) => {}
            }
        }
    }

    async fn open(&mut self, mut socket: AsyncSocket, read_at: &ReadAt) -> Ended {
        self.sink.clear();
        self.driven.link.opened(self.shared.clock.now_ns(), &mut self.sink);
        self.publish();
        let mut ticks = interval(self.shared.clock.real(TICK_NS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(ended) = self.effects(&mut socket).await {
                return ended;
            }
            tokio::select! {
                biased;
                message = socket.next() => {
                    if let Some(ended) = self.message(message, read_at) {
                        return ended;
                    }
                    self.in_a_row += 1;
                    if self.in_a_row >= FRAMES_IN_A_ROW && self.look_aside() {
                        return Self::goodbye(&mut socket, self.shared.clock).await;
                    }
                }
                Some(end) = self.ends.recv() => self.answered(&end),
                told = self.driven.control.recv() => {
                    if self.told(told) {
                        return Self::goodbye(&mut socket, self.shared.clock).await;
                    }
                }
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    async fn goodbye(socket: &mut AsyncSocket, clock: Clock) -> Ended {
        // It is polite, not needed.
        let _ = timeout(clock.real(TICK_NS), socket.close(None)).await;
        Ended::Stopped
    }

    /// What waits besides frames. True: told to stop.
    fn look_aside(&mut self) -> bool {
        self.tick();
        while let Ok(end) = self.ends.try_recv() {
            self.answered(&end);
        }
        while let Ok(told) = self.driven.control.try_recv() {
            if self.told(Some(told)) {
                return true;
            }
        }
        false
    }

    fn answered(&mut self, end: &End) {
        self.sink.clear();
        let at_ns = self.shared.clock.now_ns();
        self.driven.link.fetched(at_ns, end.ticket(), &end.as_fetched(), &mut self.sink);
        self.publish();
    }

    /// True: told to stop.
    fn told(&mut self, told: Option<Control>) -> bool {
        match told {
            Some(Control::Mend(market)) => {
                self.sink.clear();
                let at_ns = self.shared.clock.now_ns();
                self.driven.link.mend(at_ns, market, &mut self.sink);
                self.publish();
            }
            Some(Control::Reconnect(cause)) => self.driven.link.give_up(cause),
            Some(Control::Stop) | None => return true,
        }
        false
    }

    fn tick(&mut self) {
        self.in_a_row = 0;
        let now_ns = self.shared.clock.now_ns();
        self.driven.outlet.tick();
        if now_ns >= self.driven.link.due_ns() {
            self.sink.clear();
            self.driven.link.time(now_ns, &mut self.sink);
            self.publish();
        }
        if now_ns.saturating_sub(self.viewed_ns) >= VIEW_EVERY_NS {
            self.view();
        }
    }

    fn view(&mut self) {
        self.viewed_ns = self.shared.clock.now_ns();
        self.driven.seen.put(self.driven.link.view());
    }

    fn message(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
        read_at: &ReadAt,
    ) -> Option<Ended> {
        let at_ns = self.shared.clock.at_monotonic(read_at.get());
        match message {
            Some(Ok(Message::Text(text))) => {
                let frame = text.as_bytes();
                self.sink.clear();
                self.driven.link.text(at_ns, frame, &mut self.sink);
                self.lost.clear();
                self.driven.outlet.publish(&self.sink, &mut self.lost);
                self.extra.clear();
                let Self { driven, sink, extra, .. } = self;
                driven.link.settle(at_ns, frame, &sink.events, extra);
                // After it: a snapshot that had no room has not made its market live.
                mend_lost(&mut self.driven, &mut self.lost, self.shared.clock);
                if !self.extra.batches.is_empty() {
                    core::mem::swap(&mut self.sink, &mut self.extra);
                    self.publish();
                }
            }
            Some(Ok(Message::Pong(payload))) => self.driven.link.ponged(at_ns, &payload),
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => self.driven.link.heard(at_ns),
            Some(Ok(Message::Binary(_))) => {
                return Some(Ended::By(Cause::BadFrame, "a binary frame".to_owned()));
            }
            Some(Ok(Message::Close(frame))) => {
                let says = frame.map_or_else(String::new, |frame| frame.to_string());
                return Some(Ended::By(Cause::Closed, says));
            }
            Some(Err(error)) => return Some(Ended::By(end_cause(&error), error.to_string())),
            None => return Some(Ended::By(Cause::Closed, String::new())),
        }
        None
    }

    /// Publishes the sink; what had no room is asked for anew.
    fn publish(&mut self) {
        publish(&mut self.driven, &mut self.sink, &mut self.lost, self.shared.clock);
    }

    async fn effects(&mut self, socket: &mut AsyncSocket) -> Option<Ended> {
        loop {
            let now_ns = self.shared.clock.now_ns();
            let message = match self.driven.link.effect(now_ns)? {
                Effect::Send(text) => Message::text(text),
                Effect::Ping(payload) => Message::Ping(payload.to_vec().into()),
                Effect::Fetch(fetch, ticket) => {
                    let back = self.ends_in.clone();
                    self.shared.http.spawn(&self.shared.runtime, (fetch, ticket), back);
                    continue;
                }
                Effect::Close(cause) => {
                    let pause = self.shared.clock.real(TICK_NS);
                    let _ = timeout(pause, socket.close(None)).await;
                    return Some(Ended::By(cause, String::new()));
                }
            };
            let within = self.shared.clock.real(SEND_WITHIN_NS);
            match timeout(within, socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(Ended::By(end_cause(&error), error.to_string())),
                Err(_) => {
                    return Some(Ended::By(Cause::Broken, "a frame could not be sent".to_owned()));
                }
            }
        }
    }
}

/// Publishes a sink. Markets of which events had no room are asked for anew; what that says goes the
/// same way, once.
pub(crate) fn publish<O: Outlet>(
    driven: &mut Driven<O>,
    sink: &mut Sink,
    lost: &mut Vec<Lost>,
    clock: Clock,
) {
    if sink.batches.is_empty() {
        return;
    }
    lost.clear();
    driven.outlet.publish(sink, lost);
    mend_lost(driven, lost, clock);
}

/// Asks anew for markets of which events had no room.
pub(crate) fn mend_lost<O: Outlet>(driven: &mut Driven<O>, lost: &mut Vec<Lost>, clock: Clock) {
    if lost.is_empty() {
        return;
    }
    let mut said = Sink::default();
    for it in lost.drain(..) {
        driven.link.note_lost(it.events);
        if it.too_large > 0 {
            driven.link.too_large(it.market, it.too_large);
        }
        driven.link.mend(clock.now_ns(), it.market, &mut said);
    }
    let mut again = Vec::new();
    driven.outlet.publish(&said, &mut again);
    for it in again {
        driven.link.note_lost(it.events);
    }
}
