//! Passing over values whose content does not matter, syntax checked.

use super::{Cursor, INTEGER_DIGITS_MAX};
use crate::digits::{eight_at, leading_len};

/// Deepest nesting that [`Cursor::skip_value`] follows.
pub(super) const DEPTH_MAX: usize = 32;

impl Cursor<'_> {
    /// Passes over one value of the subset: strings, unsigned integers, `true`, `false`, `null`,
    /// objects and arrays of these.
    pub fn skip_value(&mut self) -> Option<()> {
        let mut closers = [0_u8; DEPTH_MAX];
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'"' => drop(self.text()?),
                b'0'..=b'9' => drop(self.integer()?),
                b't' => self.literal(b"true").then_some(())?,
                b'f' => self.literal(b"false").then_some(())?,
                b'n' => self.literal(b"null").then_some(())?,
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    let close = open + 2; // ']' follows '[' by two, '}' follows '{' by two
                    if self.peek()? == close {
                        self.at += 1;
                    } else {
                        *closers.get_mut(depth)? = close;
                        depth += 1;
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => return None,
            }
            loop {
                if depth == 0 {
                    return Some(());
                }
                if self.more(closers[depth - 1])? {
                    if closers[depth - 1] == b'}' {
                        self.key()?;
                    }
                    break;
                }
                depth -= 1;
            }
        }
    }

    /// Passes over an array of values of the subset and counts them.
    pub fn skip_array(&mut self) -> Option<u64> {
        self.byte(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(0);
        }
        let mut count = 0;
        let mut flat = None;
        loop {
            self.skip_element(&mut flat)?;
            count += 1;
            if !self.more(b']')? {
                return Some(count);
            }
        }
    }

    /// Passes over an element that is often a flat object with the keys of the one before.
    #[inline]
    fn skip_element(&mut self, flat: &mut Option<Flat>) -> Option<()> {
        let start = self.at;
        if let Some(flat) = flat
            && self.skip_alike(flat).is_some()
        {
            return Some(());
        }
        self.at = start;
        *flat = self.skip_flat();
        if flat.is_some() {
            return Some(());
        }
        self.at = start;
        self.skip_value()
    }

    /// Passes over an object of strings and unsigned integers; what lies between these.
    fn skip_flat(&mut self) -> Option<Flat> {
        let mut flat = Flat { gaps: [Gap::default(); FLAT_KEYS_MAX], count: 0 };
        let mut start = self.at;
        self.byte(b'{')?;
        loop {
            self.key()?;
            self.space();
            *flat.gaps.get_mut(flat.count)? = Gap::new(self.bytes.get(start..self.at)?)?;
            flat.count += 1;
            self.scalar()?;
            start = self.at;
            if !self.more(b'}')? {
                return Some(flat);
            }
        }
    }

    /// Passes over an object with the very keys, in the very spelling, of an earlier one.
    #[inline]
    fn skip_alike(&mut self, flat: &Flat) -> Option<()> {
        for gap in &flat.gaps[..flat.count] {
            let here = self.bytes.get(self.at..)?.first_chunk()?;
            self.at += gap.starts(here).then_some(gap.len)?;
            self.scalar()?;
        }
        self.literal(b"}").then_some(())
    }

    /// Passes over a string or an unsigned integer that comes next.
    #[inline]
    fn scalar(&mut self) -> Option<()> {
        match *self.bytes.get(self.at)? {
            b'"' => {
                self.at += 1;
                self.rest_of_text()
            }
            b'1'..=b'9' => self.skip_integer(),
            _ => self.integer().map(drop),
        }
    }

    /// As [`Cursor::integer`], for a number that does not begin with a zero and whose value does not
    /// matter. What may come behind a number is left to the caller.
    #[inline]
    fn skip_integer(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(eight) = eight_at(self.bytes, self.at) {
            let len = leading_len(eight) as usize;
            self.at += len;
            if len < 8 {
                return (self.at - start <= INTEGER_DIGITS_MAX).then_some(());
            }
        }
        self.at = start;
        self.integer().map(drop)
    }
}

/// Longest gap between two values that is remembered while an array is passed over.
const GAP_BYTES_MAX: usize = 16;

/// Most keys of an object that is remembered while an array is passed over.
const FLAT_KEYS_MAX: usize = 12;

/// The parts of a flat object before each of its values: braces, commas, keys and colons.
struct Flat {
    gaps: [Gap; FLAT_KEYS_MAX],
    count: usize,
}

/// What lies between two values, to be compared at one go.
#[derive(Clone, Copy, Default)]
struct Gap {
    /// Its bytes, zeros behind them.
    bytes: u128,
    /// Ones where it has bytes.
    mask: u128,
    /// Unit: bytes.
    len: usize,
}

impl Gap {
    /// `None` for one that is too long.
    fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; GAP_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let mut mask = [0; GAP_BYTES_MAX];
        mask[..text.len()].fill(u8::MAX);
        let [bytes, mask] = [bytes, mask].map(u128::from_le_bytes);
        Some(Self { bytes, mask, len: text.len() })
    }

    /// Whether a text starts with it.
    #[inline]
    const fn starts(&self, text: &[u8; GAP_BYTES_MAX]) -> bool {
        (u128::from_le_bytes(*text) ^ self.bytes) & self.mask == 0
    }
}
