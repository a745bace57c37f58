//! Drives a gateway over kept connections: one task for each venue and key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connector_net::session::{Fetch, Fetched};
use connector_orders::venue::{Says, Survey};
use connector_orders::{Effect, Gateway, Intent, Latch, OrderKey, Told};
use tokio::sync::{Notify, mpsc};

use crate::clock::Clock;
use crate::kept::{Kept, Kind, Sent};

/// Requests under way at once.
const UNDER_WAY_MAX: usize = 8;
/// Longest sleep: connections are looked after at least so often.
const SLEEP_MOST: Duration = Duration::from_secs(1);

/// Up to which record the journal is on disk. Whoever waits for it is woken.
#[derive(Debug, Default)]
pub struct Watermark {
    seq: AtomicU64,
    moved: Notify,
}

impl Watermark {
    /// Everything up to this record is on disk.
    pub fn raise(&self, seq: u64) {
        if self.seq.fetch_max(seq, Ordering::SeqCst) < seq {
            self.moved.notify_waiters();
        }
    }

    /// The record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq.load(Ordering::SeqCst)
    }
}

/// What a gateway is told.
#[derive(Debug)]
pub enum Order {
    /// An approved order.
    Place(Intent),
    /// A cancel of one of ours.
    Cancel(OrderKey),
    /// A cancel of all of ours.
    CancelOurs,
    /// A question about the account.
    Survey(Survey),
    /// An order that an earlier life may have sent, and when.
    Recover(Intent, u64),
    /// The private stream says this.
    Says(Says),
    /// The private stream is connected and current, or is not.
    Stream(bool),
    /// The end: nothing is placed any more.
    Stop,
}

/// Where statements go, and what was seen of a request's way out.
pub trait Tell {
    /// A statement for the core. It never waits.
    fn told(&mut self, told: Told);

    /// The first byte of a request left. Unit of the time: nanoseconds of the monotonic clock.
    fn left(&mut self, kind: Kind, first_byte_ns: u64) {
        let _ = (kind, first_byte_ns);
    }
}

/// A gateway with all that it needs.
pub struct Driven<T> {
    /// The orders.
    pub gateway: Gateway,
    /// Connections.
    pub kept: Arc<Kept>,
    /// What it is told.
    pub orders: mpsc::Receiver<Order>,
    /// The journal's.
    pub watermark: Arc<Watermark>,
    /// What may leave.
    pub latch: Arc<Latch>,
    /// Time.
    pub clock: Clock,
    /// Where statements go.
    pub tell: T,
}

/// The end of a request.
struct End {
    fetch: Fetch,
    kind: Kind,
    sent: Sent,
}

/// Drives it until it is told to stop, or nobody is left to tell it anything.
pub async fn drive<T: Tell>(mut driven: Driven<T>) -> Gateway {
    let (ends_in, mut ends) = mpsc::channel::<End>(UNDER_WAY_MAX);
    let mut under_way = 0_usize;
    loop {
        let moved = driven.watermark.moved.notified();
        driven.gateway.durable(driven.watermark.seq());
        while under_way < UNDER_WAY_MAX {
            let gate = driven.latch.gate();
            let Some(effect) = driven.gateway.effect(driven.clock.now_ns(), gate) else { break };
            under_way += 1;
            let kept = Arc::clone(&driven.kept);
            let back = ends_in.clone();
            let (fetch, kind) = match effect {
                Effect::Place(fetch, reduces) => (fetch, Kind::Order { reduces }),
                Effect::Cancel(fetch) | Effect::Ask(fetch) => (fetch, Kind::Free),
            };
            tokio::spawn(async move {
                let sent = kept.send(&fetch, kind).await;
                // There is room for each one that is under way; a driver that has gone asks at its next start.
                let _ = back.send(End { fetch, kind, sent }).await;
            });
        }
        while let Some(told) = driven.gateway.told() {
            driven.tell.told(told);
        }
        let now_ns = driven.clock.now_ns();
        let due_ns = driven.gateway.due_ns(now_ns);
        let sleep = driven.clock.real(due_ns.saturating_sub(now_ns)).min(SLEEP_MOST);
        tokio::select! {
            biased;
            Some(end) = ends.recv() => {
                under_way -= 1;
                ended(&mut driven, &end);
            }
            order = driven.orders.recv() => match order {
                Some(Order::Stop) | None => return driven.gateway,
                Some(order) => take(&mut driven, order),
            },
            () = moved => {}
            // With all hands full only an end changes anything.
            () = tokio::time::sleep(sleep), if under_way < UNDER_WAY_MAX => {}
        }
    }
}

fn take<T>(driven: &mut Driven<T>, order: Order) {
    let now_ns = driven.clock.now_ns();
    match order {
        Order::Place(intent) => driven.gateway.take(intent),
        Order::Cancel(key) => driven.gateway.cancel(key),
        Order::CancelOurs => driven.gateway.cancel_all(),
        Order::Survey(what) => driven.gateway.survey(what),
        Order::Recover(intent, sent_ns) => driven.gateway.recover(intent, sent_ns, now_ns),
        Order::Says(says) => driven.gateway.says(now_ns, says),
        Order::Stream(is_well) => driven.gateway.stream(is_well),
        Order::Stop => {}
    }
}

fn ended<T: Tell>(driven: &mut Driven<T>, end: &End) {
    let now_ns = driven.clock.now_ns();
    let tag = end.fetch.tag;
    match &end.sent {
        Sent::Withheld => driven.gateway.withheld(tag, now_ns),
        Sent::Unsent(_) => driven.gateway.unsent(tag, now_ns),
        Sent::Out { first_byte_ns, result } => {
            driven.tell.left(end.kind, *first_byte_ns);
            let fetched = match result {
                Ok(answered) => Fetched::Answer {
                    tag,
                    status: answered.status,
                    url: &end.fetch.url,
                    request: end.fetch.body.as_bytes(),
                    body: &answered.body,
                    retry_after_ms: answered.retry_after_ms,
                },
                Err(why) => Fetched::Failed { tag, why: *why },
            };
            driven.gateway.answered(now_ns, &fetched);
        }
    }
}
