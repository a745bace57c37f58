//! The tick shape of a real pool, moved to another price.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::accounts::{POOL_BYTES, Tick};

/// Provenance is written in the file.
const TABLE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/data/solana/whirlpool_hjpj_slot165023999_shape.txt"
));

/// A pool as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The account, byte for byte.
    pub(crate) account: [u8; POOL_BYTES],
    /// Initialised ticks by index.
    pub(crate) ticks: BTreeMap<i32, Tick>,
}

impl Shape {
    /// The committed table, with every tick index moved by `move_ticks`. Fee growth outside begins
    /// at zero: the original's would not fit a price that never was.
    pub(crate) fn moved_by(move_ticks: i32) -> Self {
        let mut account = None;
        let mut ticks = BTreeMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            match words.next() {
                Some("account") => {
                    account = words.next().and_then(|word| STANDARD.decode(word).ok());
                }
                Some("tick") => {
                    let mut number = || words.next().and_then(|word| word.parse::<i128>().ok());
                    let (index, net, gross) = (number(), number(), number());
                    let index = index.and_then(|index| i32::try_from(index).ok());
                    let gross = gross.and_then(|gross| u128::try_from(gross).ok());
                    let (index, net, gross) = index
                        .zip(net)
                        .zip(gross)
                        .map(|((index, net), gross)| (index, net, gross))
                        .expect("Invariant: the committed table has three numbers a tick");
                    let tick = Tick { net, gross, outside_a: 0, outside_b: 0 };
                    ticks.insert(index + move_ticks, tick);
                }
                _ => {}
            }
        }
        let account = account
            .and_then(|bytes| bytes.try_into().ok())
            .expect("Invariant: the committed table holds the account");
        Self { account, ticks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_pool_at_that_slot() {
        let shape = Shape::moved_by(17_088);
        assert_eq!(shape.ticks.len(), 416);
        assert_eq!(shape.ticks.values().map(|tick| tick.net).sum::<i128>(), 0);
        let below: i128 = shape.ticks.range(..=-42_663 + 17_088).map(|(_, tick)| tick.net).sum();
        assert_eq!(below, 87_100_270_923_313, "liquidity of the account");
        assert_eq!(shape.account[49..65], 87_100_270_923_313_u128.to_le_bytes());
    }
}
