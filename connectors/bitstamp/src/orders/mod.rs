//! Orders: requests to make, and what the answers mean.
//!
//! The venue's answer to a new order says nothing of fills, and an order's status states no sums. What
//! has filled is read from the list of transactions inside the status: there every fill has a number,
//! and base, counter and fee as the account was charged. They are handed on as fills, one by one, and
//! never added up into money of the order. What remains of the order is the check: an order that is over
//! counts as over only when its transactions and its rest make up what was ordered. A list that lags
//! behind would otherwise pass for an order that filled less.
//!
//! Names are not unique at the venue: the same one placed twice is two orders. Nothing is ever placed
//! again, and an answer about one name is taken for an order only while it tells of no other number.
//!
//! The list of open orders may be ten seconds old. It is a list of orders to know of; that an order is
//! not in it proves nothing, and what it says has filled is not read.
//!
//! The account's list of fills names orders by the venue's numbers alone. Where that of an order is not
//! known, a fill of its market and side may be its own, unless an answer has told before whose number it
//! is. Then the question stays open.
//!
//! The venue signs its answers (`X-Server-Auth-Signature`). That is not looked at: the headers of an
//! answer do not come this far, and TLS has said already who it is.

mod answers;
mod refusal;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, VecDeque};

use connector_net::decimal;
use connector_net::session::{Fetch, Fetched};
use connector_orders::ClientId;
use connector_orders::venue::{
    About, Asked, Order, OrderVenue, Rules, Says, Side, Survey, Unclear, Verdict,
};

use crate::sign::{Key, Stamp, form, nonce};
use wire::parsed;

/// Largest answer that is read. Unit: bytes.
const BODY_BYTES_MAX: usize = 8 << 20;

/// Rows of one page of fills: the most that the venue gives.
const PAGE_ROWS: usize = 1_000;

/// Orders whose numbers are remembered.
const NUMBERS_MAX: usize = 4_096;

/// Signed requests are numbered from here on. The session that asks for tokens with the same key counts
/// from one: no nonce may come twice.
const FIRST_NUMBER: u64 = 1 << 63;

/// Orders of one key.
#[derive(Debug)]
pub struct BitstampOrders {
    key: Key,
    /// Without a slash at its end.
    rest_url: String,
    number: u64,
    numbers: Numbers,
}

/// Our names of orders by the venue's numbers, as answers have told them. A number keeps its order for
/// good: what is forgotten costs a proof, what is known never turns wrong.
#[derive(Debug, Default)]
struct Numbers {
    told: BTreeMap<String, ClientId>,
    /// The same, oldest first.
    order: VecDeque<String>,
}

impl Numbers {
    fn owner(&self, venue_id: &str) -> Option<&ClientId> {
        self.told.get(venue_id)
    }

    /// # Errors
    ///
    /// The number is another order's.
    fn remember(&mut self, venue_id: &str, client_id: ClientId) -> Result<(), Unclear> {
        if let Some(known) = self.owner(venue_id) {
            return if *known == client_id { Ok(()) } else { Err(Unclear::Unreadable) };
        }
        self.told.insert(venue_id.to_owned(), client_id);
        self.order.push_back(venue_id.to_owned());
        if self.order.len() > NUMBERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.told.remove(&oldest);
        }
        Ok(())
    }
}

impl BitstampOrders {
    /// Orders over this REST address, as `https://www.bitstamp.net/api/v2`.
    #[must_use]
    pub fn new(key: Key, rest_url: &str) -> Self {
        let rest_url = rest_url.trim_end_matches('/').to_owned();
        let number = FIRST_NUMBER;
        Self { key, rest_url, number, numbers: Numbers::default() }
    }

    fn post(&mut self, now_ns: u64, tag: u64, path: &str, body: String) -> Fetch {
        self.number += 1;
        let nonce = nonce(&self.key, now_ns, self.number);
        let stamp = Stamp { nonce: &nonce, timestamp_ms: now_ns / 1_000_000 };
        form(&self.key, tag, format!("{}/{path}/", self.rest_url), body, stamp)
    }

