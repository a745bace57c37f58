//! The live side of a chain: what is said to a node, and how a pool is made good again.
//!
//! A pool goes through four stages. Its own account is read first, because the tick arrays it needs
//! depend on its price. Then everything is subscribed to, and when the node has confirmed it all, one
//! answer with everything, of a slot not before that, becomes the pool's state; what the stream told
//! meanwhile has waited in the decoder. From then on the stream keeps it current. When the price
//! enters another array, the same way is gone for the new window, new subscriptions before the end
//! of old ones, while the old window goes on. Every few seconds all pools are read again and compared.
//!
//! Which node is used is decided by faults: of the connection, of requests, slots behind another
//! node, no slot at all. A node is returned to when it has been without a fault for long enough.
//!
//! Start reading at [`SolanaSession`]; `fetched` holds what answers mean, `nodes` the choice.

mod fetched;
mod nodes;
mod pool;
mod rpc;
mod settings;
mod slots;
mod step;
mod subs;

use std::collections::BTreeMap;
use std::sync::Arc;

use connector_net::session::{Asks, Cause, Endpoint, Fetched, Jitter, Manners, Now, Protocol};
use connector_net::{Decoder, Markets, Sink};
use engine_model::{Body, Event, MarketId};
use solana_pubkey::Pubkey;

use self::nodes::{Nodes, Shared};
use self::pool::{Stage, Task};
use self::settings::SECOND_NS;
use self::subs::{Subs, Told};
use crate::data::DataReader;
use crate::decoder::{Missed, SolanaDecoder};

pub use settings::{Bounds, Encoding, Node, Settings, WantedPool};
pub use slots::SlotsSession;

/// Most accounts that may be suspected of a silent subscription at once; more are looked at by the
/// next comparison.
const SUSPECTS_MAX: usize = 256;

/// What has happened in a session. 2⁶⁴ of any do not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Reads of a pool with everything it needs.
    pub reads: u64,
    /// Periodic comparisons that were answered.
    pub checks: u64,
    /// Accounts that an answer showed newer than the stream had.
    pub differing: u64,
    /// Subscriptions that had silently stopped, and were made anew.
    pub stopped: u64,
    /// Times that a pool's window of tick arrays moved.
    pub moves: u64,
    /// Times that a node was left for a fault.
    pub left: u64,
    /// Times that a better node was returned to.
    pub returned: u64,
    /// Requests that failed or were refused.
    pub failed: u64,
    /// Times that a node said we ask too much.
    pub limited: u64,
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Locate(usize),
    Read(usize),
    Check,
    Slot,
    Fees,
    Tip,
}

/// A request under way.
#[derive(Clone, Debug)]
struct Pending {
    what: What,
    node: usize,
    asked_ns: u64,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Pool(usize),
    Node(usize),
    Fees,
    Tip,
}

/// When things that come again are due. Unit: Unix nanoseconds; `u64::MAX` for never.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to every name")]
struct Clocks {
    check_ns: u64,
    lag_ns: u64,
    fees_ns: u64,
    tip_ns: u64,
    /// The node wants no request before.
    quiet_until_ns: u64,
    /// When the newest slot came.
    slot_ns: u64,
    opened_ns: u64,
}

/// The protocol of the connection that tells pools.
#[derive(Debug)]
pub struct SolanaSession {
    settings: Settings,
    decoder: SolanaDecoder,
    reader: DataReader,
    nodes: Nodes,
    shared: Arc<Shared>,
    subs: Subs,
    tasks: Vec<Task>,
    pending: BTreeMap<u64, Pending>,
    /// Tags never come again, so that a late answer is never taken for another.
    last_tag: u64,
    clocks: Clocks,
    slot: u64,
    /// Accounts that the stream owes, and since when.
    suspects: Vec<(Missed, u64)>,
    /// Most accounts of one request, as far as the node's answers have shown.
    keys_max: usize,
    /// Whose fees are asked for next.
    fees_of: usize,
    leaving: Option<Cause>,
    is_open: bool,
    next_ns: u64,
    jitter: Jitter,
    problems: BTreeMap<About, String>,
    counts: SessionCounts,
}

