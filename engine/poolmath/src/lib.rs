//! Exact integer arithmetic of on-chain pools.
//!
//! What a pool's program computes for a swap, to the last unit: amounts, fees, prices, the tick
//! after it, and the program's own named errors. Two ways lead to the same numbers: the plain
//! loop ([`whirlpool::swap`]), and a path of precomputed steps that answers many quotes for one
//! state ([`whirlpool::Path`]).
//!
//! Deliberately absent: floats, clocks, I/O, account bytes (the chain connector reads those), and
//! any notion of markets or profit. Time comes in as a parameter. Nothing allocates after a
//! container has been made.
//!
//! Start reading at [`whirlpool::swap`]; [`wide`] holds the 256-bit helpers.
#![no_std]

extern crate alloc;

pub mod token2022;
pub mod whirlpool;
pub mod wide;
