//! Orders, fills and balances: every shape that the reference names.

use core::slice::from_ref;

use connector_orders::amount::ONE_E18 as E;
use connector_orders::venue::{BalanceSays, FillSays, OrderSays, Standing};

use super::kit::*;
use super::tests::{NOW_NS, Parts, VENUE_ID, orders};
use super::*;

/// How an order stands, and its amounts.
type Stated = (Standing, Option<(i128, i128, i128)>);

#[test]
fn an_order_says_how_it_stands_and_its_own_money() {
    let whole = (E / 100, 600 * E, 0);
    let filled = |more: &[(&str, &str)]| {
        let all =
            [("filled_size", "\"0.01\""), ("filled_value", "\"600\""), ("total_fees", "\"0\"")];
        row(&[&all, more].concat())
    };
    let none = |status: &str| {
        let none = [("filled_size", "\"0\""), ("filled_value", "\"0\""), ("total_fees", "\"0\"")];
        row(&[&none[..], &[("status", &format!("\"{status}\""))]].concat())
    };
    let zero = Some((0, 0, 0));
    let finer = |side: &str, fee: &str| {
        let value = ("filled_value", "\"240.0000000000000000001\"");
        row(&[("side", side), value, ("total_fees", fee)])
    };
    let rows: Vec<(String, Option<Stated>)> = vec![
        (row(&[]), Some((Standing::Done, Some(PART)))),
        (row(&[("status", "\"OPEN\"")]), Some((Standing::Open, Some(PART)))),
        // Money that comes as a number is read from its digits.
        (
            row(&[("filled_value", "240.00001"), ("total_fees", "2.1600001234")]),
            Some((Standing::Done, Some(PART))),
        ),
        (filled(&[("status", "\"FILLED\"")]), Some((Standing::Done, Some(whole)))),
        (none("OPEN"), Some((Standing::Open, zero))),
        (none("PENDING"), Some((Standing::Open, zero))),
        (none("QUEUED"), Some((Standing::Open, zero))),
        (none("CANCEL_QUEUED"), Some((Standing::Open, zero))),
        (none("CANCELLED"), Some((Standing::Done, zero))),
        (none("EXPIRED"), Some((Standing::Done, zero))),
        (none("FAILED"), Some((Standing::Refused, zero))),
        (row(&[("status", "\"FAILED\"")]), Some((Standing::Done, Some(PART)))),
        // Finer than is counted: against us.
        (
            finer("\"BUY\"", "\"0.0000000000000000001\""),
            Some((Standing::Done, Some((PART.0, 240 * E + 1, 1)))),
        ),
        (
            row(&[("total_fees", "\"-0.5\"")]),
            Some((Standing::Done, Some((PART.0, PART.1, -E / 2)))),
        ),
        (row(&[("filled_value", "1e2")]), None),
        (row(&[("filled_value", "null")]), None),
        (row(&[("filled_value", "\"\"")]), None),
        (row(&[("filled_value", "{}")]), None),
        (row(&[("filled_value", "\"-1\"")]), Some((Standing::Done, Some((PART.0, -E, PART.2))))),
        (row(&[("filled_size", "\"0.0000000000000000001\"")]), None),
        (row(&[("total_fees", "null")]), None),
        (none("UNKNOWN_ORDER_STATUS"), None),
        (none(""), None),
        // Its parts do not belong together.
        (none("FILLED"), None),
        (row(&[("status", "\"FILLED\"")]), None),
        (row(&[("filled_size", "\"0\"")]), None),
        (row(&[("filled_value", "\"0\"")]), None),
        (row(&[("size_in_quote", "true")]), None),
    ];
    for (row, expected) in rows {
        for (kind, body) in
            [(Kind::State, one(&row)), (Kind::StateByList, page(from_ref(&row), LAST))]
        {
            let says = expected.map(|(standing, amounts)| says_order(standing, amounts));
            let verdict = if says.is_some() { Verdict::Understood } else { UNREADABLE };
            assert_eq!(
                read(kind, 200, body.as_bytes()),
                (verdict, says.into_iter().collect()),
                "{kind:?} {body}"
            );
        }
    }
    let (_, says) = read(Kind::State, 200, one(&finer("\"SELL\"", "\"0\"")).as_bytes());
    let [Says::Order(sold)] = says.as_slice() else { panic!("{says:?}") };
    assert_eq!(
        (sold.side, sold.quote_e18),
        (Some(Side::Sell), Some(240 * E)),
        "received, not more"
    );
}

