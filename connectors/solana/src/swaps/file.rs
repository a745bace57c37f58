//! Lines of a recorded-swap file.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use engine_poolmath::whirlpool::{MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::layout::{FEE_RATE_PPM_MAX, PROTOCOL_FEE_RATE_MAX};

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineProblem {
    /// Not JSON, cut, or without the fields of its kind.
    #[error("{0}")]
    Shape(String),
    /// The first line must be the header, and no other may be.
    #[error("{0}")]
    Order(&'static str),
    /// A number that no pool has.
    #[error("{field} {value} is outside what the program allows")]
    Bounds {
        /// Field name.
        field: &'static str,
        /// Its value.
        value: i128,
    },
}

/// An integer written as text (because of its size) or as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide<T>(pub(super) T);

impl<'de, T: FromStr + TryFrom<u64> + TryFrom<i64>> Deserialize<'de> for Wide<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WideVisitor<T>(PhantomData<T>);
        impl<T: FromStr + TryFrom<u64> + TryFrom<i64>> Visitor<'_> for WideVisitor<T> {
            type Value = Wide<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an integer of type {}, as text or number", std::any::type_name::<T>())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Wide<T>, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                text.parse().map(Wide).map_err(|_| bad())
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Wide<T>, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Unsigned(value), &self);
                T::try_from(value).map(Wide).map_err(|_| bad())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Wide<T>, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Signed(value), &self);
                T::try_from(value).map(Wide).map_err(|_| bad())
            }
        }
        deserializer.deserialize_any(WideVisitor(PhantomData))
    }
}

/// One line.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(super) enum Line {
    Header(Header),
    Swap(Swap),
    Increase(LiquidityChange),
    Decrease(LiquidityChange),
}

#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) tick_spacing: u16,
    pub(super) fee_rate: u16,
    pub(super) protocol_fee_rate: u16,
    pub(super) start: StartState,
    pub(super) recorded_end: PoolState,
}

#[derive(Debug, Deserialize)]
pub(super) struct StartState {
    #[serde(flatten)]
    pub(super) pool: PoolState,
    /// Index, net, gross.
    pub(super) ticks: Vec<(i32, Wide<i128>, Wide<u128>)>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PoolState {
    pub(super) sqrt_price: Wide<u128>,
    pub(super) tick_current_index: i32,
    pub(super) liquidity: Wide<u128>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Swap {
    /// Unit: Unix seconds.
    pub(super) time: u64,
    pub(super) a_to_b: bool,
    pub(super) exact_in: bool,
    pub(super) amount: Wide<u64>,
    pub(super) sqrt_price_limit: Wide<u128>,
    pub(super) amount_in: Wide<u64>,
    pub(super) amount_out: Wide<u64>,
    #[serde(default)]
    pub(super) derived_ticks_crossed: Option<u32>,
    #[serde(flatten)]
    pub(super) derived: Derived,
}

#[derive(Debug, Deserialize)]
pub(super) struct LiquidityChange {
    pub(super) tick_lower: i32,
    pub(super) tick_upper: i32,
    pub(super) liquidity: Wide<u128>,
    pub(super) amount_a: Wide<u64>,
    pub(super) amount_b: Wide<u64>,
    #[serde(flatten)]
    pub(super) derived: Derived,
}

/// The state after an event as the file's maker computed it.
#[derive(Debug, Deserialize)]
pub(super) struct Derived {
    #[serde(default, rename = "derived_sqrt_price")]
    pub(super) sqrt_price: Option<Wide<u128>>,
    #[serde(default, rename = "derived_tick")]
    pub(super) tick: Option<i32>,
    #[serde(default, rename = "derived_liquidity")]
    pub(super) liquidity: Option<Wide<u128>>,
}

/// Reads one line and checks every bound that the arithmetic relies on, except those that need the
/// header's spacing.
pub(super) fn read_line(text: &[u8]) -> Result<Line, LineProblem> {
    let line: Line = serde_json::from_slice(text).map_err(|error| {
        // The line number of the message would always be 1.
        LineProblem::Shape(error.to_string().replace(" at line 1 column ", " at column "))
    })?;
    match &line {
        Line::Header(header) => check_header(header)?,
        Line::Swap(_) => {}
        Line::Increase(change) | Line::Decrease(change) => {
            check_tick("tick_lower", change.tick_lower)?;
            check_tick("tick_upper", change.tick_upper)?;
            if change.tick_lower >= change.tick_upper {
                return Err(bounds("tick_upper", change.tick_upper));
            }
            check_signed("liquidity", change.liquidity.0)?;
        }
    }
    Ok(line)
}

fn check_header(header: &Header) -> Result<(), LineProblem> {
    if header.tick_spacing == 0 {
        return Err(bounds("tick_spacing", header.tick_spacing));
    }
    if header.fee_rate > FEE_RATE_PPM_MAX {
        return Err(bounds("fee_rate", header.fee_rate));
    }
    if header.protocol_fee_rate > PROTOCOL_FEE_RATE_MAX {
        return Err(bounds("protocol_fee_rate", header.protocol_fee_rate));
    }
    for (index, net, gross) in &header.start.ticks {
        check_tick("tick", *index)?;
        check_usable("tick", *index, header.tick_spacing)?;
        if net.0.unsigned_abs() > gross.0 {
            return Err(bounds("liquidity_net", net.0));
        }
    }
    let pool = &header.start.pool;
    if !(MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&pool.sqrt_price.0) {
        let value = i128::try_from(pool.sqrt_price.0).unwrap_or(i128::MAX);
        return Err(bounds("sqrt_price", value));
    }
    // One below the lowest tick: where a fall to the lowest price ends.
    if !(MIN_TICK - 1..=MAX_TICK).contains(&pool.tick_current_index) {
        return Err(bounds("tick_current_index", pool.tick_current_index));
    }
    Ok(())
}

/// Checks that a tick can hold liquidity at this spacing.
pub(super) fn check_usable(
    field: &'static str,
    tick: i32,
    tick_spacing: u16,
) -> Result<(), LineProblem> {
    if tick % i32::from(tick_spacing) == 0 { Ok(()) } else { Err(bounds(field, tick)) }
}

fn check_tick(field: &'static str, tick: i32) -> Result<(), LineProblem> {
    if (MIN_TICK..=MAX_TICK).contains(&tick) { Ok(()) } else { Err(bounds(field, tick)) }
}

fn check_signed(field: &'static str, value: u128) -> Result<(), LineProblem> {
    i128::try_from(value).map(drop).map_err(|_| bounds(field, i128::MAX))
}

fn bounds(field: &'static str, value: impl Into<i128>) -> LineProblem {
    LineProblem::Bounds { field, value: value.into() }
}
