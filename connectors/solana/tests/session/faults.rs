//! What happens with nodes.

use connector_net::session::{Ask, Asks, Cause, Now, Protocol};
use connector_net::{Input, Sink};
use engine_model::{Body, Event};
use serde_json::json;

use crate::node::{Drive, MS, Mood, POOL, settings};

#[test]
fn a_node_behind_is_left_and_returned_to_when_it_has_been_well() {
    let mut drive = Drive::live(settings(2));
    drive.run(5_000);
    assert!(drive.left.is_empty());
    drive.nodes[1].slot = drive.nodes[0].slot + 20;
    drive.run(2_500);
    assert!(drive.left.is_empty(), "twenty are allowed");
    drive.nodes[0].slot -= 3;
    let before_ns = drive.now_ns;
    while drive.left.is_empty() {
        drive.run(10);
        assert!(drive.now_ns - before_ns <= 2_100 * MS, "asked every two seconds");
    }
    assert_eq!((drive.left.as_slice(), drive.on), (&[Cause::Lagging][..], 1));
    drive.run(1_000);
    assert!(drive.is_live(), "on the other node");
    // The first one lies behind for a while, then catches up.
    drive.run(30_000);
    drive.nodes[0].slot = drive.nodes[1].slot;
    drive.run(50_000);
    assert_eq!(drive.on, 1, "sixty seconds without a fault, not fifty");
    drive.run(15_000);
    assert_eq!((drive.left.last(), drive.on), (Some(&Cause::Preferred), 0));
    drive.run(1_000);
    assert!(drive.is_live());
    assert_eq!((drive.session.counts().left, drive.session.counts().returned), (1, 1));
}

#[test]
fn answers_of_a_node_decide_what_comes_next() {
    let unhealthy = json!({"code": -32_005, "data": {"numSlotsBehind": 42}});
    let behind = json!({"code": -32_016, "data": {"contextSlot": 1}});
    let rows = [
        ("unhealthy", Mood::Error(unhealthy), Cause::Lagging),
        ("behind", Mood::Error(behind), Cause::Lagging),
        ("forbidden", Mood::Status(403, None), Cause::Unauthorized),
        ("long quiet", Mood::Status(429, Some(60_000)), Cause::Limited),
        ("fails", Mood::Status(502, None), Cause::VenueError),
        ("unreachable", Mood::Unreachable, Cause::VenueError),
    ];
    for (shows, mood, cause) in rows {
        let mut drive = Drive::new(settings(2));
        drive.nodes[0].mood = mood.clone();
        drive.open();
        drive.run(20_000);
        assert_eq!((drive.left.first(), drive.on), (Some(&cause), 1), "{shows}");
        assert!(drive.is_live(), "{shows}");
        assert_eq!(drive.left.len(), 1, "{shows}: {:?}", drive.left);
        // The only node is asked again, but not in a hurry.
        let mut drive = Drive::new(settings(1));
        drive.nodes[0].mood = mood;
        drive.open();
        drive.run(10_000);
        let asked = drive.asked.len();
        assert!(drive.left.is_empty() && asked < 30, "{shows}: {asked} requests");
        drive.nodes[0].mood = Mood::Well;
        drive.run(60_000);
        assert!(drive.is_live() && drive.session.problems().is_empty(), "{shows}: heals");
    }
}

#[test]
fn nothing_is_asked_before_a_node_allows_it() {
    let mut drive = Drive::live(settings(1));
    drive.nodes[0].mood = Mood::Status(429, Some(7_000));
    drive.run(2_500);
    assert!(drive.session.counts().limited > 0);
    let (asked, since_ns) = (drive.asked.len(), drive.asked.last().expect("one").0);
    drive.nodes[0].mood = Mood::Well;
    let left_ms = 6_900 - (drive.now_ns - since_ns) / MS;
    drive.run(left_ms);
    assert_eq!(drive.asked.len(), asked, "quiet");
    drive.mend();
    assert_eq!(drive.asked.len(), asked, "even where a pool is in doubt");
    drive.run(1_000);
    assert!(drive.asked.len() > asked);
    assert!(drive.is_live() && drive.left.is_empty());
}

#[test]
fn a_refused_key_is_named_without_being_shown() {
    let mut drive = Drive::new(settings(1));
    drive.nodes[0].mood = Mood::Status(401, None);
    drive.open();
    drive.run(1_000);
    let problems = drive.session.problems();
    assert!(problems[0].contains("node0.test") && problems[0].contains("401"), "{problems:?}");
    assert!(!problems[0].contains("SECRET"), "{problems:?}");
    let mut drive = Drive::new(settings(1));
    drive.open();
    drive.close(Cause::Broken);
    drive.close(Cause::Dns);
    let problems = drive.session.problems();
    assert!(problems[0].contains("node0.test") && problems[0].contains("dns"), "{problems:?}");
}

