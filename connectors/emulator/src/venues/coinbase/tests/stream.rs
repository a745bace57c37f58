//! Connections.

use serde_json::json;

use super::*;
use crate::serve::Disturbance;

fn channels(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["channel"].as_str().unwrap_or("error")).collect()
}

fn closes(out: &[Out]) -> bool {
    out.iter().any(|out| matches!(out, Out::Close(..)))
}

/// Sets one ask of SOL-USD, in cents and e8.
fn set_ask(bench: &Bench, cents: u64, size_e8: u64) {
    let change = change(Side::Ask, cents, size_e8);
    bench.exchange().set_levels(bench.now_ns, "SOL-USD", &[change]);
}

#[test]
fn snapshots_come_before_acknowledgements_and_one_count_runs_over_all() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    let beats = socket.subscribe(&bench, "heartbeats", &[]);
    let book = socket.subscribe(&bench, "level2", &["SOL-USD", "BTC-USD"]);
    let trades = socket.subscribe(&bench, "market_trades", &["SOL-USD"]);
    let ticker = socket.subscribe(&bench, "ticker", &["SOL-USD"]);
    let batch = socket.subscribe(&bench, "ticker_batch", &["SOL-USD"]);
    let candles = socket.subscribe(&bench, "candles", &["SOL-USD"]);
    let status = socket.subscribe(&bench, "status", &["SOL-USD"]);
    assert_eq!(channels(&beats), ["subscriptions"]);
    assert_eq!(channels(&book), ["l2_data", "l2_data", "subscriptions"]);
    assert_eq!(channels(&trades), ["market_trades", "subscriptions"]);
    assert_eq!(channels(&ticker), ["ticker", "subscriptions"]);
    assert_eq!(channels(&batch), ["ticker_batch", "subscriptions"]);
    assert_eq!(channels(&candles), ["candles", "subscriptions"]);
    assert_eq!(channels(&status), ["status", "subscriptions"]);
    let all = [&beats, &book, &trades, &ticker, &batch, &candles, &status];
    let frames: Vec<&Value> = all.into_iter().flatten().collect();
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_num"], json!(number), "{frame}");
    }
    let snapshot = &book[0]["events"][0];
    assert_eq!(snapshot["type"], json!("snapshot"));
    assert_eq!(snapshot["updates"].as_array().map(Vec::len), Some(6));
    assert_eq!(snapshot["updates"][0]["price_level"], json!("77.41"), "bids first, best first");
    assert_eq!(snapshot["updates"][3]["side"], json!("offer"));
    let list = &status[1]["events"][0]["subscriptions"];
    let expected = json!({"candles": ["SOL-USD"], "heartbeats": ["heartbeats"],
        "level2": ["SOL-USD", "BTC-USD"], "market_trades": ["SOL-USD"], "status": ["SOL-USD"],
        "ticker": ["SOL-USD"], "ticker_batch": ["SOL-USD"]});
    assert_eq!(list, &expected);
    assert!(batch[0]["events"][0]["tickers"][0].get("best_bid").is_none());
    assert_eq!(ticker[0]["events"][0]["tickers"][0]["best_ask"], json!("77.43"));
    assert_eq!(status[0]["events"][0]["products"][0]["display_name"], json!("SOL/USD"));
}

#[test]
fn an_alias_is_answered_with_the_book() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    let frames = socket.subscribe(&bench, "level2", &["SOL-USDC", "SOL-USD", "USDT-USDC"]);
    let ids: Vec<&Value> =
        frames[..frames.len() - 1].iter().map(|frame| &frame["events"][0]["product_id"]).collect();
    assert_eq!(ids, [&json!("SOL-USD"), &json!("SOL-USD"), &json!("USDT-USDC")]);
    let last = &frames[frames.len() - 1]["events"][0]["subscriptions"];
    assert_eq!(last, &json!({"level2": ["SOL-USD", "USDT-USDC"]}));
}

