//! What the engine makes of the derived part: every way a trade can go, every amount to the unit.
//!
//! The engine's decisions (which pair, when, how much, within which limit) are taken as given;
//! what came of them is calculated anew from the recorded frames: own books, own consumption, a
//! pool of somebody else's making, own rounding, own rates.

mod ledger;
mod pool;
mod shadow;

use std::collections::{BTreeMap, BTreeSet};

use engine_core::execution::Outcome;
use engine_core::outbox::{Decided, Decision, Fate};
use engine_core::{Core, NoProbe, Outbox, Output, Tables};
use engine_daemon::replay::ReplayArgs;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::run::merged_events;
use engine_daemon::replay::tables::settings_from;

/// Everything that the core decided over the derived part.
struct Run {
    tables: Tables,
    decisions: Vec<Decided>,
    /// What lies at each venue in the end, by venue and asset, where a balance is configured.
    balances: BTreeMap<(&'static str, u16), u128>,
}

fn run() -> Run {
    let args = ReplayArgs { path: Some(super::folder()), ..ReplayArgs::default() };
    let plan = Plan::find(&args).unwrap_or_else(|refused| panic!("{refused:?}"));
    let part = plan.parts.iter().find(|part| part.name == "derived").expect("a derived part");
    let (events, tables) =
        merged_events(&plan, part).unwrap_or_else(|failure| panic!("{}", failure.says));
    let mut core = Core::with_settings(tables.clone(), settings_from(&plan.config))
        .expect("the bundle's tables fit together");
    let mut out = Outbox::for_pairs(core.pairs().len());
    let mut decisions = Vec::new();
    for event in &events {
        core.step(event, &mut out, &mut NoProbe);
        decisions.extend(out.outputs().iter().filter_map(|output| match output {
            Output::Decided(decided) => Some(*decided),
            Output::Evaluated(_) => None,
        }));
        out.clear();
    }
    assert_eq!(core.desk().trades().count(), 0, "no trade is left open");
    let mut balances = BTreeMap::new();
    for balance in core.balances().list() {
        assert_eq!(balance.reserved, 0, "nothing stays promised: {balance:?}");
        if let Some(total) = balance.total {
            balances.insert((balance.venue.name(), balance.asset.0), total);
        }
    }
    Run { tables, decisions, balances }
}

#[test]
fn every_way_a_trade_can_go_happens() {
    let mut count = BTreeMap::new();
    for decided in run().decisions {
        if let Decision::Ended(end) = decided.decision {
            *count.entry(end.outcome.name()).or_insert(0_u32) += 1;
        }
    }
    for outcome in Outcome::ALL {
        // What a person must act on stops everything: no recording to show around.
        let is_shown = outcome != Outcome::HandedOver;
        assert_eq!(count.contains_key(outcome.name()), is_shown, "{}: {count:?}", outcome.name());
    }
}

#[test]
fn opportunities_are_refused_for_many_reasons() {
    let mut reasons = BTreeSet::new();
    let mut traded = BTreeSet::new();
    for decided in run().decisions {
        if let Decision::Refused(refusal) = decided.decision {
            reasons.insert(refusal.halt.map_or(refusal.denial.check.name(), |it| it.name()));
        }
        if let Decision::Closed { fate: Fate::Traded(trade), .. } = decided.decision {
            assert!(traded.insert(trade), "one opportunity a trade: {trade}");
        }
    }
    for reason in [
        "balance",
        "depeg",
        "drift_collar",
        "duplicate_order",
        "edge_min",
        "failure_rate",
        "last_trade_collar",
        "market_pairs_in_flight",
        "quote_currency",
        "reference_agreement",
        "reference_disagreement",
    ] {
        assert!(reasons.contains(reason), "{reason}: {reasons:?}");
    }
    assert!(traded.len() >= 10, "{traded:?}");
}

#[test]
fn every_amount_is_what_the_frames_give() {
    let run = run();
    let mut shadow = shadow::Shadow::new(&run.tables);
    let trades = shadow.follow(&run.decisions);
    let count = |wanted: &str| trades.iter().filter(|outcome| **outcome == wanted).count();
    assert!(trades.len() >= 10, "{trades:?}");
    assert!(count("both_filled") >= 4, "{trades:?}");

    let mut moved = 0;
    for instrument in &run.tables.instruments {
        let market = &run.tables.markets[instrument.market.index()];
        let start = [
            (market.base, instrument.base_balance),
            (instrument.settles_in, instrument.quote_balance),
        ];
        for (asset, start) in start {
            let place = (market.venue.name(), asset.0);
            let Some(start) = start else { continue };
            let change = shadow.changes.get(&place).copied().unwrap_or(0);
            moved += u32::from(change != 0);
            let left = i128::try_from(run.balances[&place]).expect("an amount");
            assert_eq!(left, i128::try_from(start).expect("an amount") + change, "{place:?}");
        }
    }
    assert!(moved >= 8, "{moved} balances moved");
}
