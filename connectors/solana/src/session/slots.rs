//! A second connection, to another node, for its slots alone: staleness is judged against the
//! highest of both.

use std::sync::Arc;

use connector_net::session::{Asks, Cause, Endpoint, Fetched, Manners, Now, Protocol};
use connector_net::{Decoder, Markets, Sink};
use engine_model::{Event, MarketId};

use super::nodes::{Nodes, Shared};
use super::settings::{SECOND_NS, Settings};
use super::subs::{Subs, Told};
use crate::decoder::SolanaDecoder;

/// Slots of another node than the one that tells the pools.
#[derive(Debug)]
pub struct SlotsSession {
    settings: Settings,
    decoder: SolanaDecoder,
    nodes: Nodes,
    shared: Arc<Shared>,
    subs: Subs,
    slot_ns: u64,
    is_leaving: bool,
}

impl SlotsSession {
    pub(super) fn new(settings: Settings, shared: Arc<Shared>) -> Self {
        let bounds = &settings.bounds;
        Self {
            decoder: SolanaDecoder::new(Markets::closed(Vec::new()), Vec::new(), bounds.hold_ms),
            nodes: Nodes::new(settings.nodes.len(), bounds.healthy_ns),
            shared,
            subs: Subs::new(settings.encoding, bounds.sends_per_s, bounds.acknowledged_within_ns),
            slot_ns: 0,
            is_leaving: false,
            settings,
        }
    }

    /// Place of the node in use in the list of nodes.
    #[must_use]
    pub fn node(&self) -> usize {
        self.nodes.current()
    }

    fn leave(&mut self, cause: Cause, now_ns: u64, asks: &mut Asks) {
        if !self.is_leaving {
            self.is_leaving = true;
            if cause != Cause::Preferred {
                self.nodes.fault(self.nodes.current(), now_ns);
            }
            asks.reconnect(cause);
        }
    }

    fn look(&mut self, now_ns: u64, asks: &mut Asks) {
        let lag_max = self.settings.bounds.lag_slots_max;
        let slot = self.decoder.slot();
        if self.shared.pool_slot() > slot.saturating_add(lag_max) && slot > 0 {
            self.leave(Cause::Lagging, now_ns, asks);
        } else if self.nodes.current() == self.shared.pool_node() && self.nodes.has_others() {
            // Two connections to one node see the same: the pools' connection has moved here.
            self.leave(Cause::Preferred, now_ns, asks);
        }
    }
}

impl Protocol for SlotsSession {
    fn decoder(&mut self) -> &mut dyn Decoder {
        &mut self.decoder
    }

    fn manners(&self) -> Manners {
        super::manners(&self.settings.bounds)
    }

    fn endpoint(&mut self, now_ns: u64) -> Endpoint {
        let node = self.nodes.choose(now_ns, Some(self.shared.pool_node()));
        let url = self.settings.nodes.get(node).map(|node| node.ws_url.clone());
        Endpoint { url: url.unwrap_or_default(), headers: Vec::new() }
    }

    fn opened(&mut self, now: Now, _: &mut Sink, asks: &mut Asks) {
        self.slot_ns = now.ns;
        self.is_leaving = false;
        self.subs.clear();
        self.subs.want_slots(now.ns, asks);
    }

    fn received(&mut self, now: Now, _: &[u8], fresh: &[Event], _: &mut Sink, asks: &mut Asks) {
        if let Some(answered) = self.decoder.take_answered()
            && let Told::NoSlots(_) = self.subs.answered(answered)
        {
            self.leave(Cause::VenueError, now.ns, asks);
        }
        if !fresh.is_empty() {
            self.slot_ns = now.ns;
            self.shared.set_other_slot(self.decoder.slot());
            self.look(now.ns, asks);
        }
    }

    fn fetched(&mut self, _: Now, _: &Fetched<'_>, _: &[Event], _: &mut Sink, _: &mut Asks) {}

    fn resync(&mut self, _: Now, _: MarketId, _: &mut Sink, _: &mut Asks) {}

    fn due_ns(&self) -> u64 {
        if self.is_leaving {
            return u64::MAX;
        }
        let silent_ns = self.slot_ns.saturating_add(self.settings.bounds.slot_silence_ns);
        self.subs.due_ns().min(silent_ns)
    }

    fn time(&mut self, now: Now, _: &mut Sink, asks: &mut Asks) {
        if self.is_leaving {
            return;
        }
        if now.ns.saturating_sub(self.slot_ns) >= self.settings.bounds.slot_silence_ns {
            self.leave(Cause::Silent, now.ns, asks);
        } else if !self.subs.ask_late(now.ns, asks) {
            self.leave(Cause::VenueError, now.ns, asks);
        }
    }

    fn closed(&mut self, now: Now, cause: Cause) {
        self.subs.clear();
        if !matches!(cause, Cause::Stopped | Cause::Preferred) {
            self.nodes.fault(self.nodes.current(), now.ns);
        }
        self.is_leaving = false;
        self.slot_ns = now.ns.saturating_add(SECOND_NS);
    }

    fn markets_wanted(&self) -> Vec<MarketId> {
        Vec::new()
    }
}
