//! How diffs and a REST book become one book.
//!
//! Diffs carry absolute sizes and a microtimestamp, no sequence number. They are held back until a
//! REST book comes; those at or before its microtimestamp are dropped, the later ones applied in
//! order. A book is joined only when no diff can be missing between the REST book and the first diff
//! that is applied to it, as far as that can be known:
//!
//! * After a loss (a frame that could not be read or applied, an overflow), only a REST book at or
//!   behind the first diff received since will do: it contains whatever was lost.
//! * Without a loss, a REST book older than every diff is taken, because the venue publishes diffs
//!   from the subscription on; but the join is not proven, and is reported as such.
//!
//! What a live session asks for says when it was asked ([`crate::request`]), and the rule is simpler,
//! because a REST book that was asked for after a moment holds everything that was before it, if it
//! is not a stored copy:
//!
//! * It was asked for after the subscription was acknowledged, and after the last loss. Everything
//!   later than that comes as diffs.
//! * Its time is not older than the venue's time was then. The venue does not say which it was; the
//!   newest time that the connection had shown by then stands for it.
//! * A quiet pair's book may say the time of its last change, and so be older for ever. The same time
//!   again, asked for [`STORED_NS`] later and without a diff in between, is no stored copy: taken.
//!
//! A diff older than one already applied is either a copy of a recent one, which is ignored, or was
//! published late. Applying a late one would overwrite newer sizes, and dropping it would lose the
//! levels that no newer one touched: the book is wrong either way, so it is put in doubt.

use engine_model::{Body, Event};

/// Most diffs held back for one market: 80 s of the busiest recorded market, forty times over.
pub(crate) const HELD_DIFFS_MAX: usize = 4_096;

/// Most levels held back for one market. 64 bytes each: 4 MiB.
pub(crate) const HELD_LEVELS_MAX: usize = 1 << 16;

/// Most levels held back for all markets of a connection. 64 bytes each: 64 MiB.
pub(crate) const HELD_LEVELS_ALL_MAX: usize = 1 << 20;

/// Longest time that the venue's edge keeps a stored copy of a REST book (about 1 s), with a margin.
/// Unit: nanoseconds.
pub(crate) const STORED_NS: u64 = 1_500_000_000;

/// Applied diffs that are remembered to recognise a copy.
const REMEMBERED: usize = 16;

/// A diff that waits for a REST book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldDiff {
    pub(crate) micros: u64,
    pub(crate) line: u64,
    /// Its events in [`Join::held_events`].
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What to do with a diff of a live book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It follows the diffs applied so far.
    Apply,
    /// The REST book contains it.
    Contained,
    /// It came a second time.
    Copy,
    /// It was published after a newer one.
    Late,
}

/// One market's join.
#[derive(Clone, Debug, Default)]
pub(crate) struct Join {
    pub(crate) held: Vec<HeldDiff>,
    pub(crate) held_events: Vec<Event>,
    /// Microtimestamp of the REST book in use.
    pub(crate) snapshot_micros: u64,
    /// Receive time of the same.
    pub(crate) snapshot_recv_ns: u64,
    /// Microtimestamp of the last diff applied, or of the REST book.
    pub(crate) applied_micros: u64,
    /// Diffs received since the REST book.
    pub(crate) diffs_since: u64,
    /// A REST book is in use, or was when doubt arose.
    pub(crate) is_joined: bool,
    /// A diff at or before the REST book was seen.
    pub(crate) is_proven: bool,
    /// Something was lost since the last REST book.
    is_lossy: bool,
    /// A REST book must not be older than this. `None` after a loss: no readable diff since.
    floor_micros: Option<u64>,
    /// When the subscription was acknowledged, or the last loss after that, and the newest
    /// microtimestamp known then. Unit of the first: Unix nanoseconds.
    since: Option<(u64, u64)>,
    /// When a REST book was asked for that was too old, and its microtimestamp; the first of those
    /// with the same.
    too_old: Option<(u64, u64)>,
    recent: [(u64, u64); REMEMBERED],
    recent_next: usize,
}

impl Join {
    /// The join of a market not met so far; `is_lossy` when a frame that may have been its was lost.
    pub(crate) fn begun(is_lossy: bool) -> Self {
        Self { is_lossy, ..Self::default() }
    }

    /// Forgets everything that an earlier connection said.
    pub(crate) fn restart(&mut self) {
        self.drop_held();
        *self = Self {
            held: core::mem::take(&mut self.held),
            held_events: core::mem::take(&mut self.held_events),
            ..Self::default()
        };
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.held_events.clear();
    }

    /// The subscription stands since this receive time; the newest microtimestamp known then.
    pub(crate) fn acknowledged(&mut self, since: (u64, u64)) {
        self.since = Some(since);
        self.too_old = None;
    }

