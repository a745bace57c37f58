//! Which books of a connection can be trusted.
//!
//! The decoders share these rules, so that a frame that cannot be read can never leave a wrong book
//! behind: a book is live from its snapshot until the first doubt, and in between nothing is lost.

use engine_model::{Body, DoubtReason, Flags};

use crate::decode::{Sink, Stamp};
use crate::markets::Markets;
use crate::odd::{Odd, OddCounts};

/// Largest frame that is looked at. Unit: bytes. The largest real one, a BTC snapshot, has 5 MB.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// Most levels of one frame: four full books. 2¹⁹ events of 64 bytes are 32 MiB.
pub const FRAME_LEVELS_MAX: usize = 1 << 19;

/// How a decoder reads its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadPath {
    /// The scanner first, the typed path for what it does not take.
    #[default]
    FastThenTyped,
    /// The typed path only: slower, the same events. For tests and measurements.
    TypedOnly,
}

/// What is known of one book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookState {
    /// No snapshot so far on this connection.
    #[default]
    Empty,
    /// Every update since the snapshot was applied.
    Live,
    /// Something was lost; waits for a snapshot.
    Doubted,
}

/// Why a frame's levels were not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is counted.
    pub odd: Odd,
    /// What the book is told.
    pub doubt: DoubtReason,
}

impl Refusal {
    /// A value that no integer of the grid stands for.
    #[must_use]
    pub const fn of_value(error: engine_model::GridError) -> Self {
        match error {
            engine_model::GridError::Malformed => Self::BAD_SHAPE,
            engine_model::GridError::OffGrid => {
                Self { odd: Odd::OffGrid, doubt: DoubtReason::OffGrid }
            }
            engine_model::GridError::OutOfRange => {
                Self { odd: Odd::OutOfRange, doubt: DoubtReason::OutOfRange }
            }
        }
    }

    /// JSON of another shape.
    pub const BAD_SHAPE: Self = Self { odd: Odd::BadShape, doubt: DoubtReason::BadFrame };
    /// Not JSON.
    pub const BAD_JSON: Self = Self { odd: Odd::BadJson, doubt: DoubtReason::BadFrame };
    /// Not UTF-8.
    pub const BAD_UTF8: Self = Self { odd: Odd::BadUtf8, doubt: DoubtReason::BadFrame };
    /// Too many bytes or levels.
    pub const TOO_LARGE: Self = Self { odd: Odd::TooLarge, doubt: DoubtReason::TooLarge };

    /// What a failed typed reading means.
    #[must_use]
    pub fn of_json(error: &serde_json::Error) -> Self {
        if error.is_data() { Self::BAD_SHAPE } else { Self::BAD_JSON }
    }
}

/// Looks at a frame as a whole: its size and its encoding.
///
/// # Errors
///
/// [`Refusal::TOO_LARGE`] or [`Refusal::BAD_UTF8`].
pub fn frame_text(frame: &[u8]) -> Result<&str, Refusal> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(Refusal::TOO_LARGE);
    }
    core::str::from_utf8(frame).map_err(|_| Refusal::BAD_UTF8)
}

/// The state of every book of a connection, by position in its [`Markets`].
#[derive(Clone, Debug, Default)]
pub struct Books {
    states: Vec<BookState>,
}

impl Books {
    /// State of the book at a position.
    #[inline]
    #[must_use]
    pub fn state(&self, position: usize) -> BookState {
        self.states.get(position).copied().unwrap_or_default()
    }

    /// Sets the state of the book at a position.
    pub fn set(&mut self, position: usize, state: BookState) {
        if self.states.len() <= position {
            self.states.resize(position + 1, BookState::Empty);
        }
        self.states[position] = state;
    }

    /// Takes note of a snapshot; a second one is counted.
    pub fn snapshot(&mut self, position: usize, counts: &mut OddCounts) {
        if self.state(position) == BookState::Live {
            counts.add(Odd::RepeatSnapshot);
        }
        self.set(position, BookState::Live);
    }

    /// Puts one book in doubt and says so, whatever its state was.
    pub fn doubt(
        &mut self,
        position: usize,
        reason: DoubtReason,
        markets: &Markets,
        stamp: Stamp,
        out: &mut Sink,
    ) {
        self.set(position, BookState::Doubted);
        out.push(stamp, markets.get(position).id, Body::BookDoubt { reason });
    }

    /// Puts every live book in doubt. Books without a snapshot have nothing to doubt.
    pub fn doubt_all(
        &mut self,
        reason: DoubtReason,
        markets: &Markets,
        stamp: Stamp,
        out: &mut Sink,
    ) {
        for position in 0..self.states.len() {
            if self.states[position] == BookState::Live {
                self.doubt(position, reason, markets, stamp, out);
            }
        }
    }

    /// The connection began anew: live books are in doubt, and every book waits for a snapshot.
    pub fn restart(&mut self, markets: &Markets, stamp: Stamp, out: &mut Sink) {
        self.doubt_all(DoubtReason::Disconnected, markets, stamp, out);
        self.states.fill(BookState::Empty);
    }
}

/// Marks the open events of a sink as parts of a snapshot.
pub fn mark_snapshot(out: &mut Sink) {
    let start = out.events.len() - out.open_len();
    for event in &mut out.events[start..] {
        event.flags.0 |= Flags::SNAPSHOT;
    }
}
