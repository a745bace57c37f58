//! Which frame follows which: the chain of update ids of one market.
//!
//! A difference covers the ids from `U` to `u`; its `U` is the `u` of the one before. With `last` the
//! newest `u` applied: `u <= last` is an old frame, `U <= last < u` follows, `U > last` is a hole.
//! A snapshot has `U == u`, which a difference never has, and is the first frame of a market on a
//! connection or behind a subscription; subscriptions are seen in what is sent.
//!
//! An old frame is a copy of one that was applied. One that is not was passed over, which an id that
//! was damaged on its way to us would do to all that follow: the book is in doubt then.

use connector_net::books::BookState;

/// Ids of applied frames that are remembered to recognise a copy.
const REMEMBERED: usize = 16;

/// Most subscriptions whose snapshots are owed at a time. More mean that none comes.
const OWED_MAX: u32 = 16;

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It replaces the book.
    Snapshot,
    /// It follows.
    Apply,
    /// It came before.
    Copy,
    /// There is no book that it could follow.
    Early,
    /// Something between it and the last one is missing.
    Gap,
    /// It ends before it begins.
    Backwards,
}

/// The chain of one market.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    /// Last id applied.
    last: u64,
    /// Newest id met on this connection, applied or not.
    newest: u64,
    /// Id of the snapshot in use.
    snapshot: u64,
    /// Subscriptions sent whose snapshots have not come.
    owed: u32,
    recent: [u64; REMEMBERED],
    recent_next: usize,
}

impl Chain {
    /// A subscription was sent.
    pub(crate) fn subscribed(&mut self) {
        self.owed = (self.owed + 1).min(OWED_MAX);
    }

    /// Judges a frame and takes note of it.
    pub(crate) fn judge(&mut self, state: BookState, first: u64, last: u64) -> Verdict {
        let verdict = self.verdict(state, first, last);
        match verdict {
            Verdict::Snapshot => {
                self.owed = self.owed.saturating_sub(1);
                (self.last, self.snapshot) = (last, last);
                self.recent = [0; REMEMBERED];
            }
            Verdict::Apply => {
                self.last = last;
                self.recent[self.recent_next] = last;
                self.recent_next = (self.recent_next + 1) % REMEMBERED;
            }
            Verdict::Copy | Verdict::Early | Verdict::Gap | Verdict::Backwards => {}
        }
        if verdict != Verdict::Backwards {
            self.newest = self.newest.max(last);
        }
        verdict
    }

    fn verdict(&self, state: BookState, first: u64, last: u64) -> Verdict {
        if first > last {
            return Verdict::Backwards;
        }
        let is_whole = first == last;
        match state {
            BookState::Empty if is_whole && last >= self.newest => Verdict::Snapshot,
            BookState::Empty | BookState::Doubted => Verdict::Early,
            BookState::Live if is_whole && self.owed > 0 && last >= self.last => Verdict::Snapshot,
            BookState::Live if last <= self.last => {
                let is_known = last <= self.snapshot || self.recent.contains(&last);
                if is_known { Verdict::Copy } else { Verdict::Gap }
            }
            BookState::Live if first > self.last => Verdict::Gap,
            BookState::Live => Verdict::Apply,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_what_becomes_of_them() {
        use BookState::{Doubted, Empty, Live};
        use Verdict::{Apply, Backwards, Copy, Early, Gap, Snapshot};
        // A snapshot at 100, and a difference up to 161.
        let rows = [
            (Live, 161, 200, Apply),
            (Live, 150, 170, Apply),
            (Live, 1, 162, Apply),
            (Live, 161, 161, Copy),
            (Live, 100, 161, Copy),
            (Live, 100, 100, Copy),
            (Live, 40, 50, Copy),
            (Live, 100, 130, Gap),
            (Live, 162, 170, Gap),
            (Live, 170, 170, Gap),
            (Live, 9, 8, Backwards),
            (Empty, 161, 161, Snapshot),
            (Empty, 170, 170, Snapshot),
            (Empty, 160, 160, Early),
            (Empty, 161, 170, Early),
            (Doubted, 170, 170, Early),
            (Doubted, 161, 170, Early),
        ];
        for (state, first, last, expected) in rows {
            let mut chain = Chain::default();
            assert_eq!(chain.judge(Empty, 100, 100), Snapshot);
            assert_eq!(chain.judge(Live, 100, 161), Apply);
            assert_eq!(chain.judge(state, first, last), expected, "{state:?} {first}-{last}");
        }
    }

    #[test]
    fn a_snapshot_that_was_asked_for_replaces_a_live_book() {
        let mut chain = Chain::default();
        chain.subscribed();
        assert_eq!(chain.judge(BookState::Empty, 100, 100), Verdict::Snapshot);
        assert_eq!(chain.judge(BookState::Live, 120, 120), Verdict::Gap, "nobody asked");
        chain.subscribed();
        assert_eq!(chain.judge(BookState::Live, 99, 99), Verdict::Copy, "older than the book");
        assert_eq!(chain.judge(BookState::Live, 100, 110), Verdict::Apply, "of the one before");
        assert_eq!(chain.judge(BookState::Live, 120, 120), Verdict::Snapshot);
        assert_eq!(chain.judge(BookState::Live, 130, 130), Verdict::Gap, "asked for once");
    }

    #[test]
    fn a_damaged_id_is_noticed() {
        let mut chain = Chain::default();
        chain.judge(BookState::Empty, 100, 100);
        assert_eq!(chain.judge(BookState::Live, 100, 9_170), Verdict::Apply, "170, damaged");
        assert_eq!(chain.judge(BookState::Live, 170, 180), Verdict::Gap);
    }
}
