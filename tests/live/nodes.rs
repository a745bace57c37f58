//! Two nodes of the chain: when one fails, the other is used.

use connector_emulator::serve::{Ending, Fault, FaultOrder};
use connector_net::session::{Cause, LinkView};

use crate::harness::{MS_NS, Scene, Stage, judged};
use crate::story::Story;

/// Longer than any way to the other node takes, so that the first cannot be back by itself. Unit:
/// milliseconds of market time.
const LASTS_MS: u64 = 60_000;

/// Some fault of the preferred node: the pools are live again by the other one while it lasts.
fn failed_over(fault: &Fault, is_cut: bool, cause: Option<Cause>) -> Story {
    let scene = Scene::start(&Stage { nodes: 2, ..Stage::default() });
    scene.pass_ms(2_000);
    let second = |scene: &Scene| scene.running.counts("solana-2").map_or(0, |it| it.requests);
    let before = second(&scene);
    let order = FaultOrder::new("solana", fault.clone(), LASTS_MS);
    let number = scene.running.fault(order).expect("it can begin");
    if is_cut {
        scene.fault("solana", Fault::Disconnect { how: Ending::Close }, 0);
    }
    let is_left = scene
        .comes(|views| views.iter().any(|view| view.name == "solana" && view.counts.opens > 1));
    let is_well = scene
        .comes(|views| views.iter().filter(|view| view.name == "solana").all(LinkView::is_live));
    scene.pass_ms(2_000);
    let is_still_on = scene
        .running
        .faults()
        .iter()
        .any(|fault| fault.number == number && fault.until_ns > scene.now_ns());
    let asked = second(&scene) - before;
    scene.running.end_fault(number);
    scene.pass_ms(1_000);
    let mut story = scene.end();
    if !is_left || !is_well || !is_still_on {
        story.problems.push(format!(
            "left: {is_left}, live again: {is_well}, while the fault lasted: {is_still_on}"
        ));
    }
    if asked == 0 {
        story.problems.push("the second node was not asked".to_owned());
    }
    let counts = story.link("solana").counts;
    if let Some(cause) = cause
        && counts.ended(cause) == 0
    {
        story.problems.push(format!("no end of {cause:?}: {:?}", counts.ends));
    }
    for venue in ["coinbase", "gemini", "bitstamp"] {
        if story.link(venue).counts.opens != 1 {
            story.problems.push(format!("{venue} did not keep its connection"));
        }
    }
    story
}

#[test]
fn a_node_behind_the_chain_is_left() {
    judged("slot lag, two nodes", || {
        failed_over(&Fault::SlotLag { slots: 60 }, false, Some(Cause::Lagging))
    });
}

#[test]
fn a_node_that_refuses_connections_is_left() {
    judged("refused, two nodes", || failed_over(&Fault::Refuse, true, Some(Cause::Closed)));
}

#[test]
fn a_node_that_refuses_its_key_is_left() {
    judged("auth expired, two nodes", || failed_over(&Fault::AuthExpired, true, None));
}

#[test]
fn a_node_that_is_half_open_is_left() {
    judged("half open, two nodes", || failed_over(&Fault::HalfOpen, false, Some(Cause::Silent)));
}

/// How long a node must have been without a fault to be returned to. Unit: milliseconds of market time.
const HEALTHY_MS: u64 = 60_000;

/// The preferred node fails for a moment: it is used again when it has been well for a minute, not
/// before.
fn returned() -> Story {
    let scene = Scene::start(&Stage { nodes: 2, ..Stage::default() });
    scene.pass_ms(2_000);
    let at_ns = scene.fault("solana", Fault::Disconnect { how: Ending::Reset }, 0);
    let preferred = |views: &[LinkView]| {
        let view = views.iter().find(|view| view.name == "solana");
        view.is_some_and(|view| view.counts.ended(Cause::Preferred) > 0)
    };
    let is_returned = scene.comes(preferred);
    let after_ms = (scene.now_ns() - at_ns) / MS_NS;
    let is_well = scene.is_well_again();
    scene.pass_ms(2_000);
    let mut story = scene.end();
    if !is_returned || !is_well {
        story.problems.push(format!("returned: {is_returned}, live again: {is_well}"));
    }
    if after_ms < HEALTHY_MS {
        story.problems.push(format!("returned to after {after_ms} ms already"));
    }
    let opens = story.link("solana").counts.opens;
    if opens != 3 {
        story.problems.push(format!("{opens} connections instead of first, second, first"));
    }
    story
}

#[test]
fn a_node_that_is_well_again_is_returned_to() {
    judged("reset, two nodes", returned);
}
