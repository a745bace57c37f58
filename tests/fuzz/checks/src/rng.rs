//! Seeded numbers for the programs, and the damages they do.

/// xorshift64*: the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// From a seed; seeds next to each other give unrelated streams.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
        let mut rng = Self(mixed.max(1));
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// An index of a list of `count`; 0 for an empty one.
    pub fn index(&mut self, count: usize) -> usize {
        // The remainder is below `count`.
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or_default()
    }
}

/// Pieces of JSON that a wire, a cut file or a changed venue could leave behind.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b",",
    b"}",
    b"]",
    b"{",
    b"[",
    b"\\",
    b" ",
    b"\n",
    b"0",
    b"00",
    b".",
    b"-1",
    b"e9",
    b"\"\"",
    b"null",
    b"\\u0030",
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"9999999999999999999",
    b"\"x\":1,",
    b"\"type\":\"update\",",
    b"[[]]",
];

/// One to three damages. Half of the calls only change digits, so that the text stays readable.
pub fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let only_digits = rng.index(2) == 0;
    for _ in 0..=rng.index(3) {
        if bytes.is_empty() {
            return;
        }
        // Near the ends more often than the length alone would have it: that is where the keys are.
        let near = bytes.len().min(300);
        let at = match rng.index(4) {
            0 => rng.index(near),
            1 => bytes.len() - 1 - rng.index(near),
            _ => rng.index(bytes.len()),
        };
        if only_digits { change_number(bytes, at, rng) } else { change_text(bytes, at, rng) }
    }
}

fn change_number(bytes: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found)
    else {
        return;
    };
    match rng.index(8) {
        0 => drop(bytes.splice(digit..digit, b"000000000000000000000".iter().copied())),
        1 => drop(bytes.splice(digit..digit, b"9".iter().copied())),
        2 => drop(bytes.remove(digit)),
        _ => bytes[digit] = b"0123456789"[rng.index(10)],
    }
}

fn change_text(bytes: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    match rng.index(7) {
        0 => bytes[at] ^= 1 << rng.index(8),
        1 => bytes[at] = b"0123456789.\"[]{},: bs"[rng.index(21)],
        2 => drop(bytes.remove(at)),
        3 => drop(bytes.splice(at..at, TOKENS[rng.index(TOKENS.len())].iter().copied())),
        4 => bytes.truncate(at),
        5 => {
            // Say a part again: doubled keys, levels and digits.
            let end = (at + 1 + rng.index(120)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        _ => {
            let end = (at + 1 + rng.index(120)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}
