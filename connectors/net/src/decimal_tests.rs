use engine_model::units::{PRICE_TICKS_MAX, SIZE_LOTS_MAX};
use proptest::prelude::*;

use super::*;

const CENT: Step = Step::decimal(2);
const E8: Step = Step::decimal(8);

#[test]
fn prices_on_and_off_the_grid() {
    let half = Step { step: 5, places: 1 };
    let nickel = Step { step: 5, places: 2 };
    let ten = Step { step: 10, places: 0 };
    let fine = Step::decimal(18);
    let sevens = Step { step: 7, places: 0 };
    let rows: &[(&str, Step, Result<u64, GridError>)] = &[
        ("65083.66", CENT, Ok(6_508_366)),
        ("65083.6", CENT, Ok(6_508_360)),
        ("65083", CENT, Ok(6_508_300)),
        ("65083.660000000000000000000000000", CENT, Ok(6_508_366)),
        ("000000000000000000000000000000065083.66", CENT, Ok(6_508_366)),
        ("65083.665", CENT, Err(GridError::OffGrid)),
        ("65083.66000000000000000000000000000001", CENT, Err(GridError::OffGrid)),
        ("12345678912.34", E8, Ok(1_234_567_891_234_000_000)),
        ("0", CENT, Err(GridError::OutOfRange)),
        ("0.00", CENT, Err(GridError::OutOfRange)),
        ("46116860184.27387904", E8, Ok(PRICE_TICKS_MAX)),
        ("46116860184.27387905", E8, Err(GridError::OutOfRange)),
        ("99999999999999999999999999999999999999999999999", CENT, Err(GridError::OutOfRange)),
        ("18446744073709551616", Step::decimal(0), Err(GridError::OutOfRange)),
        ("65083.5", half, Ok(130_167)),
        ("65083.0", half, Ok(130_166)),
        ("65083.3", half, Err(GridError::OffGrid)),
        ("77.345", nickel, Err(GridError::OffGrid)),
        ("77.35", nickel, Ok(1547)),
        ("120", ten, Ok(12)),
        ("125", ten, Err(GridError::OffGrid)),
        ("23058430092136939520", Step { step: 5, places: 0 }, Ok(PRICE_TICKS_MAX)),
        ("23058430092136939525", Step { step: 5, places: 0 }, Err(GridError::OutOfRange)),
        ("340282366920938463463374607431768211457", sevens, Err(GridError::OffGrid)),
        ("340282366920938463463374607431768211459", sevens, Err(GridError::OutOfRange)),
        ("4.611686018427387904", fine, Ok(PRICE_TICKS_MAX)),
        ("0.000000000000000001", fine, Ok(1)),
        ("0.0000000000000000001", fine, Err(GridError::OffGrid)),
        ("", CENT, Err(GridError::Malformed)),
        (".", CENT, Err(GridError::Malformed)),
        (".5", CENT, Err(GridError::Malformed)),
        ("5.", CENT, Err(GridError::Malformed)),
        ("5..1", CENT, Err(GridError::Malformed)),
        ("5.1.1", CENT, Err(GridError::Malformed)),
        ("-5", CENT, Err(GridError::Malformed)),
        ("+5", CENT, Err(GridError::Malformed)),
        ("5e1", CENT, Err(GridError::Malformed)),
        (" 5", CENT, Err(GridError::Malformed)),
        ("5 ", CENT, Err(GridError::Malformed)),
        ("NaN", CENT, Err(GridError::Malformed)),
        ("1,000", CENT, Err(GridError::Malformed)),
        ("99999999999999999999999999999999999999999999999x", CENT, Err(GridError::Malformed)),
    ];
    for (text, step, expected) in rows {
        assert_eq!(parse_price(text.as_bytes(), *step), *expected, "{text} on {step:?}");
    }
}

#[test]
fn zero_sizes_in_every_spelling() {
    for text in ["0", "0.0", "0.00000000", "000", "0.000000000000000000000000000000000000000000"] {
        assert_eq!(parse_size(text.as_bytes(), E8), Ok(0), "{text}");
    }
    assert_eq!(parse_size(b"46116860184.27387904", E8), Ok(SIZE_LOTS_MAX));
    assert_eq!(parse_size(b"46116860184.27387905", E8), Err(GridError::OutOfRange));
}

#[test]
fn what_the_short_window_takes() {
    let rows = [
        ("65317.5\",", CENT, Some((6_531_750, 8))),
        ("0\"", E8, Some((0, 2))),
        ("12345678.12345678\"", E8, Some((1_234_567_812_345_678, 18))),
        ("123456789.5\"", CENT, None),
        ("1.123456789\"", Step::decimal(10), None),
        ("1.234\"", CENT, None),
        ("1.0\"", Step::decimal(0), None),
        ("1.\"", CENT, None),
        (".5\"", CENT, None),
        ("\"", CENT, None),
        ("1:.5\"", CENT, None),
        ("1.5?\"", CENT, None),
        ("1.\u{b5}\"", CENT, None),
        ("1.5.\"", CENT, None),
        ("1.5", CENT, None),
        ("-1\"", CENT, None),
        ("5\"", Step { step: 5, places: 0 }, None),
        ("5\"", Step::decimal(11), None),
    ];
    for (text, step, expected) in rows {
        let mut window = [0; SHORT_WINDOW];
        window[..text.len()].copy_from_slice(text.as_bytes());
        assert_eq!(short_steps(&window, factors(step)), expected, "{text} on {step:?}");
    }
}

