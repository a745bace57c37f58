//! What happens to one pool.

use connector_net::session::Protocol;
use connector_solana::accounts::Held;
use connector_solana::address::WHIRLPOOL_PROGRAM;
use engine_model::{Body, DoubtReason, Flags};

use crate::common::{self, fixed_array_bytes};
use crate::node::{Drive, MARKET, MS, Mood, POOL, SPAN, array_at, pool_at, settings};

#[test]
fn a_pool_is_located_subscribed_to_and_read_in_one_answer() {
    let mut drive = Drive::new(settings(1));
    drive.open();
    assert!(drive.sent[0].contains("slotSubscribe"), "first of all");
    assert_eq!(drive.asked_for("getAccountInfo"), 1);
    // The pool, three arrays on each side of its own, two mints, fee tier, configuration.
    assert_eq!(drive.sent.len(), 1 + 1 + 7 + 4);
    assert!(drive.sent[1..].iter().all(|text| text.contains("accountSubscribe")
        && text.contains("\"commitment\":\"processed\"")
        && text.contains("\"encoding\":\"base64\"")));
    assert_eq!(drive.asked_for("getMultipleAccounts"), 0, "no slot is known that it must show");
    drive.run(100);
    assert_eq!(drive.asked_for("getMultipleAccounts"), 1);
    assert!(drive.is_live());
    let snapshots = drive.bodies().iter().filter(|body| **body == Body::BookClear).count();
    assert_eq!((snapshots, drive.arrays().len()), (1, 7));
    assert_eq!(drive.arrays().keys().copied().collect::<Vec<_>>(), (-3..=3).collect::<Vec<_>>());
    assert!(drive.session.problems().is_empty());
    assert_eq!(drive.session.markets_wanted(), [MARKET]);
    assert!(drive.bodies().contains(&Body::Status { tradable: 1 }), "both mints were read");
}

#[test]
fn a_read_that_is_not_far_enough_is_made_again() {
    let mut drive = Drive::new(settings(1));
    drive.open();
    // The node has told a slot that its other half has not reached.
    drive.nodes[0].slot += 1;
    drive.is_ticking = false;
    drive.frame(
        "{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{\"result\":\
         {\"slot\":1002,\"parent\":1001,\"root\":970},\"subscription\":1}}",
    );
    drive.run(90);
    assert!(!drive.is_live());
    let early = drive.asked_for("getMultipleAccounts");
    assert!((1..=3).contains(&early), "waits between attempts: {early}");
    drive.nodes[0].slot += 1;
    drive.run(500);
    assert!(drive.is_live());
}

#[test]
fn the_window_follows_the_price_without_a_doubt() {
    let mut drive = Drive::live(settings(1));
    let before = drive.sent.len();
    drive.run(400);
    drive.nodes[0].accounts.remove(&array_at(4));
    drive.change(&POOL, &pool_at(SPAN + 50));
    assert!(drive.sent[before].contains(&array_at(4).to_string()), "the new one");
    drive.run(900);
    // Array −3 is within what is kept.
    assert_eq!(drive.arrays().keys().copied().collect::<Vec<_>>(), (-3..=4).collect::<Vec<_>>());
    assert!(drive.arrays()[&4].is_none(), "the chain does not have it");
    assert_eq!((drive.session.counts().moves, drive.sent.len()), (1, before + 1));
    drive.change(&POOL, &pool_at(2 * SPAN + 50));
    drive.run(900);
    assert_eq!(drive.arrays().keys().copied().collect::<Vec<_>>(), (-2..=5).collect::<Vec<_>>());
    let texts = &drive.sent[before + 1..];
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("accountSubscribe") && texts[1].contains("accountUnsubscribe"));
    assert!(!drive.bodies().iter().any(|body| matches!(body, Body::BookDoubt { .. })));
    // A jump far away needs a window of its own.
    drive.change(&POOL, &pool_at(-7 * SPAN));
    drive.run(900);
    let numbers: Vec<_> = drive.arrays().keys().copied().collect();
    assert_eq!(numbers, (-10..=-4).collect::<Vec<_>>());
    assert_eq!(drive.nodes[0].subscriptions.len(), 1 + 7 + 4, "and no other is subscribed to");
    assert!(drive.left.is_empty());
}

