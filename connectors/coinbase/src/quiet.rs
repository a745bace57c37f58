//! Which books have been told nothing for so long that their subscription may be dead.
//!
//! Heartbeats carry the connection's sequence, and so prove that nothing was lost of what was sent. They do
//! not prove that a book is still subscribed to: a venue that drops one channel goes on counting the
//! others. A product that nobody trades looks the same. So a quiet book is asked for anew, at first after
//! seconds, and after waits that double for as long as nothing but snapshots comes.

use engine_model::units::NS_PER_MS;
use engine_model::{Body, Event, Flags, MarketId};

/// Without a change for so long a book is asked for anew. Unit: nanoseconds.
const QUIET_NS: u64 = 10_000 * NS_PER_MS;
/// The wait doubles so often: up to eleven minutes.
const DOUBLINGS_MAX: u32 = 6;

/// One book.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// When something of it last came; 0: it waits for its snapshot. Unit: Unix nanoseconds.
    at_ns: u64,
    /// Snapshots asked for since its last change.
    tries: u32,
}

impl Told {
    fn due_ns(&self) -> u64 {
        if self.at_ns == 0 {
            return u64::MAX;
        }
        self.at_ns.saturating_add(QUIET_NS << self.tries.min(DOUBLINGS_MAX))
    }
}

/// The books of a connection.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    /// By number of the market.
    told: Vec<Told>,
    /// No book is due before this. Unit: Unix nanoseconds.
    look_ns: u64,
}

impl Quiet {
    /// Every book waits for its snapshot.
    pub(crate) fn begin(&mut self) {
        self.told.clear();
        self.look_ns = u64::MAX;
    }

    /// A book has been asked for: its snapshot is awaited by the link.
    pub(crate) fn asked(&mut self, market: MarketId) {
        if let Some(told) = self.told.get_mut(market.index()) {
            told.at_ns = 0;
        }
    }

    /// Events of a frame came.
    #[inline]
    pub(crate) fn note(&mut self, now_ns: u64, fresh: &[Event]) {
        let mut last = Event::NO_MARKET;
        for event in fresh {
            if event.market == last || !matches!(event.body, Body::Level { .. } | Body::BookClear) {
                continue;
            }
            last = event.market;
            let index = last.index();
            if index >= self.told.len() {
                self.told.resize(index + 1, Told::default());
            }
            let told = &mut self.told[index];
            let was = core::mem::replace(&mut told.at_ns, now_ns);
            let is_change = !event.flags.has(Flags::SNAPSHOT);
            // Everything else makes what is known to be due no sooner.
            if was == 0 || (is_change && told.tries > 0) {
                told.tries = if is_change { 0 } else { told.tries };
                self.look_ns = self.look_ns.min(told.due_ns());
            }
        }
    }

    /// When [`Quiet::take_due`] wants to be asked. Unit: Unix nanoseconds.
    pub(crate) const fn due_ns(&self) -> u64 {
        self.look_ns
    }

    /// Books that are to be asked for.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Vec<MarketId> {
        let mut due = Vec::new();
        if now_ns < self.look_ns {
            return due;
        }
        for (index, told) in self.told.iter_mut().enumerate() {
            if told.due_ns() <= now_ns {
                told.at_ns = 0;
                told.tries = told.tries.saturating_add(1);
                due.extend(u16::try_from(index).map(MarketId));
            }
        }
        self.look_ns = self.told.iter().map(Told::due_ns).min().unwrap_or(u64::MAX);
        due
    }
}

#[cfg(test)]
mod tests {
    use engine_model::{Side, Venue};

    use super::*;

    const SECOND_NS: u64 = 1_000 * NS_PER_MS;

    fn event(market: u16, body: Body, flags: u8) -> Event {
        let (market, venue, flags) = (MarketId(market), Venue::Coinbase, Flags(flags));
        Event { recv_ns: 1, venue_ns: 0, seq: 0, market, venue, flags, body }
    }

    fn change(market: u16) -> Event {
        event(market, Body::Level { side: Side::Bid, price_ticks: 1, size_lots: 1 }, 0)
    }

    fn snapshot(market: u16) -> Event {
        event(market, Body::BookClear, Flags::SNAPSHOT)
    }

    #[test]
    fn a_book_without_changes_is_asked_for_after_waits_that_double() {
        let mut quiet = Quiet::default();
        quiet.begin();
        assert_eq!(quiet.due_ns(), u64::MAX, "nothing is subscribed");
        let mut now_ns = 1_000 * SECOND_NS;
        quiet.note(now_ns, &[snapshot(0)]);
        let mut waits_s = Vec::new();
        for _ in 0..9 {
            let due_ns = quiet.due_ns();
            waits_s.push((due_ns - now_ns) / SECOND_NS);
            assert_eq!(quiet.take_due(due_ns - 1), []);
            assert_eq!(quiet.take_due(due_ns), [MarketId(0)]);
            assert_eq!(quiet.due_ns(), u64::MAX, "the link waits for the snapshot");
            now_ns = due_ns;
            quiet.note(now_ns, &[snapshot(0)]);
        }
        assert_eq!(waits_s, [10, 20, 40, 80, 160, 320, 640, 640, 640]);
        // A change begins it anew, although nobody would have looked for long.
        quiet.note(now_ns + SECOND_NS, &[change(0)]);
        assert_eq!(quiet.due_ns(), now_ns + 11 * SECOND_NS);
    }

    #[test]
    fn only_the_quiet_one_of_several_is_asked_for() {
        let mut quiet = Quiet::default();
        quiet.begin();
        let start_ns = 1_000 * SECOND_NS;
        quiet.note(start_ns, &[snapshot(0), snapshot(2)]);
        for second in 1..10 {
            // What the link says of markets that are alive is no change.
            let timer = event(0, Body::Timer, 0);
            quiet.note(start_ns + second * SECOND_NS, &[change(2), timer]);
        }
        assert_eq!(quiet.take_due(start_ns + 10 * SECOND_NS), [MarketId(0)]);
        assert_eq!(quiet.due_ns(), start_ns + 19 * SECOND_NS);
        quiet.asked(MarketId(2));
        assert_eq!(quiet.take_due(start_ns + 60 * SECOND_NS), [], "asked for by others");
        quiet.begin();
        assert_eq!(quiet.due_ns(), u64::MAX);
    }
}
