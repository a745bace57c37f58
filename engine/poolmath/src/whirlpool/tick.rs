//! Ticks and square-root prices.
//!
//! Square-root prices are Q64.64 of √(raw units of B per raw unit of A). Source: reference page
//! "On-chain venues", 3.2; the tables are the program's.

use crate::wide::mul_u128;

use super::{MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK};

/// √1.0001^(2^i) in Q96, for ticks at or above zero.
const POSITIVE_Q96: [u128; 19] = [
    79_232_123_823_359_799_118_286_999_567,
    79_236_085_330_515_764_027_303_304_731,
    79_244_008_939_048_815_603_706_035_061,
    79_259_858_533_276_714_757_314_932_305,
    79_291_567_232_598_584_799_939_703_904,
    79_355_022_692_464_371_645_785_046_466,
    79_482_085_999_252_804_386_437_311_141,
    79_736_823_300_114_093_921_829_183_326,
    80_248_749_790_819_932_309_965_073_892,
    81_282_483_887_344_747_381_513_967_011,
    83_390_072_131_320_151_908_154_831_281,
    87_770_609_709_833_776_024_991_924_138,
    97_234_110_755_111_693_312_479_820_773,
    119_332_217_159_966_728_226_237_229_890,
    179_736_315_981_702_064_433_883_588_727,
    407_748_233_172_238_350_107_850_275_304,
    2_098_478_828_474_011_932_436_660_412_517,
    55_581_415_166_113_811_149_459_800_483_533,
    38_992_368_544_603_139_932_233_054_999_993_551,
];

/// √1.0001^(−2^i) in Q64, for ticks below zero.
const NEGATIVE_Q64: [u64; 19] = [
    18_445_821_805_675_392_311,
    18_444_899_583_751_176_498,
    18_443_055_278_223_354_162,
    18_439_367_220_385_604_838,
    18_431_993_317_065_449_817,
    18_417_254_355_718_160_513,
    18_387_811_781_193_591_352,
    18_329_067_761_203_520_168,
    18_212_142_134_806_087_854,
    17_980_523_815_641_551_639,
    17_526_086_738_831_147_013,
    16_651_378_430_235_024_244,
    15_030_750_278_693_429_944,
    12_247_334_978_882_834_399,
    8_131_365_268_884_726_200,
    3_584_323_654_723_342_297,
    696_457_651_847_595_233,
    26_294_789_957_452_057,
    37_481_735_321_082,
];

/// Square-root price of a tick, Q64.64, each multiplication rounded down as the program does.
///
/// # Panics
/// For a tick outside [`MIN_TICK`]..=[`MAX_TICK`]: callers check what comes from outside.
#[must_use]
pub fn sqrt_price_at_tick(tick: i32) -> u128 {
    assert!((MIN_TICK..=MAX_TICK).contains(&tick), "tick {tick} outside the global bounds");
    let magnitude = tick.unsigned_abs();
    if tick >= 0 {
        let mut ratio = if magnitude & 1 != 0 { POSITIVE_Q96[0] } else { 1 << 96 };
        for (i, factor) in POSITIVE_Q96.iter().enumerate().skip(1) {
            if magnitude >> i & 1 != 0 {
                ratio = shift_right_96(ratio, *factor);
            }
        }
        ratio >> 32
    } else {
        let mut ratio = if magnitude & 1 != 0 { u128::from(NEGATIVE_Q64[0]) } else { 1 << 64 };
        for (i, factor) in NEGATIVE_Q64.iter().enumerate().skip(1) {
            if magnitude >> i & 1 != 0 {
                // At most 2⁶⁴ · (2⁶⁴ − 1): inside 128 bits.
                ratio = (ratio * u128::from(*factor)) >> 64;
            }
        }
        ratio
    }
}

/// `⌊a · b / 2⁹⁶⌋`; the callers' products stay below 2²²⁴.
fn shift_right_96(a: u128, b: u128) -> u128 {
    let product = mul_u128(a, b);
    let limbs = product.as_limbs();
    u128::from(limbs[1] >> 32) | u128::from(limbs[2]) << 32 | u128::from(limbs[3]) << 96
}

