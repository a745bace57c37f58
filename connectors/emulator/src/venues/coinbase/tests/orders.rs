//! Orders over REST.

use serde_json::json;

use super::*;

const BATCH: &str = "/api/v3/brokerage/orders/historical/batch";
const FILLS: &str = "/api/v3/brokerage/orders/historical/fills";

fn id_of(answer: &Value) -> String {
    answer["success_response"]["order_id"].as_str().expect("an order id").to_owned()
}

fn history(bench: &Bench, id: &str) -> Value {
    let target = format!("/api/v3/brokerage/orders/historical/{id}");
    let (status, answer) = bench.signed("GET", &target, "");
    assert_eq!(status, 200, "{answer}");
    answer["order"].clone()
}

#[test]
fn an_ioc_fills_in_part_and_everything_adds_up() {
    let bench = Bench::new();
    let configuration = r#"{"sor_limit_ioc":{"base_size":"6.00000000","limit_price":"77.45"}}"#;
    let answer = bench.order("arb-1", "BUY", configuration);
    assert_eq!(answer["success"], json!(true));
    let echo = json!({"sor_limit_ioc": {"base_size": "6", "limit_price": "77.45"}});
    assert_eq!(answer["order_configuration"], echo, "numbers lose their zeros");
    assert_eq!(answer["success_response"]["client_order_id"], json!("arb-1"));
    assert_eq!(answer["success_response"]["side"], json!("BUY"));

    let order = history(&bench, &id_of(&answer));
    // 1 at 77.43 and 4 at 77.45; fees of 90 basis points on each.
    for (key, value) in [
        ("status", json!("CANCELLED")),
        ("filled_size", json!("5")),
        ("filled_value", json!("387.23")),
        ("average_filled_price", json!("77.446")),
        ("total_fees", json!("3.48507")),
        ("total_value_after_fees", json!("390.71507")),
        ("number_of_fills", json!("2")),
        ("completion_percentage", json!("83.33")),
        ("time_in_force", json!("IMMEDIATE_OR_CANCEL")),
        ("order_type", json!("LIMIT")),
        ("outstanding_hold_amount", json!("0")),
        ("reject_reason", json!("REJECT_REASON_UNSPECIFIED")),
        ("settled", json!(false)),
        ("size_in_quote", json!(false)),
        ("created_time", json!("2026-08-09T23:00:00Z")),
        ("last_fill_time", json!("2026-08-09T23:00:00Z")),
        ("fee", json!("")),
        ("order_configuration", echo),
    ] {
        assert_eq!(order[key], value, "{key}");
    }
    let fills = bench.signed("GET", FILLS, "").1;
    let rows = fills["fills"].as_array().expect("rows");
    let facts: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let word = |key: &str| row[key].as_str().expect("text");
            assert_eq!(word("liquidity_indicator"), "TAKER");
            assert_eq!(word("order_id"), id_of(&answer));
            (word("price"), word("size"), word("commission"))
        })
        .collect();
    assert_eq!(facts, [("77.45", "4", "2.7882"), ("77.43", "1", "0.69687")], "newest first");
    assert_eq!(bench.balance("USD"), (10_000 * E8 - 39_071_507_000, 0));
    assert_eq!(bench.balance("SOL"), (105 * E8, 0));
}