#[test]
fn increments_of_metadata() {
    let rows: &[(&str, Option<Step>)] = &[
        ("0.01", Some(CENT)),
        ("0.010", Some(CENT)),
        ("1e-8", Some(E8)),
        ("1E-8", Some(E8)),
        ("1.0E-8", Some(E8)),
        ("1e-08", Some(E8)),
        ("0.000001", Some(Step::decimal(6))),
        ("0.5", Some(Step { step: 5, places: 1 })),
        ("0.005", Some(Step { step: 5, places: 3 })),
        ("5e-1", Some(Step { step: 5, places: 1 })),
        ("1", Some(Step::decimal(0))),
        ("1.0", Some(Step::decimal(0))),
        ("10", Some(Step { step: 10, places: 0 })),
        ("1e2", Some(Step { step: 100, places: 0 })),
        ("2.5e1", Some(Step { step: 25, places: 0 })),
        ("100e-4", Some(CENT)),
        ("1e-18", Some(Step::decimal(18))),
        ("1e-19", None),
        ("1e20", None),
        ("0", None),
        ("0.0", None),
        ("", None),
        ("1e", None),
        ("e5", None),
        ("1.", None),
        (".1", None),
        ("-0.01", None),
        ("abc", None),
        ("1e99999999999", None),
    ];
    for (text, expected) in rows {
        assert_eq!(parse_step(text), *expected, "{text}");
    }
}

#[test]
fn counts_print_as_plain_decimals() {
    let rows: &[(u64, Step, &str)] = &[
        (6_508_366, CENT, "65083.66"),
        (6_508_360, CENT, "65083.6"),
        (6_508_300, CENT, "65083"),
        (0, E8, "0"),
        (1, E8, "0.00000001"),
        (10, E8, "0.0000001"),
        (130_167, Step { step: 5, places: 1 }, "65083.5"),
        (12, Step { step: 10, places: 0 }, "120"),
        (u64::MAX, Step { step: u64::MAX, places: 18 }, "340282366920938463426.481119284349108225"),
    ];
    for (count, step, expected) in rows {
        assert_eq!(format(*count, *step), *expected, "{count} of {step:?}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        count in 1..=PRICE_TICKS_MAX,
        step in 1_u64..1000,
        places in 0_u8..=18,
        padding in 0_usize..40,
    ) {
        let step = Step { step, places };
        let mut text = format(count, step);
        prop_assert_eq!(parse_price(text.as_bytes(), step), Ok(count));
        if text.contains('.') {
            text.push_str(&"0".repeat(padding));
        }
        text.insert_str(0, &"0".repeat(padding));
        prop_assert_eq!(parse_price(text.as_bytes(), step), Ok(count));
        if text.contains('.') {
            // One unit finer than the grid can show.
            text.push_str(&"0".repeat(19));
            text.push('1');
            prop_assert_eq!(parse_price(text.as_bytes(), step), Err(GridError::OffGrid));
        }
    }

    #[test]
    fn the_window_reads_what_the_loop_reads(text in "[0-9.\",x\u{0}-\u{7f}\u{80}-\u{ff}]{0,40}|[0-9]{1,18}(\\.[0-9]{0,18})?\"[a-z]{0,20}") {
        prop_assert_eq!(read_quoted(text.as_bytes(), 0), read_digits(text.as_bytes(), 0));
    }

    #[test]
    fn what_the_short_window_takes_is_read_the_same_by_the_long_way(
        text in "[0-9.\",:;?/x\u{0}-\u{ff}]{0,12}|[0-9]{0,9}[0-9:?\u{b0}-\u{bf}]?(\\.[0-9]{0,9})?\"[a-z]{0,4}",
        places in 0_u8..=18,
    ) {
        let (mut window, step) = ([0; SHORT_WINDOW], Step::decimal(places));
        let len = text.len().min(SHORT_WINDOW);
        window[..len].copy_from_slice(&text.as_bytes()[..len]);
        let short = short_steps(&window, factors(step));
        if let Some((count, end)) = short {
            prop_assert_eq!(window[end - 1], b'"');
            prop_assert_eq!(parse_any(&window[..end - 1], step), Ok(count));
        }
    }

    #[test]
    fn short_and_long_readings_agree(text in "[0-9.]{0,24}", step in 1_u64..20, places in 0_u8..=18) {
        let step = Step { step, places };
        prop_assert_eq!(parse_steps(text.as_bytes(), step), parse_any(text.as_bytes(), step));
    }
}
