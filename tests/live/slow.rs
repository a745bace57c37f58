//! A core that takes nothing for five seconds while the venues go on.

use std::sync::atomic::Ordering;

use connector_net::session::LinkView;

use crate::harness::{Scene, Stage, judged};
use crate::story::Story;

/// How long the core takes nothing. Unit: milliseconds of market time.
const PAUSE_MS: u64 = 5_000;

/// Slots of a ring: the largest snapshot of the emulated venues, and little more.
const RING_EVENTS: u32 = 2_048;

fn paused(wait: &'static str) -> Story {
    let stage = Stage {
        wait,
        sets: vec![format!("runtime.ring_events={RING_EVENTS}")],
        ..Stage::default()
    };
    let scene = Scene::start(&stage);
    scene.pass_ms(2_000);
    let from_ns = scene.now_ns();
    scene.live.pause_input.store(true, Ordering::Relaxed);
    scene.pass_ms(PAUSE_MS);
    let until_ns = scene.now_ns();
    scene.live.pause_input.store(false, Ordering::Relaxed);
    scene.pass_ms(1_000);
    let is_well = scene.is_well_again();
    scene.pass_ms(3_000);
    let mut story = scene.end();
    if !is_well {
        story.problems.push("it did not come back".to_owned());
    }
    let lost: u64 = story.ended.links.iter().map(|view: &LinkView| view.counts.lost_events).sum();
    if lost == 0 {
        story.problems.push("nothing was lost: the test shows nothing".to_owned());
    }
    if lost != story.gap_events {
        let said = story.gap_events;
        story.problems.push(format!("{lost} events lost, and {said} of them told to the core"));
    }
    let doubted = story.doubts.iter().filter(|doubt| doubt.from_ns >= from_ns).count();
    if doubted == 0 || story.gaps == 0 {
        story.problems.push("no market was put in doubt".to_owned());
    }
    let resynced: u64 = story.ended.links.iter().map(|view| view.counts.resyncs).sum();
    if resynced == 0 && story.ended.links.iter().all(|view| view.counts.opens == 1) {
        story.problems.push("no market was asked for anew".to_owned());
    }
    let _ = until_ns;
    story
}

/// Every lost event is told to the core and counted, nothing is decided on a market between its loss
/// and its next snapshot (which every story is judged by), and all books are the venues' in the end.
#[test]
fn a_paused_core_learns_of_everything_it_missed_inline() {
    judged("a paused core, inline", || paused("inline"));
}

#[test]
fn a_paused_core_learns_of_everything_it_missed_parked() {
    judged("a paused core, parked", || paused("park"));
}
