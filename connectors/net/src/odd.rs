//! Oddities of feeds: a closed set, each counted, none silent.

/// Something in a feed that was not as expected. The frame or the part of it is skipped, the
/// affected book is put in doubt where its content is in question, and the kind is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Odd {
    /// Not UTF-8.
    BadUtf8 = 0,
    /// Not JSON, or cut off.
    BadJson = 1,
    /// JSON, but a field is missing or has another type than documented.
    BadShape = 2,
    /// A channel, event or method this decoder does not know.
    UnknownChannel = 3,
    /// A symbol, product or account that is not in the table.
    UnknownMarket = 4,
    /// A price or size between two steps of the grid.
    OffGrid = 5,
    /// A price or size outside the accepted range.
    OutOfRange = 6,
    /// A sequence number was skipped.
    SequenceGap = 7,
    /// A sequence number came again or late; the frame was ignored.
    SequenceRepeat = 8,
    /// An update for a book that has no snapshot yet; it was not applied.
    BeforeSnapshot = 9,
    /// The venue answered with an error.
    VenueError = 10,
    /// The venue asked to reconnect.
    ReconnectRequest = 11,
    /// The heartbeat counter jumped.
    HeartbeatGap = 12,
    /// A second snapshot of a book that had one.
    RepeatSnapshot = 13,
    /// An update older than the snapshot it would be applied to; dropped as the venue's rule says.
    StaleUpdate = 14,
    /// More updates wait for a snapshot than the buffer holds; the book starts over.
    BufferFull = 15,
    /// A timestamp that could not be read; the event carries 0 instead.
    BadTime = 16,
    /// Received before the venue says it happened: a local clock that lags.
    NegativeLatency = 17,
    /// The trade id jumped.
    TradeGap = 18,
    /// A frame larger than the venue's limit.
    TooLarge = 19,
    /// An account with an owner, length or discriminator that does not fit.
    BadAccount = 20,
    /// A slot below one already seen.
    SlotBackwards = 21,
    /// A streamed book differs from the venue's HTTP book in a level that nothing touched.
    AuditMismatch = 22,
}

impl Odd {
    /// Every kind, in index order.
    pub const ALL: [Self; 23] = [
        Self::BadUtf8,
        Self::BadJson,
        Self::BadShape,
        Self::UnknownChannel,
        Self::UnknownMarket,
        Self::OffGrid,
        Self::OutOfRange,
        Self::SequenceGap,
        Self::SequenceRepeat,
        Self::BeforeSnapshot,
        Self::VenueError,
        Self::ReconnectRequest,
        Self::HeartbeatGap,
        Self::RepeatSnapshot,
        Self::StaleUpdate,
        Self::BufferFull,
        Self::BadTime,
        Self::NegativeLatency,
        Self::TradeGap,
        Self::TooLarge,
        Self::BadAccount,
        Self::SlotBackwards,
        Self::AuditMismatch,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadUtf8 => "bad_utf8",
            Self::BadJson => "bad_json",
            Self::BadShape => "bad_shape",
            Self::UnknownChannel => "unknown_channel",
            Self::UnknownMarket => "unknown_market",
            Self::OffGrid => "off_grid",
            Self::OutOfRange => "out_of_range",
            Self::SequenceGap => "sequence_gap",
            Self::SequenceRepeat => "sequence_repeat",
            Self::BeforeSnapshot => "before_snapshot",
            Self::VenueError => "venue_error",
            Self::ReconnectRequest => "reconnect_request",
            Self::HeartbeatGap => "heartbeat_gap",
            Self::RepeatSnapshot => "repeat_snapshot",
            Self::StaleUpdate => "stale_update",
            Self::BufferFull => "buffer_full",
            Self::BadTime => "bad_time",
            Self::NegativeLatency => "negative_latency",
            Self::TradeGap => "trade_gap",
            Self::TooLarge => "too_large",
            Self::BadAccount => "bad_account",
            Self::SlotBackwards => "slot_backwards",
            Self::AuditMismatch => "audit_mismatch",
        }
    }
}

const KINDS: usize = Odd::ALL.len();

/// Counters of a decoder, one per kind, and how its frames were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OddCounts {
    kinds: [u64; KINDS],
    /// Frames offered.
    pub frames: u64,
    /// Book-update frames read by the allocation-free path.
    pub fast: u64,
    /// Book-update frames of the table's markets that fell back to the typed path.
    pub typed: u64,
}

impl OddCounts {
    /// Counts one.
    pub fn add(&mut self, odd: Odd) {
        self.kinds[odd as usize] += 1;
    }

    /// How many of this kind were seen.
    #[must_use]
    pub const fn get(&self, odd: Odd) -> u64 {
        self.kinds[odd as usize]
    }

    /// The kinds that were seen, in index order.
    pub fn seen(&self) -> impl Iterator<Item = (Odd, u64)> + '_ {
        Odd::ALL.into_iter().map(|odd| (odd, self.get(odd))).filter(|(_, count)| *count > 0)
    }

    /// Adds another decoder's counters to these.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            *mine += theirs;
        }
        self.frames += other.frames;
        self.fast += other.fast;
        self.typed += other.typed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_sits_at_its_index() {
        for (index, odd) in Odd::ALL.into_iter().enumerate() {
            assert_eq!(odd as usize, index, "{}", odd.name());
        }
    }
}
