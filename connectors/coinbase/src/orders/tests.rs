use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_orders::client_id::{ClientId, Lineage, OrderKey};
use connector_orders::venue::Instrument;
use engine_model::Grid;
use engine_model::grid::Step;

use super::*;

pub(super) const NOW_NS: u64 = 1_767_225_600 * NS_PER_S;
pub(super) const VENUE_ID: &str = "7b2f8a51-0000-4000-8000-0000000000aa";
const REST: &str = "https://api.coinbase.com";

/// The key of the published vector.
pub(super) fn orders() -> CoinbaseOrders {
    let seed: Vec<u8> = (0..32).collect();
    let key = Key::new("11111111-2222-3333-4444-555555555555", &STANDARD.encode(seed));
    CoinbaseOrders::new(&format!("{REST}/"), key.expect("a seed"))
}

/// What an order borrows.
pub(super) struct Parts {
    pub(super) client_id: ClientId,
    pub(super) instrument: Instrument,
}

impl Parts {
    pub(super) fn new() -> Self {
        let key = OrderKey { trade: 1, leg: 0, attempt: 0 };
        let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
        Self {
            client_id: ClientId::of(Lineage::new("riptide", 1), key),
            instrument: Instrument { symbol: "BTC-USD".into(), quote: "USD".into(), grid },
        }
    }

    /// Buys 0.01 at 60001, sent two seconds after the start of 2026.
    pub(super) fn order<'a>(&'a self, venue_id: Option<&'a str>) -> Order<'a> {
        Order {
            client_id: &self.client_id,
            venue_id,
            instrument: &self.instrument,
            side: Side::Buy,
            size_lots: 1_000_000,
            limit_ticks: 6_000_100,
            sent_ns: NOW_NS + 2 * NS_PER_S + 1,
        }
    }
}

fn header<'f>(fetch: &'f Fetch, name: &str) -> Option<&'f str> {
    fetch.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_placement_is_one_limit_order_and_is_signed_as_computed_by_hand() {
    let parts = Parts::new();
    let fetch = orders().place(NOW_NS, 7, &parts.order(None));
    assert_eq!((fetch.tag, fetch.method, fetch.secrecy), (7, Method::Post, Secrecy::Secret));
    assert_eq!(fetch.url, "https://api.coinbase.com/api/v3/brokerage/orders");
    assert_eq!(
        fetch.body,
        "{\"client_order_id\":\"925ab690-0001-8000-8000-00000401efef\",\"product_id\":\"BTC-USD\",\
         \"side\":\"BUY\",\"order_configuration\":{\"sor_limit_ioc\":{\"base_size\":\"0.01\",\
         \"limit_price\":\"60001\"}}}"
    );
    assert_eq!(header(&fetch, "content-type"), Some("application/json"));
    // Head, claims and signature by another implementation of Ed25519 from the same seed.
    let token = "Bearer eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6IjExMTExMTExLTIyMjItMzMzMy00NDQ\
        0LTU1NTU1NTU1NTU1NSIsIm5vbmNlIjoiMTg4NjcyNTFlZGZhMDAwMDgwMDAwMDAwMDAwMDAwMDAifQ.eyJzdWIiOiI\
        xMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLCJpc3MiOiJjZHAiLCJuYmYiOjE3NjcyMjU2MDAsIm\
        V4cCI6MTc2NzIyNTcyMCwidXJpIjoiUE9TVCBhcGkuY29pbmJhc2UuY29tL2FwaS92My9icm9rZXJhZ2Uvb3JkZXJzI\
        n0.ndV9j1DdyUh2omk2qr1xkxvr0XgsJ5xFfialLpsAWtq47sWA-kwlAVAD6ft0aUJwi9GKYh9H17HF9nir_becCA";
    assert_eq!(header(&fetch, "authorization"), Some(token));
}

#[test]
fn the_query_is_not_signed_and_no_token_comes_twice() {
    let parts = Parts::new();
    let mut orders = orders();
    let _ = orders.place(NOW_NS, 1, &parts.order(None));
    let fetch = orders.ask(NOW_NS, 2, &parts.order(None), About::State).expect("a question");
    assert_eq!(
        fetch.url,
        "https://api.coinbase.com/api/v3/brokerage/orders/historical/batch?limit=250\
         &product_ids=BTC-USD&start_date=2025-12-31T23:59:02Z&end_date=2026-01-01T00:01:03Z"
    );
    // The second token of this instant: of the path without the query.
    let signature = "4xlLNPWse4D7DYH4mWTurTagFGgGD2RxhswMKq7VKse0sDRofmhIXA_452X_O9TeUdq2GUEgoiVdSxI\
        5W-9VAg";
    let token = header(&fetch, "authorization").expect("a token");
    assert_eq!(token.rsplit('.').next(), Some(signature));
    let earlier = orders.ask(NOW_NS - 9, 3, &parts.order(None), About::State).expect("a question");
    assert_ne!(header(&earlier, "authorization"), Some(token), "a clock that goes back");
}

#[test]
fn the_same_order_is_the_same_bytes_at_any_time() {
    let parts = Parts::new();
    let mut orders = orders();
    let first = orders.place(NOW_NS, 1, &parts.order(None));
    let known = Order { sent_ns: 5, ..parts.order(Some(VENUE_ID)) };
    let again = orders.place(NOW_NS + 77 * NS_PER_S, 2, &known);
    assert_eq!(first.body, again.body);
    assert_ne!(header(&first, "authorization"), header(&again, "authorization"));
}