#[test]
fn an_answer_about_another_order_is_not_taken() {
    let bodies = [
        one(&row(&[("order_id", "\"another\"")])),
        one(&row(&[("client_order_id", "\"another\"")])),
        "{\"order\":{}}".to_owned(),
        "{\"order\":null}".to_owned(),
        page(&[row(&[])], LAST),
    ];
    for body in bodies {
        assert_eq!(read(Kind::State, 200, body.as_bytes()), (UNREADABLE, vec![]), "{body}");
    }
    // The name that it was asked by is enough.
    let body = one(&row(&[("client_order_id", "null")]));
    assert_eq!(read(Kind::State, 200, body.as_bytes()).0, Verdict::Understood);
    let other = "{\"error\":\"NOT_FOUND\",\"message\":\"account not found\"}";
    assert_eq!(read(Kind::State, 404, other.as_bytes()), (UNREADABLE, vec![]), "not of the order");
    for (message, code) in
        [("order with this orderID was not found", "NOT_FOUND"), ("Order not found", "unknown")]
    {
        let body = format!("{{\"error\":\"{code}\",\"message\":\"{message}\"}}");
        for kind in KINDS {
            let expected = if kind == Kind::State { Verdict::NotFound } else { UNREADABLE };
            assert_eq!(read(kind, 404, body.as_bytes()), (expected, vec![]), "{kind:?} {body}");
        }
    }
}

#[test]
fn a_list_proves_absence_only_where_it_is_whole() {
    let other = row(&[("client_order_id", "\"x\""), ("order_id", "\"o-2\"")]);
    let second = row(&[("order_id", "\"o-3\"")]);
    let zero = [("filled_size", "\"0\""), ("filled_value", "\"0\""), ("total_fees", "\"0\"")];
    let failed = |id| row(&[&zero[..], &[("order_id", id), ("status", "\"FAILED\"")]].concat());
    let more = "\"has_next\":true,\"cursor\":\"c9\"";
    let ours = row(&[]);
    let rows: &[(&[String], &str, Verdict)] = &[
        (&[], LAST, Verdict::NotFound),
        (&[], "\"cursor\":\"\"", Verdict::NotFound),
        (from_ref(&other), LAST, Verdict::NotFound),
        (&[other.clone(), ours.clone()], LAST, Verdict::Understood),
        (&[other.clone(), ours.clone()], more, Verdict::Understood),
        (from_ref(&other), more, UNREADABLE),
        (from_ref(&other), "\"cursor\":\"c9\"", UNREADABLE),
        (&[], "\"has_next\":true,\"cursor\":\"\"", UNREADABLE),
        // Whose is it?
        (&[row(&[("client_order_id", "\"\"")])], LAST, UNREADABLE),
        // Two of one name: both may have filled, unless one of them was refused.
        (&[ours.clone(), second], LAST, UNREADABLE),
        (&[failed("\"o-4\""), ours.clone()], LAST, Verdict::Understood),
        (&[failed("\"o-4\""), failed("\"o-5\"")], LAST, Verdict::Understood),
    ];
    for (list, end, expected) in rows {
        let body = page(list, end);
        assert_eq!(read(Kind::StateByList, 200, body.as_bytes()).0, *expected, "{body}");
    }
    for body in ["{}", "[]", "{\"orders\":null}", "{\"orders\":{}}", "null", ""] {
        assert_eq!(read(Kind::StateByList, 200, body.as_bytes()).0, UNREADABLE, "{body}");
    }
}

fn says_fill(quote_e18: i128, side: Side) -> Says {
    Says::Fill(FillSays {
        exec_id: "t-1".to_owned(),
        venue_id: VENUE_ID.to_owned(),
        client_id: None,
        symbol: "BTC-USD".to_owned(),
        side: Some(side),
        size_e18: E / 100,
        quote_e18,
        fee_e18: 5_400_000_900_000_000_000,
        fee_asset: String::new(),
        at_ns: 1_767_225_603_080_000_000,
    })
}

type Row<'a> = (Kind, Vec<String>, &'a str, Verdict, Vec<Says>);

