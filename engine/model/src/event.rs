//! The one thing that enters the core: a fixed-size event.
//!
//! # Order and time
//!
//! * A source is one connection or one recorded file. Its decoder turns each frame into a *batch*:
//!   the events that the frame means, in the frame's order. The last one carries
//!   [`Flags::END_OF_BATCH`]; the core evaluates signals there and nowhere else.
//! * Batches of several sources are merged by (receive time in ns, source number, line or arrival
//!   number). The merged order is the order of the world: the core numbers it and reads time from
//!   `recv_ns` alone. Receive time therefore never decreases at the core.
//! * `venue_ns` is the venue's claim and may lie in either direction (local clocks lag, venues
//!   publish late). It is reported, never used to order or to expire.
//! * A snapshot is a batch that begins with [`Body::BookClear`]. A book in doubt
//!   ([`Body::BookDoubt`]) is quarantined until the next one.
//! * A pool changes in batches of one slot: [`Body::PoolPrice`] and [`Body::PoolMeta`] together,
//!   and for each tick array [`Body::TickArrayBegin`] and its initialised ticks.

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::ids::{MarketId, Venue};

/// Side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Side {
    /// Somebody buys here.
    Bid = 0,
    /// Somebody sells here.
    Ask = 1,
}

/// Bits about an event's place in its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flags(pub u8);

impl Flags {
    /// Last event of its batch.
    pub const END_OF_BATCH: u8 = 1;
    /// Part of a snapshot batch.
    pub const SNAPSHOT: u8 = 2;
    /// Part of a pool's price that is told before its slot is over: it holds inside the range
    /// between the two initialised ticks around it and nowhere else, until the pool's next batch
    /// without this bit.
    pub const PROVISIONAL: u8 = 4;

    /// Whether the bits of `mask` are all set.
    #[must_use]
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// Why a book can no longer be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum DoubtReason {
    /// The venue's sequence jumped.
    SequenceGap = 0,
    /// A price or size between two steps of the market's grid.
    OffGrid = 1,
    /// A price or size outside the accepted range.
    OutOfRange = 2,
    /// A frame of the market's book stream that could not be read.
    BadFrame = 3,
    /// The connection ended or began anew.
    Disconnected = 4,
    /// More levels, or more memory, than a book may have.
    TooLarge = 5,
    /// Best bid at or above best ask after a whole batch.
    Crossed = 6,
    /// A pool account that contradicts its layout, bounds or owner.
    BadAccount = 7,
    /// A lower slot than the one already applied: another fork.
    Fork = 8,
    /// Events of it were lost on the way to the core: the core was too slow.
    Lost = 9,
}

impl DoubtReason {
    /// Every reason, in index order.
    pub const ALL: [Self; 10] = [
        Self::SequenceGap,
        Self::OffGrid,
        Self::OutOfRange,
        Self::BadFrame,
        Self::Disconnected,
        Self::TooLarge,
        Self::Crossed,
        Self::BadAccount,
        Self::Fork,
        Self::Lost,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SequenceGap => "sequence_gap",
            Self::OffGrid => "off_grid",
            Self::OutOfRange => "out_of_range",
            Self::BadFrame => "bad_frame",
            Self::Disconnected => "disconnected",
            Self::TooLarge => "too_large",
            Self::Crossed => "crossed",
            Self::BadAccount => "bad_account",
            Self::Fork => "fork",
            Self::Lost => "lost",
        }
    }
}

/// A cost level that changes at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ParamKey {
    /// Priority-fee level of the chain. Unit: micro-lamports per compute unit.
    PriorityFee = 0,
    /// Tip offered with a chain transaction. Unit: lamports.
    Tip = 1,
    /// Taker fee of the event's market. Unit: parts per million of the notional.
    TakerFee = 2,
}

/// What the engine has measured of the machine that it runs on. What the limits are, and what follows
/// beyond them, is for the core to say.
///
/// A value needs stating when it is beyond half its limit, and at least once a second while a halt
/// of its kind is latched: such a halt ends on values that were stated, never on silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EngineFault {
    /// How long 99 of 100 events waited in their ring at most, over one whole second. Unit:
    /// nanoseconds.
    CoreLag = 0,
    /// The longest step of the core in that second. Unit: nanoseconds.
    SlowStep = 1,
    /// A reader of the event's venue found its ring full. Unit: batches lost, of all its markets
    /// together; each market learns its part by [`Body::Gap`].
    RingOverflow = 2,
    /// Age of the oldest record that is not yet with the disk. Unit: nanoseconds.
    JournalLag = 3,
    /// The fullest record ring. Unit: parts per million of its room.
    JournalBacklog = 4,
    /// A write or sync of the journal has failed. Unit: failures.
    JournalError = 5,
    /// What is free of the journal's disk, stated after a sync that succeeded. Unit: parts per
    /// million of its size.
    DiskFreeShare = 6,
    /// The same. Unit: bytes.
    DiskFreeBytes = 7,
    /// By how much a clock that runs while the machine sleeps has gained on core time since it was
    /// last stated. Unit: nanoseconds.
    Slept = 8,
}

