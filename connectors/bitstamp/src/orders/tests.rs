//! Every shape that an answer is known to have, and what is none.

use connector_net::session::{FetchFailure, Method, Secrecy};
use connector_orders::venue::{BalanceSays, FillSays, Instrument, OrderSays, Reject, Standing};
use connector_orders::{Lineage, OrderKey};
use engine_model::Grid;
use engine_model::grid::Step;

use super::*;

mod lists;
mod noise;
mod refusals;
mod states;

const NOW_NS: u64 = 1_767_225_600_123_456_789;
const SENT_NS: u64 = 1_767_225_600_000_000_000;
const OURS: &str = "925ab690-0001-8000-8000-00000401efef";
const ID: &str = "1780000000000003";
/// 10⁻¹⁸ of 10⁻⁸.
const E10: i128 = 10_000_000_000;
const WHOLE: i128 = 100_000_000 * E10;

fn venue() -> BitstampOrders {
    let secret = "bitstamp-test-secret".into();
    let key = Key { id: "bitstamp-test-key".into(), secret, nonce_salt: 1 };
    BitstampOrders::new(key, "https://www.bitstamp.net/api/v2")
}

fn instrument() -> Instrument {
    let grid = Grid { tick: Step { step: 1, places: 0 }, lot: Step { step: 1, places: 8 } };
    Instrument { symbol: "btcusd".into(), quote: "USD".into(), grid }
}

fn client_id() -> ClientId {
    ClientId::of(Lineage::new("riptide", 1), OrderKey { trade: 1, leg: 0, attempt: 0 })
}

/// What is asked about a purchase of 0.01.
fn with_order<T>(venue_id: Option<&str>, then: impl FnOnce(Order<'_>) -> T) -> T {
    let (client_id, instrument) = (client_id(), instrument());
    then(Order {
        client_id: &client_id,
        venue_id,
        instrument: &instrument,
        side: Side::Buy,
        size_lots: 1_000_000,
        limit_ticks: 60_001,
        sent_ns: SENT_NS,
    })
}

/// Which request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Place,
    Cancel,
    State,
    Fills,
    Survey(Survey),
}

const EVERY: [What; 7] = [
    What::Place,
    What::Cancel,
    What::State,
    What::Fills,
    What::Survey(Survey::OpenOrders),
    What::Survey(Survey::FillsSince(SENT_NS)),
    What::Survey(Survey::Balances),
];

struct Heard {
    verdict: Verdict,
    says: Vec<Says>,
}

impl Heard {
    fn orders(&self) -> Vec<&OrderSays> {
        let orders = self.says.iter().filter_map(|says| match says {
            Says::Order(order) => Some(order),
            Says::Fill(_) | Says::Balance(_) => None,
        });
        orders.collect()
    }

    fn fills(&self) -> Vec<&FillSays> {
        let fills = self.says.iter().filter_map(|says| match says {
            Says::Fill(fill) => Some(fill),
            Says::Order(_) | Says::Balance(_) => None,
        });
        fills.collect()
    }
}

fn answer_to(
    venue: &mut BitstampOrders,
    what: What,
    venue_id: Option<&str>,
    (status, request, body): (u16, &str, &[u8]),
) -> Heard {
    with_order(venue_id, |order| {
        let asked = match what {
            What::Place => Asked::Place(order),
            What::Cancel => Asked::Cancel(order),
            What::State => Asked::About(order, About::State),
            What::Fills => Asked::About(order, About::Fills),
            What::Survey(survey) => Asked::Survey(survey),
        };
        let request = request.as_bytes();
        let end = Fetched::Answer { tag: 1, status, url: "", request, body, retry_after_ms: None };
        let mut says = Vec::new();
        let verdict = venue.read(&asked, &end, &mut says);
        Heard { verdict, says }
    })
}

fn heard(what: What, venue_id: Option<&str>, status: u16, body: &str) -> Heard {
    answer_to(&mut venue(), what, venue_id, (status, "offset=0", body.as_bytes()))
}

const fn unclear(why: Unclear) -> Verdict {
    Verdict::Unclear(why)
}

