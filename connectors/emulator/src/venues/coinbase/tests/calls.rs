//! Calls that place no order.

use serde_json::json;

use super::super::orders::portfolio_id;
use super::*;
use crate::serve::{Disturbance, LimitKind};

const MARKET: &str = "/api/v3/brokerage/market";

#[test]
fn public_calls_answer_as_the_venue_does() {
    let bench = Bench::new();
    for (target, status, pointer, value) in [
        ("/api/v3/brokerage/time", 200, "/epochMillis", json!("1786316400000")),
        ("/api/v3/brokerage/time", 200, "/iso", json!("2026-08-09T23:00:00Z")),
        ("/v2/time", 200, "/data/epoch", json!(1_786_316_400)),
        ("{m}/products", 200, "/num_products", json!(5)),
        ("{m}/products", 200, "/products/0/product_id", json!("SOL-USD")),
        ("{m}/products", 200, "/products/0/alias_to", json!(["SOL-USDC"])),
        ("{m}/products", 200, "/products/1/alias", json!("SOL-USD")),
        ("{m}/products", 200, "/products/1/quote_currency_id", json!("USDC")),
        ("{m}/products", 200, "/products/4/alias_to", json!([])),
        ("{m}/products?product_type=FUTURE", 200, "/num_products", json!(0)),
        ("{m}/products?product_type=SPOT", 200, "/num_products", json!(5)),
        ("{m}/products?product_type=ODD", 400, "/error", json!("INVALID_ARGUMENT")),
        ("{m}/products?product_ids=BTC-USD&product_ids=X", 200, "/num_products", json!(1)),
        ("{m}/products?limit=1&offset=2", 200, "/products/0/product_id", json!("BTC-USD")),
        ("{m}/products?limit=1&offset=2", 200, "/num_products", json!(5)),
        ("{m}/products?limit=x", 400, "/error", json!("INVALID_ARGUMENT")),
        ("{m}/products/SOL-USD", 200, "/price", json!("77.43")),
        ("{m}/products/SOL-USD", 200, "/price_increment", json!("0.01")),
        ("{m}/products/SOL-USD", 200, "/base_increment", json!("0.00000001")),
        ("{m}/products/SOL-USD", 200, "/quote_min_size", json!("1")),
        ("{m}/products/SOL-EUR", 404, "/message", json!("Product SOL-EUR not supported")),
        ("{m}/products/USDT-USD", 404, "/error", json!("NOT_FOUND")),
        ("{m}/product_book?product_id=SOL-USD", 200, "/pricebook/bids/0/price", json!("77.41")),
        ("{m}/product_book?product_id=SOL-USD", 200, "/pricebook/asks/2/size", json!("50")),
        ("{m}/product_book?product_id=SOL-USD", 200, "/mid_market", json!("77.42")),
        ("{m}/product_book?product_id=SOL-USD", 200, "/spread_absolute", json!("0.02")),
        ("{m}/product_book?product_id=SOL-USD", 200, "/spread_bps", json!("2.583")),
        ("{m}/product_book?product_id=SOL-USDC", 200, "/pricebook/product_id", json!("SOL-USDC")),
        ("{m}/product_book", 400, "/error", json!("INVALID_ARGUMENT")),
        ("{m}/product_book?product_id=X", 404, "/error", json!("NOT_FOUND")),
        ("{m}/products/SOL-USD/ticker", 200, "/trades/0/side", json!("SELL")),
        ("{m}/products/SOL-USD/ticker", 200, "/best_bid", json!("77.41")),
        ("{m}/products/SOL-USD/ticker?limit=1001", 500, "/error", json!("INTERNAL")),
        ("/v2/currencies", 200, "/data/0/id", json!("USD")),
        ("/v2/currencies/crypto", 200, "/data/1/code", json!("SOL")),
        ("/v2/exchange-rates", 200, "/data/rates/SOL", json!("0.012916559028674")),
        ("/v2/nothing", 404, "/error", json!("NOT_FOUND")),
        ("/api/v3/brokerage/nothing", 404, "/error", json!("NOT_FOUND")),
        ("/", 404, "/error", json!("NOT_FOUND")),
    ] {
        let target = target.replace("{m}", MARKET);
        let (code, answer) = bench.get(&target);
        assert_eq!(code, status, "{target}: {answer}");
        let found = answer.pointer(pointer).unwrap_or(&Value::Null);
        let is_prefix = value
            .as_str()
            .zip(found.as_str())
            .is_some_and(|(want, has)| target == "/v2/exchange-rates" && has.starts_with(want));
        assert!(*found == value || is_prefix, "{target} {pointer}: {found}");
    }
    let limited = bench.get(&format!("{MARKET}/product_book?product_id=SOL-USD&limit=2")).1;
    assert_eq!(limited["pricebook"]["asks"].as_array().map(Vec::len), Some(2));
}

