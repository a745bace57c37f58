//! Telling the core that markets are alive: by connection, not by venue.
//!
//! A frame shows that its connection lives, and with it every market that it carries: a quiet book
//! is not a stale one. A replay of a recording and a live connection tell it by this one rule.

use engine_model::units::NS_PER_MS;
use engine_model::{Body, Event, MarketId, Venue};

use crate::decode::{Sink, Stamp};
use crate::markets::Markets;

/// How often the markets of a connection that receives anything are said to be alive. A tenth of
/// the shortest staleness that makes sense.
const ALIVE_EVERY_NS: u64 = 100 * NS_PER_MS;

/// Which markets a connection carries, and when it last said so.
#[derive(Clone, Debug, Default)]
pub struct Alive {
    /// Ids in the order of the market table, each with whether a frame of the connection was about it.
    markets: Vec<(MarketId, bool)>,
    told_ns: u64,
}

impl Alive {
    /// Of a connection that has carried nothing so far.
    #[must_use]
    pub fn new(markets: &Markets) -> Self {
        let markets = markets.list().iter().map(|market| (market.id, false)).collect();
        Self { markets, told_ns: 0 }
    }

    /// Events that the connection's decoder gave.
    pub fn note(&mut self, events: &[Event]) {
        let mut last = Event::NO_MARKET;
        for event in events {
            if event.market != last {
                let known = self.markets.iter_mut().find(|(id, _)| *id == event.market);
                if let Some((_, carries)) = known {
                    *carries = true;
                }
                last = event.market;
            }
        }
    }

    /// A frame came: says that all markets carried are alive, unless it was said just now. The
    /// chain's connection says so itself, by slots.
    pub fn tell(&mut self, venue: Venue, recv_ns: u64, line: u64, out: &mut Sink) {
        if venue == Venue::Solana || recv_ns < self.told_ns.saturating_add(ALIVE_EVERY_NS) {
            return;
        }
        self.told_ns = recv_ns;
        let stamp = Stamp { recv_ns, venue_ns: 0, seq: 0, venue };
        for (market, _) in self.markets.iter().filter(|(_, carries)| *carries) {
            out.push(stamp, *market, Body::Timer);
        }
        out.close(line);
    }
}