#[test]
fn fills_are_exact_and_a_stranger_among_them_is_not_concluded_from() {
    let good = says_fill(600 * E + E / 10_000, Side::Buy);
    let other = fill(&[(VENUE_ID, "o-2"), ("t-1", "t-2")]);
    let sold = fill(&[(VENUE_ID, "o-2"), ("BUY", "SELL")]);
    let elsewhere = fill(&[(VENUE_ID, "o-2"), ("BTC-USD", "ETH-USD")]);
    let more = Verdict::More("c2".to_owned());
    let rows: Vec<Row<'_>> = vec![
        (Kind::Fills, vec![fill(&[])], "", Verdict::Understood, vec![good.clone()]),
        (Kind::Fills, vec![fill(&[])], "c2", more.clone(), vec![good.clone()]),
        (Kind::Fills, vec![], "c2", Verdict::NotFound, vec![]),
        (Kind::Fills, vec![], "", Verdict::NotFound, vec![]),
        (Kind::Fills, vec![fill(&[]), other.clone()], "", UNREADABLE, vec![]),
        (Kind::FillsOfMarket, vec![], "", Verdict::NotFound, vec![]),
        (Kind::FillsOfMarket, vec![sold.clone(), elsewhere], "", Verdict::NotFound, vec![]),
        (Kind::FillsOfMarket, vec![sold.clone()], "c2", UNREADABLE, vec![]),
        (Kind::FillsOfMarket, vec![other.clone()], "", UNREADABLE, vec![]),
        (Kind::FillsOfMarket, vec![fill(&[("\"BUY\"", "null")])], "", UNREADABLE, vec![]),
        (Kind::FillsOfMarket, vec![fill(&[("\"BTC-USD\"", "null")])], "", UNREADABLE, vec![]),
        (Kind::Since, vec![fill(&[])], "", Verdict::Understood, vec![good.clone()]),
        (Kind::Since, vec![fill(&[])], "c2", more, vec![good.clone()]),
        // The same page once more would never end.
        (Kind::Since, vec![fill(&[])], "c1", UNREADABLE, vec![]),
        (Kind::Since, vec![], "c1", Verdict::Understood, vec![]),
    ];
    for (kind, list, cursor, verdict, says) in rows {
        let body = fills(&list, cursor);
        assert_eq!(read(kind, 200, body.as_bytes()), (verdict, says), "{kind:?} {body}");
    }
    // Digits behind the eighteenth place: more is paid, less received.
    let finer = [("60000.01", "0.0000000000000000015"), ("\"0.01\"", "0.01")];
    assert_eq!(read(Kind::Fills, 200, fills(&[fill(&finer)], "").as_bytes()).0, UNREADABLE);
    let finer = [("60000.01", "100.000000000000000001")];
    for (side, quote_e18) in [("BUY", E + 1), ("SELL", E)] {
        let text = fill(&[&finer[..], &[("BUY", side)]].concat());
        let side = if side == "BUY" { Side::Buy } else { Side::Sell };
        let (_, says) = read(Kind::Fills, 200, fills(&[text], "").as_bytes());
        assert_eq!(says, [says_fill(quote_e18, side)]);
    }
    let bad: [(&str, &str); 6] = [
        ("\"FILL\"", "\"REVERSAL\""),
        ("\"t-1\"", "\"\""),
        ("\"0.01\"", "\"0\""),
        ("\"5.4000009\"", "null"),
        ("\"60000.01\"", "\"a\""),
        ("\"60000.01\"", "6e4"),
    ];
    for change in bad {
        for kind in [Kind::Fills, Kind::Since] {
            let body = fills(&[fill(&[change])], "");
            assert_eq!(read(kind, 200, body.as_bytes()), (UNREADABLE, vec![]), "{body}");
        }
    }
}

#[test]
fn somebody_elses_orders_of_any_kind_are_told_and_hold_nothing_up() {
    let market = row(&[
        ("client_order_id", "\"web-1\""),
        ("order_id", "\"o-9\""),
        ("filled_size", "\"\""),
        ("size_in_quote", "true"),
        ("status", "\"NEW_WORD\""),
    ]);
    let foreign = Says::Order(OrderSays {
        client_id: Some("web-1".to_owned()),
        venue_id: "o-9".to_owned(),
        symbol: "BTC-USD".to_owned(),
        side: Some(Side::Buy),
        standing: Standing::Open,
        filled_e18: None,
        quote_e18: None,
        fee_e18: None,
    });
    let open = row(&[("status", "\"OPEN\"")]);
    let ours = says_order(Standing::Open, Some(PART));
    let list = [market.clone(), open];
    let more = "\"has_next\":true,\"cursor\":\"c2\"";
    let same = "\"has_next\":true,\"cursor\":\"c1\"";
    let both = vec![foreign.clone(), ours];
    let rows = [
        (Kind::Open, &list[..], LAST, Verdict::More("q".to_owned()), both.clone()),
        (Kind::Open, &list[..], more, Verdict::More("oc2".to_owned()), both.clone()),
        (Kind::Queued, &list[..], more, Verdict::More("qc2".to_owned()), both.clone()),
        (Kind::Queued, &list[..], LAST, Verdict::Understood, both),
        (Kind::Open, &list[..], same, UNREADABLE, vec![]),
        (Kind::Open, &[], LAST, Verdict::More("q".to_owned()), vec![]),
    ];
    for (kind, list, end, verdict, says) in rows {
        let body = page(list, end);
        assert_eq!(read(kind, 200, body.as_bytes()), (verdict, says), "{kind:?} {body}");
    }
    let torn = page(&[market, row(&[("status", "\"NEW_WORD\"")])], LAST);
    assert_eq!(read(Kind::Open, 200, torn.as_bytes()), (UNREADABLE, vec![]), "one of ours");
    let in_quote = fills(&[fill(&[("false", "true"), ("\"0.01\"", "\"600\"")])], "");
    let (verdict, says) = read(Kind::Since, 200, in_quote.as_bytes());
    let [Says::Order(only)] = says.as_slice() else { panic!("{says:?}") };
    assert_eq!((verdict, only.venue_id.as_str()), (Verdict::Understood, VENUE_ID));
    assert_eq!(read(Kind::Fills, 200, in_quote.as_bytes()).0, UNREADABLE);
}