#[test]
fn changes_of_an_array_reach_the_reader_and_agreeing_reads_do_not() {
    let mut drive = Drive::live(settings(1));
    drive.run(10_000);
    let checks = drive.session.counts().checks;
    assert!((4..=6).contains(&checks), "every two seconds: {checks}");
    let is_state = |body: &Body| !matches!(body, Body::Slot { .. } | Body::Status { tradable: 1 });
    assert!(!drive.bodies().iter().any(is_state), "nothing new");
    drive.change(&array_at(1), &fixed_array_bytes(&POOL, SPAN, &[(80, 99)]));
    drive.run(900);
    assert_eq!(drive.arrays()[&1], Some(99));
    assert_eq!(drive.session.counts().differing, 0);
}

#[test]
fn a_subscription_that_has_silently_stopped_is_made_anew() {
    let mut drive = Drive::live(settings(1));
    drive.nodes[0].deaf.insert(array_at(1));
    drive.change(&array_at(1), &fixed_array_bytes(&POOL, SPAN, &[(80, 99)]));
    let (before, changed_ns) = (drive.sent.len(), drive.now_ns);
    while drive.arrays().get(&1) != Some(&Some(99)) {
        drive.run(10);
        assert!(drive.now_ns - changed_ns <= 4_000 * MS, "within four seconds");
    }
    drive.nodes[0].deaf.clear();
    drive.run(3_000);
    assert_eq!((drive.session.counts().differing, drive.session.counts().stopped), (1, 1));
    let texts = &drive.sent[before..];
    assert!(texts[0].contains("accountUnsubscribe"));
    assert!(texts[1].contains("accountSubscribe") && texts[1].contains(&array_at(1).to_string()));
    assert!(drive.is_live());
    drive.change(&array_at(1), &fixed_array_bytes(&POOL, SPAN, &[(80, 101)]));
    drive.run(900);
    assert_eq!(drive.arrays()[&1], Some(101), "it tells again");
    drive.run(10_000);
    assert_eq!(drive.session.counts().stopped, 1, "and stays");
}

#[test]
fn an_answer_may_overtake_the_stream() {
    let mut drive = Drive::live(settings(1));
    // Changed on the chain, and told a little later than the comparison sees it.
    let data = fixed_array_bytes(&POOL, SPAN, &[(80, 99)]);
    drive.nodes[0].accounts.insert(array_at(1), (WHIRLPOOL_PROGRAM, data));
    while drive.session.counts().differing == 0 {
        drive.run(10);
    }
    let slot = drive.nodes[0].slot;
    for text in drive.nodes[0].notification(&array_at(1), slot) {
        drive.frame(&text);
    }
    drive.run(3_000);
    assert_eq!(drive.session.counts().stopped, 0);
    assert_eq!(drive.arrays()[&1], Some(99));
}

#[test]
fn a_pool_in_doubt_is_read_again_at_a_slot_not_before() {
    let mut drive = Drive::live(settings(1));
    drive.run(800);
    drive.change(&POOL, &pool_at(110));
    drive.run(450);
    let reads = drive.session.counts().reads;
    let slot = drive.nodes[0].slot;
    for text in drive.nodes[0].notification(&POOL, slot - 2) {
        drive.frame(&text);
    }
    assert!(drive.bodies().contains(&Body::BookDoubt { reason: DoubtReason::Fork }));
    assert_eq!(drive.session.counts().reads, reads + 1, "one read, whoever asks for it");
    assert!(drive.is_live(), "and the answer has come");
    assert!(drive.left.is_empty());
}

#[test]
fn what_was_lost_on_the_way_is_told_again() {
    let mut drive = Drive::live(settings(1));
    drive.run(500);
    drive.batches.clear();
    drive.mend();
    assert!(drive.bodies().contains(&Body::BookClear), "although the decoder knew it all");
    assert_eq!(drive.arrays().len(), 7);
    // One that is under way is not asked for twice.
    drive.nodes[0].mood = Mood::Silent;
    let reads = drive.session.counts().reads;
    drive.mend();
    drive.mend();
    assert_eq!(drive.session.counts().reads, reads + 1);
    drive.nodes[0].mood = Mood::Well;
    drive.batches.clear();
    drive.answer_kept();
    assert!(drive.is_live());
}

#[test]
fn unreadable_frames_are_mended_too() {
    let mut drive = Drive::live(settings(1));
    drive.run(100);
    drive.frame("{\"jsonrpc\":");
    assert!(drive.bodies().contains(&Body::BookDoubt { reason: DoubtReason::BadFrame }));
    assert!(drive.is_live());
}