    /// What an answer means; statements are left where it means something.
    fn heard(
        &mut self,
        asked: &Asked<'_>,
        (status, request, body): (u16, &[u8], &[u8]),
        says: &mut Vec<Says>,
    ) -> Result<Verdict, Unclear> {
        let is_small = body.len() <= BODY_BYTES_MAX;
        let text = core::str::from_utf8(body).ok().filter(|_| is_small);
        match status {
            500.. => return Err(Unclear::Server),
            200..=299 | 400..=499 => {}
            _ => return Err(Unclear::Unreadable),
        }
        if status == 429 {
            return Ok(refusal::limited(asked));
        }
        if let Some(problem) = text.and_then(refusal::problem) {
            return Ok(problem.verdict(asked, status));
        }
        match status {
            // Not in the venue's words: nothing says that the order was not taken before.
            401 | 403 => return Err(Unclear::Key),
            400.. => return Err(Unclear::Unreadable),
            _ => {}
        }
        let text = text.ok_or(Unclear::Unreadable)?;
        match asked {
            Asked::Place(order) => answers::placed(&mut self.numbers, order, &parsed(text)?, says),
            Asked::Cancel(order) => answers::cancelled(order, &parsed(text)?),
            Asked::About(order, About::State) => {
                answers::state(&mut self.numbers, order, &parsed(text)?, says)
            }
            Asked::About(order, About::Fills) => {
                answers::fills(&self.numbers, order, parsed(text)?, says)
            }
            Asked::Survey(Survey::OpenOrders) => answers::open_orders(parsed(text)?, says),
            Asked::Survey(Survey::FillsSince(ns)) => {
                answers::fills_since(*ns, request, parsed(text)?, says)
            }
            Asked::Survey(Survey::Balances) => answers::balances(parsed(text)?, says),
        }
    }
}

impl OrderVenue for BitstampOrders {
    /// A name used twice makes two orders since November 2023; an order's status is told by our name. Of
    /// requests the venue allows 400 a second and 10,000 in ten minutes; older texts say 8,000, which is
    /// thirteen a second kept up, and that is held to. How long an order may be under way it does not
    /// say: ten seconds are assumed.
    fn rules(&self) -> Rules {
        Rules {
            resend_is_query: false,
            asks_by_client_id: true,
            ack_within_ns: 10_000_000_000,
            requests_per_s: 13,
            one_at_a_time: false,
            // Recorded transactions state quote to the cent.
            quote_step_e18: 10_i128.pow(16),
        }
    }

    fn place(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        let side = match order.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        };
        let grid = &order.instrument.grid;
        let amount = decimal::format(order.size_lots, grid.lot);
        let price = decimal::format(order.limit_ticks, grid.tick);
        let client_id = order.client_id;
        let body =
            format!("amount={amount}&price={price}&ioc_order=True&client_order_id={client_id}");
        self.post(now_ns, tag, &format!("{side}/{}", order.instrument.symbol), body)
    }

    fn cancel(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        self.post(now_ns, tag, "cancel_order", named(order))
    }

    fn ask(&mut self, now_ns: u64, tag: u64, order: &Order<'_>, about: About) -> Option<Fetch> {
        let (path, body) = match about {
            About::State => ("order_status".to_owned(), named(order)),
            About::Fills => {
                let path = format!("user_transactions/{}", order.instrument.symbol);
                (path, format!("limit={PAGE_ROWS}&sort=desc"))
            }
        };
        Some(self.post(now_ns, tag, &path, body))
    }

    /// Fills are paged through from the newest on, each page behind the one before: what is new
    /// meanwhile moves rows back, so that some come twice and none is missed.
    fn survey(&mut self, now_ns: u64, tag: u64, what: Survey, cursor: Option<&str>) -> Fetch {
        let (path, body) = match what {
            Survey::OpenOrders => ("open_orders", String::new()),
            Survey::Balances => ("account_balances", String::new()),
            Survey::FillsSince(_) => {
                let offset: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
                ("user_transactions", format!("limit={PAGE_ROWS}&sort=desc&offset={offset}"))
            }
        };
        self.post(now_ns, tag, path, body)
    }

    fn read(&mut self, asked: &Asked<'_>, end: &Fetched<'_>, says: &mut Vec<Says>) -> Verdict {
        let Fetched::Answer { status, request, body, .. } = *end else {
            return Verdict::Unclear(Unclear::NoAnswer);
        };
        self.heard(asked, (status, request, body), says).unwrap_or_else(Verdict::Unclear)
    }
}

/// How a question names an order: by the venue's number, which is unique, once that is known.
fn named(order: &Order<'_>) -> String {
    match order.venue_id {
        Some(id) => format!("id={id}"),
        None => format!("client_order_id={}", order.client_id),
    }
}