#[test]
fn what_a_snapshot_contains_is_not_told_again() {
    let mut bench = Bench::new();
    let mut socket = bench.connect();
    // This change is in the snapshot, and its happening is still on its way.
    set_ask(&bench, 77_43, 9 * E8);
    bench.exchange().print(bench.now_ns, "SOL-USD", Side::Bid, 7_741 * E8 / 100, E8);
    let book = socket.subscribe(&bench, "level2", &["SOL-USD"]);
    let trades = socket.subscribe(&bench, "market_trades", &["SOL-USD"]);
    assert_eq!(book[0]["events"][0]["updates"][3]["new_quantity"], json!("9"));
    assert_eq!(trades[0]["events"][0]["trades"].as_array().map(Vec::len), Some(2));
    assert!(socket.pump(&bench).is_empty());
    bench.now_ns += SECOND;
    assert!(socket.tick(&bench).is_empty(), "no trade is held back either");

    set_ask(&bench, 77_43, 0);
    let frames = socket.pump(&bench);
    let event = &frames[0]["events"][0];
    assert_eq!((frames.len(), &event["type"]), (1, &json!("update")));
    let row = json!({"side": "offer", "event_time": "2026-08-09T23:00:01Z",
        "price_level": "77.43", "new_quantity": "0"});
    assert_eq!(event["updates"], json!([row]));
}

#[test]
fn trades_are_batched_newest_first_and_tickers_are_not() {
    let mut bench = Bench::new();
    let mut socket = bench.connect();
    socket.subscribe(&bench, "market_trades", &["SOL-USD"]);
    socket.subscribe(&bench, "ticker", &["SOL-USD"]);
    socket.subscribe(&bench, "candles", &["SOL-USD"]);
    bench.now_ns += 500 * MS;
    socket.tick(&bench);
    for cents in [7_743, 7_744] {
        bench.exchange().print(bench.now_ns, "SOL-USD", Side::Ask, cents * E8 / 100, E8);
    }
    assert_eq!(channels(&socket.pump(&bench)), ["ticker", "ticker"]);
    assert!(socket.tick(&bench).is_empty(), "250 ms have not passed");
    bench.now_ns += 250 * MS;
    let frames = frames(&socket.tick(&bench));
    assert_eq!(channels(&frames), ["market_trades"]);
    let trades = frames[0]["events"][0]["trades"].as_array().expect("rows");
    let ids: Vec<u64> = trades
        .iter()
        .map(|row| row["trade_id"].as_str().expect("text").parse().expect("a number"))
        .collect();
    assert_eq!((ids.len(), ids[0]), (2, ids[1] + 1));
    assert_eq!(trades[0]["side"], json!("SELL"), "the maker's side");
    bench.now_ns += SECOND;
    let candles = super::frames(&socket.tick(&bench));
    assert_eq!(channels(&candles), ["candles"]);
    assert_eq!(candles[0]["events"][0]["candles"][0]["close"], json!("77.44"));
}

#[test]
fn heartbeats_count_on_by_the_second() {
    let mut bench = Bench::new();
    let mut socket = bench.connect();
    socket.subscribe(&bench, "heartbeats", &[]);
    let mut counters = Vec::new();
    for _ in 0..100 {
        bench.now_ns += 50 * MS;
        for frame in frames(&socket.tick(&bench)) {
            let event = &frame["events"][0];
            counters.push(event["heartbeat_counter"].as_u64().expect("a whole number"));
            let time = event["current_time"].as_str().expect("text");
            assert!(time.contains(" +0000 UTC m=+"), "{time}");
        }
    }
    assert_eq!(counters, [1, 2, 3, 4, 5]);
    bench.now_ns += 60 * SECOND;
    assert_eq!(socket.tick(&bench).len(), 5, "a leap of time is not made up for without end");
}

