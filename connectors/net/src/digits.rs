//! Eight characters of a number at once, in one machine word, the first in the lowest byte.

/// Eight characters from `at` on, the first in the lowest byte.
#[inline]
pub(crate) fn eight_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u64::from_le_bytes)
}

/// Every byte of an 8-byte word.
pub(crate) const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// How many digits the eight characters begin with, 0 to 8, and their value. Character k is byte k.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a third of a frame's time; two words of arithmetic")]
pub(crate) fn leading_digits(characters: u64) -> (usize, u64) {
    let len = leading_len(characters);
    let value = if len == 0 { 0 } else { eight_digits(aligned(characters, len)) };
    (len as usize, value)
}

/// The first `len` characters as digits, moved up so that the last one is the last byte; what comes
/// in below counts as zeros. A shift counts modulo 64: with `len` 8, and 0, they stay where they are.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a few instructions in the innermost loops")]
pub(crate) const fn aligned(characters: u64, len: u32) -> u64 {
    (characters ^ each(b'0')).wrapping_shl((8 * len).wrapping_neg())
}

/// How many of the eight characters come before a point, a quote or the like, 0 to 8: all that have
/// no `0x10` end the digits. Quicker than [`leading_len`], but the digits are still to be checked.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a few instructions in the innermost loops")]
pub(crate) const fn marked_len(characters: u64) -> u32 {
    (!characters & each(0x10)).trailing_zeros() / 8
}

/// The top bit of some byte where not all are digits. A character that [`marked_len`] stops at, in
/// the place of the first digit, is none.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a few instructions in the innermost loops")]
pub(crate) const fn not_digits(aligned: u64) -> u64 {
    // A byte that carries has its own top bit set.
    (aligned.wrapping_add(each(0x76)) | aligned) & each(0x80)
}

/// How many digits the eight characters begin with, 0 to 8.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a few instructions in the innermost loops")]
pub(crate) const fn leading_len(characters: u64) -> u32 {
    let word = characters ^ each(b'0');
    // The top bit of every byte above 9. Nothing carries: 0x7f + 0x76 fits a byte.
    let others = (((word & each(0x7f)) + each(0x76)) | word) & each(0x80);
    others.trailing_zeros() / 8 // 8 where all are digits
}

/// Eight digits, the most significant in the lowest byte, as a number: pairs, then fours and eight.
#[inline]
pub(crate) const fn eight_digits(digits: u64) -> u64 {
    const MASK: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let upper = (pairs & MASK).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & MASK).wrapping_mul(1 + (10_000 << 32));
    upper.wrapping_add(lower) >> 32
}
