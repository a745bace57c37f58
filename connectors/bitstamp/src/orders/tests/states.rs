//! An order's status, and the answer to a cancel.

use super::*;

pub(super) const PARTLY: &str = r#"{"id":1780000000000003,"datetime":"2026-01-01 00:00:00","type":"0","status":"Canceled","market":"BTC/USD","transactions":[{"tid":412345679,"price":"60001.00","btc":"0.00400000","usd":"240.00","fee":"0.96","datetime":"2026-01-01 00:00:00.5","type":2},{"tid":412345680,"price":"60000.00","btc":"0.00100000","usd":60.01,"fee":0.2400001,"datetime":"2026-01-01 00:00:01","type":2}],"amount_remaining":"0.00500000","client_order_id":"925ab690-0001-8000-8000-00000401efef"}"#;

/// A status with these words, this rest and this list of transactions.
fn status(word: &str, rest: &str, list: &str) -> String {
    format!(
        r#"{{"id":{ID},"type":0,"status":"{word}","market":"BTC/USD","transactions":[{list}],"amount_remaining":"{rest}","client_order_id":"{OURS}"}}"#
    )
}

fn transaction(tid: u64, size: &str) -> String {
    format!(
        r#"{{"tid":{tid},"price":"60000","btc":"{size}","usd":"60.00","fee":"0.24","datetime":"2026-01-01 00:00:00","type":2}}"#
    )
}

#[test]
fn a_status_tells_each_fill_and_the_order_last() {
    for venue_id in [None, Some(ID)] {
        let heard = heard(What::State, venue_id, 200, PARTLY);
        assert_eq!(heard.verdict, Verdict::Understood);
        let first = FillSays {
            exec_id: "412345679".to_owned(),
            venue_id: ID.to_owned(),
            client_id: Some(OURS.to_owned()),
            symbol: "btcusd".to_owned(),
            side: Some(Side::Buy),
            size_e18: 400_000 * E10,
            quote_e18: 240 * WHOLE,
            fee_e18: 96_000_000 * E10,
            fee_asset: String::new(),
            at_ns: SENT_NS + 500_000_000,
        };
        let second = FillSays {
            exec_id: "412345680".to_owned(),
            size_e18: 100_000 * E10,
            // Bare numbers, to the last digit.
            quote_e18: 6_001_000_000 * E10,
            fee_e18: 24_000_010 * E10,
            at_ns: SENT_NS + 1_000_000_000,
            ..first.clone()
        };
        let order = OrderSays {
            client_id: Some(OURS.to_owned()),
            venue_id: ID.to_owned(),
            symbol: "btcusd".to_owned(),
            side: Some(Side::Buy),
            standing: Standing::Done,
            filled_e18: Some(500_000 * E10),
            // Sums are not the venue's.
            quote_e18: None,
            fee_e18: None,
        };
        assert_eq!(heard.says, [Says::Fill(first), Says::Fill(second), Says::Order(order)]);
    }
}

#[test]
fn words_and_rests_make_a_standing() {
    let half = transaction(1, "0.005");
    let rows: &[(&str, &str, &str, Option<Standing>)] = &[
        ("Open", "0.01", "", Some(Standing::Open)),
        ("Open", "0.005", &half, Some(Standing::Open)),
        // A list that lags behind, or a rest: it goes on.
        ("Open", "0.005", "", Some(Standing::Open)),
        ("Cancel pending", "0.005", &half, Some(Standing::Open)),
        ("Canceled", "0.01000000", "", Some(Standing::Done)),
        ("Canceled", "0.005", &half, Some(Standing::Done)),
        ("Expired", "0.005", &half, Some(Standing::Done)),
        ("Finished", "0.005", &half, Some(Standing::Done)),
        // Over, and the list does not say where it went: not known yet.
        ("Finished", "0.00000000", &half, None),
        ("Finished", "0.00000000", "", None),
        ("Canceled", "0.005", "", None),
        ("Canceled", "0.01", &half, None),
        ("Canceled", "", &half, None),
        ("Canceled", "half", &half, None),
        ("Done", "0.005", &half, None),
        ("open", "0.005", &half, None),
        ("", "0.005", &half, None),
    ];
    for (word, rest, list, standing) in rows {
        let heard = heard(What::State, None, 200, &status(word, rest, list));
        let expected =
            if standing.is_some() { Verdict::Understood } else { unclear(Unclear::Unreadable) };
        assert_eq!(heard.verdict, expected, "{word} {rest} {list}");
        let standings: Vec<_> = heard.orders().iter().map(|order| order.standing).collect();
        assert_eq!(standings, standing.iter().copied().collect::<Vec<_>>(), "{word} {rest}");
        // What has filled is said in any case.
        assert_eq!(heard.fills().len(), usize::from(!list.is_empty()), "{word} {rest}");
    }
    let twice = format!("{half},{half}");
    let heard = heard(What::State, None, 200, &status("Canceled", "0.005", &twice));
    assert_eq!((heard.verdict, heard.says.len()), (Verdict::Understood, 2));
}