#[test]
fn silent_clients_and_idle_connections_are_closed() {
    let mut bench = Bench::new();
    let (mut silent, mut wrong, mut idle) = (bench.connect(), bench.connect(), bench.connect());
    idle.subscribe(&bench, "level2", &["SOL-USD"]);
    wrong.send(&bench, "{}");
    bench.now_ns += 5 * SECOND - 1;
    assert!(!closes(&silent.tick(&bench)));
    bench.now_ns += 1;
    assert!(closes(&silent.tick(&bench)), "five seconds without a subscription");
    assert!(closes(&wrong.tick(&bench)), "nonsense is no subscription");
    assert!(silent.tick(&bench).is_empty(), "once");
    assert!(silent.subscribe(&bench, "heartbeats", &[]).is_empty(), "nothing after the close");
    assert!(!closes(&idle.tick(&bench)));
    bench.now_ns = START_NS + 75 * SECOND;
    assert!(closes(&idle.tick(&bench)), "no data for more than a minute");
    let mut busy = bench.connect();
    busy.subscribe(&bench, "heartbeats", &[]);
    for _ in 0..200 {
        bench.now_ns += SECOND;
        assert!(!closes(&busy.tick(&bench)), "heartbeats are data");
    }
}

#[test]
fn nonsense_gets_an_error_frame_without_a_number() {
    let bench = Bench::with(Settings { keys: keys(), public_messages_per_s: 0 });
    let mut socket = bench.connect();
    for (text, message) in [
        ("nonsense", "failed to parse message"),
        ("[]", "failed to parse message"),
        (r#"{"type":"ping"}"#, "unknown message type: ping"),
        (r#"{"type":"subscribe"}"#, "channel is missing"),
        (r#"{"type":"subscribe","channels":["level2"]}"#, "channel is missing"),
        (
            r#"{"type":"subscribe","channel":"heartbeat","product_ids":[]}"#,
            "unknown channel: heartbeat",
        ),
        (r#"{"type":"subscribe","channel":"level2"}"#, "product_ids is missing"),
        (
            r#"{"type":"subscribe","channel":"level2","product_ids":["sol-usd"]}"#,
            "product not found: sol-usd",
        ),
        (r#"{"type":"subscribe","channel":"user"}"#, "authentication failure"),
        (r#"{"type":"subscribe","channel":"user","jwt":""}"#, "authentication failure"),
        (r#"{"type":"unsubscribe","channel":"user"}"#, "authentication failure"),
        (r#"{"type":"subscribe","channel":"heartbeats","jwt":"a.b.c"}"#, "authentication failure"),
    ] {
        let frames = socket.send(&bench, text);
        assert_eq!(frames, [json!({"type": "error", "message": message})], "{text}");
    }
    let first = socket.subscribe(&bench, "heartbeats", &[]);
    assert_eq!(first[0]["sequence_num"], json!(0), "errors have no number");
}

#[test]
fn messages_without_a_token_are_limited_for_the_address() {
    let mut bench = Bench::new();
    let (mut one, mut two) = (bench.connect(), bench.connect());
    for _ in 0..4 {
        assert_eq!(channels(&one.subscribe(&bench, "heartbeats", &[])), ["subscriptions"]);
        assert_eq!(channels(&two.subscribe(&bench, "heartbeats", &[])), ["subscriptions"]);
    }
    let refused = one.subscribe(&bench, "heartbeats", &[]);
    assert_eq!(refused, [json!({"type": "error", "message": "rate limit exceeded"})]);
    assert_eq!(channels(&one.subscribe_user(&bench, TRADER)), ["user", "subscriptions"]);
    bench.now_ns += SECOND;
    assert_eq!(channels(&one.subscribe(&bench, "heartbeats", &[])), ["subscriptions"]);
}

#[test]
fn unsubscribing_ends_what_it_names() {
    let mut bench = Bench::new();
    let mut socket = bench.connect();
    socket.subscribe(&bench, "level2", &["SOL-USD", "BTC-USD"]);
    let one = r#"{"type":"unsubscribe","channel":"level2","product_ids":["SOL-USD"]}"#;
    let left = &socket.send(&bench, one)[0]["events"][0]["subscriptions"];
    assert_eq!(left, &json!({"level2": ["BTC-USD"]}));
    set_ask(&bench, 77_50, E8);
    assert!(socket.pump(&bench).is_empty());
    let all = r#"{"type":"unsubscribe","channel":"level2"}"#;
    let none = &socket.send(&bench, all)[0]["events"][0]["subscriptions"];
    assert_eq!(none, &json!({}));
    bench.now_ns += SECOND;
    let again = socket.subscribe(&bench, "level2", &["SOL-USD"]);
    assert_eq!(again[0]["events"][0]["type"], json!("snapshot"), "a resubscription shows the book");
}

#[test]
fn orders_are_told_cumulatively_to_their_owner() {
    let bench = Bench::new();
    let (mut owner, mut other) = (bench.connect(), bench.connect());
    let frames = owner.subscribe_user(&bench, TRADER);
    assert_eq!(frames[0]["events"][0]["orders"], json!([]));
    let list = &frames[1]["events"][0]["subscriptions"]["user"];
    assert_eq!(list, &json!([super::super::orders::user_id("alice")]));
    other.subscribe_user(&bench, OTHER);
    bench.order("ioc", "BUY", r#"{"sor_limit_ioc":{"base_size":"6","limit_price":"77.45"}}"#);
    let happenings = bench.exchange().drain();
    let mut out = Vec::new();
    let mut theirs = Vec::new();
    for what in &happenings {
        owner.dialect.happened(bench.now_ns, what, &mut out);
        other.dialect.happened(bench.now_ns, what, &mut theirs);
    }
    assert!(theirs.is_empty(), "another account hears nothing");
    let rows: Vec<Value> =
        super::frames(&out).iter().map(|frame| frame["events"][0]["orders"][0].clone()).collect();
    let states: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let word = |key: &str| row[key].as_str().expect("text");
            (word("status"), word("cumulative_quantity"), word("leaves_quantity"))
        })
        .collect();
    let expected =
        [("PENDING", "0", "6"), ("OPEN", "1", "5"), ("OPEN", "5", "1"), ("CANCELLED", "5", "0")];
    assert_eq!(states, expected);
    let last = &rows[3];
    for (key, value) in [
        ("order_type", "Limit"),
        ("time_in_force", "IMMEDIATE_OR_CANCEL"),
        ("avg_price", "77.446"),
        ("filled_value", "387.23"),
        ("total_fees", "3.48507"),
        ("total_value_after_fees", "390.71507"),
        ("number_of_fills", "2"),
        ("completion_percentage", "83.33"),
        ("limit_price", "77.45"),
        ("post_only", "false"),
        ("end_time", "0001-01-01T00:00:00Z"),
        ("trigger_status", "INVALID_ORDER_TYPE"),
        ("client_order_id", "ioc"),
        ("order_side", "BUY"),
    ] {
        assert_eq!(last[key], json!(value), "{key}");
    }
}

#[test]
fn market_orders_by_amount_and_resting_orders_end_in_words() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    socket.subscribe_user(&bench, TRADER);
    let statuses = |frames: &[Value]| -> Vec<String> {
        let row = |frame: &Value| frame["events"][0]["orders"][0]["status"].clone();
        frames.iter().map(row).map(|s| s.as_str().expect("text").to_owned()).collect()
    };
    bench.order("m", "BUY", r#"{"market_market_ioc":{"quote_size":"10"}}"#);
    assert_eq!(statuses(&socket.pump(&bench)), ["PENDING", "OPEN", "FILLED"]);
    let gtc = r#"{"limit_limit_gtc":{"base_size":"1","limit_price":"77.42"}}"#;
    bench.order_of("SOL-USDC", "g", "BUY", gtc);
    let frames = socket.pump(&bench);
    assert_eq!(statuses(&frames), ["PENDING", "OPEN"]);
    let row = &frames[1]["events"][0]["orders"][0];
    assert_eq!(row["product_id"], json!("SOL-USDC"), "orders keep the name they were given");
    // Somebody sells into it.
    bench.exchange().take(bench.now_ns, "SOL-USD", Side::Bid, 7_742 * E8 / 100, E8);
    assert_eq!(statuses(&socket.pump(&bench)), ["FILLED"]);
    // What is refused never was an order.
    bench.order("r", "BUY", r#"{"sor_limit_ioc":{"base_size":"0.001","limit_price":"77"}}"#);
    assert!(socket.pump(&bench).is_empty());
}

#[test]
fn open_orders_come_in_batches_of_fifty() {
    for (orders, sizes) in [
        (0, vec![0]),
        (1, vec![1]),
        (49, vec![49]),
        (50, vec![50, 0]),
        (51, vec![50, 1]),
        (120, vec![50, 50, 20]),
    ] {
        let bench = Bench::new();
        let gtc = r#"{"limit_limit_gtc":{"base_size":"0.1","limit_price":"77"}}"#;
        for index in 0..orders {
            bench.order(&format!("o{index}"), "BUY", gtc);
        }
        let mut socket = bench.connect();
        let frames = socket.subscribe_user(&bench, TRADER);
        let found: Vec<usize> = frames[..frames.len() - 1]
            .iter()
            .map(|frame| {
                assert_eq!(frame["events"][0]["type"], json!("snapshot"));
                frame["events"][0]["orders"].as_array().map_or(0, Vec::len)
            })
            .collect();
        assert_eq!(found, sizes, "{orders} orders");
    }
}

#[test]
fn faults_are_expressed_in_the_venues_words() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    let disturb = |socket: &mut Socket, what: &Disturbance| {
        let mut out = Vec::new();
        let is_known = socket.dialect.disturb(bench.now_ns, what, &mut out);
        (is_known, out)
    };
    let crossed = Disturbance::CrossedBook { product: Arc::from("SOL-USD") };
    let giant = Disturbance::GiantFrame { bytes: 3_000_000 };
    assert!(!disturb(&mut socket, &crossed).0, "nothing is subscribed");
    assert!(!disturb(&mut socket, &giant).0, "nothing is subscribed");
    assert!(!disturb(&mut socket, &Disturbance::SubscriptionDropped).0);
    assert!(!disturb(&mut socket, &Disturbance::SlotLag { slots: 1 }).0);
    socket.subscribe(&bench, "level2", &["SOL-USD"]);
    socket.subscribe_user(&bench, TRADER);

    let before = bench.exchange().levels("SOL-USD", Side::Bid, 0);
    let (is_known, out) = disturb(&mut socket, &crossed);
    let row = &frames(&out)[0]["events"][0]["updates"][0];
    assert!(is_known && row["side"] == json!("bid") && row["price_level"] == json!("77.44"));
    assert_eq!(bench.exchange().levels("SOL-USD", Side::Bid, 0), before, "the truth stays");

    let (is_known, out) = disturb(&mut socket, &giant);
    let Out::Text(text) = &out[0] else { panic!("no frame") };
    assert!(is_known && (3_000_000..4_000_000).contains(&text.len()), "{}", text.len());
    let frame: Value = serde_json::from_str(text).expect("it is well-formed");
    let rows = frame["events"][0]["updates"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["new_quantity"] == json!("0")), "nothing changes");

    let (is_known, out) = disturb(&mut socket, &Disturbance::AuthExpired);
    assert!(is_known);
    assert_eq!(frames(&out), [json!({"type": "error", "message": "authentication failure"})]);
    bench.order("x", "BUY", r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.43"}}"#);
    assert_eq!(channels(&socket.pump(&bench)), ["l2_data"], "orders are told no more");

    let (is_known, out) = disturb(&mut socket, &Disturbance::SubscriptionDropped);
    assert!(is_known && out.is_empty(), "without a word");
    set_ask(&bench, 77_60, E8);
    assert!(socket.pump(&bench).is_empty());

    let (is_known, out) = disturb(&mut socket, &Disturbance::Maintenance);
    assert!(is_known && closes(&out));
    assert!(!disturb(&mut socket, &crossed).0, "it is over");
}

#[test]
fn expired_credentials_are_refused_until_restored() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    bench.venue.disturb(bench.now_ns, &Disturbance::AuthExpired);
    let refused = socket.subscribe_user(&bench, TRADER);
    assert_eq!(refused, [json!({"type": "error", "message": "authentication failure"})]);
    assert_eq!(channels(&socket.subscribe(&bench, "heartbeats", &[])), ["subscriptions"]);
    bench.venue.disturb(bench.now_ns, &Disturbance::AuthRestored);
    assert_eq!(channels(&socket.subscribe_user(&bench, TRADER)), ["user", "subscriptions"]);
}

#[test]
fn status_changes_are_told() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    let text = r#"{"type":"subscribe","channel":"status"}"#;
    let all = socket.send(&bench, text);
    assert_eq!(all[0]["events"][0]["products"].as_array().map(Vec::len), Some(5));
    bench.exchange().set_status("SOL-USD", ProductStatus::Halted);
    let frames = socket.pump(&bench);
    let products = frames[0]["events"][0]["products"].as_array().expect("rows");
    let states: Vec<(&Value, &Value)> =
        products.iter().map(|row| (&row["id"], &row["status"])).collect();
    let (one, alias, off) = (json!("SOL-USD"), json!("SOL-USDC"), json!("offline"));
    assert_eq!(states, [(&one, &off), (&alias, &off)]);
}

#[test]
fn a_book_followed_by_updates_is_the_exchanges() {
    let mut bench = Bench::new();
    let mut socket = bench.connect();
    let mut book: BTreeMap<(bool, u64), u64> = BTreeMap::new();
    let mut apply = |frames: &[Value]| {
        for frame in frames.iter().filter(|frame| frame["channel"] == "l2_data") {
            let event = &frame["events"][0];
            if event["type"] == "snapshot" {
                book.clear();
            }
            for row in event["updates"].as_array().expect("rows") {
                let e8 = |key: &str| {
                    let text = row[key].as_str().expect("text");
                    super::super::text::parse_e8(text).expect("an amount")
                };
                let key = (row["side"] == "bid", e8("price_level"));
                match e8("new_quantity") {
                    0 => book.remove(&key),
                    size => book.insert(key, size),
                };
            }
        }
    };
    let mut seed = 11_u64;
    let mut chance = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for step in 0..600_u64 {
        bench.now_ns += 20 * MS;
        let (side, cents) = if chance(2) == 0 {
            (Side::Bid, 7_741 - chance(40))
        } else {
            (Side::Ask, 7_743 + chance(40))
        };
        let level = change(side, cents, chance(5) * E8 / 4);
        bench.exchange().set_levels(bench.now_ns, "SOL-USD", &[level]);
        if chance(7) == 0 {
            let side = if chance(2) == 0 { "BUY" } else { "SELL" };
            let market = r#"{"market_market_ioc":{"base_size":"0.3"}}"#;
            bench.order(&format!("m{step}"), side, market);
        }
        // The subscription comes while happenings are under way.
        if step % 150 == 20 {
            let text = r#"{"type":"unsubscribe","channel":"level2"}"#;
            socket.send(&bench, text);
            apply(&socket.subscribe(&bench, "level2", &["SOL-USD"]));
        }
        if chance(3) == 0 {
            apply(&socket.pump(&bench));
        }
    }
    apply(&socket.pump(&bench));
    let exchange = bench.exchange();
    let mut truth = BTreeMap::new();
    for (is_bid, side) in [(true, Side::Bid), (false, Side::Ask)] {
        for (price, size) in exchange.levels("SOL-USD", side, 0) {
            truth.insert((is_bid, price), size);
        }
    }
    assert!(truth.len() > 20, "{} levels", truth.len());
    assert_eq!(book, truth);
}