#[test]
fn candles_are_bounded_and_named() {
    let mut bench = Bench::new();
    for (after_s, price) in [(1, 7_750), (70, 7_760), (71, 7_740)] {
        let at_ns = START_NS + after_s * SECOND;
        bench.exchange().print(at_ns, "SOL-USD", Side::Ask, price * E8 / 100, E8);
    }
    bench.now_ns += 100 * SECOND;
    let start = START_NS / SECOND;
    let target = |from: u64, to: u64, width: &str| {
        format!("{MARKET}/products/SOL-USD/candles?start={from}&end={to}&granularity={width}")
    };
    let (status, answer) = bench.get(&target(start, start + 600, "ONE_MINUTE"));
    assert_eq!(status, 200);
    let newest = &answer["candles"][0];
    let candle = json!({"start": (start + 60).to_string(), "high": "77.6", "low": "77.4",
        "open": "77.6", "close": "77.4", "volume": "2"});
    assert_eq!(newest, &candle);
    assert_eq!(answer["candles"].as_array().map(Vec::len), Some(2));
    assert_eq!(bench.get(&target(start, start + 350 * 60, "ONE_MINUTE")).0, 200);
    assert_eq!(bench.get(&target(start, start + 351 * 60, "ONE_MINUTE")).0, 400);
    assert_eq!(bench.get(&target(start, start + 60, "ONE_WEEK")).0, 400);
}

#[test]
fn private_calls_need_a_token_for_just_that_call() {
    let bench = Bench::new();
    for path in [
        "accounts",
        "products",
        "products/SOL-USD",
        "product_book",
        "best_bid_ask",
        "transaction_summary",
        "key_permissions",
        "orders/historical/batch",
        "orders/historical/fills",
        "orders/historical/x",
    ] {
        let target = format!("/api/v3/brokerage/{path}");
        let answer = bench.call(&request("GET", &target, ""));
        assert_eq!((answer.status, &answer.body[..]), (401, &b"Unauthorized"[..]), "{path}");
        let kind = answer.headers.iter().find(|(name, _)| name == "content-type");
        assert_eq!(kind.map(|(_, value)| value.as_str()), Some("text/plain"), "{path}");
    }
    for path in ["orders", "orders/preview", "orders/batch_cancel"] {
        let target = format!("/api/v3/brokerage/{path}");
        assert_eq!(bench.call(&request("POST", &target, "{}")).status, 401, "{path}");
    }
    // A body on GET is nothing to the venue.
    assert_eq!(bench.signed("GET", "/api/v3/brokerage/accounts", "{}").0, 200);
    let (status, answer) = bench.signed_by(VIEWER, "POST", "/api/v3/brokerage/orders", "{}");
    assert_eq!((status, &answer["error_details"]), (403, &json!("Missing required scopes")));
}

