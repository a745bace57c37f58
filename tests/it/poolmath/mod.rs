//! Pool arithmetic against the program: its own vectors, executed swaps, a day of real swaps, and
//! another implementation.

mod data;
mod differential;
mod executed;
mod paths;
mod random;
mod real_swaps;
mod vectors;
