//! Placements, cancels and errors: every shape that the reference names.

use connector_net::session::FetchFailure;
use connector_orders::venue::{Reject, Standing, Unclear};

use super::kit::*;
use super::tests::{Parts, VENUE_ID, orders};
use super::*;

#[test]
fn a_placement_is_taken_only_where_every_word_agrees() {
    let good = taken(VENUE_ID, OURS, TERMS);
    let rows: &[(String, bool)] = &[
        (good.clone(), true),
        (taken(VENUE_ID, &OURS.to_uppercase(), ""), true),
        (good.replace("0.01\"", "0.01000000\"").replace("60001\"", "60001.00\""), true),
        // The older shape, and the documentation's own example.
        (good.replace("true,", "true,\"failure_reason\":\"UNKNOWN_FAILURE_REASON\","), true),
        (good.replace("true,", &format!("true,\"order_id\":\"{VENUE_ID}\",")), true),
        (
            good.replace(
                "true,",
                "true,\"error_response\":{\"error\":\"UNKNOWN_FAILURE_REASON\"},",
            ),
            true,
        ),
        (good.replace("true,", "true,\"error_response\":null,"), true),
        // It contradicts itself.
        (
            good.replace("true,", "true,\"error_response\":{\"error\":\"INSUFFICIENT_FUND\"},"),
            false,
        ),
        (good.replace("true,", "true,\"failure_reason\":\"INSUFFICIENT_FUND\","), false),
        (good.replace("true,", "true,\"order_id\":\"another\","), false),
        // The name was used before, by an order on other terms.
        (good.replace("0.01\"", "0.02\""), false),
        (good.replace("60001", "60002"), false),
        (good.replace("sor_limit_ioc", "limit_limit_gtc"), false),
        (good.replace("BTC-USD", "ETH-USD"), false),
        (good.replace("BUY", "SELL"), false),
        // Of whom does it speak?
        (taken(VENUE_ID, "925ab690-0001-8000-8000-00001e043f26", TERMS), false),
        (taken(VENUE_ID, "", TERMS), false),
        (taken("", OURS, TERMS), false),
        (taken("a/b", OURS, TERMS), false),
        (format!("{{\"success\":true,\"order_id\":\"{VENUE_ID}\"}}"), false),
        ("{\"success\":true}".to_owned(), false),
        (good.replace("true", "\"true\""), false),
        (good[..good.len() - 1].to_owned(), false),
        ("{}".to_owned(), false),
        ("<html></html>".to_owned(), false),
        (String::new(), false),
    ];
    for (body, is_taken) in rows {
        let (verdict, mut says) = read(Kind::Place, 200, body.as_bytes());
        if *is_taken {
            assert_eq!(verdict, Verdict::Understood, "{body}");
            let Some(Says::Order(only)) = says.pop() else { panic!("{body}") };
            assert_eq!((only.venue_id.as_str(), only.standing), (VENUE_ID, Standing::Open));
            assert_eq!((only.filled_e18, says.len()), (None, 0), "{body}");
        } else {
            assert_eq!((verdict, says), (UNREADABLE, vec![]), "{body}");
        }
    }
}