impl EngineFault {
    /// Every measurement, in index order.
    pub const ALL: [Self; 9] = [
        Self::CoreLag,
        Self::SlowStep,
        Self::RingOverflow,
        Self::JournalLag,
        Self::JournalBacklog,
        Self::JournalError,
        Self::DiskFreeShare,
        Self::DiskFreeBytes,
        Self::Slept,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoreLag => "core_lag",
            Self::SlowStep => "slow_step",
            Self::RingOverflow => "ring_overflow",
            Self::JournalLag => "journal_lag",
            Self::JournalBacklog => "journal_backlog",
            Self::JournalError => "journal_error",
            Self::DiskFreeShare => "disk_free_share",
            Self::DiskFreeBytes => "disk_free_bytes",
            Self::Slept => "slept",
        }
    }
}

/// What happened. 32 bytes; wide integers are halves, low half first, to keep alignment at 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Body {
    /// A new snapshot begins: the book is empty now.
    BookClear = 0,
    /// The size now resting at a price. Absolute, never a difference; zero deletes.
    Level {
        /// Side of the book.
        side: Side,
        /// Unit: ticks, `1..=PRICE_TICKS_MAX`.
        price_ticks: u64,
        /// Unit: lots, `0..=SIZE_LOTS_MAX`.
        size_lots: u64,
    } = 1,
    /// The book or pool must not be used until its next snapshot.
    BookDoubt {
        /// Why.
        reason: DoubtReason,
    } = 2,
    /// A trade print.
    Trade {
        /// The resting side that was hit: `Ask` means somebody bought.
        maker_side: Side,
        /// Unit: ticks.
        price_ticks: u64,
        /// Unit: lots.
        size_lots: u64,
        /// The venue's number; 0 where it gives none.
        trade_id: u64,
    } = 3,
    /// The venue's statement of its best prices. Zero where a side is empty or not given.
    Ticker {
        /// Unit: ticks.
        bid_ticks: u64,
        /// Unit: ticks.
        ask_ticks: u64,
        /// Last traded price. Unit: ticks.
        last_ticks: u64,
    } = 4,
    /// The connection is alive.
    Heartbeat {
        /// The venue's counter; 0 where it gives none.
        counter: u64,
    } = 5,
    /// Whether the venue lets this market trade.
    Status {
        /// 1 when orders are taken, else 0.
        tradable: u8,
    } = 6,
    /// Price and liquidity of a pool. Always followed by [`Body::PoolMeta`] in the same batch.
    PoolPrice {
        /// Bits 64 and up of the Q64.64 square-root price; the program's bounds keep it in 32.
        sqrt_price_hi: u32,
        /// Bits 0 to 63 of the same.
        sqrt_price_lo: u64,
        /// Liquidity in the current range, low half first.
        liquidity: [u64; 2],
    } = 7,
    /// The other fields of a pool account that a price needs.
    PoolMeta {
        /// Not always floor(log price): one lower after a stop exactly on an initialised tick.
        tick_current_index: i32,
        /// Distance between usable ticks; 32768 and up is a full-range pool.
        tick_spacing: u16,
        /// Differs from the spacing for adaptive-fee pools.
        fee_tier_index: u16,
        /// Unit: parts per million of the input.
        fee_rate_ppm: u16,
        /// Unit: 10⁻⁴ of the fee.
        protocol_fee_rate: u16,
    } = 8,
    /// A tick array is replaced. Its initialised ticks follow as [`Body::Tick`].
    TickArrayBegin {
        /// First tick of the array.
        start_tick_index: i32,
        /// 1 when the account exists, 0 when the chain has none: all its ticks are uninitialised.
        exists: u8,
    } = 9,
    /// One initialised tick of the array begun last.
    Tick {
        /// Tick index.
        index: i32,
        /// Liquidity added when the price rises through it, as `i128` bits, low half first.
        liquidity_net: [u64; 2],
    } = 10,
    /// Constants of a pool's adaptive fee. Followed by [`Body::OracleVariables`].
    OracleConstants {
        /// Unit: seconds.
        filter_period: u16,
        /// Unit: seconds.
        decay_period: u16,
        /// Unit: 10⁻⁴.
        reduction_factor: u16,
        /// Unit: ticks.
        tick_group_size: u16,
        /// Unit: ticks.
        major_swap_threshold_ticks: u16,
        /// Weight of volatility in the fee.
        adaptive_fee_control_factor: u32,
        /// Cap of the accumulator.
        max_volatility_accumulator: u32,
        /// Unix seconds.
        trade_enable_timestamp: u64,
    } = 11,
    /// Variables of a pool's adaptive fee.
    OracleVariables {
        /// Volatility reference.
        volatility_reference: u32,
        /// Unix seconds.
        last_reference_update_timestamp: u64,
        /// Unix seconds.
        last_major_swap_timestamp: u64,
        /// Tick group of the reference.
        tick_group_index_reference: i32,
        /// Volatility accumulator.
        volatility_accumulator: u32,
    } = 12,
    /// The chain moved. `seq` of the event is the slot. Without a market it is the chain's; with one,
    /// the connection that carries that pool has seen the slot, so the pool's state still holds.
    Slot {
        /// Parent slot.
        parent: u64,
        /// Newest rooted slot.
        root: u64,
    } = 13,
    /// A cost level is now this.
    Param {
        /// Which one, with its unit.
        key: ParamKey,
        /// In the key's unit.
        value: u64,
    } = 14,
    /// With a market: the connection that carries it is alive. Without one: time passes; where no
    /// timer is due, such a tick changes nothing.
    Timer = 15,
    /// What the wall clock shows at the event's receive time. Wall time enters in no other way: the
    /// core adds what has passed since by receive time.
    Clock {
        /// Unit: Unix nanoseconds.
        wall_ns: u64,
    } = 16,
    /// An operator's command.
    Command(Command) = 17,
    /// Batches of the market were lost between its reader and the core, which had no room: its book
    /// or pool is in doubt from here on, until the next snapshot.
    Gap {
        /// Batches lost.
        batches: u64,
        /// Events in them.
        events: u64,
    } = 18,
    /// What the engine measured of its machine. Without a market; the venue counts for
    /// [`EngineFault::RingOverflow`] alone.
    Engine {
        /// Which measurement, with its unit.
        fault: EngineFault,
        /// In that unit.
        value: u64,
    } = 19,
}