#[test]
fn silence_and_unanswered_subscriptions_end_a_connection() {
    let mut drive = Drive::live(settings(2));
    drive.is_ticking = false;
    // The last slot came up to four hundred milliseconds ago.
    drive.run(2_500);
    assert!(drive.left.is_empty());
    drive.run(600);
    assert_eq!((drive.left.as_slice(), drive.on), (&[Cause::Silent][..], 1));

    let mut drive = Drive::new(settings(2));
    drive.nodes[0].confirms = false;
    drive.open();
    drive.run(3_500);
    let asked = drive.sent.iter().filter(|text| text.contains(&POOL.to_string())).count();
    assert_eq!((asked, drive.left.len()), (2, 0), "once more");
    drive.run(4_000);
    assert_eq!((drive.left.as_slice(), drive.on), (&[Cause::VenueError][..], 1));
    assert!(drive.is_live());

    let mut drive = Drive::new(settings(2));
    drive.nodes[0].refuses = Some(-32_602);
    drive.open();
    assert_eq!((drive.left.first(), drive.on), (Some(&Cause::VenueError), 1));
}

#[test]
fn a_pool_that_stays_away_ends_the_connection_unless_something_explains_it() {
    let mut drive = Drive::new(settings(2));
    drive.nodes[0].mood = Mood::Silent;
    drive.open();
    drive.run(14_000);
    assert!(drive.left.is_empty());
    drive.run(2_000);
    assert_eq!((drive.left.as_slice(), drive.on), (&[Cause::SnapshotLate][..], 1));
}

#[test]
fn a_new_connection_begins_with_the_old_window() {
    let mut drive = Drive::live(settings(1));
    let located = drive.asked_for("getAccountInfo");
    drive.close(Cause::Broken);
    assert!(!drive.is_live());
    drive.run(500);
    drive.open();
    drive.run(450);
    assert!(drive.is_live());
    assert_eq!(drive.asked_for("getAccountInfo"), located, "one round trip less");
    assert_eq!(drive.session.node(), 0);
}

#[test]
fn fees_and_tips_are_asked_for() {
    let mut wanted = settings(1);
    wanted.tip_url = Some("https://tips.test/api/v1/bundles/tip_floor".to_owned());
    let mut drive = Drive::live(wanted);
    drive.run(21_000);
    let params: Vec<_> = drive
        .batches
        .iter()
        .flatten()
        .filter_map(|event| match event.body {
            Body::Param { key, value } => Some((event.market, key, value)),
            _ => None,
        })
        .collect();
    assert_eq!(params.len(), 4, "{params:?}");
    assert!(params.iter().all(|(market, _, value)| {
        *market == Event::NO_MARKET && (*value == 77 || *value == 100_000)
    }));
}

#[test]
fn the_second_connection_is_to_another_node_and_tells_slots_alone() {
    let mut drive = Drive::live(settings(2));
    assert!(Drive::new(settings(1)).session.slots().is_none());
    let mut slots = drive.session.slots().expect("two nodes");
    assert!(slots.markets_wanted().is_empty());
    assert!(slots.endpoint(drive.now_ns).url.starts_with("wss://node1."));
    let (mut out, mut asks) = (Sink::default(), Asks::default());
    let now = Now { ns: drive.now_ns, line: 1 };
    slots.opened(now, &mut out, &mut asks);
    assert_eq!(asks.list.len(), 1);
    assert!(matches!(&asks.list[0], Ask::Send(text) if text.contains("slotSubscribe")));
    let ahead = drive.nodes[0].slot + 30;
    let text = json!({"jsonrpc": "2.0", "method": "slotNotification", "params": {
        "result": {"slot": ahead, "parent": 1, "root": 1}, "subscription": 1}})
    .to_string();
    slots.decoder().decode(now.ns, 2, Input::Received(text.as_bytes()), &mut out);
    assert!(matches!(&*out.events, [event] if event.market == Event::NO_MARKET));
    let fresh = out.events.clone();
    slots.received(now, text.as_bytes(), &fresh, &mut out, &mut asks);
    assert_eq!(asks.list.len(), 1, "all is well");
    // The pools' connection learns of it and goes there; this one makes room.
    drive.run(500);
    assert_eq!((drive.left.as_slice(), drive.on), (&[Cause::Lagging][..], 1));
    slots.received(now, text.as_bytes(), &fresh, &mut out, &mut asks);
    assert_eq!(asks.list.last(), Some(&Ask::Reconnect(Cause::Preferred)));
    assert!(slots.endpoint(now.ns).url.starts_with("wss://node0."));
}
