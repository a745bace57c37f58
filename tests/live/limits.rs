//! A venue that asks to be left alone is left alone for as long as it asks.

use connector_emulator::serve::{Ending, Fault, FaultOrder, Reach};
use connector_net::session::Cause;

use crate::harness::{MS_NS, Scene, Stage, judged, unhurried};
use crate::story::Story;

/// How long the venue asks for. Unit: seconds of market time.
const RETRY_AFTER_S: u32 = 8;

/// Longer than any connection goes without a request of its own: the first comparison of a book comes
/// half a minute after it. Unit: milliseconds of market time.
const REFUSES_MS: u64 = 120_000;

/// What was on its way when the first refusal came has arrived by then. Unit: milliseconds.
const STRAGGLERS_MS: u64 = 700;

fn stage() -> Stage {
    let mut sets = unhurried();
    sets.push("venues.gemini.audit_every_ms=1000".to_owned());
    sets.push("venues.bitstamp.audit_every_ms=1000".to_owned());
    Stage { sets, ..Stage::default() }
}

/// Requests that a venue got.
fn requests(scene: &Scene, venue: &str) -> u64 {
    scene.running.counts(venue).map_or(0, |counts| counts.requests)
}

fn left_alone(venue: &'static str, is_cut: bool) -> Story {
    let scene = Scene::start(&stage());
    scene.pass_ms(1_000);
    let fault = Fault::RateLimited { retry_after_s: RETRY_AFTER_S, reach: Reach::default() };
    let order = FaultOrder::new(venue, fault, REFUSES_MS);
    let number = scene.running.fault(order).expect("it can begin");
    if is_cut {
        scene.fault(venue, Fault::Disconnect { how: Ending::Close }, 0);
    }
    let is_refused = scene.comes(|views| {
        let view = views.iter().find(|view| view.name == venue);
        view.is_some_and(|view| {
            if is_cut {
                view.counts.ended(Cause::Limited) > 0
            } else {
                view.counts.fetches_failed > 0
            }
        })
    });
    let refused_ns = scene.now_ns();
    scene.pass_ms(STRAGGLERS_MS);
    let before = requests(&scene, venue);
    // The looks of this test are not finer than a hundred milliseconds of a link's picture.
    let until_ns = refused_ns + (u64::from(RETRY_AFTER_S) * 1_000 - 1_000) * MS_NS;
    scene.pass_ms(until_ns.saturating_sub(scene.now_ns()) / MS_NS);
    // Whoever asks when it may is answered.
    scene.running.end_fault(number);
    let after = requests(&scene, venue);
    let is_well = scene.is_well_again();
    let mut story = scene.end();
    if !is_refused {
        story.problems.push("no request was refused".to_owned());
    }
    if after != before {
        story.problems.push(format!("{} requests although asked to wait", after - before));
    }
    if !is_well {
        story.problems.push("it did not come back".to_owned());
    }
    let limited = story.link(venue).counts.ended(Cause::Limited);
    if limited > 2 {
        story.problems.push(format!("{limited} attempts were refused"));
    }
    story
}

macro_rules! left_alone {
    ($($name:ident: $venue:literal, $is_cut:literal;)*) => {
        $(
            #[test]
            fn $name() {
                judged(stringify!($name), || left_alone($venue, $is_cut));
            }
        )*
    };
}

left_alone! {
    coinbase_rate_limited_on_connecting: "coinbase", true;
    gemini_rate_limited_on_connecting: "gemini", true;
    bitstamp_rate_limited_on_connecting: "bitstamp", true;
    solana_rate_limited_on_connecting: "solana", true;
    gemini_rate_limited_requests: "gemini", false;
    bitstamp_rate_limited_requests: "bitstamp", false;
    solana_rate_limited_requests: "solana", false;
}
