//! Requests against hand-computed ones, and every shape of answer against what it proves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_orders::client_id::{ClientId, Lineage, OrderKey};
use connector_orders::venue::{Instrument, OrderSays, Standing};
use engine_model::Grid;
use engine_model::grid::Step;
use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000_000;
/// When the order was sent. Unit: Unix nanoseconds.
const SENT: u64 = 1_767_225_600 * S;
const OUR: &str = "925ab690-0001-8000-8000-00000401efef";
const ID: &str = "73797746498585286";
/// One hundredth of a whole. Unit: 10⁻¹⁸.
const CENT: i128 = 10_i128.pow(16);

/// Runs `test` with the order of the reference: buy 0.01 BTC at 60,001.
fn with_order<T>(venue_id: Option<&str>, test: impl FnOnce(Order<'_>) -> T) -> T {
    let key = OrderKey { trade: 1, leg: 0, attempt: 0 };
    let client_id = ClientId::of(Lineage::new("riptide", 1), key);
    assert_eq!(client_id.as_str(), OUR);
    let grid = Grid { tick: Step { step: 1, places: 2 }, lot: Step { step: 1, places: 8 } };
    let instrument = Instrument { symbol: "BTCUSD".into(), quote: "USD".into(), grid };
    test(Order {
        client_id: &client_id,
        venue_id,
        instrument: &instrument,
        side: Side::Buy,
        size_lots: 1_000_000,
        limit_ticks: 6_000_100,
        sent_ns: SENT,
    })
}

fn venue() -> GeminiOrders {
    let key = Key { id: "account-x".into(), secret: "gemini-test-secret".into() };
    GeminiOrders::new(key, Nonces::seconds(), "https://api.gemini.com".into())
}

fn header<'a>(fetch: &'a Fetch, name: &str) -> &'a str {
    fetch.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn payload(fetch: &Fetch) -> String {
    assert_eq!(fetch.body, "", "everything is in the header");
    let bytes = STANDARD.decode(header(fetch, "X-GEMINI-PAYLOAD")).expect("base64");
    let text = String::from_utf8(bytes).expect("text");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let path = json["request"].as_str().expect("a path");
    assert_eq!(fetch.url, format!("https://api.gemini.com{path}"));
    text
}

fn read(asked: &Asked<'_>, status: u16, body: &[u8]) -> (Verdict, Vec<Says>) {
    let (tag, url, request) = (1, "", [].as_slice());
    let end = Fetched::Answer { tag, status, url, request, body, retry_after_ms: None };
    let mut says = Vec::new();
    let verdict = venue().read(asked, &end, &mut says);
    (verdict, says)
}

/// The reference's answer, with these members in place of its own.
fn order_with(changes: &[(&str, Value)]) -> Value {
    let mut row = serde_json::json!({
        "order_id": ID, "id": ID, "client_order_id": OUR, "symbol": "btcusd", "exchange": "gemini",
        "avg_execution_price": "60000.01", "side": "buy", "type": "exchange limit",
        "timestamp": "1767225600", "timestampms": 1_767_225_600_100_u64, "is_live": false,
        "is_cancelled": true, "is_hidden": false, "was_forced": false, "executed_amount": "0.004",
        "remaining_amount": "0.006", "original_amount": "0.01", "price": "60001.00",
        "options": ["immediate-or-cancel"], "reason": "ImmediateOrCancelWouldPost"
    });
    for (name, value) in changes {
        row[*name] = value.clone();
    }
    row
}

fn trade_with(changes: &[(&str, Value)]) -> Value {
    let mut row = serde_json::json!({
        "price": "60000.01", "amount": "0.004", "timestamp": 1_767_225_600, "type": "Buy",
        "timestampms": 1_767_225_600_110_u64, "aggressor": true, "fee_currency": "USD",
        "fee_amount": "0.960000160", "tid": 9_007_199_254_740_993_u64, "order_id": ID,
        "exchange": "gemini", "is_auction_fill": false, "break": ""
    });
    for (name, value) in changes {
        row[*name] = value.clone();
    }
    row
}

