//! Refusals, lists, and that no bytes make anything panic or prove what they must not.

use super::*;

fn error(reason: &str) -> String {
    format!(r#"{{"result":"error","reason":"{reason}","message":"x"}}"#)
}

#[test]
fn only_a_known_reason_proves_that_an_order_was_not_taken() {
    let refused = |why, code: &str| Verdict::Refused(why, code.to_owned());
    let unread = Verdict::Unclear(Unclear::Unreadable);
    let key = Verdict::Unclear(Unclear::Key);
    let server = Verdict::Unclear(Unclear::Server);
    let limited = Verdict::Unclear(Unclear::Limited);
    let found = Verdict::NotFound;
    let html = "<html><body>no</body></html>".to_owned();
    // status, body, what it means for a placement, for a question about one order, for one about the
    // account
    let rows: Vec<(u16, String, Verdict, &Verdict, &Verdict)> = vec![
        (
            406,
            error("InsufficientFunds"),
            refused(Reject::Funds, "InsufficientFunds"),
            &unread,
            &unread,
        ),
        (400, error("InvalidQuantity"), refused(Reject::Size, "InvalidQuantity"), &unread, &unread),
        (400, error("InvalidPrice"), refused(Reject::Price, "InvalidPrice"), &unread, &unread),
        (400, error("MarketNotOpen"), refused(Reject::Market, "MarketNotOpen"), &unread, &unread),
        (400, error("InvalidSymbol"), refused(Reject::Other, "InvalidSymbol"), &unread, &unread),
        (400, error("InvalidNonce"), refused(Reject::Key, "InvalidNonce"), &key, &key),
        (400, error("InvalidSignature"), refused(Reject::Key, "InvalidSignature"), &key, &key),
        (403, error("MissingRole"), refused(Reject::Key, "MissingRole"), &key, &key),
        (403, error("InvalidApiKey"), refused(Reject::Key, "InvalidApiKey"), &key, &key),
        (403, html.clone(), key.clone(), &key, &key),
        (401, String::new(), key.clone(), &key, &key),
        (429, error("RateLimit"), refused(Reject::Limited, "RateLimit"), &limited, &limited),
        (
            429,
            r#"{"reason":"Too Many Requests"}"#.into(),
            refused(Reject::Limited, "Too Many Requests"),
            &limited,
            &limited,
        ),
        (429, "Too Many Requests".into(), refused(Reject::Limited, "429"), &limited, &limited),
        (404, error("OrderNotFound"), unread.clone(), &found, &unread),
        (404, String::new(), unread.clone(), &found, &unread),
        (404, html.clone(), unread.clone(), &unread, &unread),
        (
            404,
            error("EndpointNotFound"),
            refused(Reject::Other, "EndpointNotFound"),
            &unread,
            &unread,
        ),
        (400, error("SomethingNew"), unread.clone(), &unread, &unread),
        (406, html.clone(), unread.clone(), &unread, &unread),
        (
            400,
            r#"{"result":"ok","reason":"InvalidPrice"}"#.into(),
            unread.clone(),
            &unread,
            &unread,
        ),
        (400, error("InvalidPrice")[..30].to_owned(), unread.clone(), &unread, &unread),
        (400, error("System"), server.clone(), &server, &server),
        (500, error("System"), server.clone(), &server, &server),
        (503, error("Maintenance"), server.clone(), &server, &server),
        (503, error("InsufficientFunds"), server.clone(), &server, &server),
        (502, html.clone(), server.clone(), &server, &server),
        (200, error("InsufficientFunds"), unread.clone(), &unread, &unread),
        (200, html, unread.clone(), &unread, &unread),
        (200, String::new(), unread.clone(), &unread, &unread),
        (201, order_with(&[]).to_string(), unread.clone(), &unread, &unread),
        (302, String::new(), unread.clone(), &unread, &unread),
        (200, order_with(&[]).to_string()[..200].to_owned(), unread.clone(), &unread, &unread),
    ];
    for (status, body, of_placement, of_one, of_account) in rows {
        let bytes = body.as_bytes();
        with_order(Some(ID), |order| {
            let read = |asked| {
                let (verdict, says) = read(&asked, status, bytes);
                assert!(says.is_empty(), "{status} {body}");
                verdict
            };
            assert_eq!(read(Asked::Place(order)), of_placement, "{status} {body}");
            assert_eq!(read(Asked::Cancel(order)), *of_one, "{status} {body}");
            assert_eq!(read(Asked::About(order, About::State)), *of_one, "{status} {body}");
            for what in [Survey::OpenOrders, Survey::Balances, Survey::FillsSince(0)] {
                assert_eq!(read(Asked::Survey(what)), *of_account, "{what:?} {status} {body}");
            }
            assert_eq!(read(Asked::About(order, About::Fills)), *of_account, "{status} {body}");
        });
    }
}

#[test]
fn no_answer_and_one_that_is_too_large_say_nothing() {
    with_order(None, |order| {
        let failed = |why| {
            venue().read(&Asked::Place(order), &Fetched::Failed { tag: 1, why }, &mut Vec::new())
        };
        assert_eq!(failed(FetchFailure::TimedOut), Verdict::Unclear(Unclear::NoAnswer));
        assert_eq!(failed(FetchFailure::TooLarge), Verdict::Unclear(Unclear::Unreadable));
        let unread = Verdict::Unclear(Unclear::Unreadable);
        let large = order_with(&[]).to_string() + &" ".repeat(BODY_BYTES_MAX);
        assert_eq!(read(&Asked::Place(order), 200, large.as_bytes()).0, unread);
        // Nor does it pass for an empty one.
        assert_eq!(read(&Asked::Cancel(order), 404, &vec![b' '; BODY_BYTES_MAX + 1]).0, unread);
        assert_eq!(read(&Asked::Cancel(order), 404, b"\xff").0, unread);
        let row = r#"{"currency":"USD","amount":"1","available":"1"}"#;
        let many = |count: usize| format!("[{}]", vec![row; count].join(","));
        let asked = Asked::Survey(Survey::Balances);
        assert_eq!(read(&asked, 200, many(10_000).as_bytes()).1.len(), 10_000);
        assert_eq!(read(&asked, 200, many(10_001).as_bytes()), (unread, vec![]));
    });
}

#[test]
fn executions_by_market_and_time_prove_absence_only_where_none_may_be_ours() {
    let row = |changes: &[(&str, Value)]| trade_with(changes);
    let (nameless, ours) = (row(&[]), row(&[("client_order_id", OUR.into())]));
    let named = row(&[("client_order_id", "x".into())]);
    let sold = row(&[("type", "Sell".into())]);
    let early = row(&[("timestampms", (SENT / 1_000_000 - 30_001).into())]);
    let skewed = row(&[("timestampms", (SENT / 1_000_000 - 29_999).into())]);
    let elsewhere = row(&[("symbol", "ethusd".into())]);
    let undone = row(&[("break", "full".into())]);
    let unread = Verdict::Unclear(Unclear::Unreadable);
    let rows: Vec<(Option<&str>, Vec<&Value>, Verdict, usize)> = vec![
        (None, vec![], Verdict::NotFound, 0),
        (None, vec![&named, &sold, &early, &elsewhere, &undone], Verdict::NotFound, 0),
        (None, vec![&named, &nameless], unread.clone(), 0),
        (None, vec![&skewed], unread.clone(), 0),
        (None, vec![&ours], Verdict::Understood, 1),
        (None, vec![&ours, &nameless], unread.clone(), 1),
        (Some(ID), vec![&nameless, &sold], Verdict::Understood, 2),
        (Some("5"), vec![&nameless], Verdict::NotFound, 0),
        (None, vec![&named; TRADES_MAX - 1], Verdict::NotFound, 0),
        (None, vec![&named; TRADES_MAX], unread, 0),
    ];
    for (id, list, expected, count) in rows {
        let body = serde_json::json!(list).to_string();
        let (verdict, says) =
            with_order(id, |order| read(&Asked::About(order, About::Fills), 200, body.as_bytes()));
        assert_eq!((verdict, says.len()), (expected, count), "{id:?} {} rows", list.len());
    }
}

#[test]
fn surveys_tell_all_of_a_list_and_where_it_goes_on() {
    let body = r#"[{"type":"exchange","currency":"usd","amount":"1000.00","available":994.5,"availableForWithdrawal":"0"}]"#;
    let (verdict, says) = read(&Asked::Survey(Survey::Balances), 200, body.as_bytes());
    let asset = "USD".to_owned();
    let (total_e18, available_e18) = (100_000 * CENT, 99_450 * CENT);
    let balance = connector_orders::venue::BalanceSays { asset, total_e18, available_e18 };
    assert_eq!((verdict, says), (Verdict::Understood, vec![Says::Balance(balance)]));
    let foreign =
        order_with(&[("client_order_id", Value::Null), ("remaining_amount", Value::Null)]);
    let body = serde_json::json!([order_with(&[]), foreign]).to_string();
    let (verdict, says) = read(&Asked::Survey(Survey::OpenOrders), 200, body.as_bytes());
    assert_eq!((verdict, says.len()), (Verdict::Understood, 2));
    for what in [Survey::OpenOrders, Survey::Balances, Survey::FillsSince(0)] {
        assert_eq!(read(&Asked::Survey(what), 200, b"null"), (Verdict::Understood, vec![]));
        assert_eq!(
            read(&Asked::Survey(what), 200, b"[{}]").0,
            Verdict::Unclear(Unclear::Unreadable)
        );
    }
    let page = |count: u64, ms: fn(u64) -> u64| {
        let rows: Vec<Value> = (0..count)
            .map(|at| trade_with(&[("tid", at.into()), ("timestampms", ms(at).into())]))
            .collect();
        let body = serde_json::json!(rows).to_string();
        let (verdict, says) = read(&Asked::Survey(Survey::FillsSince(0)), 200, body.as_bytes());
        assert_eq!(says.len() as u64, count);
        verdict
    };
    assert_eq!(page(499, |at| 9_000 + at), Verdict::Understood);
    // Newest first or last: it goes on from the newest.
    assert_eq!(page(500, |at| 9_000 + at), Verdict::More("9499".into()));
    assert_eq!(page(500, |at| 9_999 - at), Verdict::More("9999".into()));
    assert_eq!(page(500, |_| 9_000), Verdict::Unclear(Unclear::Unreadable), "it would not end");
}

/// Every kind of question, with and without the venue's name of the order.
fn each_asked(id: Option<&str>, mut test: impl FnMut(&Asked<'_>)) {
    with_order(id, |order| {
        test(&Asked::Place(order));
        test(&Asked::Cancel(order));
        test(&Asked::About(order, About::State));
        test(&Asked::About(order, About::Fills));
        for what in [Survey::OpenOrders, Survey::FillsSince(5), Survey::Balances] {
            test(&Asked::Survey(what));
        }
    });
}

/// What holds of every answer.
fn check(status: u16, body: &[u8]) {
    for id in [None, Some(ID)] {
        each_asked(id, |asked| {
            let (verdict, says) = read(asked, status, body);
            let is_placement = matches!(asked, Asked::Place(_));
            match verdict {
                Verdict::Refused(_, code) => {
                    assert!(is_placement && (400..500).contains(&status) && code.len() <= 64);
                }
                Verdict::NotFound => assert!(!is_placement && says.is_empty()),
                Verdict::Understood | Verdict::More(_) => assert_eq!(status, 200),
                Verdict::Unclear(_) => {
                    let is_order = says.iter().any(|says| matches!(says, Says::Order(_)));
                    assert!(!is_order, "an order that cannot be read says nothing");
                }
            }
        });
    }
}

fn real_answers() -> Vec<String> {
    let trades = serde_json::json!([trade_with(&[("client_order_id", OUR.into())])]);
    vec![
        order_with(&[("trades", trades.clone())]).to_string(),
        serde_json::json!([order_with(&[])]).to_string(),
        trades.to_string(),
        r#"[{"type":"exchange","currency":"USD","amount":"1.5","available":"0"}]"#.to_owned(),
        error("InsufficientFunds"),
        error("OrderNotFound"),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic_or_prove_too_much(
        status in prop_oneof![Just(200_u16), Just(404), Just(429), 0_u16..700],
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        check(status, &body);
    }

    #[test]
    fn no_damage_to_a_real_answer_does_either(
        which in 0_usize..6,
        status in prop_oneof![4 => Just(200_u16), 1 => Just(406), 1 => Just(404)],
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in prop_oneof![3 => Just(1.0_f64), 1 => 0.0..1.0_f64],
    ) {
        let mut body = real_answers()[which].clone().into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        #[expect(clippy::cast_precision_loss, reason = "a share of a length")]
        body.truncate((body.len() as f64 * keep) as usize);
        check(status, &body);
    }
}
