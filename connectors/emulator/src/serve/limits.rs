//! What a venue takes per second of market time.

use serde::{Deserialize, Serialize};

/// Limits of one venue, over all its clients (they all come from one address). 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Upgrades to WebSocket per second.
    pub connections_per_s: u32,
    /// Text frames of clients per second.
    pub messages_per_s: u32,
    /// HTTP requests per second.
    pub requests_per_s: u32,
    /// Batches of happenings that may wait for a slow client before it is cut off; 0: the default
    /// of [`QUEUE_BATCHES_DEFAULT`].
    pub queue_batches_max: u32,
}

/// At a batch per millisecond about eight seconds of a busy market: as long as venues bear with a
/// client that does not read. The batches are shared by all connections.
pub const QUEUE_BATCHES_DEFAULT: u32 = 8_192;

/// A token bucket that holds one second's worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_s: u64,
    /// Tokens times a second in nanoseconds, so that nothing is rounded.
    filled: u128,
    at_ns: u64,
}

const SECOND_NS: u128 = 1_000_000_000;

impl Bucket {
    /// A full bucket; 0 per second never refuses.
    #[must_use]
    pub(super) fn new(per_s: u32) -> Self {
        Self { per_s: u64::from(per_s), filled: u128::from(per_s) * SECOND_NS, at_ns: 0 }
    }

    /// Takes one token. False: there is none.
    pub(super) fn take(&mut self, now_ns: u64) -> bool {
        if self.per_s == 0 {
            return true;
        }
        let passed_ns = u128::from(now_ns.saturating_sub(self.at_ns));
        self.at_ns = self.at_ns.max(now_ns);
        let full = u128::from(self.per_s) * SECOND_NS;
        self.filled = (self.filled + passed_ns * u128::from(self.per_s)).min(full);
        if self.filled < SECOND_NS {
            return false;
        }
        self.filled -= SECOND_NS;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_as_many_as_it_says() {
        let mut bucket = Bucket::new(3);
        let start = 1_000_000_000_000;
        let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.take(at)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + 333_333_333), 0);
        assert_eq!(taken(&mut bucket, start + 333_333_334), 1);
        assert_eq!(taken(&mut bucket, start), 0, "time that goes back fills nothing");
        assert_eq!(taken(&mut bucket, start + 60_000_000_000), 3);
        assert_eq!(taken(&mut Bucket::new(0), 0), 10);
    }
}