#[test]
fn sizes_and_prices_are_exact_whatever_the_grid() {
    let rows = [
        (1, 1, Step::decimal(2), Step::decimal(8), "0.00000001", "0.01"),
        (
            u64::MAX,
            3,
            Step { step: 5, places: 2 },
            Step::decimal(0),
            "18446744073709551615",
            "0.15",
        ),
        (7, 7, Step { step: 10, places: 0 }, Step { step: 25, places: 3 }, "0.175", "70"),
    ];
    for (size_lots, limit_ticks, tick, lot, size, limit) in rows {
        let mut parts = Parts::new();
        parts.instrument.grid = Grid { tick, lot };
        let order = Order { size_lots, limit_ticks, side: Side::Sell, ..parts.order(None) };
        let body = orders().place(NOW_NS, 1, &order).body;
        let terms = format!("{{\"base_size\":\"{size}\",\"limit_price\":\"{limit}\"}}");
        assert!(body.contains(&terms) && body.contains("\"SELL\""), "{body}");
    }
}

#[test]
fn every_other_request_goes_where_the_reference_says() {
    let parts = Parts::new();
    let (nameless, named) = (parts.order(None), parts.order(Some(VENUE_ID)));
    let odd = parts.order(Some("a/../b?c=\"d\"&\u{e9}"));
    let never_sent = Order { sent_ns: 0, ..nameless };
    let mut orders = orders();
    let mut ask =
        |order: &Order<'_>, about| orders.ask(NOW_NS, 1, order, about).expect("asked").url;
    let around = "start_sequence_timestamp=2025-12-31T23:59:02Z\
                  &end_sequence_timestamp=2026-01-01T00:01:03Z";
    let at = |path: &str| format!("{REST}/api/v3/brokerage{path}");
    let rows = [
        (ask(&named, About::State), at(&format!("/orders/historical/{VENUE_ID}"))),
        (ask(&odd, About::State), at("/orders/historical/a%2F..%2Fb%3Fc%3D%22d%22%26%C3%A9")),
        (
            ask(&named, About::Fills),
            at(&format!("/orders/historical/fills?limit=250&order_ids={VENUE_ID}")),
        ),
        (
            ask(&nameless, About::Fills),
            at(&format!("/orders/historical/fills?limit=250&product_ids=BTC-USD&{around}")),
        ),
        (
            ask(&never_sent, About::State),
            at("/orders/historical/batch?limit=250&product_ids=BTC-USD"),
        ),
    ];
    for (url, expected) in rows {
        assert_eq!(url, expected);
    }
    let cancel = orders.cancel(NOW_NS, 1, &named);
    assert_eq!(cancel.url, at("/orders/batch_cancel"));
    assert_eq!(cancel.body, format!("{{\"order_ids\":[\"{VENUE_ID}\"]}}"));
    assert_eq!(orders.cancel(NOW_NS, 1, &nameless).body, "{\"order_ids\":[]}");
    assert_eq!(orders.cancel(NOW_NS, 1, &odd).body, r#"{"order_ids":["a/../b?c=\"d\"&é"]}"#);
}

#[test]
fn surveys_go_page_by_page_and_open_orders_through_two_lists() {
    let mut orders = orders();
    let queued = "&order_status=PENDING&order_status=QUEUED&order_status=CANCEL_QUEUED";
    let batch = "/orders/historical/batch?limit=250";
    let fills = "/orders/historical/fills?limit=250&start_sequence_timestamp=2026-01-01T00:00:00Z";
    let since = Survey::FillsSince(NOW_NS + 999);
    let rows = [
        (Survey::OpenOrders, None, format!("{batch}&order_status=OPEN")),
        (Survey::OpenOrders, Some("oa b"), format!("{batch}&order_status=OPEN&cursor=a%20b")),
        (Survey::OpenOrders, Some("q"), format!("{batch}{queued}")),
        (Survey::OpenOrders, Some("qx"), format!("{batch}{queued}&cursor=x")),
        (since, None, fills.to_owned()),
        (since, Some("c&d"), format!("{fills}&cursor=c%26d")),
        (Survey::Balances, None, "/accounts?limit=250".to_owned()),
        (Survey::Balances, Some("x"), "/accounts?limit=250&cursor=x".to_owned()),
    ];
    for (what, cursor, expected) in rows {
        let fetch = orders.survey(NOW_NS, 3, what, cursor);
        assert_eq!(fetch.url, format!("{REST}/api/v3/brokerage{expected}"));
        assert_eq!((fetch.method, fetch.secrecy), (Method::Get, Secrecy::Secret));
    }
}

#[test]
fn nothing_of_the_key_is_shown() {
    let mut orders = orders();
    let parts = Parts::new();
    let fetch = orders.place(NOW_NS, 1, &parts.order(None));
    let shown = format!("{orders:?} {fetch:?}");
    assert!(!shown.contains("AAEC") && !shown.contains("Bearer"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn times_of_filters_read_back(second in 0_u64..18_446_744_073) {
        let read = connector_net::time::parse_rfc3339(rfc3339(second).as_bytes());
        proptest::prop_assert_eq!(read, Some(second * NS_PER_S));
    }
}