/// One event. 64 bytes, one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(C)]
pub struct Event {
    /// When the bytes left the socket. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// When the venue says it happened; 0 where it does not say. Unit: Unix nanoseconds.
    pub venue_ns: u64,
    /// The venue's sequence: Coinbase `sequence_num`, Bitstamp microtimestamp, Solana slot, update id
    /// of the current Gemini feed; else 0.
    pub seq: u64,
    /// Whose book or pool; [`Event::NO_MARKET`] for events of a whole connection.
    pub market: MarketId,
    /// Where it comes from.
    pub venue: Venue,
    /// Place in the batch.
    pub flags: Flags,
    /// What happened.
    pub body: Body,
}

impl Event {
    /// Stands for "no single market".
    pub const NO_MARKET: MarketId = MarketId(u16::MAX);

    /// Whether the event only says that time passes.
    #[must_use]
    pub const fn is_tick(&self) -> bool {
        matches!(self.body, Body::Timer) && self.market.0 == Self::NO_MARKET.0
    }

    /// Whether signals are to be evaluated after this event.
    #[must_use]
    pub const fn ends_batch(&self) -> bool {
        self.flags.has(Flags::END_OF_BATCH)
    }
}

// One cache line: four hundred thousand events of a burst fit the 32 MiB of a ring.
const _: () = assert!(size_of::<Event>() == 64);
const _: () = assert!(size_of::<Body>() == 32);
const _: () = assert!(align_of::<Event>() == 8);

/// Splits a wide integer into halves, low half first.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
pub const fn halves(wide: u128) -> [u64; 2] {
    [wide as u64, (wide >> 64) as u64]
}

/// Joins halves, low half first.
#[must_use]
pub const fn joined(halves: [u64; 2]) -> u128 {
    (halves[1] as u128) << 64 | halves[0] as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_join_again() {
        for wide in [0, 1, u128::from(u64::MAX), u128::MAX, 1 << 64, (-7_i128).cast_unsigned()] {
            assert_eq!(joined(halves(wide)), wide, "{wide}");
        }
    }
}
