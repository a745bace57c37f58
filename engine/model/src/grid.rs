//! Tick and lot of a market: how a decimal of the venue becomes an integer of ours.

use serde::{Deserialize, Serialize};

use crate::units::{PRICE_TICKS_MAX, SIZE_LOTS_MAX};

/// Most decimal places a grid may have. 10⁻¹⁸ is finer than any venue's.
pub const GRID_PLACES_MAX: u8 = 18;

/// One step of a price or a size: `step × 10^-places`, for instance 1 × 10⁻² or 5 × 10⁻¹.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// Multiple of the decimal place. At least 1.
    pub step: u64,
    /// Decimal places, `0..=GRID_PLACES_MAX`.
    pub places: u8,
}

impl Step {
    /// 10⁻⁸: what a market uses when neither the recording nor the configuration names its own.
    pub const DEFAULT: Self = Self { step: 1, places: 8 };

    /// A power of ten: `10^-places`.
    #[must_use]
    pub const fn decimal(places: u8) -> Self {
        Self { step: 1, places }
    }

    /// Whether the fields are in range.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.step >= 1 && self.places <= GRID_PLACES_MAX
    }
}

/// Tick and lot of one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    /// One price tick, in quote units per base unit.
    pub tick: Step,
    /// One lot, in base units.
    pub lot: Step,
}

impl Grid {
    /// Both 10⁻⁸.
    pub const DEFAULT: Self = Self { tick: Step::DEFAULT, lot: Step::DEFAULT };
}

/// Why a decimal has no integer on the grid. It is never rounded on to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridError {
    /// Not a plain non-negative decimal: empty, a sign, an exponent where none is allowed, text.
    Malformed,
    /// A decimal between two steps.
    OffGrid,
    /// Above [`PRICE_TICKS_MAX`] or [`SIZE_LOTS_MAX`], or a price of zero.
    OutOfRange,
}

/// Checks a raw tick count: `1..=PRICE_TICKS_MAX`.
///
/// # Errors
///
/// [`GridError::OutOfRange`].
pub const fn check_price_ticks(ticks: u64) -> Result<u64, GridError> {
    if ticks >= 1 && ticks <= PRICE_TICKS_MAX { Ok(ticks) } else { Err(GridError::OutOfRange) }
}

/// Checks a raw lot count: `0..=SIZE_LOTS_MAX`.
///
/// # Errors
///
/// [`GridError::OutOfRange`].
pub const fn check_size_lots(lots: u64) -> Result<u64, GridError> {
    if lots <= SIZE_LOTS_MAX { Ok(lots) } else { Err(GridError::OutOfRange) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_prices_and_sizes() {
        for (ticks, ok) in [(0, false), (1, true), (1 << 62, true), ((1 << 62) + 1, false)] {
            assert_eq!(check_price_ticks(ticks).is_ok(), ok, "{ticks} ticks");
        }
        for (lots, ok) in [(0, true), (1 << 62, true), ((1 << 62) + 1, false)] {
            assert_eq!(check_size_lots(lots).is_ok(), ok, "{lots} lots");
        }
    }
}