#[test]
fn each_configuration_does_what_it_says() {
    // What it shows, side, configuration, status afterwards, filled.
    for (shows, side, configuration, status, filled) in [
        (
            "limit IOC",
            "SELL",
            r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.41"}}"#,
            "FILLED",
            "1",
        ),
        (
            "IOC that meets nothing",
            "BUY",
            r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.42"}}"#,
            "CANCELLED",
            "0",
        ),
        (
            "limit FOK",
            "BUY",
            r#"{"limit_limit_fok":{"base_size":"5","limit_price":"77.45"}}"#,
            "FILLED",
            "5",
        ),
        (
            "FOK that does not fill whole",
            "BUY",
            r#"{"limit_limit_fok":{"base_size":"5.00000001","limit_price":"77.45"}}"#,
            "CANCELLED",
            "0",
        ),
        (
            "limit GTC",
            "BUY",
            r#"{"limit_limit_gtc":{"base_size":"1.5","limit_price":"77.43","post_only":false}}"#,
            "OPEN",
            "1",
        ),
        (
            "post only",
            "SELL",
            r#"{"limit_limit_gtc":{"base_size":"1","limit_price":"77.42","post_only":true}}"#,
            "OPEN",
            "0",
        ),
        ("market by base", "SELL", r#"{"market_market_ioc":{"base_size":"3"}}"#, "FILLED", "3"),
        (
            "a number instead of a string",
            "SELL",
            r#"{"market_market_ioc":{"base_size":0.5,"rfq_disabled":true}}"#,
            "FILLED",
            "0.5",
        ),
    ] {
        let bench = Bench::new();
        let answer = bench.order("a", side, configuration);
        assert_eq!(answer["success"], json!(true), "{shows}: {answer}");
        let order = history(&bench, &id_of(&answer));
        assert_eq!(order["status"], json!(status), "{shows}");
        assert_eq!(order["filled_size"], json!(filled), "{shows}");
    }
}

#[test]
fn a_market_buy_by_amount_spends_it_with_fees() {
    let bench = Bench::new();
    let answer = bench.order("a", "BUY", r#"{"market_market_ioc":{"quote_size":"100.00"}}"#);
    let echo = json!({"market_market_ioc": {"quote_size": "100"}});
    assert_eq!(answer["order_configuration"], echo);
    let order = history(&bench, &id_of(&answer));
    assert_eq!(order["status"], json!("FILLED"));
    assert_eq!(order["size_in_quote"], json!(true));
    assert_eq!(order["size_inclusive_of_fees"], json!(true));
    assert_eq!(order["order_type"], json!("MARKET"));
    let (left, held) = bench.balance("USD");
    let spent = 10_000 * E8 - left;
    assert!((100 * E8 - 200..=100 * E8).contains(&spent), "{spent} spent");
    assert_eq!(held, 0);
}

/// An order's product, side and configuration, and both reasons of its refusal.
type Refused<'a> = (&'a str, &'a str, &'a str, String, (&'a str, &'a str));

/// Every row is refused with 200 and both reasons, and leaves nothing behind.
fn all_refused(rows: &[Refused<'_>]) {
    for (shows, product, side, configuration, (order, preview)) in rows {
        let bench = Bench::new();
        let answer = bench.order_of(product, "a", side, configuration);
        assert_eq!(answer["success"], json!(false), "{shows}: {answer}");
        let error = &answer["error_response"];
        assert_eq!(error["new_order_failure_reason"], json!(order), "{shows}");
        assert_eq!(error["error"], json!(order), "{shows}: the older twin");
        assert_eq!(error["preview_failure_reason"], json!(preview), "{shows}");
        assert!(answer["order_configuration"].is_object(), "{shows}: it is echoed");
        assert!(answer.get("success_response").is_none(), "{shows}");
        let orders = bench.signed("GET", BATCH, "").1;
        assert_eq!(orders["orders"], json!([]), "{shows}: a refused order never was one");
        assert_eq!(bench.balance("USD"), (10_000 * E8, 0), "{shows}");
    }
}

fn gtc(size: &str, price: &str) -> String {
    format!(r#"{{"limit_limit_gtc":{{"base_size":"{size}","limit_price":"{price}"}}}}"#)
}

#[test]
fn refusals_of_form_are_200_and_say_why() {
    let stop = r#"{"stop_limit_stop_limit_gtc":{"base_size":"1","limit_price":"77","stop_price":"77","stop_direction":"STOP_DIRECTION_STOP_DOWN"}}"#;
    let gtd = r#"{"limit_limit_gtd":{"base_size":"1","limit_price":"77","end_time":"2030-01-01T00:00:00Z","post_only":false}}"#;
    let unsupported = ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG");
    let size = ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION");
    let price = ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION");
    all_refused(&[
        (
            "product",
            "X-USD",
            "BUY",
            gtc("1", "77"),
            ("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID"),
        ),
        ("side", "SOL-USD", "HOLD", gtc("1", "77"), ("INVALID_SIDE", "PREVIEW_INVALID_SIDE")),
        (
            "two kinds",
            "SOL-USD",
            "BUY",
            r#"{"limit_limit_fok":{},"sor_limit_ioc":{}}"#.into(),
            unsupported,
        ),
        ("no kind", "SOL-USD", "BUY", "{}".into(), unsupported),
        ("stop", "SOL-USD", "SELL", stop.into(), unsupported),
        ("good till date", "SOL-USD", "SELL", gtd.into(), unsupported),
        (
            "market FOK",
            "SOL-USD",
            "SELL",
            r#"{"market_market_fok":{"base_size":"1"}}"#.into(),
            unsupported,
        ),
        (
            "sell by quote",
            "SOL-USD",
            "SELL",
            r#"{"market_market_ioc":{"quote_size":"10"}}"#.into(),
            unsupported,
        ),
        ("size too fine", "SOL-USD", "BUY", gtc("1.000000001", "77"), size),
        ("price too fine", "SOL-USD", "BUY", gtc("1", "77.001"), price),
        ("price far too fine", "SOL-USD", "BUY", gtc("1", "77.000000001"), price),
        (
            "no price",
            "SOL-USD",
            "BUY",
            r#"{"sor_limit_ioc":{"base_size":"1"}}"#.into(),
            ("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE"),
        ),
    ]);
    let bench = Bench::new();
    for body in ["", "[]", "{", r#"{"product_id":"SOL-USD","side":"BUY"}"#] {
        let (status, answer) = bench.signed("POST", "/api/v3/brokerage/orders", body);
        assert_eq!((status, &answer["error"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
    }
}

#[test]
fn refusals_of_content_are_200_and_say_why() {
    let post = r#"{"limit_limit_gtc":{"base_size":"1","limit_price":"77.43","post_only":true}}"#;
    let small = ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL");
    let little = ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL");
    all_refused(&[
        ("size zero", "SOL-USD", "BUY", gtc("0", "77"), small),
        ("negative size", "SOL-USD", "BUY", gtc("-1", "77"), small),
        ("value too small", "SOL-USD", "BUY", gtc("0.01", "77"), little),
        (
            "quote too small",
            "SOL-USD",
            "BUY",
            r#"{"market_market_ioc":{"quote_size":"0.99"}}"#.into(),
            little,
        ),
        (
            "quote too fine",
            "SOL-USD",
            "BUY",
            r#"{"market_market_ioc":{"quote_size":"10.001"}}"#.into(),
            ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"),
        ),
        (
            "quote too large",
            "SOL-USD",
            "BUY",
            r#"{"market_market_ioc":{"quote_size":"150000001"}}"#.into(),
            ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"),
        ),
        (
            "size too large",
            "SOL-USD",
            "SELL",
            gtc("1001", "78"),
            ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        ),
        (
            "funds",
            "SOL-USD",
            "SELL",
            gtc("101", "78"),
            ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
        ),
        (
            "funds of the alias",
            "SOL-USDC",
            "BUY",
            gtc("100", "77"),
            ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
        ),
        (
            "far",
            "SOL-USD",
            "BUY",
            gtc("1", "40"),
            ("LIMIT_PRICE_TOO_FAR_FROM_MARKET", "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET"),
        ),
        (
            "post only",
            "SOL-USD",
            "BUY",
            post.into(),
            ("INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"),
        ),
        (
            "empty book",
            "BTC-USD",
            "BUY",
            r#"{"market_market_ioc":{"quote_size":"10"}}"#.into(),
            ("INVALID_NO_LIQUIDITY", "PREVIEW_INVALID_NO_LIQUIDITY"),
        ),
    ]);
}

#[test]
fn halted_products_take_cancels_only() {
    let bench = Bench::new();
    let gtc = r#"{"limit_limit_gtc":{"base_size":"1","limit_price":"77"}}"#;
    let id = id_of(&bench.order("a", "BUY", gtc));
    bench.exchange().set_status("SOL-USD", ProductStatus::Halted);
    let refused = bench.order("b", "BUY", gtc);
    assert_eq!(refused["error_response"]["error"], json!("UNTRADABLE_PRODUCT"));
    let target = "/api/v3/brokerage/market/products/SOL-USD";
    assert_eq!(bench.get(target).1["trading_disabled"], json!(true));
    let body = format!(r#"{{"order_ids":["{id}"]}}"#);
    let answer = bench.signed("POST", "/api/v3/brokerage/orders/batch_cancel", &body).1;
    assert_eq!(answer["results"][0]["success"], json!(true));
}

#[test]
fn a_client_id_describes_the_order_that_used_it_first() {
    let bench = Bench::new();
    let first = r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.43"}}"#;
    let second = r#"{"sor_limit_ioc":{"base_size":"2","limit_price":"77.45"}}"#;
    let one = bench.order("same", "BUY", first);
    let two = bench.order("same", "SELL", second);
    assert_eq!(one, two, "the second creates nothing and is told of the first");
    assert_eq!(bench.balance("SOL"), (101 * E8, 0));
    // What was refused is no order: its id is free.
    let refused =
        bench.order("free", "BUY", r#"{"sor_limit_ioc":{"base_size":"0.001","limit_price":"77"}}"#);
    assert_eq!(refused["success"], json!(false));
    assert_eq!(bench.order("free", "BUY", second)["success"], json!(true));
    // Ids are an account's own.
    let body = format!(
        r#"{{"client_order_id":"same","product_id":"SOL-USD","side":"SELL","order_configuration":{first}}}"#
    );
    let other = bench.signed_by(OTHER, "POST", "/api/v3/brokerage/orders", &body).1;
    assert_ne!(other["success_response"]["order_id"], one["success_response"]["order_id"]);
}

#[test]
fn an_alias_settles_in_its_own_currency() {
    let bench = Bench::new();
    let ioc = r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.43"}}"#;
    let answer = bench.order_of("SOL-USDC", "a", "BUY", ioc);
    assert_eq!(answer["success_response"]["product_id"], json!("SOL-USDC"));
    assert_eq!(bench.balance("USD"), (10_000 * E8, 0));
    assert_eq!(bench.balance("USDC"), (5_000 * E8 - 7_812_687_000, 0));
    let fill = &bench.signed("GET", FILLS, "").1["fills"][0];
    assert_eq!(fill["product_id"], json!("SOL-USDC"));
    let wanted = |name: &str| {
        let answer = bench.signed("GET", &format!("{FILLS}?product_ids={name}"), "").1;
        answer["fills"].as_array().map(Vec::len)
    };
    assert_eq!((wanted("SOL-USDC"), wanted("SOL-USD")), (Some(1), Some(0)));
}

#[test]
fn cancels_answer_row_by_row() {
    let bench = Bench::new();
    let gtc = r#"{"limit_limit_gtc":{"base_size":"2","limit_price":"77"}}"#;
    let open = id_of(&bench.order("a", "BUY", gtc));
    let order = history(&bench, &open);
    assert_eq!(order["status"], json!("OPEN"));
    assert_eq!(order["outstanding_hold_amount"], json!("155.386"), "2 × 77 and 90 basis points");
    assert_eq!(bench.balance("USD"), (10_000 * E8 - 15_538_600_000, 15_538_600_000));
    let ioc = r#"{"sor_limit_ioc":{"base_size":"1","limit_price":"77.43"}}"#;
    let done = id_of(&bench.order("b", "BUY", ioc));
    let body = format!(r#"{{"order_ids":["{open}","{done}","{open}","nothing"]}}"#);
    let target = "/api/v3/brokerage/orders/batch_cancel";
    let theirs = bench.signed_by(OTHER, "POST", target, &body).1;
    assert_eq!(theirs["results"][0]["failure_reason"], json!("UNKNOWN_CANCEL_ORDER"));
    let rows = bench.signed("POST", target, &body).1["results"].clone();
    let expected = [
        (true, "UNKNOWN_CANCEL_FAILURE_REASON", open.as_str()),
        (false, "COMMANDER_REJECTED_CANCEL_ORDER", &done),
        (false, "DUPLICATE_CANCEL_REQUEST", &open),
        (false, "UNKNOWN_CANCEL_ORDER", "nothing"),
    ];
    for (row, (success, reason, id)) in rows.as_array().expect("rows").iter().zip(expected) {
        assert_eq!(row, &json!({"success": success, "failure_reason": reason, "order_id": id}));
    }
    assert_eq!(history(&bench, &open)["status"], json!("CANCELLED"));
    assert_eq!(bench.balance("USD").1, 0, "what was reserved is back");
    for body in ["{}", r#"{"order_ids":[]}"#] {
        assert_eq!(bench.signed("POST", target, body).0, 400, "{body}");
    }
    let many = serde_json::to_string(&vec!["x"; 101]).expect("JSON");
    assert_eq!(bench.signed("POST", target, &format!(r#"{{"order_ids":{many}}}"#)).0, 400);
}

#[test]
fn an_edit_keeps_the_order_and_says_what_it_was() {
    let bench = Bench::new();
    let mut socket = bench.connect();
    socket.subscribe_user(&bench, TRADER);
    let gtc = r#"{"limit_limit_gtc":{"base_size":"2","limit_price":"77"}}"#;
    let id = id_of(&bench.order("a", "BUY", gtc));
    let done = id_of(&bench.order("b", "SELL", r#"{"market_market_ioc":{"base_size":"1"}}"#));
    socket.pump(&bench);
    let edit = |id: &str, price: &str, size: &str| {
        let body = format!(r#"{{"order_id":"{id}","price":"{price}","size":"{size}"}}"#);
        bench.signed("POST", "/api/v3/brokerage/orders/edit", &body).1
    };
    for (id, price, size, reason) in [
        ("x", "77", "1", "ORDER_NOT_FOUND"),
        (&done, "77", "2", "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"),
        (&id, "77", "2", "EDIT_EQUAL_TO_ORIGINAL"),
        (&id, "77.001", "2", "INVALID_EDITED_PRICE"),
        (&id, "77", "0.000000001", "INVALID_EDITED_SIZE"),
        (&id, "77", "0.01", "INVALID_EDITED_SIZE"),
        (&id, "77", "0", "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"),
        (&id, "77", "900", "COMMANDER_REJECTED_EDIT_ORDER"),
    ] {
        let answer = edit(id, price, size);
        assert_eq!(answer["errors"][0]["edit_failure_reason"], json!(reason), "{answer}");
    }
    assert!(socket.pump(&bench).is_empty(), "a refused edit is nothing");
    assert_eq!(edit(&id, "77.10", "3"), json!({"success": true, "errors": []}));
    let row = socket.pump(&bench)[0]["events"][0]["orders"][0].clone();
    assert_eq!((&row["limit_price"], &row["leaves_quantity"]), (&json!("77.1"), &json!("3")));
    let order = history(&bench, &id);
    let configuration = json!({"base_size": "3", "limit_price": "77.1", "post_only": false});
    assert_eq!(order["order_configuration"]["limit_limit_gtc"], configuration);
    let was = json!([{"price": "77.1", "size": "3",
        "replace_accept_timestamp": "2026-08-09T23:00:00Z"}]);
    assert_eq!(order["edit_history"], was);
    assert_eq!(order["outstanding_hold_amount"], json!("233.3817"), "3 × 77.10, 90 basis points");
    assert_eq!(bench.balance("USD").1, 23_338_170_000);
}

#[test]
fn a_preview_tells_and_changes_nothing() {
    let bench = Bench::new();
    let target = "/api/v3/brokerage/orders/preview";
    let ask = |configuration: &str| {
        let body = format!(
            r#"{{"product_id":"SOL-USD","side":"BUY","order_configuration":{configuration}}}"#
        );
        bench.signed("POST", target, &body).1
    };
    let good = ask(r#"{"sor_limit_ioc":{"base_size":"5","limit_price":"77.45"}}"#);
    assert_eq!(good["errs"], json!([]));
    assert_eq!(good["commission_total"], json!("3.48507"));
    assert_eq!(good["order_total"], json!("390.71507"));
    assert_eq!(good["base_size"], json!("5"));
    assert_eq!(good["best_ask"], json!("77.43"));
    assert_eq!(good["est_average_filled_price"], json!("77.446"));
    assert_eq!(good["slippage"], json!("0.000206"));
    let resting = ask(r#"{"limit_limit_gtc":{"base_size":"2","limit_price":"77"}}"#);
    assert_eq!(resting["order_total"], json!("154.77"), "2 × 77 and the maker's 50 basis points");
    let bad = ask(r#"{"sor_limit_ioc":{"base_size":"500","limit_price":"77.45"}}"#);
    assert_eq!(bad["errs"], json!(["PREVIEW_INSUFFICIENT_FUND"]));
    assert_eq!(bench.balance("USD"), (10_000 * E8, 0));
    assert_eq!(bench.signed("GET", BATCH, "").1["orders"], json!([]));
}

#[test]
fn lists_are_filtered_and_paged() {
    let mut bench = Bench::new();
    let gtc = r#"{"limit_limit_gtc":{"base_size":"1","limit_price":"77"}}"#;
    let ioc = r#"{"sor_limit_ioc":{"base_size":"0.1","limit_price":"77.41"}}"#;
    for index in 0..5 {
        bench.order(&format!("rest-{index}"), "BUY", gtc);
        bench.now_ns += SECOND;
        bench.order(&format!("take-{index}"), "SELL", ioc);
    }
    let count = |query: &str| {
        let (status, answer) = bench.signed("GET", &format!("{BATCH}?{query}"), "");
        (status, answer["orders"].as_array().map_or(0, Vec::len))
    };
    for (query, status, rows) in [
        ("", 200, 10),
        ("order_status=OPEN", 200, 5),
        ("order_status=FILLED", 200, 5),
        ("order_status=FILLED&order_status=CANCELLED", 200, 5),
        ("order_status=OPEN&order_status=FILLED", 400, 0),
        ("order_status=ODD", 400, 0),
        ("order_side=SELL", 200, 5),
        ("product_ids=SOL-USD", 200, 10),
        ("product_id=BTC-USD", 200, 0),
        ("product_ids=BTC-USD&product_ids=SOL-USD", 200, 10),
        ("time_in_forces=IMMEDIATE_OR_CANCEL", 200, 5),
        ("order_types=MARKET", 200, 0),
        ("start_date=2026-08-09T23:00:02Z", 200, 7),
        ("end_date=2026-08-09T23:00:02Z", 200, 3),
        ("start_date=yesterday", 400, 0),
        ("limit=3", 200, 3),
        ("limit=x", 400, 0),
        ("cursor=x", 400, 0),
    ] {
        assert_eq!(count(query), (status, rows), "{query}");
    }
    for (target, list, size) in [(BATCH, "orders", 10), (FILLS, "fills", 5)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for _ in 0..10 {
            let (_, page) = bench.signed("GET", &format!("{target}?limit=2&cursor={cursor}"), "");
            let key = if list == "fills" { "entry_id" } else { "order_id" };
            for row in page[list].as_array().expect("rows") {
                seen.push(row[key].as_str().expect("an id").to_owned());
            }
            page["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
            if cursor.is_empty() {
                break;
            }
        }
        let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (size, size), "{list}: each once");
    }
    let fill = &bench.signed("GET", FILLS, "").1["fills"][0];
    let word = |key: &str| fill[key].as_str().expect("text").to_owned();
    for (query, rows) in [
        (format!("order_ids={}", word("order_id")), 1),
        (format!("order_id={}", word("order_id")), 1),
        (format!("trade_ids={}", word("trade_id")), 1),
        ("trade_ids=x".to_owned(), 0),
        ("start_sequence_timestamp=2026-08-09T23:00:03Z".to_owned(), 3),
        ("end_sequence_timestamp=2026-08-09T23:00:03Z".to_owned(), 3),
    ] {
        let answer = bench.signed("GET", &format!("{FILLS}?{query}"), "").1;
        assert_eq!(answer["fills"].as_array().map(Vec::len), Some(rows), "{query}");
    }
    assert_eq!(bench.signed_by(OTHER, "GET", BATCH, "").1["orders"], json!([]));
    let theirs = format!("/api/v3/brokerage/orders/historical/{}", word("order_id"));
    let (status, answer) = bench.signed_by(OTHER, "GET", &theirs, "");
    assert_eq!(status, 404);
    assert_eq!(answer["message"], json!("order with this orderID was not found"));
}
