//! REST: public answers behind the edge, signatures, orders.

use serde_json::json;

use super::*;
use crate::exchange::{OrderState, ProductStatus};
use crate::happening::Side;
use crate::venues::fixture::{MS, S, get, level, shared_lines, text};

#[test]
fn signatures_follow_the_reference_vectors() {
    let request = |path: &str, signature: &str, body: &str| {
        let mut headers = vec![
            ("x-auth".to_owned(), format!("BITSTAMP {KEY}")),
            ("x-auth-signature".to_owned(), signature.to_owned()),
            ("x-auth-nonce".to_owned(), "8f4c2d1e-6a5b-4c3d-9e2f-1a2b3c4d5e6f".to_owned()),
            ("x-auth-timestamp".to_owned(), "1767225600000".to_owned()),
            ("x-auth-version".to_owned(), "v2".to_owned()),
        ];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), FORM.to_owned()));
        }
        HttpRequest {
            method: "POST".to_owned(),
            host: HOST.to_owned(),
            path: path.to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
            ..HttpRequest::default()
        }
    };
    for (path, signature, body) in [
        (
            "/api/v2/buy/btcusd/",
            "05303200f5f9f0574c7d901762a0b688cf005d62fc102304514b825dadde8084",
            "amount=0.10000000&price=60000&ioc_order=True",
        ),
        (
            "/api/v2/account_balances/",
            "7308cf517335c662e0bdcc3dca5e752872241e270666aa03a6c4c1dda5508562",
            "",
        ),
    ] {
        let (venue, _) = venue();
        let answer = venue.call(T0, &request(path, signature, body));
        assert_eq!(answer.status, 200, "{}", text(&answer));
        // Once only.
        let again = parsed(&venue.call(T0, &request(path, signature, body)));
        assert_eq!(
            (again["code"].as_str(), again["reason"].as_str()),
            (Some("API0004"), Some("Invalid nonce"))
        );
    }
    let parts = [
        "8f4c2d1e-6a5b-4c3d-9e2f-1a2b3c4d5e6f",
        "1767225600000",
        "application/json",
        r#"{"id":"1"}"#,
    ];
    let signature = sha256_hex(SECRET, &parts.map(str::as_bytes));
    assert_eq!(signature, "5e423958a439111fb8befc7fa6ac6f346f23621707137e7daa5fae2f2caa7140");
}

#[test]
fn answers_are_signed_and_the_host_is_what_the_client_believes() {
    let (venue, _) = venue();
    let path = "/api/v2/account_balances/";
    let hosts = [HOST, "http://127.0.0.1:8080", "www.bitstamp.net"];
    for (number, host) in hosts.into_iter().enumerate() {
        let request = signed(number as u64, T0, host, path, "foo=bar");
        let answer = venue.call(T0, &request);
        assert_eq!(answer.status, 200, "{host}");
        let header =
            |name: &str| answer.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let nonce = request.header("x-auth-nonce").unwrap();
        let parts = [nonce.as_bytes(), b"1767225600000", b"application/json", &answer.body];
        assert_eq!(header("x-server-auth-signature"), sha256_hex(SECRET, &parts));
    }
    let answer = venue.call(T0, &signed(9, T0, "elsewhere.example", path, ""));
    assert_eq!((answer.status, parsed(&answer)["code"].as_str()), (403, Some("API0005")));
}

