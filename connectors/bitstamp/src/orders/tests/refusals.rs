//! Every way in which the venue says no.

use super::*;

/// Code and text of a newer refusal.
fn coded(code: &str, text: &str) -> String {
    format!(
        r#"{{"status":"error","reason":"{text}","response_code":"{code}","response_explanation":"{text}"}}"#
    )
}

fn refused(body: &str) -> (Verdict, Verdict, Verdict) {
    let read = |what| {
        let heard = heard(what, Some(ID), 400, body);
        assert!(heard.says.is_empty(), "{body}");
        heard.verdict
    };
    (read(What::Place), read(What::Cancel), read(What::State))
}

#[test]
fn a_code_says_what_it_was() {
    use Reject::{Funds, Key, Limited, Market, Other, Price, Size};
    let rows = [
        ("400.001", Other),
        ("400.002", Limited),
        ("400.003", Market),
        ("400.004", Other),
        ("400.005", Other),
        ("400.006", Other),
        ("400.007", Other),
        ("400.008", Other),
        ("400.009", Funds),
        ("400.020", Size),
        ("400.021", Price),
        ("400.024", Other),
        ("400.025", Other),
        ("400.026", Size),
        ("400.037", Size),
        ("400.038", Size),
        ("400.039", Size),
        ("400.041", Price),
        ("400.046", Size),
        ("400.067", Limited),
        ("400.068", Limited),
        ("403.001", Key),
        ("403.010", Key),
        ("404.003", Market),
        ("404.007", Market),
        ("405.001", Other),
        ("410.001", Other),
    ];
    for (code, why) in rows {
        let (place, cancel, state) = refused(&coded(code, "Whatever it is called today"));
        assert_eq!(place, Verdict::Refused(why, code.to_owned()));
        let of_others = match why {
            Key => unclear(Unclear::Key),
            Limited => unclear(Unclear::Limited),
            Funds | Size | Price | Market | Other => unclear(Unclear::Unreadable),
        };
        assert_eq!(state, of_others, "{code}");
        let is_own = of_others == unclear(Unclear::Unreadable);
        assert_eq!(cancel, if is_own { place } else { of_others }, "{code}");
    }
    // Written as a number it has lost its zeros.
    let number = coded("400.020", "x").replace(r#""400.020""#, "400.02");
    assert_eq!(refused(&number).0, Verdict::Refused(Size, "400.020".to_owned()));
}

#[test]
fn what_may_have_been_done_is_not_refused() {
    let rows = [
        // Trouble of the venue's own, whatever the status says.
        (coded("500.001", "Internal error"), Unclear::Server),
        (coded("500.003", "You have only 5.00 USD"), Unclear::Server),
        // The name has an order: perhaps this one.
        (coded("400.019", "x"), Unclear::Unreadable),
        (coded("404.002", "x"), Unclear::Unreadable),
        (coded("400.999", "Something new"), Unclear::Unreadable),
        (coded("999", "Something new"), Unclear::Unreadable),
        (coded("é", "Something new"), Unclear::Unreadable),
        // Two codes of two kinds.
        (coded("400.009", "x").replace('}', r#","code":"API0005"}"#), Unclear::Unreadable),
        // An order beside it.
        (coded("400.009", "x").replace('}', r#","id":5}"#), Unclear::Unreadable),
        (r#"{"status":"error"}"#.to_owned(), Unclear::Unreadable),
        (r#"{"status":"error","reason":null}"#.to_owned(), Unclear::Unreadable),
        (r#"{"status":"error","reason":{}}"#.to_owned(), Unclear::Unreadable),
        (r#"{"status":"error","reason":7}"#.to_owned(), Unclear::Unreadable),
        (r#"{"status":"error","reason":"Try again"}"#.to_owned(), Unclear::Unreadable),
        (r#"{"error":"Order not found"}"#.to_owned(), Unclear::Unreadable),
        (r#"{"error":{"__all__":["Try again"]}}"#.to_owned(), Unclear::Unreadable),
        (r#"{"error":{"server":["Try again"]}}"#.to_owned(), Unclear::Unreadable),
        (
            r#"{"status":"error","reason":{"client_order_id":["It exists."]}}"#.to_owned(),
            Unclear::Unreadable,
        ),
        (
            r#"{"status":"error","reason":["You have only 1 USD","Try again"]}"#.to_owned(),
            Unclear::Unreadable,
        ),
        (r#"{"code":"API0000","status":"ok"}"#.to_owned(), Unclear::Unreadable),
        (r#"{"status":"error","reason":"You have only"#.to_owned(), Unclear::Unreadable),
        (r#""You have only 5.00 USD available.""#.to_owned(), Unclear::Unreadable),
        (r#"["You have only 5.00 USD available."]"#.to_owned(), Unclear::Unreadable),
    ];
    for (body, why) in rows {
        assert_eq!(refused(&body).0, unclear(why), "{body}");
        assert_ne!(heard(What::Place, None, 200, &body).verdict, Verdict::Understood, "{body}");
        assert_ne!(heard(What::State, None, 200, &body).verdict, Verdict::Understood, "{body}");
    }
    // A right that is missing may be why; who asks again will see.
    let new = coded("400.999", "Something new");
    assert_eq!(heard(What::Place, None, 403, &new).verdict, unclear(Unclear::Key));
}

#[test]
fn texts_are_read_in_every_shape_and_at_every_status() {
    let funds = "You need 600.01 USD to open that order. You have only 5.00 USD available.";
    let shapes = |text: &str, field: &str| {
        [
            format!(r#"{{"status":"error","reason":"{text}"}}"#),
            format!(r#"{{"status":"error","reason":["{text}"]}}"#),
            format!(r#"{{"status":"error","reason":{{"{field}":["{text}"]}}}}"#),
            format!(r#"{{"status":"error","reason":{{"{field}":"{text}"}}}}"#),
            format!(r#"{{"error":"{text}"}}"#),
            format!(r#"{{"error":["{text}"]}}"#),
            format!(r#"{{"error":{{"{field}":["{text}"]}}}}"#),
        ]
    };
    let rows = [
        (funds, "__all__", Reject::Funds),
        ("Minimum order size is 10.0 USD.", "__all__", Reject::Size),
        ("Minimum order amount is 0.001", "amount", Reject::Size),
        ("Price is more than 20% from the market price.", "price", Reject::Price),
        ("Market is disabled", "__all__", Reject::Market),
        ("Request rate limit exceeded", "__all__", Reject::Limited),
        ("Invalid signature", "__all__", Reject::Key),
    ];
    for (text, field, why) in rows {
        for body in shapes(text, field) {
            for status in [200, 400, 403] {
                let heard = heard(What::Place, None, status, &body);
                let said = text.chars().take(64).collect();
                assert_eq!(heard.verdict, Verdict::Refused(why, said), "{status} {body}");
            }
        }
    }
    // Without words that are known it is the field that says: the form was not accepted.
    let fields = [
        ("amount", Reject::Size),
        ("price", Reject::Price),
        ("ioc_order", Reject::Other),
        ("client_order_id", Reject::Other),
    ];
    for (field, why) in fields {
        let text = "Ensure this value is less than or equal to that.";
        let body = format!(r#"{{"status":"error","reason":{{"{field}":["{text}"]}}}}"#);
        assert_eq!(refused(&body).0, Verdict::Refused(why, text.to_owned()), "{field}");
    }
    let two = r#"{"status":"error","reason":{"amount":["a"],"price":["b"]}}"#;
    assert_eq!(refused(two).0, Verdict::Refused(Reject::Size, "a".to_owned()));
    let long =
        format!(r#"{{"status":"error","reason":{{"amount":["\u0007{}"]}}}}"#, "é".repeat(200));
    assert_eq!(refused(&long).0, Verdict::Refused(Reject::Size, "é".repeat(64)));
}

#[test]
fn a_key_that_is_refused_is_said_of_every_request() {
    let codes = (1..=21).filter(|number| *number != 7).map(|number| format!("API{number:04}"));
    for code in codes {
        let body = format!(r#"{{"status":"error","reason":"Whatever","code":"{code}"}}"#);
        for what in EVERY {
            let verdict = heard(what, None, 403, &body).verdict;
            let expected = if what == What::Place {
                Verdict::Refused(Reject::Key, code.clone())
            } else {
                unclear(Unclear::Key)
            };
            assert_eq!(verdict, expected, "{code} {what:?}");
        }
    }
}

#[test]
fn an_order_that_is_not_there_is_said_of_orders_alone() {
    let bodies = [
        coded("404.002", "Order not found"),
        r#"{"status":"error","reason":"Order not found"}"#.to_owned(),
        r#"{"status":"error","reason":{"__all__":["Order not found."]}}"#.to_owned(),
        r#"{"error":"Order not found"}"#.to_owned(),
    ];
    for body in bodies {
        for status in [200, 400, 404] {
            for what in EVERY {
                let expected = if matches!(what, What::Cancel | What::State) {
                    Verdict::NotFound
                } else {
                    unclear(Unclear::Unreadable)
                };
                assert_eq!(heard(what, None, status, &body).verdict, expected, "{what:?} {body}");
            }
        }
    }
    // A malformed number is no absence.
    let body = r#"{"error":"Invalid order id"}"#;
    assert_eq!(heard(What::State, None, 400, body).verdict, unclear(Unclear::Unreadable));
}
