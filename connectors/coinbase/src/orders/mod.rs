//! Orders over REST: the requests, and through `read` what the answers say.
//!
//! Layout: this file makes requests, `read` decides what an answer means, `list` reads answers that are
//! lists, `names` whose an order is, `wire` holds the shapes, `reasons` the venue's words for no.
//!
//! Source: the venue's reference of its trading interface. What follows from it:
//!
//! * A name that the account has used before makes no second order: the answer describes the first one.
//!   So a lost answer is mended by the same bytes once more: the body depends on the order alone, the
//!   token is fresh. For how long names are kept is not published; the gateway repeats an order only
//!   while it may still be sent.
//! * The venue has no question by our name, but its list of orders repeats it. Before the venue's name
//!   is known an order is looked for among those of its market that were made within [`AROUND_NS`] of
//!   its sending: whole seconds of a clock that is wrong make the venue refuse every token, so that a
//!   minute is far more than clocks and repetitions need. One page is looked at. If there are more, and
//!   it is not on the first, nothing is known.
//! * Money is the order's own `filled_value` and `total_fees`, which the venue states cumulatively and
//!   unrounded, fees in the quote currency. `average_filled_price` is rounded and not read. So an order
//!   settles from its state alone; fills are read for surveys and for the proof that an order never was.
//! * Fills carry the venue's name alone. As long as that is unknown, a fill of the order's market and
//!   side might be its own: then absence is not concluded, unless the venue has stated another name of
//!   ours, or somebody's, for the order of the fill. The list that the order was looked for in states
//!   them, so `names` keeps what lists have said.
//!
//! Deliberately absent: edits, orders by amount of quote, every kind of order that can rest.

mod list;
mod names;
mod read;
mod reasons;
mod wire;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod list_tests;
#[cfg(test)]
mod shapes_tests;
#[cfg(test)]
mod tests;

use core::fmt::Write as _;

use connector_net::decimal;
use connector_net::session::{Fetch, Fetched, Method, Secrecy};
use connector_net::time::NS_PER_S;
use connector_orders::Side;
use connector_orders::venue::{About, Asked, Order, OrderVenue, Rules, Says, Survey, Verdict};

use crate::sign::Key;

/// Prefix of every path.
const PREFIX: &str = "/api/v3/brokerage";

/// Rows of a page: what is known to be taken of accounts, and is asked for everywhere.
const PAGE: u32 = 250;

/// How far around its sending an order is looked for that has no venue's name yet. The sending is that
/// of the last repetition; repetitions end when the order is too old to be sent. Unit: nanoseconds.
const AROUND_NS: u64 = 60 * NS_PER_S;

/// From the last byte of a request until the order cannot come up any more. The venue states none: its
/// requests end, one way or the other, within this. Unit: nanoseconds.
const ACK_WITHIN_NS: u64 = 10 * NS_PER_S;

/// Requests of one user: the customary figure, which the venue's pages do not print any more.
const REQUESTS_PER_S: u32 = 30;

/// Tokens of orders have numbers with this bit, those of market data do not: one key serves both.
const NONCE_OF_ORDERS: u128 = 1 << 63;

/// First letter of a cursor of [`Survey::OpenOrders`]: the list of orders that are open.
const OPEN: &str = "o";
/// And the list of orders on their way to that, or from it: the first list leaves them out, and takes
/// no other status beside its own.
const QUEUED: &str = "q";

/// Orders of one key.
#[derive(Debug)]
pub struct CoinbaseOrders {
    rest_url: String,
    /// As the token names it.
    host: String,
    key: Key,
    nonce: u128,
    names: names::Names,
}

impl CoinbaseOrders {
    /// `rest_url`: the address of requests without their path, `https://api.coinbase.com`.
    #[must_use]
    pub fn new(rest_url: &str, key: Key) -> Self {
        let rest_url = rest_url.trim_end_matches('/');
        let host = rest_url.split_once("://").map_or(rest_url, |(_, host)| host);
        Self {
            rest_url: rest_url.to_owned(),
            host: host.to_owned(),
            key,
            nonce: 0,
            names: names::Names::default(),
        }
    }

    /// A number that no token had: time in its upper half, a count in its lower.
    fn next_nonce(&mut self, now_ns: u64) -> u128 {
        self.nonce = (self.nonce + 1).max(u128::from(now_ns) << 64 | NONCE_OF_ORDERS);
        self.nonce
    }

    fn request(&mut self, at: (u64, u64), path: &str, query: &str, body: String) -> Fetch {
        let (now_ns, tag) = at;
        let (method, word) =
            if body.is_empty() { (Method::Get, "GET") } else { (Method::Post, "POST") };
        let nonce = self.next_nonce(now_ns);
        let signed = format!("{word} {}{PREFIX}{path}", self.host);
        let mut headers = vec![self.key.header(now_ns / NS_PER_S, nonce, &signed)];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let url = format!("{}{PREFIX}{path}{query}", self.rest_url);
        Fetch { tag, method, url, headers, body, secrecy: Secrecy::Secret }
    }
}