#[test]
fn each_fault_of_authentication_has_its_code() {
    let path = "/api/v2/account_balances/";
    let good = || signed(1, T0, HOST, path, "");
    let without = |name: &str| {
        let mut request = good();
        request.headers.retain(|(known, _)| known != name);
        request
    };
    let with = |name: &str, value: &str| {
        let mut request = without(name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    };
    let mut untyped = without("content-type");
    untyped.body = b"a=b".to_vec();
    let mut long = good();
    long.query = "x".repeat(2_000);
    for (request, code) in [
        (without("x-auth"), "API0012"),
        (without("x-auth-signature"), "API0013"),
        (without("x-auth-nonce"), "API0014"),
        (without("x-auth-timestamp"), "API0015"),
        (without("x-auth-version"), "API0016"),
        (with("x-auth-version", "v1"), "API0010"),
        (with("x-auth", KEY), "API0011"),
        (with("x-auth", "BITSTAMP nobody"), "API0001"),
        (with("x-auth-nonce", "8F4C2D1E-6A5B-4C3D-9E2F-1A2B3C4D5E6F"), "API0004"),
        (with("x-auth-nonce", "17"), "API0004"),
        (with("x-auth-timestamp", "soon"), "API0018"),
        (signed(1, T0 - 151 * S, HOST, path, ""), "API0017"),
        (with("content-type", FORM), "API0020"),
        (with("content-type", "application/json"), "API0020"),
        (untyped, "API0019"),
        (long, "API0021"),
        (with("x-auth-signature", "00"), "API0005"),
    ] {
        let (venue, _) = venue();
        let answer = venue.call(T0, &request);
        assert_eq!(
            (answer.status, parsed(&answer)["code"].as_str()),
            (403, Some(code)),
            "{}",
            text(&answer)
        );
        assert_eq!(parsed(&answer)["status"], "error");
    }
    let (venue, _) = venue();
    assert_eq!(venue.call(T0, &signed(1, T0 - 149 * S, HOST, path, "")).status, 200);
    assert!(venue.disturb(T0, &Disturbance::AuthExpired));
    assert_eq!(parsed(&post(&venue, 2, path, ""))["code"], "API0001");
    assert!(venue.disturb(T0, &Disturbance::AuthRestored));
    assert_eq!(post(&venue, 2, path, "").status, 200);
    let answer = venue.call(T0, &get(path));
    assert_eq!((answer.status, parsed(&answer)["response_code"].as_str()), (405, Some("405.001")));
}

#[test]
fn public_answers_have_the_venues_shapes() {
    let (venue, exchange) = venue();
    exchange.lock().unwrap().print(T0 + S, "SOL-USD", Side::Ask, 10_001_000_000, E8 / 4);
    let at = T0 + 2 * S;
    for (path, want) in [
        (
            "/api/v2/order_book/btcusd/?group=1",
            r#"{"timestamp": "1767225602", "microtimestamp": "1767225602000000", "bids": [["59999.00", "1.00000000"]], "asks": [["60001.00", "1.00000000"]]}"#,
        ),
        (
            "/api/v2/order_book/btcusd?group=2",
            r#"{"timestamp": "1767225602", "microtimestamp": "1767225602000000", "bids": [["59999.00", "1.00000000", "1500005999900000"]], "asks": [["60001.00", "1.00000000", "1500006000100000"]]}"#,
        ),
        (
            "/api/v2/transactions/solusd/",
            r#"[{"date":"1767225601","tid":"300000001","amount":"0.25000000","type":"0","price":"100.01"}]"#,
        ),
        (
            "/api/v2/ohlc/solusd/?step=60&limit=2",
            r#"{"data":{"pair":"SOL/USD","ohlc":[{"timestamp":"1767225600","open":"100.01","high":"100.01","low":"100.01","close":"100.01","volume":"0.25000000"}]}}"#,
        ),
        (
            "/api/v2/ticker/solusd/",
            r#"{"timestamp":"1767225602","open":"100.01","high":"100.01","low":"100.01","last":"100.01","volume":"0.25000000","vwap":"100.01","bid":"99.99","ask":"100.01","side":"0","open_24":"100.01","percent_change_24":"0.00","market":"SOL/USD","pair":"SOL/USD"}"#,
        ),
    ] {
        let answer = venue.call(at, &get(path));
        assert_eq!((answer.status, text(&answer).as_str()), (200, want), "{path}");
    }
    let markets = text(&venue.call(at, &get("/api/v2/markets/")));
    assert!(markets.starts_with(r#"[{"name":"SOL/USD","market_symbol":"solusd","base_currency":"SOL","base_decimals":6,"counter_currency":"USD","counter_decimals":2,"minimum_order_value":"10","#), "{markets}");
    assert!(markets.contains(
        r#""description":"Solana / U.S. dollar","market_type":"SPOT","tick_size":"0.01""#
    ));
    let pairs = text(&venue.call(at, &get("/api/v2/trading-pairs-info")));
    assert!(pairs.contains(r#""minimum_order":"10 USD","name":"SOL/USD""#));
    // An unknown market: all of them, or a page.
    assert_eq!(
        parsed(&venue.call(at, &get("/api/v2/ticker/xyz/"))).as_array().map(Vec::len),
        Some(2)
    );
    for path in ["/api/v2/order_book/xyz/", "/api/v2/nothing/", "/other"] {
        let answer = venue.call(at, &get(path));
        assert_eq!(answer.status, 404);
        assert!(text(&answer).starts_with("<!doctype html>"));
    }
    for (path, code) in [
        ("/api/v2/ohlc/solusd/?limit=2", "400.004"),
        ("/api/v2/ohlc/solusd/?limit=2&step=61", "400.005"),
        ("/api/v2/ohlc/solusd/?limit=0&step=60", "400.005"),
        ("/api/v2/transactions/solusd/?time=year", "400.005"),
        ("/api/v2/order_book/solusd/?group=3", "400.005"),
    ] {
        assert_eq!(parsed(&venue.call(at, &get(path)))["response_code"], code, "{path}");
    }
    exchange.lock().unwrap().set_status("SOL-USD", ProductStatus::Halted);
    assert!(
        text(&venue.call(at + 2 * S, &get("/api/v2/markets/"))).contains(r#""trading":"Disabled""#)
    );
}

#[test]
fn the_edge_keeps_answers_for_a_second_unless_the_query_differs() {
    let (venue, exchange) = venue();
    let book = |at: u64, query: &str| {
        text(&venue.call(at, &get(&format!("/api/v2/order_book/solusd/?group=1{query}"))))
    };
    let first = book(T0 + S, "");
    exchange.lock().unwrap().set_levels(T0 + S + MS, "SOL-USD", &[level(Side::Bid, 9_999, 0)]);
    assert_eq!(book(T0 + S + 900 * MS, ""), first);
    assert_ne!(book(T0 + S + 900 * MS, "&_=17"), first);
    assert_ne!(book(T0 + 2 * S, ""), first);
    for number in 0..1_000 {
        book(T0 + S, &format!("&_={number}"));
    }
}

#[test]
fn later_changes_have_later_times_than_a_stated_book() {
    let (venue, exchange) = venue();
    let mut last = 0;
    for step in 0..50_u64 {
        // Asked between two advances of the market, whose changes carry earlier times.
        let answer =
            parsed(&venue.call(
                T0 + step * MS + MS / 2,
                &get(&format!("/api/v2/order_book/solusd/?_={step}")),
            ));
        let stated: u64 = answer["microtimestamp"].as_str().unwrap().parse().unwrap();
        assert!(stated > last && stated * 1_000 >= T0 + step * MS);
        exchange.lock().unwrap().set_levels(
            T0 + step * MS + 200_000,
            "SOL-USD",
            &[level(Side::Bid, 9_990, (step + 1) * E8)],
        );
        let changed = exchange.lock().unwrap().updated_ns("SOL-USD") / 1_000;
        assert!(changed > stated, "{changed} after {stated}");
        last = changed;
    }
}

#[test]
fn an_ioc_order_fills_in_part_and_every_view_of_it_agrees() {
    let (venue, _) = venue();
    let body = "amount=5.00000000&price=100.02&ioc_order=True&client_order_id=arb-1";
    let created = text(&post(&venue, 1, "/api/v2/buy/solusd/", body));
    assert_eq!(
        created,
        r#"{"id":"1780000000000004","market":"SOL/USD","datetime":"2026-01-01 00:00:00.000000","type":"0","price":"100.02","amount":"5.00000000","client_order_id":"arb-1"}"#
    );
    let want = r#"{"id":1780000000000004,"datetime":"2026-01-01 00:00:00","type":"0","status":"Canceled","market":"SOL/USD","transactions":[{"tid":300000002,"price":"100.02","sol":"2.00000000","usd":"200.04","fee":"0.80016","datetime":"2026-01-01 00:00:00.000000","type":2},{"tid":300000001,"price":"100.01","sol":"1.00000000","usd":"100.01","fee":"0.40004","datetime":"2026-01-01 00:00:00.000000","type":2}],"amount_remaining":"2.00000000","client_order_id":"arb-1"}"#;
    assert_eq!(text(&post(&venue, 2, "/api/v2/order_status/", "id=1780000000000004")), want);
    assert_eq!(text(&post(&venue, 3, "/api/v2/order_status/", "client_order_id=arb-1")), want);
    let short =
        post(&venue, 4, "/api/v2/order_status/", "id=1780000000000004&omit_transactions=true");
    assert!(parsed(&short).get("transactions").is_none());
    let usd = text(&post(&venue, 5, "/api/v2/account_balances/usd/", "foo=bar"));
    assert_eq!(
        usd,
        r#"{"currency":"usd","total":"9698.7498","available":"9698.7498","reserved":"0.00"}"#
    );
    let list = parsed(&post(&venue, 6, "/api/v2/user_transactions/solusd/", "limit=1&sort=asc"));
    assert_eq!(
        list,
        json!([{"id": 300_000_001, "datetime": "2026-01-01 00:00:00.000000", "type": "2", "fee": "0.40004",
        "order_id": 1_780_000_000_000_004_u64, "sol": "1.00000000", "usd": "-100.01", "sol_usd": 100.01}])
    );
    assert_eq!(
        text(&post(&venue, 7, "/api/v2/fees/trading/solusd/", "")),
        r#"{"currency_pair":"solusd","market":"solusd","fees":{"maker":"0.200","taker":"0.400"}}"#
    );
}

#[test]
fn each_refused_order_has_its_code() {
    let (venue, exchange) = venue();
    let rows = [
        ("buy/solusd", "price=99", 400, "400.004", "amount"),
        ("buy/solusd", "amount=x&price=99", 400, "400.005", "amount"),
        ("buy/solusd", "amount=1.000000001&price=99", 400, "400.026", "amount"),
        ("buy/solusd", "amount=1.0000001&price=99", 400, "400.026", "amount"),
        ("buy/solusd", "amount=1&price=99.001", 400, "400.041", "price"),
        ("buy/solusd", "amount=0.0005&price=99", 400, "400.046", "amount"),
        ("buy/solusd", "amount=0.05&price=99", 400, "400.020", "__all__"),
        ("buy/solusd", "amount=1&price=70", 400, "400.021", "price"),
        ("buy/solusd", "amount=200000&price=99", 400, "400.037", "amount"),
        ("buy/solusd", "amount=1000&price=99", 400, "400.009", "__all__"),
        ("sell/solusd", "amount=51&price=101", 400, "400.009", "__all__"),
        (
            "buy/solusd",
            "amount=1&price=99&ioc_order=True&fok_order=True",
            400,
            "400.024",
            "__all__",
        ),
        ("buy/solusd", "amount=1&price=99&ioc_order=True&limit_price=3", 400, "400.025", "__all__"),
        (
            "buy/solusd",
            "amount=1&price=99&gtd_order=True&expire_time=5",
            400,
            "400.008",
            "expire_time",
        ),
        ("buy/solusd", "amount=1&price=101&moc_order=True", 400, "400.001", "__all__"),
        ("buy/xyzusd", "amount=1&price=99", 404, "404.003", ""),
        ("order_status", "id=5", 404, "404.002", ""),
        ("order_status", "foo=bar", 400, "400.004", "id"),
        ("cancel_order", "id=5", 404, "404.002", ""),
        ("user_transactions", "limit=1001", 400, "400.008", "limit"),
        ("fees/trading/xyz", "foo=bar", 404, "404.007", ""),
    ];
    for (number, (path, body, status, code, field)) in rows.into_iter().enumerate() {
        let answer = post(&venue, number as u64, &format!("/api/v2/{path}/"), body);
        let error = parsed(&answer);
        assert_eq!(
            (answer.status, error["response_code"].as_str()),
            (status, Some(code)),
            "{path} {body}: {error}"
        );
        assert_eq!(
            error["reason"].get(field).is_some_and(Value::is_array),
            !field.is_empty(),
            "{error}"
        );
        assert!(answer.headers.iter().any(|(name, _)| name == "x-server-auth-signature"));
    }
    let answer = parsed(&post(&venue, 100, "/api/v2/buy/solusd/", "amount=1000&price=99"));
    assert_eq!(
        answer["reason"]["__all__"][0],
        "You need 99396.00 USD to open that order. You have only 10000.00 USD available. Check your account balance for details."
    );
    exchange.lock().unwrap().set_status("SOL-USD", ProductStatus::Halted);
    assert_eq!(
        parsed(&post(&venue, 101, "/api/v2/buy/solusd/", "amount=1&price=99"))["response_code"],
        "400.003"
    );
}

#[test]
fn market_and_instant_orders_take_what_there_is() {
    let (venue, exchange) = venue();
    post(&venue, 1, "/api/v2/buy/market/solusd/", "amount=2");
    post(&venue, 2, "/api/v2/sell/market/solusd/", "amount=1");
    let instant = text(&post(&venue, 3, "/api/v2/buy/instant/solusd/", "amount=50.00"));
    assert!(instant.contains(r#""amount":"50.00000000""#), "{instant}");
    let orders = exchange.lock().unwrap().orders("main");
    let filled: Vec<u64> = orders.iter().rev().map(|order| order.filled_e8).collect();
    assert_eq!(filled[..2], [2 * E8, E8]);
    assert!(filled[2] > 49 * E8 / 100 && orders[0].filled_quote_e8 + orders[0].fees_e8 <= 50 * E8);
    assert_eq!(orders[0].state, OrderState::Filled);
}

#[test]
fn resting_orders_are_listed_replaced_cancelled_and_expire() {
    let (venue, exchange) = venue();
    let place = |number: u64, body: &str| -> u64 {
        let answer = parsed(&post(&venue, number, "/api/v2/sell/solusd/", body));
        answer["id"].as_str().unwrap().parse().unwrap()
    };
    let first = place(1, "amount=1&price=105&client_order_id=a");
    let list = parsed(&post(&venue, 2, "/api/v2/open_orders/all/", "foo=bar"));
    assert_eq!(list[0]["amount_at_create"], "1.00000000");
    let second = place(3, "amount=1&price=106&daily_order=True");
    // Kept for ten seconds.
    assert_eq!(
        parsed(&post(&venue, 4, "/api/v2/open_orders/all/", "foo=bar")).as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        parsed(&post(&venue, 5, "/api/v2/open_orders/solusd/", "foo=bar")).as_array().map(Vec::len),
        Some(2)
    );
    let replaced = parsed(&post(
        &venue,
        6,
        "/api/v2/replace_order/",
        "orig_client_order_id=a&amount=2&price=107",
    ));
    assert_eq!(
        (replaced["orig_order_id"].as_u64(), replaced["status"].as_str()),
        (Some(first), Some("Open"))
    );
    let third = replaced["order_id"].as_u64().unwrap();
    let cancelled = text(&post(&venue, 7, "/api/v2/cancel_order/", &format!("id={third}")));
    assert_eq!(
        cancelled,
        format!(
            r#"{{"id":{third},"amount":2,"price":107,"type":1,"market":"SOL/USD","status":"Canceled"}}"#
        )
    );
    let gone = parsed(&post(&venue, 8, "/api/v2/cancel_order/", &format!("id={third}")));
    assert_eq!(gone["response_code"], "404.002");
    let status = |number: u64, at: u64| {
        let request = signed(number, at, HOST, "/api/v2/order_status/", &format!("id={second}"));
        parsed(&venue.call(at, &request))["status"].clone()
    };
    assert_eq!(status(9, T0 + S), "Open");
    assert_eq!(status(10, T0 + 86_400 * S), "Expired");
    place(11, "amount=1&price=106");
    place(12, "amount=1&price=106");
    let all = parsed(&post(&venue, 13, "/api/v2/cancel_all_orders/", "foo=bar"));
    assert_eq!(
        (all["canceled"].as_array().map(Vec::len), all["success"].as_bool()),
        (Some(2), Some(true))
    );
    assert!(exchange.lock().unwrap().balances("main").iter().all(|row| row.held_e8 == 0));
}

#[test]
fn answers_carry_at_least_the_recorded_fields() {
    let (venue, exchange) = venue();
    exchange.lock().unwrap().print(T0, "BTC-USD", Side::Ask, 60_001 * E8, E8);
    let mut ours = vec![
        (
            "/api/v2/buy/btcusd/",
            text(&post(
                &venue,
                1,
                "/api/v2/buy/btcusd/",
                "amount=0.01&price=59000&client_order_id=a",
            )),
        ),
        (
            "/api/v2/open_orders/btcusd/",
            text(&post(&venue, 2, "/api/v2/open_orders/btcusd/", "foo=bar")),
        ),
        ("/api/v2/fees/trading/", text(&post(&venue, 3, "/api/v2/fees/trading/", ""))),
        ("/api/v2/websockets_token/", text(&post(&venue, 4, "/api/v2/websockets_token/", ""))),
    ];
    for path in [
        "/api/v2/ticker/btcusd/",
        "/api/v2/transactions/btcusd/",
        "/api/v2/trading-pairs-info/",
        "/api/v2/order_book/btcusd/",
    ] {
        ours.push((path, text(&venue.call(T0, &get(path)))));
    }
    for line in shared_lines("bitstamp/rest_recorded.jsonl.zst") {
        let line: Value = serde_json::from_str(&line).unwrap();
        let first = |value: &Value| if value.is_array() { value[0].clone() } else { value.clone() };
        let Some((_, own)) = ours.iter().find(|(path, _)| line["path"] == *path) else { continue };
        let own = first(&serde_json::from_str(own).unwrap());
        for (name, value) in first(&line["response"]).as_object().unwrap() {
            let have = &own[name.as_str()];
            // Present in one recording of 2022 only, for stop orders.
            let is_same_kind = name == "limit_price"
                || std::mem::discriminant(have) == std::mem::discriminant(value);
            assert!(is_same_kind, "{}: {name} is {have} here and {value} there", line["path"]);
        }
    }
}
