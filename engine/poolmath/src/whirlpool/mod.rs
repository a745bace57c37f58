//! Orca Whirlpools: concentrated liquidity with static or adaptive fees.
//!
//! Source of every rule: reference page "On-chain venues", section 3, whose model was compared
//! with the program being executed. Amounts are raw token units; square-root prices are Q64.64.

mod adaptive;
mod arrays;
mod error;
mod part;
mod path;
mod state;
mod step;
mod swap;
mod tick;
pub mod token_swap;
mod walk;
#[cfg(test)]
mod worked;

pub use adaptive::FEE_RATE_MAX_PPM;
pub use arrays::{ArraySlot, Existence, SetError, TickArray, TickArraySet};
pub use error::SwapError;
pub use path::{Path, PathEnd, Quote, Segment};
pub use state::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, Oracle, Pool, SwapRequest, SwapResult,
};
pub use step::{delta_a, delta_b};
pub use swap::swap;
pub use tick::{sqrt_price_at_tick, tick_at_sqrt_price};
pub use walk::required_arrays;

/// Lowest tick.
pub const MIN_TICK: i32 = -443_636;
/// Highest tick.
pub const MAX_TICK: i32 = 443_636;
/// Square-root price of [`MIN_TICK`], Q64.64.
pub const MIN_SQRT_PRICE: u128 = 4_295_048_016;
/// Square-root price of [`MAX_TICK`], Q64.64.
pub const MAX_SQRT_PRICE: u128 = 79_226_673_515_401_279_992_447_579_055;
/// Slots of a tick array.
pub const TICKS_PER_ARRAY: usize = 88;
/// The same as a tick distance, before the spacing is applied.
const TICKS_PER_ARRAY_I32: i32 = 88;
/// Tick arrays that one swap may walk.
pub const ARRAYS_PER_SWAP: usize = 3;
/// Inner steps allowed unless told otherwise. On chain the largest recorded success needed 78; 106
/// and more ran into later failures or the compute limit.
pub const INNER_STEPS_DEFAULT: u32 = 100;
/// Most steps that a path may be made for: 800 kB of segments.
pub const INNER_STEPS_MAX: u32 = 10_000;
/// Spacings from here on mark a full-range-only ("splash") pool.
pub const SPLASH_SPACING_MIN: u16 = 32_768;

const _: () = assert!(TICKS_PER_ARRAY_I32 as usize == TICKS_PER_ARRAY);