#[test]
fn balances_are_what_is_free_and_what_is_held() {
    let says = |asset: &str, total_e18, available_e18| {
        Says::Balance(BalanceSays { asset: asset.to_owned(), total_e18, available_e18 })
    };
    let usd = account("USD", "\"1000.50\"", "\"0.25\"");
    let list = [usd.clone(), account("btc", "0.1", "\"0\""), account("EUR", "\"-3\"", "\"1\"")];
    let all = vec![
        says("USD", 1_000 * E + E * 3 / 4, 1_000 * E + E / 2),
        says("BTC", E / 10, E / 10),
        says("EUR", -2 * E, -3 * E),
    ];
    let more = "\"has_next\":true,\"cursor\":\"c2\"";
    let finer = [
        account("A", "\"0.0000000000000000019\"", "\"0\""),
        account("B", "\"-0.0000000000000000011\"", "\"0\""),
    ];
    let rows: Vec<(String, Verdict, Vec<Says>)> = vec![
        (accounts(&list, LAST), Verdict::Understood, all.clone()),
        (accounts(&list, more), Verdict::More("c2".to_owned()), all),
        (accounts(&[], LAST), Verdict::Understood, vec![]),
        (accounts(&finer, LAST), Verdict::Understood, vec![says("A", 1, 1), says("B", -2, -2)]),
        (accounts(&[usd.clone(), usd.clone()], LAST), UNREADABLE, vec![]),
        (accounts(&[usd.replacen("USD", "EUR", 1)], LAST), UNREADABLE, vec![]),
        (accounts(&[account("", "\"1\"", "\"0\"")], LAST), UNREADABLE, vec![]),
        (accounts(&[account("USD", "\"x\"", "\"0\"")], LAST), UNREADABLE, vec![]),
        (accounts(&[usd.replace("hold", "held")], LAST), UNREADABLE, vec![]),
        (accounts(&[usd], "\"has_next\":true,\"cursor\":\"\""), UNREADABLE, vec![]),
    ];
    for (body, verdict, says) in rows {
        assert_eq!(read(Kind::Balances, 200, body.as_bytes()), (verdict, says), "{body}");
    }
}

#[test]
fn a_fill_of_an_order_that_a_list_has_named_is_not_taken_for_its_own() {
    let parts = Parts::new();
    let order = parts.order(None);
    let list = page(&[row(&[("client_order_id", "\"x\""), ("order_id", "\"o-2\"")])], LAST);
    let other = fills(&[fill(&[(VENUE_ID, "o-2")])], "");
    let both = fills(&[fill(&[(VENUE_ID, "o-2")]), fill(&[])], "");
    let mut orders = orders();
    let mut read = |about, body: &str| {
        let fetch = orders.ask(NOW_NS, 1, &order, about).expect("asked");
        let (url, body) = (fetch.url.as_str(), body.as_bytes());
        let end =
            Fetched::Answer { tag: 1, status: 200, url, request: b"", body, retry_after_ms: None };
        orders.read(&Asked::About(order, about), &end, &mut Vec::new())
    };
    assert_eq!(read(About::Fills, &other), UNREADABLE);
    assert_eq!(read(About::State, &list), Verdict::NotFound);
    assert_eq!(read(About::Fills, &other), Verdict::NotFound);
    assert_eq!(read(About::Fills, &both), UNREADABLE, "the second is nobody's");
}

#[test]
fn a_second_order_of_one_name_is_not_taken_for_the_first() {
    let parts = Parts::new();
    let list = "https://api.coinbase.com/api/v3/brokerage/orders/historical/batch?limit=250";
    // The venue's name came by another way while the question was under way.
    for (known, expected) in [(VENUE_ID, Verdict::Understood), ("o-9", UNREADABLE)] {
        let order = parts.order(Some(known));
        let asked = [
            (Asked::About(order, About::State), list, page(&[row(&[])], LAST)),
            (Asked::Place(order), "", taken(VENUE_ID, OURS, TERMS)),
        ];
        for (asked, url, body) in asked {
            let (request, body) = ([].as_slice(), body.as_bytes());
            let end =
                Fetched::Answer { tag: 1, status: 200, url, request, body, retry_after_ms: None };
            let verdict = orders().read(&asked, &end, &mut Vec::new());
            assert_eq!(verdict, expected, "{known} {asked:?}");
        }
    }
}