impl OrderVenue for CoinbaseOrders {
    fn rules(&self) -> Rules {
        Rules {
            resend_is_query: true,
            // By the list of orders, which repeats it.
            asks_by_client_id: true,
            ack_within_ns: ACK_WITHIN_NS,
            requests_per_s: REQUESTS_PER_S,
            one_at_a_time: false,
            // Unrounded, says the venue; what eighth places are left of it is not worth a halt.
            quote_step_e18: 10_i128.pow(10),
        }
    }

    fn place(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        self.request((now_ns, tag), "/orders", "", placement(order))
    }

    /// Without the venue's name it names no order, which the venue refuses.
    fn cancel(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        let ids: Vec<&str> = order.venue_id.into_iter().collect();
        let body = serde_json::json!({ "order_ids": ids }).to_string();
        self.request((now_ns, tag), "/orders/batch_cancel", "", body)
    }

    fn ask(&mut self, now_ns: u64, tag: u64, order: &Order<'_>, about: About) -> Option<Fetch> {
        let (path, query) = match (about, order.venue_id) {
            (About::State, Some(id)) => {
                (format!("/orders/historical/{}", encoded(id)), String::new())
            }
            (About::State, None) => {
                let around = around(order, ("start_date", "end_date"));
                ("/orders/historical/batch".to_owned(), format!("?limit={PAGE}{around}"))
            }
            (About::Fills, Some(id)) => {
                let query = format!("?limit={PAGE}&order_ids={}", encoded(id));
                ("/orders/historical/fills".to_owned(), query)
            }
            (About::Fills, None) => {
                let names = ("start_sequence_timestamp", "end_sequence_timestamp");
                let query = format!("?limit={PAGE}{}", around(order, names));
                ("/orders/historical/fills".to_owned(), query)
            }
        };
        Some(self.request((now_ns, tag), &path, &query, String::new()))
    }

    fn survey(&mut self, now_ns: u64, tag: u64, what: Survey, cursor: Option<&str>) -> Fetch {
        let (path, filter, cursor) = match what {
            Survey::OpenOrders => {
                let queued = cursor.and_then(|cursor| cursor.strip_prefix(QUEUED));
                let open = cursor.and_then(|cursor| cursor.strip_prefix(OPEN));
                let filter = if queued.is_some() { STATUS_QUEUED } else { STATUS_OPEN };
                ("/orders/historical/batch", filter.to_owned(), queued.or(open))
            }
            Survey::FillsSince(since_ns) => {
                let since = rfc3339(since_ns / NS_PER_S);
                let filter = format!("&start_sequence_timestamp={since}");
                ("/orders/historical/fills", filter, cursor)
            }
            Survey::Balances => ("/accounts", String::new(), cursor),
        };
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let cursor = cursor.map_or_else(String::new, |it| format!("{CURSOR}{}", encoded(it)));
        let query = format!("?limit={PAGE}{filter}{cursor}");
        self.request((now_ns, tag), path, &query, String::new())
    }

    fn read(&mut self, asked: &Asked<'_>, end: &Fetched<'_>, says: &mut Vec<Says>) -> Verdict {
        read::read(asked, end, &mut self.names, says)
    }
}

/// How a query says where to go on.
const CURSOR: &str = "&cursor=";

/// Filters of the two lists of open orders.
const STATUS_OPEN: &str = "&order_status=OPEN";
const STATUS_QUEUED: &str = "&order_status=PENDING&order_status=QUEUED&order_status=CANCEL_QUEUED";

/// The body of a placement: of the same order always the same bytes.
fn placement(order: &Order<'_>) -> String {
    let grid = order.instrument.grid;
    format!(
        "{{\"client_order_id\":\"{id}\",\"product_id\":{product},\"side\":\"{side}\",\
         \"order_configuration\":{{\"sor_limit_ioc\":{{\"base_size\":\"{size}\",\
         \"limit_price\":\"{limit}\"}}}}}}",
        id = order.client_id,
        product = serde_json::json!(order.instrument.symbol),
        side = side_word(order.side),
        size = decimal::format(order.size_lots, grid.lot),
        limit = decimal::format(order.limit_ticks, grid.tick),
    )
}

/// The venue's word for a side.
const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Filters of what can concern an order of unknown name: its market, and the time around its sending.
fn around(order: &Order<'_>, (from, until): (&str, &str)) -> String {
    let mut query = format!("&product_ids={}", encoded(&order.instrument.symbol));
    if order.sent_ns > 0 {
        let from_s = order.sent_ns.saturating_sub(AROUND_NS) / NS_PER_S;
        let until_s = order.sent_ns.saturating_add(AROUND_NS).div_ceil(NS_PER_S);
        let _ = write!(query, "&{from}={}&{until}={}", rfc3339(from_s), rfc3339(until_s));
    }
    query
}

/// What comes from a venue goes back to it as one part of a path or query, whatever it holds.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Whole seconds as the venue's filters take them.
fn rfc3339(unix_s: u64) -> String {
    let (mut days, of_day) = (unix_s / 86_400, unix_s % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}
