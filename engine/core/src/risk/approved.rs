//! The proof that a plan passed the checks.

use core::fmt;

use super::Limits;
use super::checks::{judge, judge_reducing};
use super::facts::{Facts, Mode, ReducingFacts};
use super::verdict::Verdict;
use crate::market::take::Take;

/// Proof that a plan passed every check that applies to it. Only this module can make one, and
/// execution accepts nothing else, so that no path to a venue can skip the checks.
///
/// It can neither be copied nor read from a file: one approval is one trade.
///
/// ```
/// use engine_core::risk::{Approved, Facts, Limits, approve};
///
/// struct Plan;
/// fn send(_: Approved<Plan>) {}
///
/// fn decide(plan: Plan, facts: &Facts, limits: &Limits) {
///     if let Ok(approved) = approve(plan, facts, limits) {
///         send(approved);
///     }
/// }
/// ```
///
/// A plan that was not approved is not what execution takes:
///
/// ```compile_fail,E0308
/// use engine_core::risk::{Approved, Facts, Limits, approve};
///
/// struct Plan;
/// fn send(_: Approved<Plan>) {}
///
/// fn decide(plan: Plan, facts: &Facts, limits: &Limits) {
///     send(plan);
/// }
/// ```
///
/// Nor can anybody else make the proof:
///
/// ```compile_fail,E0451
/// use engine_core::risk::{Approved, Facts, Limits, Mode, approve};
///
/// struct Plan;
/// fn send(_: Approved<Plan>) {}
///
/// fn decide(plan: Plan, facts: &Facts, limits: &Limits) {
///     send(Approved { plan, mode: Mode::Observe });
/// }
/// ```
///
/// Nor use it twice:
///
/// ```compile_fail,E0382
/// use engine_core::risk::{Approved, Facts, Limits, approve};
///
/// struct Plan;
/// fn send(_: Approved<Plan>) {}
///
/// fn decide(plan: Plan, facts: &Facts, limits: &Limits) {
///     if let Ok(approved) = approve(plan, facts, limits) {
///         send(approved);
///         send(approved);
///     }
/// }
/// ```
///
/// Nor clone it:
///
/// ```compile_fail,E0599
/// use engine_core::risk::{Approved, Facts, Limits, approve};
///
/// struct Plan;
/// fn send(_: Approved<Plan>) {}
///
/// fn decide(plan: Plan, facts: &Facts, limits: &Limits) {
///     if let Ok(approved) = approve(plan, facts, limits) {
///         send(approved.clone());
///     }
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an approved plan that is not executed was approved for nothing"]
pub struct Approved<T> {
    plan: T,
    mode: Mode,
}

impl<T> Approved<T> {
    /// The plan.
    pub const fn plan(&self) -> &T {
        &self.plan
    }

    /// The mode that it was approved in; a sender of another mode refuses it.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Gives up the proof for the plan.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.plan
    }
}

/// A plan that did not pass, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// The plan.
    pub plan: T,
    /// What failed.
    pub verdict: Verdict,
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict.first {
            Some(denial) => denial.fmt(out),
            None => out.write_str("no check failed"),
        }
    }
}

/// A plan for one order that shrinks an exposure. What it orders is asked of the plan itself, so
/// that what was checked and what is sent cannot differ.
pub trait Reduces {
    /// The side of its order.
    fn take(&self) -> Take;

    /// The size of its order. Unit: 10⁻¹⁸ units of base.
    fn size_e18(&self) -> u128;
}

/// Runs every check on a trade.
///
/// # Errors
///
/// The plan back with the verdict. Approved or refused, the caller records the outcome.
pub fn approve<T>(plan: T, facts: &Facts, limits: &Limits) -> Result<Approved<T>, Refused<T>> {
    decide(plan, facts.mode, judge(facts, limits))
}

/// Runs the checks of a hedge or unwind. It also passes while the trading state is `reducing`, and
/// it is refused unless it is on the side and within the size of what is still unhedged.
///
/// Side and size are the plan's; those of `facts.leg` are ignored.
///
/// # Errors
///
/// The plan back with the verdict. Approved or refused, the caller records the outcome.
pub fn approve_reducing<T: Reduces>(
    plan: T,
    facts: &ReducingFacts,
    limits: &Limits,
) -> Result<Approved<T>, Refused<T>> {
    let mut facts = *facts;
    facts.leg.take = plan.take();
    facts.leg.size_e18 = Some(plan.size_e18());
    decide(plan, facts.mode, judge_reducing(&facts, limits))
}

fn decide<T>(plan: T, mode: Mode, verdict: Verdict) -> Result<Approved<T>, Refused<T>> {
    if verdict.is_allowed() {
        assert!(verdict.failed.is_empty(), "what passed has no failed check");
        Ok(Approved { plan, mode })
    } else {
        Err(Refused { plan, verdict })
    }
}

#[cfg(test)]
mod tests;