#[test]
fn a_placement_is_refused_only_where_it_is_proven() {
    const NONE: &str = "UNKNOWN_PREVIEW_FAILURE_REASON";
    let refused = |why, code: &str| Verdict::Refused(why, code.to_owned());
    let unknown = "UNKNOWN_FAILURE_REASON";
    let long = "X".repeat(99);
    let funds = refusal("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND");
    let with_name = format!("\"success\":false,\"order_id\":\"{VENUE_ID}\",");
    let rows: &[(String, Verdict)] = &[
        (funds.clone(), refused(Reject::Funds, "INSUFFICIENT_FUND")),
        (refusal("INVALID_SIZE_PRECISION", NONE), refused(Reject::Size, "INVALID_SIZE_PRECISION")),
        (refusal("INVALID_LIMIT_PRICE", NONE), refused(Reject::Price, "INVALID_LIMIT_PRICE")),
        (refusal("UNTRADABLE_PRODUCT", NONE), refused(Reject::Market, "UNTRADABLE_PRODUCT")),
        // The order's own word says nothing, its preview's does.
        (
            refusal(unknown, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
            refused(Reject::Size, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        ),
        (
            refusal("COMMANDER_REJECTED_NEW_ORDER", NONE),
            refused(Reject::Other, "COMMANDER_REJECTED_NEW_ORDER"),
        ),
        (refusal(unknown, NONE), refused(Reject::Other, unknown)),
        (refusal("NEWER_THAN_WE", NONE), refused(Reject::Other, "NEWER_THAN_WE")),
        (refusal(&long, NONE), refused(Reject::Other, &long[..64])),
        (
            "{\"success\":false,\"failure_reason\":\"INSUFFICIENT_FUNDS\",\"order_id\":\"\"}"
                .to_owned(),
            refused(Reject::Funds, "INSUFFICIENT_FUNDS"),
        ),
        // An order under the name is there.
        (refusal("DUPLICATE_CLIENT_ORDER_ID", NONE), UNREADABLE),
        (funds.replace("\"success\":false,", &with_name), UNREADABLE),
        (taken(VENUE_ID, OURS, TERMS).replace("true", "false"), UNREADABLE),
        ("{\"success\":false}".to_owned(), UNREADABLE),
        ("{\"success\":false,\"error_response\":{}}".to_owned(), UNREADABLE),
    ];
    for (body, expected) in rows {
        assert_eq!(read(Kind::Place, 200, body.as_bytes()), (expected.clone(), vec![]), "{body}");
    }
}

#[test]
fn statuses_mean_the_same_of_every_question_but_the_placement() {
    let invalid = r#"{"error":"INVALID_ARGUMENT","error_details":"account is not available","message":"account is not available"}"#;
    let scopes =
        r#"{"error":"PERMISSION_DENIED","error_details":"x","message":"Missing required scopes"}"#;
    let many = r#"{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}"#;
    let refused = |why, code: &str| Verdict::Refused(why, code.to_owned());
    let unclear = Verdict::Unclear;
    let limited = "rate_limit_exceeded: Too many requests";
    let rows: &[(u16, &str, Verdict, Verdict)] = &[
        (429, many, refused(Reject::Limited, limited), unclear(Unclear::Limited)),
        (403, many, refused(Reject::Limited, limited), unclear(Unclear::Limited)),
        (429, "Too Many Requests", refused(Reject::Limited, ""), unclear(Unclear::Limited)),
        (401, "Unauthorized", refused(Reject::Key, ""), unclear(Unclear::Key)),
        (
            403,
            scopes,
            refused(Reject::Key, "PERMISSION_DENIED: Missing required scopes"),
            unclear(Unclear::Key),
        ),
        (403, "error code: 1020", refused(Reject::Key, ""), unclear(Unclear::Key)),
        (
            400,
            invalid,
            refused(Reject::Other, "INVALID_ARGUMENT: account is not available"),
            UNREADABLE,
        ),
        (400, "<html>", UNREADABLE, UNREADABLE),
        (400, "{\"error\":\"unknown\"}", UNREADABLE, UNREADABLE),
        (404, "{\"error\":\"NOT_FOUND\",\"message\":\"no such route\"}", UNREADABLE, UNREADABLE),
        (408, "{}", UNREADABLE, UNREADABLE),
        (409, "{}", UNREADABLE, UNREADABLE),
        (301, "", UNREADABLE, UNREADABLE),
        (204, "", UNREADABLE, UNREADABLE),
        (100, "", UNREADABLE, UNREADABLE),
        (999, "", UNREADABLE, UNREADABLE),
        (500, "{}", unclear(Unclear::Server), unclear(Unclear::Server)),
        (503, "<html>", unclear(Unclear::Server), unclear(Unclear::Server)),
        (504, invalid, unclear(Unclear::Server), unclear(Unclear::Server)),
    ];
    for (status, body, of_placement, else_) in rows {
        for kind in KINDS {
            let expected = if kind == Kind::Place { of_placement } else { else_ };
            let read = read(kind, *status, body.as_bytes());
            assert_eq!(read, (expected.clone(), vec![]), "{kind:?} {status} {body}");
        }
    }
    // What would be good in every other respect, from a status that is not.
    let good = taken(VENUE_ID, OURS, TERMS);
    for status in [201, 302, 500] {
        assert!(matches!(read(Kind::Place, status, good.as_bytes()).0, Verdict::Unclear(_)));
    }
}

#[test]
fn no_answer_and_one_that_is_too_large_say_nothing() {
    let parts = Parts::new();
    let rows = [
        (FetchFailure::Unreachable, Unclear::NoAnswer),
        (FetchFailure::TimedOut, Unclear::NoAnswer),
        (FetchFailure::TooLarge, Unclear::Unreadable),
        (FetchFailure::OverBudget, Unclear::NoAnswer),
    ];
    for (why, expected) in rows {
        let end = Fetched::Failed { tag: 1, why };
        let read = orders().read(&Asked::Place(parts.order(None)), &end, &mut Vec::new());
        assert_eq!(read, Verdict::Unclear(expected));
    }
    let padded = |size: usize| {
        let mut body = page(&[row(&[])], LAST);
        body.push_str(&" ".repeat(size - body.len()));
        read(Kind::StateByList, 200, body.as_bytes()).0
    };
    assert_eq!(padded(8 << 20), Verdict::Understood);
    assert_eq!(padded((8 << 20) + 1), UNREADABLE);
    let other = row(&[("client_order_id", "\"x\"")]);
    let fills_of =
        |count| fills(&vec![fill(&[(VENUE_ID, "another")]).replace("BUY", "SELL"); count], "");
    let balances_of = |count: usize| {
        let rows: Vec<String> =
            (0..count).map(|it| account(&format!("C{it}"), "\"1\"", "\"0\"")).collect();
        accounts(&rows, LAST)
    };
    for (count, is_read) in [(10_000, true), (10_001, false)] {
        let orders = page(&vec![other.clone(); count], LAST);
        let answers = [
            (Kind::StateByList, orders.clone(), Verdict::NotFound),
            (Kind::Queued, orders, Verdict::Understood),
            (Kind::FillsOfMarket, fills_of(count), Verdict::NotFound),
            (Kind::Since, fills_of(count), Verdict::Understood),
            (Kind::Balances, balances_of(count), Verdict::Understood),
        ];
        for (kind, body, good) in answers {
            let expected = if is_read { good } else { UNREADABLE };
            assert_eq!(read(kind, 200, body.as_bytes()).0, expected, "{kind:?} {count}");
        }
    }
}

#[test]
fn cancels_say_whether_they_were_taken() {
    let answer = |success: bool, why: &str, id: &str| {
        format!(
            "{{\"results\":[{{\"success\":{success},\"failure_reason\":\"{why}\",\"order_id\":\"{id}\"}}]}}"
        )
    };
    let refused = |why, code: &str| Verdict::Refused(why, code.to_owned());
    let over = "COMMANDER_REJECTED_CANCEL_ORDER";
    let row = "{\"success\":true,\"order_id\":\"x\"}";
    let rows: &[(String, Verdict)] = &[
        (answer(true, "UNKNOWN_CANCEL_FAILURE_REASON", VENUE_ID), Verdict::Understood),
        (answer(true, "", VENUE_ID), Verdict::Understood),
        (answer(false, "DUPLICATE_CANCEL_REQUEST", VENUE_ID), Verdict::Understood),
        (answer(false, "UNKNOWN_CANCEL_ORDER", VENUE_ID), Verdict::NotFound),
        (answer(false, over, VENUE_ID), refused(Reject::Market, over)),
        (
            answer(false, "INVALID_CANCEL_REQUEST", VENUE_ID),
            refused(Reject::Other, "INVALID_CANCEL_REQUEST"),
        ),
        (answer(true, "UNKNOWN_CANCEL_ORDER", VENUE_ID), UNREADABLE),
        (answer(true, "", "another"), UNREADABLE),
        (format!("{{\"results\":[{row},{row}]}}"), UNREADABLE),
        ("{\"results\":[]}".to_owned(), UNREADABLE),
    ];
    for (body, expected) in rows {
        assert_eq!(read(Kind::Cancel, 200, body.as_bytes()), (expected.clone(), vec![]), "{body}");
    }
}