#[test]
fn requests_say_what_the_reference_says() {
    let (mut venue, now) = (venue(), SENT);
    let name = format!(r#""client_order_id":"{OUR}""#);
    let placed = with_order(None, |order| venue.place(now, 7, &order));
    let expected = format!(
        r#"{{"request":"/v1/order/new","nonce":1767225600,{name},"symbol":"btcusd","amount":"0.01","price":"60001","side":"buy","type":"exchange limit","options":["immediate-or-cancel"]}}"#
    );
    assert_eq!((payload(&placed), placed.tag), (expected, 7));
    // Computed with Python's hmac over that payload.
    assert_eq!(
        header(&placed, "X-GEMINI-SIGNATURE"),
        "f6e287b15b36a4aa687b76ac23f9146f71c1f3258e2f80acc8d960af1a2cefeef7f0bb32b312ee76e4b3a7a78a7bf61e"
    );
    let start = |path: &str, nonce: u32| format!(r#"{{"request":"{path}","nonce":{nonce}"#);
    let mut ask = |id, about| {
        let fetch = with_order(id, |order| venue.ask(now, 1, &order, about));
        payload(&fetch.expect("it can be asked"))
    };
    let head = start("/v1/order/status", 1_767_225_601);
    assert_eq!(ask(None, About::State), format!("{head},{name},\"include_trades\":true}}"));
    let head = start("/v1/order/status", 1_767_225_602);
    assert_eq!(
        ask(Some(ID), About::State),
        format!("{head},\"order_id\":{ID},\"include_trades\":true}}")
    );
    let head = start("/v1/mytrades", 1_767_225_603);
    let since = r#""timestamp":1767225570000,"limit_trades":500}"#;
    assert_eq!(ask(None, About::Fills), format!("{head},\"symbol\":\"btcusd\",{since}"));
    let head = start("/v1/order/cancel", 1_767_225_604);
    let cancelled = with_order(Some(ID), |order| venue.cancel(now, 1, &order));
    assert_eq!(payload(&cancelled), format!("{head},\"order_id\":{ID}}}"));
    // A name that is no number goes into no payload.
    let head = start("/v1/order/cancel", 1_767_225_605);
    let cancelled = with_order(Some("1,\"x\":2"), |order| venue.cancel(now, 1, &order));
    assert_eq!(payload(&cancelled), format!("{head},{name}}}"));
    let rows = [
        (Survey::OpenOrders, None, "/v1/orders", ""),
        (Survey::Balances, None, "/v1/balances", ""),
        (
            Survey::FillsSince(5 * S),
            None,
            "/v1/mytrades",
            r#","timestamp":5000,"limit_trades":500"#,
        ),
        (
            Survey::FillsSince(5 * S),
            Some("77"),
            "/v1/mytrades",
            r#","timestamp":77,"limit_trades":500"#,
        ),
    ];
    for (nonce, (what, cursor, path, rest)) in (1_767_225_606..).zip(rows) {
        let fetch = venue.survey(now, 1, what, cursor);
        assert_eq!(payload(&fetch), format!("{}{rest}}}", start(path, nonce)), "{what:?}");
    }
    assert_eq!(venue.rules().requests_per_s, 1);
    assert!(!venue.rules().resend_is_query && venue.rules().asks_by_client_id);
}

#[test]
fn an_order_states_what_filled_and_its_executions_for_how_much() {
    let trades = serde_json::json!([trade_with(&[])]);
    let body = order_with(&[("trades", trades)]).to_string();
    let (verdict, says) =
        with_order(None, |order| read(&Asked::About(order, About::State), 200, body.as_bytes()));
    assert_eq!(verdict, Verdict::Understood);
    let expected = OrderSays {
        client_id: Some(OUR.into()),
        venue_id: ID.into(),
        symbol: "btcusd".into(),
        side: Some(Side::Buy),
        standing: Standing::Done,
        filled_e18: Some(4 * CENT / 10),
        quote_e18: None,
        fee_e18: None,
    };
    let fill = FillSays {
        exec_id: "9007199254740993".into(),
        venue_id: ID.into(),
        client_id: Some(OUR.into()),
        symbol: String::new(),
        side: Some(Side::Buy),
        size_e18: 4 * CENT / 10,
        // 240.00004 and 0.96000016: to the last digit.
        quote_e18: 240_000_040_000_000_000_000,
        fee_e18: 960_000_160_000_000_000,
        fee_asset: "USD".into(),
        at_ns: 1_767_225_600_110_000_000,
    };
    assert_eq!(says, [Says::Order(expected), Says::Fill(fill)]);
}

#[test]
fn how_an_order_stands_is_said_by_its_two_flags_and_what_is_left() {
    use Standing::{Done, Open};
    let unread = None;
    // live, cancelled, executed, left
    let rows = [
        (true, false, "0", "0.01", Some(Open)),
        (true, false, "0.004", "0.006", Some(Open)),
        (false, true, "0", "0.01", Some(Done)),
        (false, true, "0.004", "0.006", Some(Done)),
        (false, false, "0.01", "0", Some(Done)),
        (false, false, "0.004", "0.006", unread),
        (true, true, "0", "0.01", unread),
        (false, true, "0.004", "0.007", unread),
        (false, true, "-0.004", "0.014", unread),
        (false, true, "4e-3", "0.006", unread),
    ];
    for (live, cancelled, executed, left, expected) in rows {
        let body = order_with(&[
            ("is_live", live.into()),
            ("is_cancelled", cancelled.into()),
            ("executed_amount", executed.into()),
            ("remaining_amount", left.into()),
        ]);
        let body = body.to_string();
        let (verdict, says) =
            with_order(None, |order| read(&Asked::Place(order), 200, body.as_bytes()));
        let standing = says.first().map(|says| match says {
            Says::Order(says) => says.standing,
            Says::Fill(_) | Says::Balance(_) => panic!("an order comes first"),
        });
        assert_eq!(standing, expected, "{body}");
        let is_unread = verdict == Verdict::Unclear(Unclear::Unreadable);
        assert_eq!(is_unread, expected.is_none(), "{body}");
    }
}

#[test]
fn only_an_answer_of_the_very_order_counts() {
    let other = ClientId::of(Lineage::new("riptide", 1), OrderKey { trade: 2, leg: 0, attempt: 0 });
    let text = |changes: &[(&str, Value)]| order_with(changes).to_string();
    let rows: Vec<(Option<&str>, String, bool)> = vec![
        (None, text(&[]), true),
        (Some(ID), text(&[]), true),
        (None, text(&[("order_id", 73_797_746_498_585_286_u64.into())]), true),
        (None, text(&[("client_order_id", OUR.to_uppercase().into())]), true),
        (Some(ID), text(&[("client_order_id", Value::Null)]), true),
        (Some(ID), text(&[("client_order_id", "".into())]), true),
        (None, text(&[("client_order_id", Value::Null)]), false),
        (None, text(&[("client_order_id", "".into())]), false),
        (None, text(&[("client_order_id", other.as_str().into())]), false),
        (Some(ID), text(&[("client_order_id", other.as_str().into())]), false),
        (Some("5"), text(&[]), false),
        (None, text(&[("order_id", "7e3".into())]), false),
        (None, text(&[("order_id", "0".repeat(21).into())]), false),
        (None, text(&[("side", "up".into())]), false),
        (
            None,
            text(&[("trades", serde_json::json!([trade_with(&[("order_id", "9".into())])]))]),
            false,
        ),
        (None, text(&[("trades", serde_json::json!([{}]))]), false),
        (
            None,
            text(&[(
                "trades",
                serde_json::json!([trade_with(&[("break", "trade correct".into())])]),
            )]),
            false,
        ),
        (None, text(&[]).replace("\"is_live\":false", "\"is_live\":false,\"is_live\":true"), false),
    ];
    for (id, body, is_good) in rows {
        for kind in 0..3 {
            let (verdict, says) = with_order(id, |order| {
                let asked = match kind {
                    0 => Asked::Place(order),
                    1 => Asked::Cancel(order),
                    _ => Asked::About(order, About::State),
                };
                read(&asked, 200, body.as_bytes())
            });
            let expected =
                if is_good { Verdict::Understood } else { Verdict::Unclear(Unclear::Unreadable) };
            assert_eq!((verdict, says.is_empty()), (expected, !is_good), "{id:?} {body}");
        }
    }
}

#[test]
fn an_execution_that_was_undone_is_none() {
    for (word, count) in [("full", 1), ("manual", 2), ("", 2)] {
        let trades = serde_json::json!([trade_with(&[("break", word.into())])]);
        let body = order_with(&[("trades", trades)]).to_string();
        let (_, says) = with_order(None, |order| {
            read(&Asked::About(order, About::State), 200, body.as_bytes())
        });
        assert_eq!(says.len(), count, "{word}");
    }
    // Digits behind the eighteenth place are against us, on either side.
    for (side, quote_e18) in [("Buy", 1), ("Sell", 0)] {
        let tiny = "0.0000000001".into();
        let row =
            trade_with(&[("price", tiny), ("amount", "0.000000001".into()), ("type", side.into())]);
        let raw: &RawValue = &RawValue::from_string(row.to_string()).expect("JSON");
        assert_eq!(
            wire::fill(raw).map(|fill| fill.map(|fill| fill.quote_e18)),
            Ok(Some(quote_e18))
        );
    }
}

#[test]
fn a_question_by_our_name_may_be_answered_with_a_list() {
    let one = order_with(&[]);
    let twin = order_with(&[
        ("order_id", "5".into()),
        ("trades", serde_json::json!([trade_with(&[("order_id", "5".into())])])),
    ]);
    let foreign = order_with(&[("client_order_id", "x".into())]);
    let unclear = Verdict::Unclear(Unclear::Unreadable);
    let rows = [
        (serde_json::json!([one]), Verdict::Understood, 1),
        (serde_json::json!([]), Verdict::NotFound, 0),
        (Value::Null, Verdict::NotFound, 0),
        (serde_json::json!([foreign]), unclear.clone(), 0),
        // Two under one name: what was filled is a fact, how "the" order stands is not known.
        (serde_json::json!([one, twin]), unclear.clone(), 1),
        (serde_json::json!([foreign, foreign]), unclear.clone(), 0),
    ];
    for (body, expected, count) in rows {
        let body = body.to_string();
        let (verdict, says) = with_order(None, |order| {
            read(&Asked::About(order, About::State), 200, body.as_bytes())
        });
        assert_eq!((verdict, says.len()), (expected, count), "{body}");
        let (verdict, _) =
            with_order(None, |order| read(&Asked::Place(order), 200, body.as_bytes()));
        assert_eq!(verdict, unclear, "a placement is not answered so: {body}");
    }
}

mod proofs;
