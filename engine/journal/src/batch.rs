//! The events of one frame as one record.
//!
//! ```text
//! version 1 | op | op | …
//! op 0      a body, by postcard
//! op 1      mask u8, then the header fields that differ from the event before
//! op 2..=255  a run of op − 1 levels: each varint(zigzag(price step) << 1 | side), varint(size)
//! ```
//!
//! Every event repeats the header of the one before it, except for what an `op 1` changed; before
//! the first all fields are zero. A price step is the difference from the last price of the same
//! side. [`Flags::END_OF_BATCH`] is expected on the last event and on no other: the bit is stored
//! inverted there. Varints are little-endian groups of seven bits. Any slice of events comes back
//! exactly; nothing is allocated once the buffers have grown.

use engine_model::units::PRICE_TICKS_MAX;
use engine_model::{Body, Event, Flags, MarketId, Side, Venue};

use crate::limits::BATCH_EVENTS_MAX;

/// Version of this layout: the `version` of records that hold it.
pub const VERSION: u16 = 1;

const VERSION_BYTE: u8 = 1;
const OP_BODY: u8 = 0;
const OP_HEADER: u8 = 1;
const RUN_MAX: usize = 254;

const MASK_RECV: u8 = 1;
const MASK_VENUE_TIME: u8 = 2;
const MASK_SEQ: u8 = 4;
const MASK_MARKET: u8 = 8;
const MASK_VENUE: u8 = 16;
const MASK_FLAGS: u8 = 32;
/// The venue's time is zero: no bytes.
const MASK_NO_VENUE_TIME: u8 = 64;
const MASK_ALL: u8 = 127;

/// Largest postcard form of a body: seven varints of at most ten bytes.
const BODY_BYTES_MAX: usize = 72;

/// Why a payload is no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The payload ends inside something, or a number is longer than 64 bits.
    #[error("the batch ends early or holds a number beyond 64 bits")]
    Truncated,
    /// A layout that this program does not know.
    #[error("batch layout {found}, but this program reads {VERSION_BYTE}")]
    Version {
        /// First byte of the payload; 0 where it is empty.
        found: u8,
    },
    /// A field that cannot be.
    #[error("a batch with an impossible {what}")]
    Malformed {
        /// Which.
        what: &'static str,
    },
    /// More events than [`BATCH_EVENTS_MAX`].
    #[error("a batch of more than {BATCH_EVENTS_MAX} events")]
    TooManyEvents,
}

/// The header fields that a run of events shares, and the last prices.
struct State {
    recv_ns: u64,
    venue_ns: u64,
    seq: u64,
    market: MarketId,
    venue: Venue,
    flags: Flags,
    price_ticks: [u64; 2],
}

impl State {
    const START: Self = Self {
        recv_ns: 0,
        venue_ns: 0,
        seq: 0,
        market: MarketId(0),
        venue: Venue::Coinbase,
        flags: Flags(0),
        price_ticks: [0, 0],
    };

    #[inline]
    fn is_shared_by(&self, event: &Event, flags: Flags) -> bool {
        (event.recv_ns, event.venue_ns, event.seq) == (self.recv_ns, self.venue_ns, self.seq)
            && (event.market, event.venue, flags) == (self.market, self.venue, self.flags)
    }

    #[inline]
    const fn event(&self, body: Body) -> Event {
        Event {
            recv_ns: self.recv_ns,
            venue_ns: self.venue_ns,
            seq: self.seq,
            market: self.market,
            venue: self.venue,
            flags: self.flags,
            body,
        }
    }
}

#[inline]
const fn zigzag(difference: u64) -> u64 {
    let signed = difference.cast_signed();
    ((signed << 1) ^ (signed >> 63)).cast_unsigned()
}

#[inline]
const fn unzigzag(code: u64) -> u64 {
    (code >> 1) ^ (code & 1).wrapping_neg()
}