#[test]
fn requests_are_signed_forms_of_exact_decimals() {
    let mut venue = venue();
    let place = with_order(None, |order| venue.place(NOW_NS, 7, &order));
    assert_eq!(place.url, "https://www.bitstamp.net/api/v2/buy/btcusd/");
    assert_eq!(
        place.body,
        format!("amount=0.01&price=60001&ioc_order=True&client_order_id={OURS}")
    );
    assert_eq!((place.tag, place.method, place.secrecy), (7, Method::Post, Secrecy::Secret));
    let header = |name: &str| {
        let found = place.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect(name)
    };
    // Computed by hand from the venue's description.
    assert_eq!(header("X-Auth-Nonce"), "3443ee16-0829-4c71-b017-68b2ce508a6c");
    assert_eq!(header("X-Auth-Timestamp"), "1767225600123");
    assert_eq!(
        header("X-Auth-Signature"),
        "31c3ad6ca3957fdada55da8acce56afc432d3d9a9a6a8a5092c4212eef2a5065"
    );
    assert_eq!(header("Content-Type"), "application/x-www-form-urlencoded");

    let again = with_order(None, |order| venue.place(NOW_NS, 8, &order));
    assert_eq!((&again.url, &again.body), (&place.url, &place.body));
    assert_ne!(again.headers, place.headers, "no nonce comes twice");

    let sale = with_order(None, |order| {
        venue.place(NOW_NS, 9, &Order { side: Side::Sell, size_lots: 1, ..order })
    });
    assert!(sale.url.ends_with("/sell/btcusd/") && sale.body.starts_with("amount=0.00000001&"));
    assert!(!format!("{venue:?}").contains("test-secret"));
}

#[test]
fn questions_name_the_order_by_its_number_once_that_is_known() {
    let mut venue = venue();
    let mut ask = |venue_id, about| {
        let fetch = with_order(venue_id, |order| venue.ask(NOW_NS, 1, &order, about));
        let fetch = fetch.expect("it can be asked at any time");
        (fetch.url.rsplit("/v2/").next().unwrap_or_default().to_owned(), fetch.body)
    };
    let state = |body: &str| ("order_status/".to_owned(), body.to_owned());
    assert_eq!(ask(None, About::State), state(&format!("client_order_id={OURS}")));
    assert_eq!(ask(Some(ID), About::State), state(&format!("id={ID}")));
    let fills = ("user_transactions/btcusd/".to_owned(), "limit=1000&sort=desc".to_owned());
    assert_eq!(ask(None, About::Fills), fills);
    let cancel = with_order(Some(ID), |order| venue.cancel(NOW_NS, 1, &order));
    assert!(cancel.url.ends_with("/v2/cancel_order/"));
    assert_eq!(cancel.body, format!("id={ID}"));
    let rows = [
        (Survey::OpenOrders, None, "open_orders/", ""),
        (Survey::Balances, None, "account_balances/", ""),
        (Survey::FillsSince(5), None, "user_transactions/", "limit=1000&sort=desc&offset=0"),
        (
            Survey::FillsSince(5),
            Some("1000"),
            "user_transactions/",
            "limit=1000&sort=desc&offset=1000",
        ),
    ];
    for (what, cursor, path, body) in rows {
        let fetch = venue.survey(NOW_NS, 1, what, cursor);
        assert!(fetch.url.ends_with(&format!("/v2/{path}")), "{}", fetch.url);
        assert_eq!(fetch.body, body);
        let has_type = fetch.headers.iter().any(|(name, _)| name == "Content-Type");
        assert_eq!(has_type, !body.is_empty(), "{path}");
    }
    let rules = venue.rules();
    assert!(!rules.resend_is_query && rules.asks_by_client_id);
}

const PLACED: &str = r#"{"id":"1780000000000003","market":"BTC/USD","datetime":"2026-01-01 00:00:00.123456","type":"0","price":"60001","amount":"0.01000000","client_order_id":"925ab690-0001-8000-8000-00000401efef"}"#;

