//! A cursor over JSON text that allocates nothing and guesses nothing.
//!
//! It accepts a strict subset of JSON: ASCII strings without escapes and unsigned integers. Whatever
//! lies outside returns `None`, "not my shape", and the caller hands the frame to its typed path.
//! Since every accepted byte is compared with a literal or checked to be printable ASCII, text that
//! a cursor walked to its end is valid UTF-8 and valid JSON.

use core::cell::Cell;

use engine_model::grid::Step;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use crate::books::FRAME_LEVELS_MAX;
use crate::decimal::{POW10, SHORT_WINDOW, factors, read_quoted, short_steps};
use crate::digits::{each, eight_at, leading_digits};

/// A place in a text.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Moves to an offset that [`Cursor::at`] returned.
    pub fn seek(&mut self, at: usize) {
        debug_assert!(at <= self.bytes.len());
        self.at = at;
    }

    /// The whole text.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Passes over exactly these bytes, if they come next.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a literal's length must be a constant at the call")]
    pub fn literal<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        // A jump, not a sum: what follows need not wait for the comparison.
        if self.window() != Some(literal) {
            return false;
        }
        self.at += N;
        true
    }

    /// The next bytes, not passed; `None` where the text has fewer.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "two instructions")]
    #[must_use]
    pub fn window<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.get(self.at..)?.first_chunk()
    }

    /// Passes over the same bytes as those of `earlier`, an earlier part of the same text.
    #[inline]
    pub fn same(&mut self, earlier: Part) -> bool {
        let same = self.bytes.get(self.at..self.at + earlier.len)
            == self.bytes.get(earlier.at..earlier.at + earlier.len);
        self.at += if same { earlier.len } else { 0 };
        same
    }

    /// Passes over JSON whitespace.
    #[inline]
    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not whitespace, not yet passed.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    /// Passes over whitespace and this byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A string of printable ASCII without escapes.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let start = self.at;
        self.rest_of_text()?;
        Some(&self.bytes[start..self.at - 1])
    }

    /// Passes over the rest of a string of printable ASCII without escapes, and its closing quote.
    #[inline]
    fn rest_of_text(&mut self) -> Option<()> {
        // Eight characters at a time, until one of them is not plain: the quote, if all is well.
        while let Some(eight) = eight_at(self.bytes, self.at) {
            let special = not_plain(eight);
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8 + 1;
                return (self.bytes[self.at - 1] == b'"').then_some(());
            }
            self.at += 8;
        }
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => return None,
                b' '..=b'~' => self.at += 1,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    /// A key and its colon.
    #[inline]
    pub fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.text()?;
        self.byte(b':')?;
        Some(key)
    }

    /// An unsigned integer of at most 19 digits, without a leading zero.
    #[inline]
    pub fn integer(&mut self) -> Option<u64> {
        self.space();
        let start = self.at;
        let mut value = 0_u64;
        // Eight digits at a time, until fewer come.
        while let Some(eight) = eight_at(self.bytes, self.at) {
            let (len, digits) = leading_digits(eight);
            value = value.wrapping_mul(POW10[len]).wrapping_add(digits);
            self.at += len;
            if len < 8 {
                break;
            }
        }
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - start;
        let leading_zero = digits > 1 && self.bytes[start] == b'0';
        let ends = !matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E' | b'-' | b'+'));
        ((1..=INTEGER_DIGITS_MAX).contains(&digits) && !leading_zero && ends).then_some(value)
    }

    /// A quoted decimal as a count of `step`, the opening quote already passed.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a third of a frame's time; the grid stays in registers"
    )]
    pub fn steps_to_quote(&mut self, step: Step) -> Option<u64> {
        let here = self.bytes.get(self.at..)?;
        match here.first_chunk().and_then(|text| short_steps(text, factors(step))) {
            Some((units, len)) => {
                self.at += len;
                Some(units)
            }
            None => self.long_steps_to_quote(step),
        }
    }

    /// Near the end of the text, long, or on a grid that is not a power of ten.
    #[inline(never)]
    fn long_steps_to_quote(&mut self, step: Step) -> Option<u64> {
        let here = self.bytes.get(self.at..)?;
        if here.len() < SHORT_WINDOW {
            // Filled up with bytes that end any number.
            let mut padded = [0; SHORT_WINDOW];
            padded[..here.len()].copy_from_slice(here);
            if let Some((units, len)) = short_steps(&padded, factors(step)) {
                self.at += len;
                return Some(units);
            }
        }
        let read = read_quoted(self.bytes, self.at)?;
        if self.bytes.get(read.end) != Some(&b'"') {
            return None;
        }
        self.at = read.end + 1;
        read.steps(step)
    }

    /// A quoted decimal as a count of `step`.
    #[inline]
    pub fn steps(&mut self, step: Step) -> Option<u64> {
        self.byte(b'"')?;
        self.steps_to_quote(step)
    }

    /// Whether another element follows: passes over `,` (true) or over `close` (false).
    #[inline]
    pub fn more(&mut self, close: u8) -> Option<bool> {
        let next = self.peek()?;
        let more = next == b',';
        (more || next == close).then(|| {
            self.at += 1;
            more
        })
    }

    /// Nothing but whitespace is left.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        self.space();
        (self.at == self.bytes.len()).then_some(())
    }
}

