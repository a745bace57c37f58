//! Numbers that the rest of the core is written with: exact ratios for money, and approximations
//! that only ever say where to look.

pub mod approx;
pub mod ratio;
