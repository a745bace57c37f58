//! Risk: what must hold before anything may be sent, and what stops trading altogether.
//!
//! [`limits`] holds every limit. [`check`] is the list of checks, [`facts`] what they look at,
//! [`checks`] the checks themselves and [`verdict`] what they found; [`approved`] is the proof that
//! execution asks for. The other modules keep what is counted over time and latch halts.
//! Start reading at [`approve`].

pub mod agreement;
pub mod approved;
pub mod check;
pub mod checks;
pub mod daily;
pub mod drift;
pub mod duplicates;
pub mod exposure;
pub mod facts;
pub mod failures;
pub mod halt;
pub mod limits;
pub mod machine;
pub mod ring;
pub mod shortfall;
pub mod staleness;
pub mod streak;
pub mod throttle;
pub mod verdict;

pub use approved::{Approved, Reduces, Refused, approve, approve_reducing};
pub use check::{Check, CheckSet, Stage};
pub use checks::{
    for_each_check, for_each_denial, for_each_reducing_denial, judge, judge_reducing,
};
pub use facts::{Facts, LegFacts, Mode, ReducingFacts, Target};
pub use limits::Limits;
pub use verdict::{CheckResult, Checked, Denial, Observed, Verdict};