/// Ticks per doubling of the square-root price, 2·ln 2 / ln 1.0001, in Q32, rounded down.
const TICKS_PER_OCTAVE_Q32: i64 = 59_543_866_431_248;

/// Fraction bits of the logarithm's estimate: 2⁻¹⁶ octaves are a fifth of a tick.
const LOG_FRACTION_BITS: u32 = 16;

/// The largest tick whose square-root price is at or below `sqrt_price` (Q64.64).
///
/// # Panics
/// For a price outside [`MIN_SQRT_PRICE`]..=[`MAX_SQRT_PRICE`].
#[must_use]
pub fn tick_at_sqrt_price(sqrt_price: u128) -> i32 {
    assert!(
        (MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&sqrt_price),
        "square-root price {sqrt_price} outside the global bounds"
    );
    let mut tick = tick_estimate(sqrt_price).clamp(MIN_TICK, MAX_TICK);
    // The estimate is within a tick; the two loops make the answer exact whatever it is.
    while sqrt_price_at_tick(tick) > sqrt_price {
        tick -= 1;
    }
    while tick < MAX_TICK && sqrt_price_at_tick(tick + 1) <= sqrt_price {
        tick += 1;
    }
    tick
}

/// A tick within one of the true one: a binary logarithm by repeated squaring, times ticks per
/// octave.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the mantissa is normalised to 64 bits, and the logarithm stays within ±33 octaves"
)]
fn tick_estimate(sqrt_price: u128) -> i32 {
    let bits = sqrt_price.ilog2();
    let mut mantissa =
        if bits >= 63 { sqrt_price >> (bits - 63) } else { sqrt_price << (63 - bits) } as u64;
    let mut log = (i64::from(bits) - 64) << LOG_FRACTION_BITS;
    for bit in (0..LOG_FRACTION_BITS).rev() {
        // Square of a number in [1, 2) with 63 fraction bits: in [1, 4).
        let square = u128::from(mantissa) * u128::from(mantissa);
        if square >> 127 != 0 {
            log |= 1 << bit;
            mantissa = (square >> 64) as u64;
        } else {
            mantissa = (square >> 63) as u64;
        }
    }
    ((i128::from(log) * i128::from(TICKS_PER_OCTAVE_Q32)) >> (32 + LOG_FRACTION_BITS)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_are_the_prices_of_the_outermost_ticks() {
        assert_eq!(sqrt_price_at_tick(MIN_TICK), MIN_SQRT_PRICE);
        assert_eq!(sqrt_price_at_tick(MAX_TICK), MAX_SQRT_PRICE);
        assert_eq!(sqrt_price_at_tick(0), 1 << 64);
        assert_eq!(tick_at_sqrt_price(MIN_SQRT_PRICE), MIN_TICK);
        assert_eq!(tick_at_sqrt_price(MAX_SQRT_PRICE), MAX_TICK);
        assert_eq!(tick_at_sqrt_price(MAX_SQRT_PRICE - 1), MAX_TICK - 1);
    }

    #[test]
    fn every_tenth_tick_is_found_from_its_price_and_from_one_below() {
        for tick in (MIN_TICK + 1..=MAX_TICK).step_by(10) {
            let price = sqrt_price_at_tick(tick);
            assert_eq!(tick_at_sqrt_price(price), tick);
            assert_eq!(tick_at_sqrt_price(price - 1), tick - 1);
        }
    }

    proptest! {
        #[test]
        fn the_tick_of_a_price_is_the_largest_at_or_below(
            tick in MIN_TICK..MAX_TICK, part in 0_u64..=u64::MAX
        ) {
            let low = sqrt_price_at_tick(tick);
            let high = sqrt_price_at_tick(tick + 1);
            prop_assert!(low < high);
            let inside = low + u128::from(part) % (high - low);
            prop_assert_eq!(tick_at_sqrt_price(inside), tick);
            prop_assert!((tick_estimate(inside) - tick).abs() <= 1);
        }
    }
}