impl SolanaSession {
    /// A session for the pools of the settings, each of which is in `markets` under its address.
    #[must_use]
    pub fn new(settings: Settings, markets: Markets) -> Self {
        let bounds = settings.bounds;
        Self {
            decoder: settings.decoder(markets),
            reader: DataReader::default(),
            nodes: Nodes::new(settings.nodes.len(), bounds.healthy_ns),
            shared: Shared::new(),
            subs: Subs::new(settings.encoding, bounds.sends_per_s, bounds.acknowledged_within_ns),
            tasks: settings.pools.iter().cloned().map(Task::new).collect(),
            pending: BTreeMap::new(),
            last_tag: 0,
            clocks: Clocks {
                check_ns: u64::MAX,
                lag_ns: u64::MAX,
                fees_ns: u64::MAX,
                tip_ns: u64::MAX,
                quiet_until_ns: 0,
                slot_ns: 0,
                opened_ns: 0,
            },
            slot: 0,
            suspects: Vec::new(),
            keys_max: bounds.keys_max.max(1),
            fees_of: 0,
            leaving: None,
            is_open: false,
            next_ns: u64::MAX,
            jitter: Jitter::new(settings.seed),
            problems: BTreeMap::new(),
            counts: SessionCounts::default(),
            settings,
        }
    }

    /// The session of a second connection, to another node, that tells slots alone; none where there
    /// is only one node.
    #[must_use]
    pub fn slots(&self) -> Option<SlotsSession> {
        let shared = Arc::clone(&self.shared);
        self.nodes.has_others().then(|| SlotsSession::new(self.settings.clone(), shared))
    }

    /// What an operator has to see to, as it stands: pools that are not what the configuration says,
    /// nodes that refuse us. No text holds a key.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems.values().cloned().collect()
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counts(&self) -> &SessionCounts {
        &self.counts
    }

    /// Place of the node in use in the list of nodes.
    #[must_use]
    pub fn node(&self) -> usize {
        self.nodes.current()
    }

    /// Host of a node, for messages.
    fn host(&self, node: usize) -> &str {
        self.settings.nodes.get(node).map_or("", Node::host)
    }

    fn rpc_url(&self, node: usize) -> &str {
        self.settings.nodes.get(node).map_or("", |node| &node.rpc_url)
    }

    /// Gives the connection up. With a fault the node is not used again for a while.
    fn leave(&mut self, cause: Cause, now_ns: u64, asks: &mut Asks) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(cause);
        if cause == Cause::Preferred {
            self.counts.returned += 1;
        } else {
            self.counts.left += 1;
            self.nodes.fault(self.nodes.current(), now_ns);
        }
        asks.reconnect(cause);
    }
}

/// The manners of both connections.
fn manners(bounds: &Bounds) -> Manners {
    Manners {
        silence_ns: 10 * SECOND_NS,
        // The session looks at slots itself; this is what holds where it does not.
        text_silence_ns: bounds.slot_silence_ns.saturating_mul(3),
        ping_every_ns: 5 * SECOND_NS,
        pong_within_ns: 5 * SECOND_NS,
        // The session knows why a pool is missing: one that the configuration has wrong must not
        // end the connection of the others.
        snapshot_within_ns: u64::MAX,
        sends_per_s: bounds.sends_per_s,
        fetches_per_s: bounds.fetches_per_s,
    }
}

impl Protocol for SolanaSession {
    fn decoder(&mut self) -> &mut dyn Decoder {
        &mut self.decoder
    }

    fn manners(&self) -> Manners {
        manners(&self.settings.bounds)
    }

    fn endpoint(&mut self, now_ns: u64) -> Endpoint {
        let node = self.nodes.choose(now_ns, None);
        self.shared.set_pool_node(node);
        let url = self.settings.nodes.get(node).map(|node| node.ws_url.clone());
        Endpoint { url: url.unwrap_or_default(), headers: Vec::new() }
    }

    fn opened(&mut self, now: Now, _: &mut Sink, asks: &mut Asks) {
        let bounds = self.settings.bounds;
        self.is_open = true;
        self.leaving = None;
        self.slot = 0;
        self.problems.remove(&About::Node(self.nodes.current()));
        self.clocks = Clocks {
            check_ns: now.ns.saturating_add(bounds.check_every_ns),
            lag_ns: now.ns,
            fees_ns: now.ns,
            tip_ns: if self.settings.tip_url.is_some() { now.ns } else { u64::MAX },
            quiet_until_ns: self.clocks.quiet_until_ns,
            slot_ns: now.ns,
            opened_ns: now.ns,
        };
        self.subs.clear();
        self.subs.want_slots(now.ns, asks);
        for task in &mut self.tasks {
            // The window of the last connection is a good first guess.
            let stage = if task.located.is_some() { Stage::Subscribe } else { Stage::Locate };
            task.enter(stage, now.ns);
        }
        self.step(now.ns, asks);
    }