/// The top bit of each of eight characters that is a quote, a backslash, a control character or not
/// ASCII; DEL counts too. Above the first one that is, bits may be wrong.
#[inline]
const fn not_plain(eight: u64) -> u64 {
    const TOPS: u64 = each(0x80);
    let quote = eight ^ each(b'"');
    let backslash = eight ^ each(b'\\');
    // x - 1 borrows where the byte is zero, x - 0x20 where it is a control character, x + 1 carries
    // to the top bit where it is DEL.
    let low = quote.wrapping_sub(each(1)) & !quote
        | backslash.wrapping_sub(each(1)) & !backslash
        | eight.wrapping_sub(each(b' ')) & !eight;
    (low | eight | eight.wrapping_add(each(1))) & TOPS
}

/// Most digits of an integer that is read: all such fit a `u64`, nanoseconds since 1970 among them.
const INTEGER_DIGITS_MAX: usize = 19;

/// A part of a text, by place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Offset of its first byte.
    pub at: usize,
    /// Unit: bytes.
    pub len: usize,
}

impl Part {
    /// From one offset up to another, behind it.
    #[must_use]
    pub const fn between(start: usize, end: usize) -> Self {
        Self { at: start, len: end - start }
    }

    /// Its bytes; empty when it is not a part of this text.
    #[must_use]
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.at..self.at + self.len).unwrap_or_default()
    }
}

/// The order in which a connection writes the keys of an object, as last seen.
///
/// A guess only: the caller compares the text before it believes it.
#[derive(Clone, Debug)]
pub struct KeyOrder<const N: usize> {
    order: [Cell<u8>; N],
}

impl<const N: usize> Default for KeyOrder<N> {
    fn default() -> Self {
        Self { order: core::array::from_fn(|index| Cell::new(u8::try_from(index).unwrap_or(0))) }
    }
}

impl<const N: usize> KeyOrder<N> {
    /// Index of the key expected at a position.
    #[inline]
    #[must_use]
    pub fn guess(&self, position: usize) -> u8 {
        self.order.get(position).map_or(u8::MAX, Cell::get)
    }

    /// Remembers which key came at a position.
    #[inline]
    pub fn learn(&self, position: usize, key: u8) {
        if let Some(slot) = self.order.get(position) {
            slot.set(key);
        }
    }
}

/// A string, borrowed unless it holds an escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub std::borrow::Cow<'a, str>);

impl Text<'_> {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
        }
        from.deserialize_str(Borrowing)
    }
}

/// The number of elements of an array whose content does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted(pub u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Counted;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Counted, A::Error> {
                let mut count = 0;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Counted(count))
            }
        }
        from.deserialize_seq(Counting)
    }
}

/// The elements of an array, as long as there are not too many to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded<T> {
    /// At most [`FRAME_LEVELS_MAX`].
    pub list: Vec<T>,
    /// Whether more came than are kept.
    pub over: bool,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collecting<T>(core::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Collecting<T> {
            type Value = Bounded<T>;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Bounded<T>, A::Error> {
                let mut list = Vec::new();
                while list.len() < FRAME_LEVELS_MAX {
                    let Some(element) = array.next_element()? else {
                        return Ok(Bounded { list, over: false });
                    };
                    list.push(element);
                }
                let mut over = false;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    over = true;
                }
                Ok(Bounded { list, over })
            }
        }
        from.deserialize_seq(Collecting(core::marker::PhantomData))
    }
}

/// An unsigned integer that some senders put in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer(pub u64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Integer;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("an unsigned integer, quoted or not")
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Integer, E> {
                Ok(Integer(value))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let value = if digits { text.parse().ok() } else { None };
                value.map(Integer).ok_or_else(|| E::custom("not an unsigned integer"))
            }
        }
        from.deserialize_any(Either)
    }
}

#[path = "skip.rs"]
mod skip;

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
