//! Links polled by a thread of their own: the thread never sleeps, and a frame is seen at once.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use connector_net::Sink;
use connector_net::session::{Cause, Effect, Link, Phase};
use tokio::sync::mpsc;
use tungstenite::{Message, WebSocket};

use crate::http::End;
use crate::net::{DialError, Polled, end_cause};
use crate::outlet::{Control, Lost, Outlet};
use crate::park::{Driven, ENDS_MAX, Shared, TICK_NS, VIEW_EVERY_NS, mend_lost, publish};
use crate::stamp::ReadAt;

/// Polls between two looks at the clock and the channels.
const POLLS: u32 = 64;

type Dialed = Result<(WebSocket<Polled>, ReadAt), DialError>;

enum Socket {
    None,
    /// A short-lived thread connects: names and TLS take time, and the other links must not wait.
    Dialing(Receiver<Dialed>),
    Open(Box<WebSocket<Polled>>, ReadAt),
}

struct Polling<O> {
    driven: Driven<O>,
    socket: Socket,
    sink: Sink,
    extra: Sink,
    lost: Vec<Lost>,
    ends_in: mpsc::Sender<End>,
    ends: mpsc::Receiver<End>,
    ticked_ns: u64,
    viewed_ns: u64,
    is_over: bool,
    polls: u32,
}

