//! How often a market is made good because of what was lost behind its reader.
//!
//! A snapshot that comes is good as far as the reader can tell; where the core cannot take it (it is
//! larger than the ring, or the core is too slow) asking at once again and again would only repeat the
//! loss, and a snapshot may have megabytes. The first few are asked for at once, later ones after waits
//! that double.

/// A second.
const SECOND_NS: u64 = 1_000_000_000;
/// So many in a row are not waited for.
const AT_ONCE: u32 = 3;
/// Longest wait. Unit: nanoseconds.
const WAIT_NS_MAX: u64 = 60 * SECOND_NS;
/// A market that needed none for so long begins anew. Unit: nanoseconds.
const FORGET_NS: u64 = 300 * SECOND_NS;

/// What is remembered of one market.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mending {
    /// In a row.
    count: u32,
    /// The last one.
    last_ns: u64,
    /// The next one waits until then.
    held_ns: Option<u64>,
    /// Events of the last batch that no ring held; 0 where it was not the reason.
    too_large: u64,
}

impl Mending {
    /// Asked for; `Some` is the time until which it waits, `None` is now.
    pub(super) fn ask(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns.saturating_sub(self.last_ns) >= FORGET_NS {
            self.count = 0;
        }
        let wait_ns = match self.count.checked_sub(AT_ONCE) {
            None => 0,
            Some(over) => (SECOND_NS << over.min(16)).min(WAIT_NS_MAX),
        };
        let from_ns = self.last_ns.saturating_add(wait_ns);
        if now_ns >= from_ns {
            self.begin(now_ns);
            return None;
        }
        self.held_ns = Some(from_ns);
        self.held_ns
    }

    fn begin(&mut self, now_ns: u64) {
        self.count = self.count.saturating_add(1);
        self.last_ns = now_ns;
        self.held_ns = None;
    }

    /// Whether one that waited is due, which it is once.
    pub(super) fn due(&mut self, now_ns: u64) -> bool {
        let is_due = self.held_ns.is_some_and(|held_ns| held_ns <= now_ns);
        if is_due {
            self.begin(now_ns);
        }
        is_due
    }

    /// When the one that waits is due.
    pub(super) const fn held_ns(&self) -> Option<u64> {
        self.held_ns
    }

    /// A snapshot came, or the connection ended: nothing waits any more.
    pub(super) const fn settled(&mut self) {
        self.held_ns = None;
        self.too_large = 0;
    }

    /// No ring holds a batch of so many events.
    pub(super) const fn too_large(&mut self, events: u64) {
        self.too_large = events;
    }

    /// What an operator can do about it.
    pub(super) fn problem(&self) -> Option<String> {
        (self.too_large > 0).then(|| {
            format!(
                "one frame has {} events, which is more than its ring holds: raise runtime.ring_events",
                self.too_large
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_then_waits_that_double_up_to_a_minute() {
        let mut mending = Mending::default();
        let mut now_ns = 1_000 * SECOND_NS;
        let mut waits_s = Vec::new();
        for _ in 0..12 {
            let held_ns = mending.ask(now_ns);
            waits_s.push(held_ns.map_or(0, |held_ns| (held_ns - now_ns) / SECOND_NS));
            if let Some(held_ns) = held_ns {
                assert!(!mending.due(held_ns - 1));
                assert!(mending.due(held_ns) && !mending.due(held_ns), "due once");
                now_ns = held_ns;
            }
        }
        assert_eq!(waits_s, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(mending.ask(now_ns + FORGET_NS), None);
        assert_eq!(mending.ask(now_ns + FORGET_NS), None, "begun anew");
    }

    #[test]
    fn what_settles_waits_for_nothing_and_says_nothing() {
        let mut mending = Mending::default();
        mending.too_large(70_000);
        assert!(mending.problem().is_some_and(|says| says.contains("70000")));
        for _ in 0..4 {
            mending.ask(SECOND_NS);
        }
        assert!(mending.held_ns().is_some());
        mending.settled();
        assert_eq!((mending.held_ns(), mending.problem()), (None, None));
        assert!(!mending.due(u64::MAX));
    }
}
