//! The state machine of the emulated market.
//!
//! [`Market`] holds one hidden fair price, three exchanges that follow it with a lag and some noise
//! of their own, a stablecoin with a peg, and a pool that only moves when somebody swaps. Each actor
//! has an entry in an agenda ordered by time; [`Market::advance`] works it off and gives the frames
//! that have arrived meanwhile. Chance comes from one seed, everything arranged from a [`Script`].

pub(crate) mod accounts;
mod agenda;
mod bitstamp;
mod chain;
mod coinbase;
mod exchange;
mod fair;
mod frame;
mod gemini;
pub(crate) mod ladder;
mod pool;
mod rng;
mod script;
pub(crate) mod shape;
mod solana;
mod text;
mod venues;

use agenda::{Action, Agenda};
use chain::Chain;
use fair::Fair;
use frame::Outbox;
use venues::Venues;

pub use frame::{Frame, Kind, Stream};
pub use rng::Rng;
pub use script::{Exchange, LiquidityChange, Script, Track};

/// Unix nanoseconds of a frame as a recorder writes them, in seconds.
#[must_use]
pub fn seconds_text(unix_ns: u64) -> String {
    text::seconds(unix_ns)
}

/// Fair price at the start, in micro-USD: that of SOL in the Gemini recording of 2026-08-09.
pub const START_PRICE_MICROS: u64 = 77_420_000;

/// Everything that the actors share.
#[derive(Clone, Debug)]
struct World {
    script: Script,
    start_ns: u64,
    fair: Fair,
    outbox: Outbox,
}

impl World {
    /// Unix nanoseconds of a time of ours.
    const fn unix_ns(&self, at_us: u64) -> u64 {
        self.start_ns + at_us * 1_000
    }
}

/// The market.
#[derive(Clone, Debug)]
pub struct Market {
    world: World,
    agenda: Agenda,
    venues: Venues,
    chain: Chain,
}

impl Market {
    /// A market that opens at `start_ns` (Unix nanoseconds).
    #[must_use]
    pub fn new(seed: u64, start_ns: u64, script: Script) -> Self {
        let mut rng = Rng::new(seed);
        let fair = Fair::new(rng.fork(), START_PRICE_MICROS);
        let outbox = Outbox::new(start_ns, rng.fork());
        let mut agenda = Agenda::default();
        let venues = Venues::new(&mut rng, &mut agenda);
        let chain = Chain::new(rng.fork(), start_ns, &mut agenda);
        Self { world: World { script, start_ns, fair, outbox }, agenda, venues, chain }
    }

    /// Lets time pass until `now_ns` (Unix nanoseconds) and gives the frames that arrived since the
    /// last call, in order of arrival. A time before the last one gives nothing.
    pub fn advance(&mut self, now_ns: u64) -> Vec<Frame> {
        let now_us = now_ns.saturating_sub(self.world.start_ns) / 1_000;
        while let Some((at_us, action)) = self.agenda.take(now_us) {
            match action {
                Action::Chain(step) => {
                    self.chain.act(at_us, step, &mut self.world, &mut self.agenda);
                }
                Action::Venue(step) => {
                    self.venues.act(at_us, step, &mut self.world, &mut self.agenda);
                }
            }
        }
        self.world.outbox.take(now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_NS: u64 = 1_786_316_400_000_000_000;

    #[test]
    fn small_steps_and_one_large_step_give_the_same_frames() {
        let end_ns = START_NS + 12_000_000_000;
        let whole = Market::new(7, START_NS, Script::SHIPPED).advance(end_ns);
        let mut market = Market::new(7, START_NS, Script::SHIPPED);
        let mut pieces = Vec::new();
        let mut now_ns = START_NS;
        while now_ns < end_ns {
            now_ns = (now_ns + 7_300_001).min(end_ns);
            let frames = market.advance(now_ns);
            assert!(frames.iter().all(|frame| frame.recv_ns <= now_ns));
            pieces.extend(frames);
        }
        assert!(whole.len() > 1_000, "{}", whole.len());
        assert_eq!(whole, pieces);
        assert!(market.advance(START_NS).is_empty(), "time does not go back");
    }

    #[test]
    fn a_seed_is_a_market_of_its_own() {
        let end_ns = START_NS + 2_000_000_000;
        let frames = |seed| Market::new(seed, START_NS, Script::QUIET).advance(end_ns);
        assert_eq!(frames(1), frames(1));
        assert_ne!(frames(1), frames(2));
    }
}