/// Polls links until all were told to stop.
pub fn spin<O: Outlet>(links: Vec<Driven<O>>, shared: &Shared) {
    let polling = links.into_iter().map(|driven| {
        let (ends_in, ends) = mpsc::channel(ENDS_MAX);
        Polling {
            driven,
            socket: Socket::None,
            sink: Sink::default(),
            extra: Sink::default(),
            lost: Vec::new(),
            ends_in,
            ends,
            ticked_ns: 0,
            viewed_ns: 0,
            is_over: false,
            polls: 0,
        }
    });
    let mut polling: Vec<Polling<O>> = polling.collect();
    while polling.iter().any(|link| !link.is_over) {
        let mut any_open = false;
        for link in polling.iter_mut().filter(|link| !link.is_over) {
            link.poll(shared);
            any_open |= matches!(link.socket, Socket::Open(..));
        }
        if any_open {
            core::hint::spin_loop();
        } else {
            // Nothing can come: the core is given back while there is no connection.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl<O: Outlet> Polling<O> {
    fn poll(&mut self, shared: &Shared) {
        self.polls = self.polls.wrapping_add(1);
        if let Socket::Open(..) = self.socket {
            self.read(shared);
            if !self.polls.is_multiple_of(POLLS) {
                return;
            }
        }
        let now_ns = shared.clock.now_ns();
        if now_ns.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = now_ns;
            self.tick(now_ns, shared);
        }
        self.told(shared);
        if self.is_over {
            return;
        }
        match &self.socket {
            Socket::None => self.dial(now_ns, shared),
            Socket::Dialing(_) => self.dialed(shared),
            Socket::Open(..) => self.effects(shared),
        }
    }

    fn tick(&mut self, now_ns: u64, shared: &Shared) {
        self.driven.outlet.tick();
        if now_ns >= self.driven.link.due_ns() {
            self.sink.clear();
            self.driven.link.time(now_ns, &mut self.sink);
            self.publish(shared);
        }
        if now_ns.saturating_sub(self.viewed_ns) >= VIEW_EVERY_NS {
            self.viewed_ns = now_ns;
            self.driven.seen.put(self.driven.link.view());
        }
    }

    fn told(&mut self, shared: &Shared) {
        if let Ok(end) = self.ends.try_recv() {
            self.sink.clear();
            let at_ns = shared.clock.now_ns();
            self.driven.link.fetched(at_ns, end.ticket(), &end.as_fetched(), &mut self.sink);
            self.publish(shared);
        }
        match self.driven.control.try_recv() {
            Ok(Control::Mend(market)) => {
                self.sink.clear();
                self.driven.link.mend(shared.clock.now_ns(), market, &mut self.sink);
                self.publish(shared);
            }
            Ok(Control::Reconnect(cause)) => self.driven.link.give_up(cause),
            Ok(Control::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => {
                if let Socket::Open(socket, _) = &mut self.socket {
                    let _ = socket.close(None);
                    let _ = socket.flush();
                }
                if !matches!(self.driven.link.phase(), Phase::Down { .. }) {
                    self.end(Cause::Stopped, String::new(), shared);
                }
                self.is_over = true;
            }
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
    }

    fn dial(&mut self, now_ns: u64, shared: &Shared) {
        let Phase::Down { dial_ns } = self.driven.link.phase() else { return };
        if now_ns < dial_ns {
            return;
        }
        let endpoint = self.driven.link.dial(now_ns);
        let within = shared.clock.real(self.driven.link.settings().dial_within_ns);
        let (back, dialed) = sync_channel(1);
        let net = shared.net.clone();
        let builder = std::thread::Builder::new().name("dial".to_owned());
        let started = builder.spawn(move || {
            // A link that was stopped meanwhile does not take it.
            let _ = back.send(net.connect_polled(&endpoint, within));
        });
        match started {
            Ok(_) => self.socket = Socket::Dialing(dialed),
            Err(error) => self.end(Cause::Refused, error.to_string(), shared),
        }
    }

    fn dialed(&mut self, shared: &Shared) {
        let Socket::Dialing(dialed) = &self.socket else { return };
        match dialed.try_recv() {
            Ok(Ok((socket, read_at))) => {
                self.socket = Socket::Open(Box::new(socket), read_at);
                self.sink.clear();
                self.driven.link.opened(shared.clock.now_ns(), &mut self.sink);
                self.publish(shared);
            }
            Ok(Err(error)) => {
                if let Some(ms) = error.retry_after_ms {
                    let now_ns = shared.clock.now_ns();
                    self.driven.link.hold_off(now_ns, ms.saturating_mul(1_000_000));
                }
                self.end(error.cause, error.says, shared);
            }
            Err(TryRecvError::Empty) => {
                // Names and a peer that answers byte by byte have no deadline of their own.
                let within_ns = self.driven.link.settings().dial_within_ns;
                if let Phase::Dialing { since_ns } = self.driven.link.phase()
                    && shared.clock.now_ns().saturating_sub(since_ns) > within_ns
                {
                    self.end(Cause::Refused, "no connection in time".to_owned(), shared);
                }
            }
            Err(TryRecvError::Disconnected) => {
                self.end(Cause::Refused, "the attempt ended without a result".to_owned(), shared);
            }
        }
    }

    fn end(&mut self, cause: Cause, says: String, shared: &Shared) {
        self.socket = Socket::None;
        self.driven.link.explain(says);
        self.sink.clear();
        self.driven.link.ended(shared.clock.now_ns(), cause, &mut self.sink);
        self.publish(shared);
        self.driven.seen.put(self.driven.link.view());
    }

    fn publish(&mut self, shared: &Shared) {
        publish(&mut self.driven, &mut self.sink, &mut self.lost, shared.clock);
    }

    fn read(&mut self, shared: &Shared) {
        let Socket::Open(socket, read_at) = &mut self.socket else { return };
        let read = socket.read();
        let at_ns = shared.clock.at_monotonic(read_at.get());
        match read {
            Ok(Message::Text(text)) => {
                let frame = text.as_bytes();
                self.sink.clear();
                self.driven.link.text(at_ns, frame, &mut self.sink);
                self.lost.clear();
                self.driven.outlet.publish(&self.sink, &mut self.lost);
                self.extra.clear();
                let Self { driven, sink, extra, .. } = self;
                driven.link.settle(at_ns, frame, &sink.events, extra);
                // After it: a snapshot that had no room has not made its market live.
                mend_lost(&mut self.driven, &mut self.lost, shared.clock);
                if !self.extra.batches.is_empty() {
                    core::mem::swap(&mut self.sink, &mut self.extra);
                    self.publish(shared);
                }
                self.effects(shared);
            }
            Ok(Message::Pong(payload)) => self.driven.link.ponged(at_ns, &payload),
            Ok(Message::Ping(_) | Message::Frame(_)) => self.driven.link.heard(at_ns),
            Ok(Message::Binary(_)) => {
                self.end(Cause::BadFrame, "a binary frame".to_owned(), shared);
            }
            Ok(Message::Close(frame)) => {
                let says = frame.map_or_else(String::new, |frame| frame.to_string());
                self.end(Cause::Closed, says, shared);
            }
            Err(tungstenite::Error::Io(error))
                if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => self.end(end_cause(&error), error.to_string(), shared),
        }
    }

    fn effects(&mut self, shared: &Shared) {
        while let Socket::Open(socket, _) = &mut self.socket {
            let now_ns = shared.clock.now_ns();
            let Some(effect) = self.driven.link.effect(now_ns) else { return };
            let message = match effect {
                Effect::Send(text) => Message::text(text),
                Effect::Ping(payload) => Message::Ping(payload.to_vec().into()),
                Effect::Fetch(fetch, ticket) => {
                    // The answer comes to `ends`; requests are made elsewhere.
                    let back = self.ends_in.clone();
                    shared.http.spawn(&shared.runtime, (fetch, ticket), back);
                    continue;
                }
                Effect::Close(cause) => {
                    let _ = socket.close(None);
                    let _ = socket.flush();
                    return self.end(cause, String::new(), shared);
                }
            };
            let sent = socket.send(message);
            match sent {
                Ok(()) => {}
                // It is kept and goes out with the next flush; a peer that never reads is ended by the
                // missing pong.
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return self.end(end_cause(&error), error.to_string(), shared),
            }
        }
    }
}

/// A link that can be moved to the thread that polls it.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Link>();
};
