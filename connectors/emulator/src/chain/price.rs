//! Square-root prices and prices that people read.

use engine_poolmath::wide::{U256, div_floor, from_u128, isqrt, mul_u128, to_u64, to_u128};

/// Decimals up to which powers of ten fit; tokens have 9 or fewer.
const DECIMALS_MAX: u8 = 18;

fn power(decimals: u8) -> Option<u128> {
    (decimals <= DECIMALS_MAX).then(|| 10_u128.pow(u32::from(decimals)))
}

/// Token B per token A at a Q64.64 square-root price, to the nearest 10⁻⁸. `None` where it does not
/// fit, or for more than 18 decimals.
pub(crate) fn price_e8(sqrt_price: u128, decimals_a: u8, decimals_b: u8) -> Option<u64> {
    let unit = power(decimals_a)?.checked_mul(100_000_000)?;
    // The square has 128 bits behind the point; half of them are more than any price shows.
    let square = to_u128(mul_u128(sqrt_price, sqrt_price) >> 64)?;
    let scaled = div_floor(mul_u128(square, unit), from_u128(power(decimals_b)?))?;
    to_u64((scaled + (U256::from_limbs([1 << 63, 0, 0, 0]))) >> 64)
}

/// The largest square-root price that is not above a price in 10⁻⁸ of B per A.
pub(crate) fn sqrt_price(price_e8: u64, decimals_a: u8, decimals_b: u8) -> Option<u128> {
    let units = u128::from(price_e8).checked_mul(power(decimals_b)?)?;
    let below = power(decimals_a)?.checked_mul(100_000_000)?;
    Some(isqrt(div_floor(from_u128(units) << 128, from_u128(below))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_comes_back() {
        for price in [1, 99_999_999, 7_742_000_000, 7_742_000_001, 123_456_789_012_345] {
            for (a, b) in [(9, 6), (6, 6), (6, 9)] {
                let root = sqrt_price(price, a, b).expect("fits");
                assert_eq!(price_e8(root, a, b), Some(price), "{price} at {a}, {b}");
            }
        }
    }

    #[test]
    fn one_for_one_is_one() {
        assert_eq!(price_e8(1 << 64, 6, 6), Some(100_000_000));
        assert_eq!(price_e8(1 << 64, 9, 6), Some(100_000_000_000));
        assert_eq!(sqrt_price(100_000_000, 6, 6), Some(1 << 64));
        assert_eq!(sqrt_price(1, 19, 6), None);
    }
}
