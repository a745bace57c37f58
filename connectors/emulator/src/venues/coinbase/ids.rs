//! UUIDs in the venue's form, made of numbers and names, so that nothing needs to be remembered.

use sha2::{Digest as _, Sha256};

/// What a UUID stands for; one number gives another UUID for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An order.
    Order,
    /// A trade, as one of its two orders sees it.
    Trade,
    /// An entry in the fills.
    Entry,
}

/// UUID of a number: the number itself in the last 64 bits that are free, a check of it in front.
pub(super) fn uuid_of(kind: Kind, number: u64) -> String {
    let salt = match kind {
        Kind::Order => "order",
        Kind::Trade => "trade",
        Kind::Entry => "entry",
    };
    let check = digest(salt, &number.to_be_bytes());
    let (high, low) = (number >> 48, number & 0xffff_ffff_ffff);
    let front = u32::from_be_bytes([check[0], check[1], check[2], check[3]]);
    let middle = u16::from_be_bytes([check[4], check[5]]) & 0x0fff;
    format!("{front:08x}-{high:04x}-4{middle:03x}-8000-{low:012x}")
}

/// The number of a UUID made by [`uuid_of`] with the same kind; `None` for any other text.
pub(super) fn number_of(kind: Kind, uuid: &str) -> Option<u64> {
    let high = u64::from_str_radix(uuid.get(9..13)?, 16).ok()?;
    let low = u64::from_str_radix(uuid.get(24..36)?, 16).ok()?;
    let number = high << 48 | low;
    (uuid_of(kind, number) == uuid).then_some(number)
}

/// UUID of something that has a name: a user, a portfolio, a wallet.
pub(super) fn uuid_named(salt: &str, name: &str) -> String {
    let hash = digest(salt, name.as_bytes());
    let number = hash[..16].iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let hex = format!("{number:032x}");
    // Version 4, variant 8, as the venue's own.
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn digest(salt: &str, bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update([0]).chain_update(bytes).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_nothing_else_does() {
        for number in [0, 1, 1_000_000, u64::from(u32::MAX), 1 << 48, u64::MAX] {
            let uuid = uuid_of(Kind::Order, number);
            assert_eq!(uuid.len(), 36, "{uuid}");
            assert_eq!(number_of(Kind::Order, &uuid), Some(number), "{uuid}");
            assert_eq!(number_of(Kind::Trade, &uuid), None, "{uuid} is no trade");
            assert_eq!(number_of(Kind::Order, &uuid.to_uppercase()), None, "{uuid} in capitals");
        }
        for text in ["", "1", "00000000-0000-4000-8000-000000000001", "é".repeat(18).as_str()] {
            assert_eq!(number_of(Kind::Order, text), None, "{text}");
        }
    }

    #[test]
    fn names_give_lasting_ids() {
        assert_eq!(uuid_named("user", "alice"), uuid_named("user", "alice"));
        assert_ne!(uuid_named("user", "alice"), uuid_named("user", "bob"));
        assert_ne!(uuid_named("user", "alice"), uuid_named("portfolio", "alice"));
        let id = uuid_named("user", "alice");
        assert_eq!((id.len(), &id[14..15], &id[19..20]), (36, "4", "8"), "{id}");
    }
}