#[test]
fn a_new_order_is_told_by_its_number_and_nothing_more() {
    let heard = heard(What::Place, None, 200, PLACED);
    assert_eq!(heard.verdict, Verdict::Understood);
    let says = OrderSays {
        client_id: Some(OURS.to_owned()),
        venue_id: ID.to_owned(),
        symbol: "btcusd".to_owned(),
        side: Some(Side::Buy),
        standing: Standing::Open,
        filled_e18: None,
        quote_e18: None,
        fee_e18: None,
    };
    assert_eq!(heard.says, [Says::Order(says)]);
    let good = [
        PLACED.replace(r#""1780000000000003""#, "1780000000000003"),
        PLACED.replace(r#""type":"0""#, r#""type":0"#),
        PLACED.replace(OURS, &OURS.to_uppercase()),
        // An older answer does not repeat the name.
        PLACED.replace(&format!(r#","client_order_id":"{OURS}""#), ""),
    ];
    for body in good {
        let other = self::heard(What::Place, None, 201, &body);
        assert_eq!(
            (other.verdict, other.says),
            (Verdict::Understood, heard.says.clone()),
            "{body}"
        );
    }
    let bare = PLACED.replace(&format!(r#","client_order_id":"{OURS}""#), "");
    let bad = [
        PLACED.replace(OURS, "arb-000001"),
        PLACED.replace(r#""id":"1780000000000003","#, ""),
        PLACED.replace(r#""1780000000000003""#, r#""17x""#),
        PLACED.replace(r#""1780000000000003""#, "17.5"),
        PLACED.replace(r#""1780000000000003""#, "null"),
        PLACED.replace(r#""type":"0""#, r#""type":"2""#),
        PLACED.replace("BTC/USD", "BTCUSD"),
        // A refusal and an order at once, or one thing twice.
        PLACED.replace(r#""price""#, r#""status":"error","price""#),
        PLACED.replace(r#""price""#, r#""id":"5","price""#),
        bare.replace("BTC/USD", "ETH/USD"),
        bare.replace(r#""type":"0""#, r#""type":"1""#),
        bare.replace("0.01000000", "0.02000000"),
        PLACED[..PLACED.len() - 1].to_owned(),
        format!("{PLACED}x"),
        String::new(),
        "true".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "<html>".to_owned(),
    ];
    for body in bad {
        let heard = self::heard(What::Place, None, 200, &body);
        assert_eq!(heard.verdict, unclear(Unclear::Unreadable), "{body}");
        assert!(heard.says.is_empty(), "{body}");
    }
    // Ours, and not as it was ordered: that is told as it is said, for the gateway to judge.
    let heard =
        self::heard(What::Place, None, 200, &PLACED.replace(r#""type":"0""#, r#""type":"1""#));
    assert_eq!(heard.orders()[0].side, Some(Side::Sell));
}

#[test]
fn a_status_decides_before_a_body() {
    let rows: &[(u16, &str, Unclear)] = &[
        (500, PLACED, Unclear::Server),
        (502, "<html>Bad gateway</html>", Unclear::Server),
        (
            599,
            r#"{"status":"error","reason":"Invalid signature","code":"API0005"}"#,
            Unclear::Server,
        ),
        (301, PLACED, Unclear::Unreadable),
        (101, PLACED, Unclear::Unreadable),
        (404, PLACED, Unclear::Unreadable),
        (404, "<!doctype html>", Unclear::Unreadable),
        (418, "teapot", Unclear::Unreadable),
        // Some edge, not the venue.
        (403, "<html>Forbidden</html>", Unclear::Key),
        (401, "", Unclear::Key),
    ];
    for what in EVERY {
        for (status, body, why) in rows {
            let heard = heard(what, Some(ID), *status, body);
            assert_eq!(heard.verdict, unclear(*why), "{what:?} {status} {body}");
            assert!(heard.says.is_empty());
        }
        let limited = if what == What::Place {
            Verdict::Refused(Reject::Limited, "429".to_owned())
        } else {
            unclear(Unclear::Limited)
        };
        for body in ["", "<html>", PLACED] {
            assert_eq!(heard(what, None, 429, body).verdict, limited);
        }
        for why in [FetchFailure::TimedOut, FetchFailure::Unreachable, FetchFailure::TooLarge] {
            let end = Fetched::Failed { tag: 1, why };
            let read =
                with_order(None, |order| venue().read(&Asked::Place(order), &end, &mut vec![]));
            assert_eq!(read, unclear(Unclear::NoAnswer));
        }
        let long = format!("{}{PLACED}", " ".repeat(BODY_BYTES_MAX));
        assert_eq!(heard(what, None, 200, &long).verdict, unclear(Unclear::Unreadable));
    }
}