#[test]
fn what_is_not_of_this_order_or_no_status_says_nothing() {
    let bad = [
        PARTLY.replace(OURS, "925ab690-0001-8000-8000-00001e043f26"),
        // Nobody's name and a number that is not known.
        PARTLY.replace(&format!(r#","client_order_id":"{OURS}""#), ""),
        PARTLY.replace(r#""btc""#, r#""eth""#),
        PARTLY.replace("BTC/USD", "ETH/USD"),
        PARTLY.replace("BTC/USD", "USD/USD"),
        PARTLY.replace("BTC/USD", "/USD"),
        PARTLY.replace("0.00400000", "-0.00400000"),
        PARTLY.replace("0.00400000", "0"),
        PARTLY.replace("0.00400000", "4e-3"),
        PARTLY.replace("0.00400000", "0.0040000000000000001"),
        PARTLY.replace(r#""240.00""#, "true"),
        PARTLY.replace(r#""fee":"0.96","#, ""),
        PARTLY.replace("412345680", "412345679"),
        PARTLY.replace(r#""tid":412345679,"#, ""),
        PARTLY.replace("00:00:00.5", "00:00:99"),
        PARTLY.replace("2026-01-01 00:00:00.5", "yesterday"),
        PARTLY
            .replace("\"transactions\":[", "\"transactions\":{")
            .replace("}],\"amount", "}},\"amount"),
        PARTLY.replace(r#""type":"0""#, r#""type":"7""#),
    ];
    for body in bad {
        let heard = heard(What::State, None, 200, &body);
        assert_eq!(heard.verdict, unclear(Unclear::Unreadable), "{body}");
        assert!(heard.says.is_empty(), "{body}");
    }
    let other = heard(What::State, Some("5"), 200, PARTLY);
    assert_eq!((other.verdict, other.says.len()), (unclear(Unclear::Unreadable), 0));
    // The number alone is enough where it is known, and a title can be done without.
    let nameless = PARTLY.replace(&format!(r#","client_order_id":"{OURS}""#), "");
    let nameless = nameless.replace(r#""market":"BTC/USD","#, "");
    let heard = heard(What::State, Some(ID), 200, &nameless);
    assert_eq!((&heard.verdict, heard.says.len()), (&Verdict::Understood, 3));
    assert_eq!(heard.orders()[0].symbol, "");
}

#[test]
fn a_cancel_is_asked_for_and_not_done() {
    let canceled = format!(
        r#"{{"id":{ID},"amount":0.005,"price":60001,"type":0,"market":"BTC/USD","status":"Canceled"}}"#
    );
    let rows = [
        (canceled.clone(), Verdict::Understood),
        (canceled.replace("Canceled", "Cancel pending"), Verdict::Understood),
        (canceled.replace(r#","status":"Canceled""#, ""), Verdict::Understood),
        (canceled.replace("Canceled", "Finished"), unclear(Unclear::Unreadable)),
        (canceled.replace(ID, "5"), unclear(Unclear::Unreadable)),
        ("true".to_owned(), unclear(Unclear::Unreadable)),
    ];
    for (body, verdict) in rows {
        let heard = heard(What::Cancel, Some(ID), 200, &body);
        assert_eq!((heard.verdict, heard.says.len()), (verdict, 0), "{body}");
    }
    assert_eq!(heard(What::Cancel, None, 200, &canceled).verdict, unclear(Unclear::Unreadable));
}
