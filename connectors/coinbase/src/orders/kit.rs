//! Answers of the reference's shapes, and what is read from them.

use connector_orders::amount::ONE_E18 as E;
use connector_orders::venue::{OrderSays, Standing, Unclear};

use super::tests::{NOW_NS, Parts, VENUE_ID, orders};
use super::*;

pub(super) const OURS: &str = "925ab690-0001-8000-8000-00000401efef";
pub(super) const UNREADABLE: Verdict = Verdict::Unclear(Unclear::Unreadable);

/// What is asked, with the address that the question had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Place,
    Cancel,
    /// By the venue's name.
    State,
    /// By ours.
    StateByList,
    Fills,
    FillsOfMarket,
    Open,
    Queued,
    Since,
    Balances,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind::Place,
    Kind::Cancel,
    Kind::State,
    Kind::StateByList,
    Kind::Fills,
    Kind::FillsOfMarket,
    Kind::Open,
    Kind::Queued,
    Kind::Since,
    Kind::Balances,
];

pub(super) fn read(kind: Kind, status: u16, body: &[u8]) -> (Verdict, Vec<Says>) {
    let (parts, mut orders) = (Parts::new(), orders());
    let (nameless, named) = (parts.order(None), parts.order(Some(VENUE_ID)));
    let since = Survey::FillsSince(NOW_NS);
    let about = |orders: &mut CoinbaseOrders, order, about| {
        (Asked::About(order, about), orders.ask(NOW_NS, 1, &order, about).expect("asked"))
    };
    let (asked, fetch) = match kind {
        Kind::Place => (Asked::Place(nameless), orders.place(NOW_NS, 1, &nameless)),
        Kind::Cancel => (Asked::Cancel(named), orders.cancel(NOW_NS, 1, &named)),
        Kind::State => about(&mut orders, named, About::State),
        Kind::StateByList => about(&mut orders, nameless, About::State),
        Kind::Fills => about(&mut orders, named, About::Fills),
        Kind::FillsOfMarket => about(&mut orders, nameless, About::Fills),
        Kind::Open => {
            let fetch = orders.survey(NOW_NS, 1, Survey::OpenOrders, Some("oc1"));
            (Asked::Survey(Survey::OpenOrders), fetch)
        }
        Kind::Queued => {
            let fetch = orders.survey(NOW_NS, 1, Survey::OpenOrders, Some("q"));
            (Asked::Survey(Survey::OpenOrders), fetch)
        }
        Kind::Since => (Asked::Survey(since), orders.survey(NOW_NS, 1, since, Some("c1"))),
        Kind::Balances => {
            let fetch = orders.survey(NOW_NS, 1, Survey::Balances, None);
            (Asked::Survey(Survey::Balances), fetch)
        }
    };
    let end = Fetched::Answer {
        tag: 1,
        status,
        url: &fetch.url,
        request: fetch.body.as_bytes(),
        body,
        retry_after_ms: None,
    };
    let mut says = Vec::new();
    let verdict = orders.read(&asked, &end, &mut says);
    (verdict, says)
}

pub(super) fn taken(order_id: &str, client_id: &str, more: &str) -> String {
    format!(
        "{{\"success\":true,\"success_response\":{{\"order_id\":\"{order_id}\",\
         \"product_id\":\"BTC-USD\",\"side\":\"BUY\",\"client_order_id\":\"{client_id}\"}}{more}}}"
    )
}

pub(super) const TERMS: &str =
    r#","order_configuration":{"sor_limit_ioc":{"base_size":"0.01","limit_price":"60001"}}"#;

pub(super) fn refusal(own: &str, preview: &str) -> String {
    format!(
        "{{\"success\":false,\"error_response\":{{\"error\":\"{own}\",\"message\":\"no\",\
         \"error_details\":\"\",\"preview_failure_reason\":\"{preview}\",\
         \"new_order_failure_reason\":\"{own}\"}}{TERMS}}}"
    )
}

/// An order of the reference's shape with other values in it.
pub(super) fn row(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("order_id", format!("\"{VENUE_ID}\"")),
        ("client_order_id", format!("\"{OURS}\"")),
        ("product_id", "\"BTC-USD\"".to_owned()),
        ("side", "\"BUY\"".to_owned()),
        ("status", "\"CANCELLED\"".to_owned()),
        ("filled_size", "\"0.004\"".to_owned()),
        ("average_filled_price", "\"60000.0033333333333\"".to_owned()),
        ("fee", "\"\"".to_owned()),
        ("filled_value", "\"240.00001\"".to_owned()),
        ("total_fees", "\"2.1600001234\"".to_owned()),
        ("size_in_quote", "false".to_owned()),
        ("settled", "false".to_owned()),
        ("edit_history", "[]".to_owned()),
    ];
    for (name, value) in changes {
        for field in fields.iter_mut().filter(|field| field.0 == *name) {
            (*value).clone_into(&mut field.1);
        }
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

pub(super) fn one(row: &str) -> String {
    format!("{{\"order\":{row}}}")
}

pub(super) fn page(rows: &[String], end: &str) -> String {
    format!("{{\"orders\":[{}],\"sequence\":\"0\",{end}}}", rows.join(","))
}

pub(super) const LAST: &str = "\"has_next\":false,\"cursor\":\"\"";

pub(super) fn fill(changes: &[(&str, &str)]) -> String {
    let mut text = format!(
        "{{\"entry_id\":\"e-1\",\"trade_id\":\"t-1\",\"order_id\":\"{VENUE_ID}\",\
         \"trade_time\":\"2026-01-01T00:00:03.08Z\",\"trade_type\":\"FILL\",\"price\":\"60000.01\",\
         \"size\":\"0.01\",\"commission\":\"5.4000009\",\"product_id\":\"BTC-USD\",\
         \"liquidity_indicator\":\"TAKER\",\"size_in_quote\":false,\"side\":\"BUY\"}}"
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

pub(super) fn fills(rows: &[String], cursor: &str) -> String {
    format!("{{\"fills\":[{}],\"cursor\":\"{cursor}\"}}", rows.join(","))
}

pub(super) fn account(currency: &str, available: &str, hold: &str) -> String {
    format!(
        "{{\"uuid\":\"u\",\"currency\":\"{currency}\",\"available_balance\":{{\"value\":{available},\
         \"currency\":\"{currency}\"}},\"hold\":{{\"value\":{hold},\"currency\":\"{currency}\"}}}}"
    )
}

pub(super) fn accounts(rows: &[String], end: &str) -> String {
    format!("{{\"accounts\":[{}],{end},\"size\":1}}", rows.join(","))
}

pub(super) fn says_order(standing: Standing, amounts: Option<(i128, i128, i128)>) -> Says {
    Says::Order(OrderSays {
        client_id: Some(OURS.to_owned()),
        venue_id: VENUE_ID.to_owned(),
        symbol: "BTC-USD".to_owned(),
        side: Some(Side::Buy),
        standing,
        filled_e18: amounts.map(|it| it.0),
        quote_e18: amounts.map(|it| it.1),
        fee_e18: amounts.map(|it| it.2),
    })
}

/// The amounts of [`row`].
pub(super) const PART: (i128, i128, i128) =
    (E / 250, 240 * E + E / 100_000, 2_160_000_123_400_000_000);
