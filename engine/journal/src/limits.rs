//! Every maximum of the journal, with its reason.

/// Most bytes of one record's payload.
///
/// The events of one frame are one record. The largest snapshot has 131,072 levels of at most 21
/// bytes (packed price step and size), 2.7 MiB; 4 MiB leaves room for headers and pools.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// Most bytes of records in one commit group: the writer commits by itself before it is exceeded.
///
/// A reader holds a whole group before it returns the group's first record, so this bounds its
/// memory. Twice the largest record, so that one record of any size always fits.
pub const GROUP_BYTES_MAX: usize = 2 * PAYLOAD_BYTES_MAX;

/// Size of a segment unless configured. 64 MiB: about 700,000 frames.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;

/// Smallest segment: header, one small record, its commit and the seal. For tests.
pub const SEGMENT_BYTES_MIN: u64 = 1024;

/// Largest segment: offsets stay in 32 bits, and a start reads at most this much per stream.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Bytes that a reader asks for at once. Small enough for a second-level cache, large enough that
/// the call costs nothing per record.
pub const READ_BYTES: usize = 256 << 10;

/// Largest anchor. A core with 64 books of 131,072 levels at 16 bytes is 128 MiB.
pub const ANCHOR_BYTES_MAX: u64 = 256 << 20;

/// Most sequence gaps that a reader keeps; further ones are counted.
pub const GAPS_MAX: usize = 4096;

/// Most events that a batch may decode to: 32 MiB of events, more than any book and its far side.
pub const BATCH_EVENTS_MAX: usize = 1 << 19;

/// Most segments of one stream: ten digits of a file name would hold more, a directory should not.
pub const SEGMENTS_MAX: usize = 1 << 20;

const _: () = assert!(PAYLOAD_BYTES_MAX * 2 <= GROUP_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX as u64 * 4 < SEGMENT_BYTES_DEFAULT);
const _: () = assert!(SEGMENT_BYTES_MAX < u32::MAX as u64);