#[test]
fn what_is_held_is_told_when_its_time_is_up() {
    let mut wanted = settings(1);
    wanted.provisional = connector_solana::decoder::Provisional::Off;
    let mut drive = Drive::live(wanted);
    drive.is_ticking = false;
    drive.change(&POOL, &pool_at(110));
    let told =
        |drive: &Drive| drive.bodies().iter().any(|body| matches!(body, Body::PoolPrice { .. }));
    drive.run(790);
    assert!(!told(&drive), "790 ms");
    drive.run(10);
    assert!(told(&drive), "800 ms, without any input");
}

#[test]
fn a_price_in_its_range_is_told_at_once() {
    let mut drive = Drive::live(settings(1));
    drive.change(&POOL, &pool_at(110));
    let [batch] = &*drive.batches else { panic!("one batch: {:?}", drive.batches) };
    assert!(batch.iter().all(|event| event.flags.has(Flags::PROVISIONAL)));
    drive.run(SLOT);
    let whole = drive
        .batches
        .iter()
        .skip(1)
        .flatten()
        .find(|event| matches!(event.body, Body::PoolMeta { tick_current_index: 110, .. }));
    assert!(whole.is_some_and(|event| !event.flags.has(Flags::PROVISIONAL)));
}

const SLOT: u64 = 450;

#[test]
fn wrong_pools_are_named() {
    let other = solana_pubkey::Pubkey::new_from_array([9; 32]);
    let mut mints = pool_at(100);
    mints[181..213].copy_from_slice(&[0xff; 32]);
    let array = fixed_array_bytes(&POOL, 0, &[]);
    let rows = [
        (None, "there is no account"),
        (Some((other, pool_at(100))), "belongs to program"),
        (Some((WHIRLPOOL_PROGRAM, array)), "fixed tick array, no pool"),
        (Some((WHIRLPOOL_PROGRAM, mints)), "token B is"),
        (Some((WHIRLPOOL_PROGRAM, vec![1; 70])), "no account of the program"),
    ];
    for (account, says) in rows {
        let mut drive = Drive::new(settings(1));
        drive.nodes[0].accounts.remove(&POOL);
        drive.nodes[0].accounts.extend(account.map(|account| (POOL, account)));
        drive.open();
        drive.run(20_000);
        let problems = drive.session.problems();
        assert!(
            problems.len() == 1 && problems[0].contains(says) && problems[0].contains("HJPj"),
            "{says}: {problems:?}"
        );
        assert!(drive.asked_for("getAccountInfo") == 1, "{says}: not asked again and again");
        assert!(drive.left.is_empty() && !drive.is_live(), "{says}: {:?}", drive.left);
        drive.nodes[0].accounts.insert(POOL, (WHIRLPOOL_PROGRAM, pool_at(100)));
        drive.run(31_000);
        assert!(drive.is_live() && drive.session.problems().is_empty(), "{says}: heals");
    }
}

#[test]
fn other_decimals_and_powers_stop_trading_alone() {
    let mut wanted = settings(1);
    wanted.pools[0].decimals = Some([6, 9]);
    let mut drive = Drive::new(wanted);
    drive.open();
    drive.run(500);
    assert!(drive.is_live());
    assert!(drive.bodies().contains(&Body::Status { tradable: 0 }), "token B has six");
    let mut wanted = settings(1);
    wanted.pools[0].decimals = Some([6, 6]);
    let mut drive = Drive::live(wanted);
    // An authority appears: told by the subscription to the mint.
    let mint = common::mint_bytes(Some(POOL), &[]);
    let token = connector_solana::address::TOKEN_PROGRAM;
    let usdc = connector_solana::address::USDC_MINT;
    drive.nodes[0].accounts.insert(usdc, (token, mint));
    let slot = drive.nodes[0].slot;
    for text in drive.nodes[0].notification(&usdc, slot) {
        drive.frame(&text);
    }
    assert_eq!(drive.bodies(), [Body::Status { tradable: 0 }]);
}

