//! The account's fills, open orders and balances.

use core::slice::from_ref;

use super::*;

/// A purchase of the account, at a time of that day.
fn row(id: u64, order_id: u64, time: &str) -> String {
    format!(
        r#"{{"id":{id},"datetime":"2026-01-01 {time}","type":"2","fee":"0.24","order_id":{order_id},"btc":"0.00100000","usd":"-60.01","btc_usd":60001.00,"eur":0.0}}"#
    )
}

pub(super) fn page(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

#[test]
fn fills_of_an_order_are_found_by_its_number() {
    let list = page(&[row(8, 5, "00:00:03"), row(7, 1_780_000_000_000_003, "00:00:02")]);
    let heard = heard(What::Fills, Some(ID), 200, &list);
    let fill = FillSays {
        exec_id: "7".to_owned(),
        venue_id: ID.to_owned(),
        client_id: Some(OURS.to_owned()),
        symbol: "btcusd".to_owned(),
        side: Some(Side::Buy),
        size_e18: 100_000 * E10,
        quote_e18: 6_001_000_000 * E10,
        fee_e18: 24_000_000 * E10,
        fee_asset: String::new(),
        at_ns: SENT_NS + 2_000_000_000,
    };
    assert_eq!((heard.verdict, heard.says), (Verdict::Understood, vec![Says::Fill(fill)]));
}

#[test]
fn a_fill_that_may_be_its_own_leaves_the_question_open() {
    let like = row(8, 5, "00:00:03");
    let sale = like.replace(r#""0.001"#, r#""-0.001"#).replace("-60.01", "60.01");
    let other = like.replace("btc", "eth");
    let deposit = r#"{"id":9,"datetime":"2026-01-01 00:00:04","type":"0","fee":"7.50","usd":"100.00","btc":0.0,"btc_usd":"0.00"}"#;
    let old = "2025-12-31 23:57:29.9";
    let before = like.replace("2026-01-01 00:00:03", old);
    let rows = [
        (page(&[]), Verdict::NotFound),
        (page(&[deposit.to_owned(), sale.clone(), other, before.clone()]), Verdict::NotFound),
        (page(from_ref(&like)), unclear(Unclear::Unreadable)),
        // As far back as two clocks may differ.
        (
            page(&[like.replace("2026-01-01 00:00:03", "2025-12-31 23:57:30")]),
            unclear(Unclear::Unreadable),
        ),
        // Less than all there is.
        (page(&vec![sale.clone(); 1_000]), unclear(Unclear::Unreadable)),
        (page(&vec![before.clone(); 1_000]), Verdict::NotFound),
    ];
    for (list, verdict) in rows {
        let heard = heard(What::Fills, None, 200, &list);
        assert_eq!((heard.verdict, heard.says.len()), (verdict, 0), "{list:.200}");
    }
    // With a number a stranger's fill is a stranger's.
    assert_eq!(heard(What::Fills, Some(ID), 200, &page(&[like])).verdict, Verdict::NotFound);
}

#[test]
fn whose_number_it_is_was_told_before() {
    let mut venue = venue();
    let (client_id, instrument) = (
        ClientId::of(Lineage::new("riptide", 1), OrderKey { trade: 2, leg: 0, attempt: 0 }),
        instrument(),
    );
    let placed = PLACED.replace(OURS, client_id.as_str()).replace(ID, "5");
    let order = with_order(None, |order| Order {
        client_id: &client_id,
        instrument: &instrument,
        venue_id: None,
        ..order
    });
    let body = placed.as_bytes();
    let end =
        Fetched::Answer { tag: 1, status: 200, url: "", request: b"", body, retry_after_ms: None };
    assert_eq!(venue.read(&Asked::Place(order), &end, &mut vec![]), Verdict::Understood);
    let list = page(&[row(8, 5, "00:00:03")]);
    let mut ask = |list: &str| answer_to(&mut venue, What::Fills, None, (200, "", list.as_bytes()));
    assert_eq!(ask(&list).verdict, Verdict::NotFound, "it is the other order's");
    let both = page(&[row(9, 6, "00:00:03"), row(8, 5, "00:00:03")]);
    assert_eq!(ask(&both).verdict, unclear(Unclear::Unreadable));
    // And our own, where the gateway has not heard of its number.
    answer_to(&mut venue, What::State, None, (200, "", states::PARTLY.as_bytes()));
    let own = page(&[row(9, 1_780_000_000_000_003, "00:00:03")]);
    let heard = answer_to(&mut venue, What::Fills, None, (200, "", own.as_bytes()));
    assert_eq!((heard.verdict, heard.says.len()), (Verdict::Understood, 1));
}

#[test]
fn numbers_are_forgotten_oldest_first() {
    let mut numbers = Numbers::default();
    for number in 0..=NUMBERS_MAX {
        for _ in 0..2 {
            assert_eq!(numbers.remember(&number.to_string(), client_id()), Ok(()));
        }
    }
    assert_eq!((numbers.told.len(), numbers.order.len()), (NUMBERS_MAX, NUMBERS_MAX));
    assert!(numbers.owner("0").is_none() && numbers.owner("1").is_some());
    let other = ClientId::of(Lineage::new("riptide", 2), OrderKey { trade: 1, leg: 0, attempt: 0 });
    assert_eq!(numbers.remember("1", other), Err(Unclear::Unreadable), "it is another's");
    assert_eq!(numbers.owner("1"), Some(&client_id()));
}

#[test]
fn pages_follow_until_one_reaches_back() {
    let what = What::Survey(Survey::FillsSince(SENT_NS));
    let ask = |offset: &str, list: &str| {
        let request = format!("limit=1000&sort=desc{offset}");
        answer_to(&mut venue(), what, None, (200, &request, list.as_bytes()))
    };
    let new = row(8, 5, "00:00:00");
    let old = new.replace("2026-01-01 00:00:00", "2025-12-31 23:59:59.999999");
    let more = |next: &str| Verdict::More(next.to_owned());
    let rows = [
        ("&offset=0", page(&[]), Verdict::Understood, 0),
        ("&offset=0", page(from_ref(&new)), more("1"), 1),
        ("&offset=1000", page(&vec![new.clone(); 1_000]), more("2000"), 1_000),
        ("&offset=0", page(&[new.clone(), old.clone()]), Verdict::Understood, 1),
        ("&offset=199999", page(from_ref(&new)), more("200000"), 1),
        ("&offset=200000", page(from_ref(&new)), unclear(Unclear::Unreadable), 0),
        ("", page(from_ref(&new)), unclear(Unclear::Unreadable), 0),
        ("", page(&[old]), Verdict::Understood, 0),
    ];
    for (offset, list, verdict, fills) in rows {
        let heard = ask(offset, &list);
        assert_eq!((heard.verdict, heard.says.len()), (verdict, fills), "{offset} {list:.200}");
    }
    let heard = ask("&offset=0", &page(&[new]));
    assert_eq!(heard.fills()[0].client_id, None);
}

#[test]
fn a_list_with_one_row_that_cannot_be_says_nothing() {
    let good = row(8, 5, "00:00:03");
    let bad = [
        good.replace(r#""order_id":5,"#, ""),
        good.replace(r#""id":8,"#, ""),
        good.replace("-60.01", "60.01"),
        good.replace("0.00100000", "0.00000000"),
        good.replace(r#","btc_usd":60001.00"#, ""),
        good.replace("2026-01-01 ", ""),
        good.replace(r#""fee":"0.24","#, ""),
        good.replace(r#""type":"2""#, r#""type":[]"#),
        "7".to_owned(),
        "{}".to_owned(),
    ];
    for row in bad {
        for what in [What::Fills, What::Survey(Survey::FillsSince(SENT_NS))] {
            let heard = heard(what, Some("5"), 200, &page(&[good.clone(), row.clone()]));
            assert_eq!(heard.verdict, unclear(Unclear::Unreadable), "{row}");
            assert!(heard.says.is_empty(), "{row}");
        }
    }
    // Rows of 2018 name currencies that did not move; too little for a cent is paid with nothing.
    let since = What::Survey(Survey::FillsSince(SENT_NS));
    let several = good.replace(r#""eur":0.0"#, r#""eur":0.0,"btc_eur":0.0,"usd_eur":"0""#);
    let dust = good.replace("-60.01", "0.00");
    for row in [several, dust] {
        let heard = heard(since, None, 200, &page(&[row]));
        assert_eq!(heard.fills().len(), 1);
        assert_eq!(heard.fills()[0].symbol, "btcusd");
    }
}

#[test]
fn open_orders_are_told_and_nothing_follows_from_them() {
    let row = format!(
        r#"{{"id":"{ID}","datetime":"2026-01-01 00:00:00","type":"1","price":"60001","amount":"0.005","amount_at_create":"0.01","currency_pair":"BTC/USD","market":"BTC/USD","client_order_id":"{OURS}"}}"#
    );
    let foreign = row.replace(OURS, "").replace(ID, "17");
    let what = What::Survey(Survey::OpenOrders);
    let heard = heard(what, None, 200, &page(&[row.clone(), foreign]));
    assert_eq!(heard.verdict, Verdict::Understood);
    let first = OrderSays {
        client_id: Some(OURS.to_owned()),
        venue_id: ID.to_owned(),
        symbol: "btcusd".to_owned(),
        side: Some(Side::Sell),
        standing: Standing::Open,
        filled_e18: None,
        quote_e18: None,
        fee_e18: None,
    };
    let second = OrderSays { client_id: None, venue_id: "17".to_owned(), ..first.clone() };
    assert_eq!(heard.orders(), [&first, &second]);
    assert_eq!(self::heard(what, None, 200, "[]").verdict, Verdict::Understood);
    for bad in [row.replace(ID, "x"), row.replace(r#""type":"1""#, r#""type":"3""#)] {
        let heard = self::heard(what, None, 200, &page(&[row.clone(), bad]));
        assert_eq!((heard.verdict, heard.says.len()), (unclear(Unclear::Unreadable), 0));
    }
}

#[test]
fn balances_are_read_to_the_last_digit() {
    let what = What::Survey(Survey::Balances);
    let row =
        r#"{"currency":"usd","total":"9698.7498","available":"9000.00","reserved":"698.7498"}"#;
    let heard = heard(what, None, 200, &page(&[row.to_owned()]));
    let usd = BalanceSays {
        asset: "USD".to_owned(),
        total_e18: 969_874_980_000 * E10,
        available_e18: 9_000 * WHOLE,
    };
    assert_eq!((heard.verdict, heard.says), (Verdict::Understood, vec![Says::Balance(usd)]));
    for (rows, verdict) in
        [(wire::ROWS_MAX, Verdict::Understood), (wire::ROWS_MAX + 1, unclear(Unclear::Unreadable))]
    {
        let heard = self::heard(what, None, 200, &page(&vec![row.to_owned(); rows]));
        assert_eq!(heard.verdict, verdict, "{rows}");
    }
    let bad = [
        row.replace("9000.00", "9698.75"),
        row.replace("9000.00", ""),
        row.replace("9698.7498", "1e4"),
        row.replace(r#""usd""#, r#""""#),
        row.replace(r#""usd""#, r#""us d""#),
    ];
    for row in bad {
        let heard = self::heard(what, None, 200, &page(from_ref(&row)));
        assert_eq!((heard.verdict, heard.says.len()), (unclear(Unclear::Unreadable), 0), "{row}");
    }
}
