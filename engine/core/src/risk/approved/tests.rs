//! Only what passed is approved, and only for what was checked.

use super::super::check::Check;
use super::super::checks::tests::{facts, reducing};
use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hedge {
    take: Take,
    size_e18: u128,
}

impl Reduces for Hedge {
    fn take(&self) -> Take {
        self.take
    }

    fn size_e18(&self) -> u128 {
        self.size_e18
    }
}

#[test]
fn a_plan_is_approved_exactly_when_no_check_fails() {
    let approved = approve(7, &facts(), &Limits::default()).expect("within the limits");
    assert_eq!((approved.mode(), *approved.plan(), approved.into_inner()), (Mode::Observe, 7, 7));
    let facts = Facts { trades: Some(101), ..facts() };
    let refused = approve(7, &facts, &Limits::default()).expect_err("one trade too many");
    assert_eq!(refused.plan, 7);
    assert!(refused.verdict.failed.iter().eq([Check::AllTrades]));
}

#[test]
fn a_hedge_is_held_to_what_it_orders_itself() {
    for (shows, take, size_e18, failed) in [
        ("the exposure", Take::Sell, 500, None),
        ("less", Take::Sell, 495, None),
        ("one lot more", Take::Sell, 505, Some(Check::ReducesExposure)),
        ("the other side", Take::Buy, 500, Some(Check::ReducesExposure)),
    ] {
        // The facts name the right side and size whatever the plan orders.
        let facts = reducing(Take::Sell);
        let outcome = approve_reducing(Hedge { take, size_e18 }, &facts, &Limits::default());
        let first = outcome.err().and_then(|refused| refused.verdict.first);
        assert_eq!(first.map(|denial| denial.check), failed, "{shows}");
    }
}