    fn received(&mut self, now: Now, _: &[u8], fresh: &[Event], _: &mut Sink, asks: &mut Asks) {
        let is_first = self.note_slot(now.ns);
        let answered = self.decoder.take_answered();
        if let Some(answered) = answered {
            match self.subs.answered(answered) {
                Told::Refused(key, code) => self.refused(&key, code, now.ns, asks),
                Told::NoSlots(_) => self.leave(Cause::VenueError, now.ns, asks),
                Told::Confirmed | Told::Nothing => {}
            }
        }
        let is_about_pools =
            |event: &Event| matches!(event.body, Body::BookDoubt { .. } | Body::Slot { .. });
        let has_moved = self.decoder.take_moved();
        let is_news =
            is_first || has_moved || answered.is_some() || fresh.iter().any(is_about_pools);
        if is_news || now.ns >= self.next_ns {
            self.step(now.ns, asks);
        }
    }

    fn fetched(&mut self, now: Now, end: &Fetched<'_>, _: &[Event], _: &mut Sink, asks: &mut Asks) {
        self.take_end(now.ns, end, asks);
        self.step(now.ns, asks);
    }

    fn resync(&mut self, now: Now, market: MarketId, _: &mut Sink, asks: &mut Asks) {
        let markets = self.decoder.markets();
        let symbol = markets.list().iter().find(|it| it.id == market).map(|it| it.symbol.clone());
        let pool = symbol.and_then(|symbol| symbol.parse::<Pubkey>().ok());
        let index = self.tasks.iter().position(|task| Some(task.pool()) == pool.as_ref());
        if let Some((index, pool)) = index.zip(pool) {
            // The reader of the events may have lost some that the decoder has given.
            self.decoder.distrust(&pool);
            let slot_min = self.slot;
            let task = &mut self.tasks[index];
            let is_late = task.tag.is_some_and(|tag| {
                self.pending.get(&tag).is_none_or(|it| {
                    now.ns.saturating_sub(it.asked_ns) >= self.settings.bounds.latency_max_ns
                })
            });
            if task.stage == Stage::Live || (task.stage == Stage::Read && is_late) {
                task.enter(Stage::Read, now.ns);
                task.slot_min = slot_min;
            }
        }
        self.step(now.ns, asks);
    }

    fn due_ns(&self) -> u64 {
        if !self.is_open || self.leaving.is_some() {
            return u64::MAX;
        }
        let silent_ns = self.clocks.slot_ns.saturating_add(self.settings.bounds.slot_silence_ns);
        self.next_ns.min(silent_ns).min(self.decoder.next_due_ns())
    }

    fn time(&mut self, now: Now, out: &mut Sink, asks: &mut Asks) {
        self.decoder.publish_due(now.ns, out);
        self.step(now.ns, asks);
    }

    fn closed(&mut self, now: Now, cause: Cause) {
        let node = self.nodes.current();
        let bounds = self.settings.bounds;
        let held_ns = now.ns.saturating_sub(self.clocks.opened_ns);
        // A node may end a connection now and then; the next attempt shows whether it is well.
        let is_routine = self.is_open
            && matches!(cause, Cause::Closed | Cause::Broken)
            && held_ns >= bounds.healthy_ns;
        if !is_routine && !matches!(cause, Cause::Stopped | Cause::Preferred | Cause::Overrun) {
            self.nodes.fault(node, now.ns);
        }
        if cause == Cause::Unauthorized {
            self.nodes.block(node, now.ns.saturating_add(bounds.blocked_ns));
        }
        if !self.is_open {
            let text = format!("node {}: no connection ({})", self.host(node), cause.name());
            self.problems.insert(About::Node(node), text);
        }
        self.is_open = false;
        self.leaving = None;
        self.next_ns = u64::MAX;
        self.subs.clear();
        self.pending.clear();
        self.suspects.clear();
        let _ = self.decoder.take_missed();
        for task in &mut self.tasks {
            task.tag = None;
            task.missing_ns = None;
        }
    }

    fn markets_wanted(&self) -> Vec<MarketId> {
        self.decoder.markets().list().iter().map(|market| market.id).collect()
    }

    fn problems(&self) -> Vec<String> {
        SolanaSession::problems(self)
    }
}