#[inline]
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low seven bits are what is wanted"
        )]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128 here")]
    out.push(value as u8);
}

/// Flags as stored: the last event's end bit is inverted.
#[inline]
const fn stored_flags(flags: Flags, is_last: bool) -> Flags {
    if is_last { Flags(flags.0 ^ Flags::END_OF_BATCH) } else { flags }
}

/// Packs events into `out`, which is cleared first.
///
/// # Errors
///
/// [`BatchError::TooManyEvents`]. Bytes may still be more than a record takes; the writer says so.
pub fn encode(events: &[Event], out: &mut Vec<u8>) -> Result<(), BatchError> {
    out.clear();
    if events.len() > BATCH_EVENTS_MAX {
        return Err(BatchError::TooManyEvents);
    }
    out.push(VERSION_BYTE);
    let mut state = State::START;
    // Where the run that may still grow keeps its count.
    let mut run_at = None;
    for (index, event) in events.iter().enumerate() {
        let flags = stored_flags(event.flags, index + 1 == events.len());
        if !state.is_shared_by(event, flags) {
            put_header(out, &mut state, event, flags);
            run_at = None;
        }
        if let Body::Level { side, price_ticks, size_lots } = event.body
            && price_ticks < PRICE_TICKS_MAX
        {
            match run_at {
                Some(at) if usize::from(out[at]) <= RUN_MAX => out[at] += 1,
                _ => {
                    run_at = Some(out.len());
                    out.push(OP_HEADER + 1);
                }
            }
            let last = &mut state.price_ticks[side as usize];
            // Both prices are below 2⁶²: the code has at most 63 bits, and the side fits.
            let code = zigzag(price_ticks.wrapping_sub(*last));
            *last = price_ticks;
            put_varint(out, code << 1 | side as u64);
            put_varint(out, size_lots);
        } else {
            run_at = None;
            out.push(OP_BODY);
            let mut bytes = [0; BODY_BYTES_MAX];
            let bytes = postcard::to_slice(&event.body, &mut bytes)
                .expect("Invariant: every body fits its largest form");
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}

#[cold]
fn put_header(out: &mut Vec<u8>, state: &mut State, event: &Event, flags: Flags) {
    out.push(OP_HEADER);
    let mask_at = out.len();
    out.push(0);
    let mut mask = 0;
    if event.recv_ns != state.recv_ns {
        mask |= MASK_RECV;
        put_varint(out, zigzag(event.recv_ns.wrapping_sub(state.recv_ns)));
    }
    if event.venue_ns != state.venue_ns {
        if event.venue_ns == 0 {
            mask |= MASK_NO_VENUE_TIME;
        } else {
            mask |= MASK_VENUE_TIME;
            put_varint(out, zigzag(event.recv_ns.wrapping_sub(event.venue_ns)));
        }
    }
    if event.seq != state.seq {
        mask |= MASK_SEQ;
        put_varint(out, zigzag(event.seq.wrapping_sub(state.seq)));
    }
    if event.market != state.market {
        mask |= MASK_MARKET;
        out.extend_from_slice(&event.market.0.to_le_bytes());
    }
    if event.venue != state.venue {
        mask |= MASK_VENUE;
        out.push(event.venue as u8);
    }
    if flags != state.flags {
        mask |= MASK_FLAGS;
        out.push(flags.0);
    }
    out[mask_at] = mask;
    (state.recv_ns, state.venue_ns, state.seq) = (event.recv_ns, event.venue_ns, event.seq);
    (state.market, state.venue, state.flags) = (event.market, event.venue, flags);
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl Input<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, BatchError> {
        let (byte, rest) = self.bytes.split_first().ok_or(BatchError::Truncated)?;
        self.bytes = rest;
        Ok(*byte)
    }

    /// Numbers of up to eight bytes without a branch per byte: the end is found by the first clear
    /// high bit, then the seven-bit groups are moved together in three steps.
    #[inline]
    fn varint(&mut self) -> Result<u64, BatchError> {
        let Some(word) = self.bytes.first_chunk::<8>() else { return self.varint_slow() };
        let word = u64::from_le_bytes(*word);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return self.varint_slow();
        }
        let bits = ends.trailing_zeros() + 1;
        self.bytes = &self.bytes[bits as usize / 8..];
        let word = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
        let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
        Ok((word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4))
    }

    #[cold]
    fn varint_slow(&mut self) -> Result<u64, BatchError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return Err(BatchError::Truncated);
            }
            value |= group << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BatchError::Truncated)
    }

    fn header(&mut self, state: &mut State) -> Result<(), BatchError> {
        let mask = self.byte()?;
        let is_double = mask & MASK_VENUE_TIME != 0 && mask & MASK_NO_VENUE_TIME != 0;
        if mask & !MASK_ALL != 0 || is_double {
            return Err(BatchError::Malformed { what: "header mask" });
        }
        if mask & MASK_RECV != 0 {
            state.recv_ns = state.recv_ns.wrapping_add(unzigzag(self.varint()?));
        }
        if mask & MASK_VENUE_TIME != 0 {
            state.venue_ns = state.recv_ns.wrapping_sub(unzigzag(self.varint()?));
        }
        if mask & MASK_NO_VENUE_TIME != 0 {
            state.venue_ns = 0;
        }
        if mask & MASK_SEQ != 0 {
            state.seq = state.seq.wrapping_add(unzigzag(self.varint()?));
        }
        if mask & MASK_MARKET != 0 {
            state.market = MarketId(u16::from_le_bytes([self.byte()?, self.byte()?]));
        }
        if mask & MASK_VENUE != 0 {
            let venue = Venue::ALL.get(usize::from(self.byte()?));
            state.venue = *venue.ok_or(BatchError::Malformed { what: "venue" })?;
        }
        if mask & MASK_FLAGS != 0 {
            state.flags = Flags(self.byte()?);
        }
        Ok(())
    }

    #[inline]
    fn run(
        &mut self,
        count: usize,
        state: &mut State,
        out: &mut Vec<Event>,
    ) -> Result<(), BatchError> {
        // Two bytes are the least a level has: a short payload cannot ask for much memory.
        if self.bytes.len() < 2 * count {
            return Err(BatchError::Truncated);
        }
        out.reserve(count);
        for _ in 0..count {
            let code = self.varint()?;
            let size_lots = self.varint()?;
            let side = if code & 1 == 0 { Side::Bid } else { Side::Ask };
            let last = &mut state.price_ticks[side as usize];
            *last = last.wrapping_add(unzigzag(code >> 1));
            let price_ticks = *last;
            out.push(state.event(Body::Level { side, price_ticks, size_lots }));
        }
        Ok(())
    }
}

/// Unpacks a payload into `out`, which is cleared first.
///
/// # Errors
///
/// [`BatchError`]; `out` then holds what was read before, and must not be used.
pub fn decode(payload: &[u8], out: &mut Vec<Event>) -> Result<(), BatchError> {
    out.clear();
    let mut input = Input { bytes: payload };
    let found = input.byte().unwrap_or(0);
    if found != VERSION_BYTE {
        return Err(BatchError::Version { found });
    }
    let mut state = State::START;
    while let Ok(op) = input.byte() {
        match op {
            OP_HEADER => input.header(&mut state)?,
            OP_BODY => {
                let (body, rest) = postcard::take_from_bytes(input.bytes)
                    .map_err(|_| BatchError::Malformed { what: "body" })?;
                input.bytes = rest;
                out.push(state.event(body));
            }
            run => input.run(usize::from(run - OP_HEADER), &mut state, out)?,
        }
        if out.len() > BATCH_EVENTS_MAX {
            return Err(BatchError::TooManyEvents);
        }
    }
    if let Some(last) = out.last_mut() {
        last.flags = stored_flags(last.flags, true);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