#[test]
fn a_recorded_pool_becomes_live_with_what_surrounds_its_price() {
    let name = "whirlpool_accounts_20220406_end_sol_usdc_ts64.json.zst";
    let Some(file) = common::accounts(name) else { return };
    let mut drive = Drive::new(settings(1));
    drive.nodes[0].accounts.clear();
    for (key, account) in file.iter() {
        drive.nodes[0].accounts.insert(*key, (account.owner, account.data.clone()));
    }
    drive.open();
    drive.run(200);
    assert!(drive.is_live(), "{:?}", drive.session.problems());
    let Some(Body::PoolMeta { tick_current_index, .. }) =
        drive.bodies().into_iter().find(|body| matches!(body, Body::PoolMeta { .. }))
    else {
        panic!("a pool has meta data")
    };
    let base = tick_current_index.div_euclid(SPAN);
    assert_eq!(
        drive.arrays().keys().copied().collect::<Vec<_>>(),
        (base - 3..=base + 3).collect::<Vec<_>>()
    );
    for body in drive.bodies() {
        let Body::TickArrayBegin { start_tick_index, exists } = body else { continue };
        let held = file.get(&array_at(start_tick_index / SPAN));
        assert_eq!(exists == 1, matches!(held, Held::Account(_)), "array {start_tick_index}");
    }
}

/// Synthetic: a pool at spacing 4 whose fee moves, with its oracle and nothing in its arrays.
const ADAPTIVE: solana_pubkey::Pubkey =
    solana_pubkey::pubkey!("Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE");

fn two_pools() -> connector_solana::session::Settings {
    let mut wanted = settings(1);
    let mut other = wanted.pools[0].clone();
    other.expected.pool = ADAPTIVE;
    wanted.pools.push(other);
    wanted
}

#[test]
fn an_adaptive_pool_comes_with_its_oracle_and_beside_others() {
    let oracle = connector_solana::address::oracle_address(&WHIRLPOOL_PROGRAM, &ADAPTIVE);
    let mut pool = pool_at(100);
    pool[41..45].copy_from_slice(&[4, 0, 3, 4]);
    let mut drive = Drive::new(two_pools());
    drive.nodes[0].accounts.insert(ADAPTIVE, (WHIRLPOOL_PROGRAM, pool));
    drive.nodes[0].accounts.insert(oracle, (WHIRLPOOL_PROGRAM, common::oracle_bytes(&ADAPTIVE)));
    drive.open();
    drive.run(500);
    assert!(drive.is_live());
    let other = engine_model::MarketId(MARKET.0 + 1);
    let of_other = |drive: &Drive| -> Vec<Body> {
        let events = drive.batches.iter().flatten().filter(|event| event.market == other);
        events.map(|event| event.body).collect()
    };
    let bodies = of_other(&drive);
    let oracles = bodies.iter().filter(|body| matches!(body, Body::OracleVariables { .. }));
    assert_eq!(oracles.count(), 1, "{bodies:?}");
    let absent = |body: &&Body| matches!(body, Body::TickArrayBegin { exists: 0, .. });
    assert_eq!(bodies.iter().filter(absent).count(), 7);
    let keys: std::collections::BTreeSet<_> = drive.nodes[0].subscriptions.values().collect();
    assert_eq!(keys.len(), drive.nodes[0].subscriptions.len(), "mints are subscribed to once");
    assert!(keys.contains(&oracle));
    drive.batches.clear();
    let mut data = common::oracle_bytes(&ADAPTIVE);
    data[106..110].copy_from_slice(&20_000_u32.to_le_bytes());
    drive.change(&oracle, &data);
    drive.run(5_000);
    let told =
        |body: &Body| matches!(body, Body::OracleVariables { volatility_accumulator: 20_000, .. });
    assert!(of_other(&drive).iter().any(told));
    // Both in one request, mints once: two comparisons in five seconds.
    assert!((2..=3).contains(&drive.session.counts().checks));
    assert_eq!(drive.session.counts().differing, 0);
}

#[test]
fn a_wrong_pool_does_not_hold_up_the_others() {
    let mut drive = Drive::new(two_pools());
    drive.open();
    drive.run(500);
    assert!(drive.is_live(), "the first one");
    assert_eq!(drive.session.problems().len(), 1);
    drive.run(60_000);
    assert!(drive.left.is_empty(), "nor does it end the connection");
    assert!(!drive.bodies().iter().any(|body| matches!(body, Body::BookDoubt { .. })));
}

#[test]
fn data_may_be_packed() {
    let mut wanted = settings(1);
    wanted.encoding = connector_solana::session::Encoding::Base64Zstd;
    let mut drive = Drive::new(wanted);
    drive.nodes[0].is_packed = true;
    drive.open();
    assert!(drive.sent[1].contains("\"encoding\":\"base64+zstd\""));
    drive.run(500);
    assert!(drive.is_live());
    drive.change(&array_at(1), &fixed_array_bytes(&POOL, SPAN, &[(80, 99)]));
    drive.run(900);
    assert_eq!(drive.arrays()[&1], Some(99));
}