    /// Whether a subscription stands.
    pub(crate) const fn is_acknowledged(&self) -> bool {
        self.since.is_some()
    }

    /// No subscription stands any more.
    pub(crate) fn unsubscribed(&mut self) {
        self.since = None;
    }

    /// Something was lost, and nothing is known of its time but when that was noticed, and the newest
    /// microtimestamp known then.
    pub(crate) fn lose(&mut self, (recv_ns, micros): (u64, u64)) {
        self.drop_held();
        self.is_lossy = true;
        self.floor_micros = None;
        self.too_old = None;
        if let Some(since) = &mut self.since {
            *since = (recv_ns, micros.max(since.1));
        }
    }

    /// Something was lost, and it was not newer than this.
    pub(crate) fn lose_until(&mut self, recv_ns: u64, micros: u64) {
        self.lose((recv_ns, micros));
        self.floor_micros = Some(micros.max(self.applied_micros));
    }

    /// Whether a REST book that was asked for at a known time may be joined.
    pub(crate) fn accepts_asked(&mut self, snapshot_micros: u64, asked_ns: u64) -> bool {
        let Some((since_ns, since_micros)) = self.since else { return false };
        if asked_ns < since_ns || snapshot_micros < self.applied_micros {
            return false;
        }
        if snapshot_micros >= since_micros {
            return true;
        }
        match self.too_old {
            Some((first_ns, micros)) if micros == snapshot_micros => {
                self.held.is_empty() && asked_ns >= first_ns.saturating_add(STORED_NS)
            }
            _ => {
                self.too_old = Some((asked_ns, snapshot_micros));
                false
            }
        }
    }

    /// Whether a REST book may be joined.
    pub(crate) fn accepts(&self, snapshot_micros: u64) -> bool {
        // What is applied already is not held any more: an older REST book would lose it.
        snapshot_micros >= self.applied_micros
            && (!self.is_lossy || self.floor_micros.is_some_and(|floor| snapshot_micros >= floor))
    }

    /// Holds a diff back; `false` when there was no room and the buffer started over with it.
    pub(crate) fn hold(
        &mut self,
        recv_ns: u64,
        micros: u64,
        line: u64,
        (levels, room_for_all): (&[Event], usize),
    ) -> bool {
        let room = room_for_all.min(HELD_LEVELS_MAX - self.held_events.len());
        let fits = self.held.len() < HELD_DIFFS_MAX && levels.len() <= room;
        if !fits {
            self.lose((recv_ns, micros));
        }
        if self.is_lossy && self.floor_micros.is_none() {
            self.floor_micros = Some(micros);
        }
        if fits || levels.len() <= HELD_LEVELS_MAX.min(room_for_all) {
            let start = self.held_events.len();
            self.held_events.extend_from_slice(levels);
            self.held.push(HeldDiff { micros, line, start, end: self.held_events.len() });
        } else {
            // Larger than the buffer: lost as well.
            self.lose_until(recv_ns, micros);
        }
        fits
    }

    /// A REST book was taken.
    pub(crate) fn joined(&mut self, snapshot_micros: u64, recv_ns: u64) {
        // A diff applied so far, or received since a loss, lies at or before it.
        let is_behind_loss = self.floor_micros.is_some_and(|floor| snapshot_micros >= floor);
        self.is_proven |= self.is_lossy && is_behind_loss;
        self.is_proven |= self.applied_micros > self.snapshot_micros;
        self.snapshot_micros = snapshot_micros;
        self.snapshot_recv_ns = recv_ns;
        self.applied_micros = snapshot_micros;
        self.diffs_since = 0;
        self.is_joined = true;
        self.is_lossy = false;
        self.floor_micros = None;
        self.too_old = None;
    }

    /// What to do with a diff of a live book.
    pub(crate) fn judge(&mut self, micros: u64, levels: &[Event]) -> Verdict {
        self.diffs_since += 1;
        if micros <= self.snapshot_micros {
            self.is_proven = true;
            return Verdict::Contained;
        }
        let print = (micros, fingerprint(levels));
        if micros < self.applied_micros {
            return if self.recent.contains(&print) { Verdict::Copy } else { Verdict::Late };
        }
        self.recent[self.recent_next] = print;
        self.recent_next = (self.recent_next + 1) % REMEMBERED;
        self.applied_micros = micros;
        Verdict::Apply
    }
}

/// A number that two different diffs hardly share (FNV-1a over prices and sizes).
fn fingerprint(levels: &[Event]) -> u64 {
    let mut print = 0xcbf2_9ce4_8422_2325_u64;
    for event in levels {
        if let Body::Level { side, price_ticks, size_lots } = event.body {
            for word in [side as u64, price_ticks, size_lots] {
                print = (print ^ word).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    print
}
