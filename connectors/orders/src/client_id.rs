//! Our name of an order: derived, never drawn, so that a restart finds its own orders again.
//!
//! An identifier has the form of a UUID of version 8, which every venue's charset and length takes:
//!
//! | bits | content |
//! | --- | --- |
//! | 0..32 | instance: the engine that placed it |
//! | 32..48 | epoch: raised whenever a counter may have gone back, as after a restored backup |
//! | 48..52 | version, 8 |
//! | 52..64 | trade, upper 12 bits |
//! | 64..66 | variant, 2 |
//! | 66..102 | trade, lower 36 bits |
//! | 102..103 | leg |
//! | 103..111 | attempt |
//! | 111..128 | check over the rest |
//!
//! The check keeps a foreign UUID from being taken for one of ours; it proves nothing against somebody
//! who wants to deceive.

use core::fmt;

/// Which engine, and which life of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    /// Of the instance's name, see [`Lineage::new`].
    pub instance: u32,
    /// Never the same again once a counter may have gone back.
    pub epoch: u16,
}

impl Lineage {
    /// The lineage of an instance with this name.
    #[must_use]
    pub fn new(name: &str, epoch: u16) -> Self {
        // FNV-1a: the same on every machine and in every release.
        let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self { instance: name.bytes().fold(0x811c_9dc5, fold), epoch }
    }
}

/// Which order of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// The trade's number, below 2⁴⁸.
    pub trade: u64,
    /// 0 the buy leg's instrument, 1 the sell leg's.
    pub leg: u8,
    /// Counts the orders of that leg; grows only after the one before is proven over.
    pub attempt: u8,
}

impl OrderKey {
    /// In one number, below 2⁵⁷.
    #[must_use]
    pub const fn packed(self) -> u64 {
        self.trade << 9 | (self.leg as u64) << 8 | self.attempt as u64
    }

    /// The key that was packed.
    #[must_use]
    pub const fn unpacked(packed: u64) -> Self {
        Self {
            trade: packed >> 9,
            leg: (packed >> 8 & 1) as u8,
            #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
            attempt: packed as u8,
        }
    }
}

/// Trades have numbers below this.
pub const TRADE_END: u64 = 1 << 48;

/// Letters of an identifier.
const LEN: usize = 36;

/// An identifier as the venue is told it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId([u8; LEN]);

impl ClientId {
    /// The identifier of an order.
    ///
    /// # Panics
    ///
    /// When the trade's number is 2⁴⁸ or more, or the leg is not 0 or 1.
    #[must_use]
    pub fn of(lineage: Lineage, key: OrderKey) -> Self {
        assert!(key.trade < TRADE_END && key.leg < 2, "Invariant: a trade's number and leg fit");
        let trade = u128::from(key.trade);
        let body = u128::from(lineage.instance) << 96
            | u128::from(lineage.epoch) << 80
            | 8 << 76
            | (trade >> 36) << 64
            | 2 << 62
            | (trade & 0xf_ffff_ffff) << 26
            | u128::from(key.leg) << 25
            | u128::from(key.attempt) << 17;
        Self(written(body | u128::from(check(body))))
    }

    /// Whose order it is; none where it is not an identifier of this kind.
    #[must_use]
    pub fn read(text: &str) -> Option<(Lineage, OrderKey)> {
        let bits = bits_of(text)?;
        let body = bits & !u128::from(CHECK_MASK);
        let is_ours = bits >> 76 & 0xf == 8
            && bits >> 62 & 3 == 2
            && bits & u128::from(CHECK_MASK) == u128::from(check(body));
        is_ours.then(|| {
            let part = |shift: u32, mask: u128| {
                u64::try_from(bits >> shift & mask).expect("Invariant: masks are below 64 bits")
            };
            let small = |shift: u32| {
                u8::try_from(part(shift, 0xff)).expect("Invariant: masked to eight bits")
            };
            let lineage = Lineage {
                instance: u32::try_from(part(96, 0xffff_ffff))
                    .expect("Invariant: masked to 32 bits"),
                epoch: u16::try_from(part(80, 0xffff)).expect("Invariant: masked to 16 bits"),
            };
            let trade = part(64, 0xfff) << 36 | part(26, 0xf_ffff_ffff);
            (lineage, OrderKey { trade, leg: small(25) & 1, attempt: small(17) })
        })
    }

    /// As the venue is told it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("Invariant: hexadecimal digits and hyphens")
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bits of the check.
const CHECK_MASK: u32 = 0x1_ffff;

/// `SplitMix64`'s finaliser over both halves, cut to the check's bits.
fn check(body: u128) -> u32 {
    let mixed = |seed: u64| {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let [low, high] = engine_model::event::halves(body);
    u32::try_from(mixed(mixed(high) ^ low) >> 47).expect("Invariant: 17 bits are left")
}

/// Where the hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

fn written(bits: u128) -> [u8; LEN] {
    let mut text = [b'-'; LEN];
    let mut shift = 128;
    for (place, letter) in text.iter_mut().enumerate() {
        if !HYPHENS.contains(&place) {
            shift -= 4;
            *letter = b"0123456789abcdef"[usize::try_from(bits >> shift & 0xf).unwrap_or(0)];
        }
    }
    text
}

/// Venues may spell it in capitals.
fn bits_of(text: &str) -> Option<u128> {
    if text.len() != LEN {
        return None;
    }
    let mut bits = 0_u128;
    for (place, letter) in text.bytes().enumerate() {
        if HYPHENS.contains(&place) {
            if letter != b'-' {
                return None;
            }
        } else {
            bits = bits << 4 | u128::from(char::from(letter).to_digit(16)?);
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_keep_their_spelling() {
        // Orders that are open at a venue were named by an earlier release: this must never change.
        let lineage = Lineage::new("riptide", 1);
        let rows = [
            ((1, 0, 0), "925ab690-0001-8000-8000-00000401efef"),
            ((7, 1, 2), "925ab690-0001-8000-8000-00001e043f26"),
        ];
        for ((trade, leg, attempt), expected) in rows {
            let id = ClientId::of(lineage, OrderKey { trade, leg, attempt });
            assert_eq!(id.as_str(), expected);
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let id = ClientId::of(Lineage::new("a", 3), OrderKey { trade: 5, leg: 1, attempt: 1 });
        let text = id.as_str();
        assert!(ClientId::read(text).is_some());
        assert_eq!(ClientId::read(&text.to_uppercase()), ClientId::read(text));
        let mut changed = 0;
        for place in (0..LEN).filter(|place| !HYPHENS.contains(place)) {
            let mut letters: Vec<u8> = text.bytes().collect();
            letters[place] = if letters[place] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(letters).expect("digits");
            changed += u32::from(ClientId::read(&other).is_none());
        }
        assert_eq!(changed, 32, "every changed digit is noticed");
        for foreign in ["", "arb-000001", "550e8400-e29b-41d4-a716-446655440000", &text[1..]] {
            assert_eq!(ClientId::read(foreign), None, "{foreign}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_order_reads_back(
            instance: u32, epoch: u16, trade in 0..TRADE_END, leg in 0_u8..2, attempt: u8,
        ) {
            let (lineage, key) = (Lineage { instance, epoch }, OrderKey { trade, leg, attempt });
            let id = ClientId::of(lineage, key);
            proptest::prop_assert_eq!(ClientId::read(id.as_str()), Some((lineage, key)));
            proptest::prop_assert_eq!(OrderKey::unpacked(key.packed()), key);
        }
    }
}
