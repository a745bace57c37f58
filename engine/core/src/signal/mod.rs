//! From markets to sized, priced candidates.
//!
//! [`leg`] is one side of a pair as a curve, [`pair`] two of them with costs and limits, [`sizing`] finds the best size over two of them,
//! [`waterfall`] prices it part by part, [`evaluation`] is the record of one look, [`opportunity`]
//! its life. [`spatial`] puts them together for one pair of venues.

pub mod evaluation;
pub mod leg;
pub mod opportunity;
pub mod pair;
pub mod sizing;
pub mod spatial;
pub mod waterfall;