#[test]
fn accounts_come_in_pages() {
    let bench = Bench::new();
    let base = "/api/v3/brokerage/accounts";
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for page in 0..3 {
        let target = format!("{base}?limit=2&cursor={cursor}");
        let (status, answer) = bench.signed("GET", &target, "");
        assert_eq!(status, 200, "{answer}");
        for row in answer["accounts"].as_array().expect("rows") {
            seen.push(row["currency"].as_str().expect("a code").to_owned());
        }
        answer["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        assert_eq!(answer["has_next"], json!(page == 0));
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["BTC", "SOL", "USD", "USDC"]);
    let all = bench.signed("GET", &format!("{base}?limit=250"), "").1;
    let usd = &all["accounts"][2];
    assert_eq!(usd["available_balance"], json!({"value": "10000", "currency": "USD"}));
    assert_eq!(usd["type"], json!("ACCOUNT_TYPE_FIAT"));
    let one = format!("{base}/{}", usd["uuid"].as_str().expect("an id"));
    assert_eq!(&bench.signed("GET", &one, "").1["account"], usd);
    assert_eq!(bench.signed_by(OTHER, "GET", &one, "").0, 404, "another account's wallet");
    assert_eq!(bench.signed("GET", &format!("{base}?cursor=x"), "").0, 400);
    let older = bench.signed("GET", "/v2/accounts?limit=250", "").1;
    assert_eq!(older["data"][3]["balance"], json!({"amount": "5000", "currency": "USDC"}));
}

#[test]
fn the_fee_tier_follows_the_exchange() {
    let bench = Bench::new();
    let target = "/api/v3/brokerage/transaction_summary";
    let tier = &bench.signed("GET", target, "").1["fee_tier"];
    let expected = ("Intro", "0.0090", "0.0050", "0", "10000");
    let word = |key: &str| tier[key].as_str().expect("text").to_owned();
    let (name, taker, maker) =
        (word("pricing_tier"), word("taker_fee_rate"), word("maker_fee_rate"));
    let (from, to) = (word("usd_from"), word("usd_to"));
    assert_eq!((&name[..], &taker[..], &maker[..], &from[..], &to[..]), expected);
    bench.exchange().set_fees(25, 4_050);
    let summary = bench.signed("GET", target, "").1;
    assert_eq!(summary["fee_tier"]["taker_fee_rate"], json!("0.00405"));
    assert_eq!(summary["fee_tier"]["maker_fee_rate"], json!("0.000025"));
    assert!(summary["total_volume"].is_number(), "totals are numbers");
    let permissions = bench.signed("GET", "/api/v3/brokerage/key_permissions", "").1;
    assert_eq!(permissions["portfolio_uuid"], json!(portfolio_id("alice")));
}

#[test]
fn public_answers_are_a_second_old_at_most() {
    let mut bench = Bench::new();
    let target = format!("{MARKET}/product_book?product_id=SOL-USD&limit=1");
    let best = |bench: &Bench| bench.get(&target).1["pricebook"]["bids"][0]["size"].clone();
    assert_eq!(best(&bench), json!("2"));
    bench.exchange().set_levels(START_NS + 1, "SOL-USD", &[change(Side::Bid, 77_41, 3 * E8)]);
    bench.now_ns += 999 * MS;
    assert_eq!(best(&bench), json!("2"), "the answer of before");
    let mut fresh = request("GET", &target, "");
    fresh.headers.push(("cache-control".to_owned(), "no-cache".to_owned()));
    assert_eq!(read(&bench.call(&fresh)).1["pricebook"]["bids"][0]["size"], json!("3"));
    bench.now_ns += MS;
    assert_eq!(best(&bench), json!("3"), "a new one");
    let signed = bench.signed("GET", &target.replace("/market", ""), "").1;
    assert_eq!(signed["pricebook"]["bids"][0]["size"], json!("3"), "signed calls are not cached");
}

#[test]
fn the_edge_has_its_own_rules() {
    let mut bench = Bench::new();
    let mut bare = request("GET", "/api/v3/brokerage/time", "");
    bare.headers.clear();
    assert_eq!(bench.call(&bare).status, 403, "no user agent");
    let answer = bench.call(&request("GET", "/api/v3/brokerage/time", ""));
    assert!(answer.headers.len() > 32, "{} headers", answer.headers.len());

    let limited = bench.venue.refuse_limit(LimitKind::Requests);
    assert_eq!(read(&limited).1["errors"][0]["id"], json!("rate_limit_exceeded"));

    assert!(bench.venue.disturb(bench.now_ns, &Disturbance::Maintenance));
    let down = bench.call(&request("GET", "/api/v3/brokerage/time", ""));
    assert_eq!(down.status, 503);
    assert!(down.body.starts_with(b"<html>"));
    assert!(bench.venue.upgrade(bench.now_ns, &request("GET", "/", "")).is_err());
    bench.now_ns += 3 * SECOND;
    assert_eq!(bench.get("/api/v3/brokerage/time").0, 200, "it ends by itself");
    assert!(bench.venue.upgrade(bench.now_ns, &request("GET", "/", "")).is_ok());
    let odd = bench.venue.upgrade(bench.now_ns, &request("GET", "/ws", ""));
    assert_eq!(odd.err().map(|answer| answer.status), Some(404));

    assert!(bench.venue.disturb(bench.now_ns, &Disturbance::AuthExpired));
    assert_eq!(bench.signed("GET", "/api/v3/brokerage/accounts", "").0, 401);
    assert!(bench.venue.disturb(bench.now_ns, &Disturbance::AuthRestored));
    assert_eq!(bench.signed("GET", "/api/v3/brokerage/accounts", "").0, 200);
    assert!(!bench.venue.disturb(bench.now_ns, &Disturbance::SlotLag { slots: 1 }));
}
