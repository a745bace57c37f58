//! Orders over REST: one immediate-or-cancel limit order at a time, and the questions about it.
//!
//! What the venue promises, and what follows:
//!
//! * Our name of an order is repeated but not checked: the same order sent again is a second order. So
//!   it is never sent again ([`Rules::resend_is_query`] is false), and without an answer it is asked for
//!   by our name, which can be done before the venue's own is known.
//! * HTTP 200 also answers an order that was cancelled at once: what it says of itself counts.
//! * An order states its average price, which is rounded, and no fee. Neither is money. What moved is
//!   taken from its executions, which come with its status and state price, amount and fee exactly; a
//!   placement therefore tells how much has filled, and the status after it for how much.
//! * The list of executions by market and time is the second witness for an order that the venue does
//!   not know: it does not depend on our name being found. One of the same market and side that
//!   names nobody may be ours, and then nothing is concluded.
//!
//! Every request takes a nonce when it is made. They must arrive in that order: who carries the
//! requests out must not let one overtake another of the same key (see [`Nonces`]).

#[cfg(test)]
mod tests;
mod wire;

use connector_net::decimal;
use connector_net::session::{Fetch, FetchFailure, Fetched};
use connector_orders::Side;
use connector_orders::venue::{
    About, Asked, FillSays, Order, OrderVenue, Reject, Rules, Says, Survey, Unclear, Verdict,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::sign::{Key, Nonces, post_with};
use wire::{Meaning, OrderAnswer, Unreadable};

/// Largest answer that is read. Unit: bytes.
const BODY_BYTES_MAX: usize = 8 << 20;

/// Executions in one answer, at most: the venue's own maximum.
const TRADES_MAX: usize = 500;

/// How far our clock and the venue's may lie apart: it takes no time-based nonce that is further off.
/// Unit: nanoseconds.
const SKEW_NS: u64 = 30_000_000_000;

/// From the last byte of a request until its order cannot come up any more. Beyond five queued requests
/// the venue refuses at once, and it works those off at ten a second. Unit: nanoseconds.
const ACK_WITHIN_NS: u64 = 10_000_000_000;

/// Orders of one key.
pub struct GeminiOrders {
    key: Key,
    nonces: Nonces,
    /// Beginning of addresses, without a slash at its end.
    rest_url: String,
}

impl GeminiOrders {
    /// Orders of this key, whose nonces are shared with whatever else uses it.
    #[must_use]
    pub const fn new(key: Key, nonces: Nonces, rest_url: String) -> Self {
        Self { key, nonces, rest_url }
    }

    fn post(&self, now_ns: u64, tag: u64, path: &str, parameters: &str) -> Fetch {
        let nonce = self.nonces.next(now_ns);
        post_with(&self.key, tag, &self.rest_url, (path, parameters), nonce)
    }

    fn trades(&self, now_ns: u64, tag: u64, symbol: Option<&str>, from_ms: u64) -> Fetch {
        let symbol = symbol.map_or_else(String::new, |symbol| {
            format!(",\"symbol\":{}", quoted(&symbol.to_ascii_lowercase()))
        });
        let rest = format!("{symbol},\"timestamp\":{from_ms},\"limit_trades\":{TRADES_MAX}");
        self.post(now_ns, tag, "/v1/mytrades", &rest)
    }
}

/// By the venue's name where that is known, as it is one order's alone.
fn name_of(order: &Order<'_>) -> String {
    match order.venue_id.filter(|id| wire::is_number(id)) {
        Some(id) => format!(",\"order_id\":{id}"),
        None => format!(",\"client_order_id\":{}", quoted(order.client_id.as_str())),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The venue's time when ours is this, at the earliest. Unit: milliseconds.
const fn skewed_ms(ns: u64) -> u64 {
    ns.saturating_sub(SKEW_NS) / 1_000_000
}

impl OrderVenue for GeminiOrders {
    /// From section 4.6 of the venue reference: no check of our names, status by them, at most five a second.
    fn rules(&self) -> Rules {
        Rules {
            resend_is_query: false,
            asks_by_client_id: true,
            ack_within_ns: ACK_WITHIN_NS,
            // The venue recommends five at most; nonces in seconds bear one.
            requests_per_s: self.nonces.requests_per_s(),
            // Nonces must rise in the order of arrival.
            one_at_a_time: true,
            // A fill is price times size; eighth places may be rounded in the account.
            quote_step_e18: 10_i128.pow(10),
        }
    }

    fn place(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        let grid = order.instrument.grid;
        let parameters = format!(
            ",\"client_order_id\":{},\"symbol\":{},\"amount\":\"{}\",\"price\":\"{}\",\
             \"side\":\"{}\",\"type\":\"exchange limit\",\"options\":[\"immediate-or-cancel\"]",
            quoted(order.client_id.as_str()),
            quoted(&order.instrument.symbol.to_ascii_lowercase()),
            decimal::format(order.size_lots, grid.lot),
            decimal::format(order.limit_ticks, grid.tick),
            match order.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            },
        );
        self.post(now_ns, tag, "/v1/order/new", &parameters)
    }

    fn cancel(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch {
        self.post(now_ns, tag, "/v1/order/cancel", &name_of(order))
    }

    fn ask(&mut self, now_ns: u64, tag: u64, order: &Order<'_>, about: About) -> Option<Fetch> {
        Some(match about {
            About::State => {
                let parameters = format!("{},\"include_trades\":true", name_of(order));
                self.post(now_ns, tag, "/v1/order/status", &parameters)
            }
            About::Fills => {
                let symbol = Some(&*order.instrument.symbol);
                self.trades(now_ns, tag, symbol, skewed_ms(order.sent_ns))
            }
        })
    }

    /// Cursors are times. Unit: Unix milliseconds.
    fn survey(&mut self, now_ns: u64, tag: u64, what: Survey, cursor: Option<&str>) -> Fetch {
        match what {
            Survey::OpenOrders => self.post(now_ns, tag, "/v1/orders", ""),
            Survey::Balances => self.post(now_ns, tag, "/v1/balances", ""),
            Survey::FillsSince(since_ns) => {
                let cursor_ms = cursor.and_then(|cursor| cursor.parse().ok());
                let from_ms = cursor_ms.unwrap_or(since_ns / 1_000_000);
                self.trades(now_ns, tag, None, from_ms)
            }
        }
    }

    fn read(&mut self, asked: &Asked<'_>, end: &Fetched<'_>, says: &mut Vec<Says>) -> Verdict {
        let (status, body) = match end {
            Fetched::Answer { status, body, .. } => (*status, *body),
            Fetched::Failed { why: FetchFailure::TooLarge, .. } => {
                return Verdict::Unclear(Unclear::Unreadable);
            }
            Fetched::Failed { .. } => return Verdict::Unclear(Unclear::NoAnswer),
        };
        let text = Some(body).filter(|body| body.len() <= BODY_BYTES_MAX);
        let text = text.and_then(|body| core::str::from_utf8(body).ok());
        match (status, text) {
            (200, Some(text)) => {
                // Nothing of an answer counts unless all of it can be read.
                let mut said = Vec::new();
                let verdict = success(asked, text, &mut said);
                says.append(&mut said);
                verdict.unwrap_or(Verdict::Unclear(Unclear::Unreadable))
            }
            (400..=499, text) => refusal(asked, status, text),
            (500..=599, _) => Verdict::Unclear(Unclear::Server),
            _ => Verdict::Unclear(Unclear::Unreadable),
        }
    }
}

/// What an answer of status 200 means. Statements are given only with a verdict.
fn success(asked: &Asked<'_>, text: &str, says: &mut Vec<Says>) -> Result<Verdict, Unreadable> {
    match asked {
        Asked::About(order, About::State) if wire::is_list(text) => listed(order, text, says),
        Asked::Place(order) | Asked::Cancel(order) | Asked::About(order, About::State) => {
            let answer = wire::order(text)?;
            if !is_ours(&answer, order) {
                return Err(Unreadable);
            }
            says.extend(answer.says());
            Ok(Verdict::Understood)
        }
        Asked::About(order, About::Fills) => fills_of(order, text, says),
        Asked::Survey(Survey::OpenOrders) => {
            let orders = wire::rows(text)?.into_iter().map(|row| wire::order(row.get()));
            let orders: Vec<OrderAnswer> = orders.collect::<Result<_, _>>()?;
            says.extend(orders.into_iter().flat_map(OrderAnswer::says));
            Ok(Verdict::Understood)
        }
        Asked::Survey(Survey::Balances) => {
            let rows = wire::rows(text)?.into_iter();
            let balances = rows.map(|row| wire::balance(row).map(Says::Balance));
            says.extend(balances.collect::<Result<Vec<_>, _>>()?);
            Ok(Verdict::Understood)
        }
        Asked::Survey(Survey::FillsSince(_)) => {
            let rows = wire::rows(text)?;
            let is_full = rows.len() >= TRADES_MAX;
            let fills = fills(rows)?;
            let verdict = if is_full { next_page(&fills) } else { Verdict::Understood };
            says.extend(fills.into_iter().map(Says::Fill));
            Ok(verdict)
        }
    }
}

/// The venue gives the oldest executions from a time on, and has the next ones asked for from the last
/// of these on. Those of that millisecond come twice, which is none too few.
fn next_page(fills: &[FillSays]) -> Verdict {
    let times = || fills.iter().map(|fill| fill.at_ns / 1_000_000);
    match (times().min(), times().max()) {
        (Some(first_ms), Some(last_ms)) if first_ms < last_ms && first_ms > 0 => {
            Verdict::More(last_ms.to_string())
        }
        // There is more, and no way to get there.
        _ => Verdict::Unclear(Unclear::Unreadable),
    }
}

fn fills(rows: Vec<&RawValue>) -> Result<Vec<FillSays>, Unreadable> {
    rows.into_iter().filter_map(|row| wire::fill(row).transpose()).collect()
}

/// Whether an answer is of the order that was asked about: it repeats our name, or else the venue's.
fn is_ours(answer: &OrderAnswer, order: &Order<'_>) -> bool {
    let ours = answer.order.client_id.as_deref().map(|name| is_our_name(name, order));
    let theirs = order.venue_id.map(|id| id == answer.order.venue_id);
    ours.or(theirs).unwrap_or(false) && theirs.unwrap_or(true)
}

/// A venue may spell it in capitals.
fn is_our_name(name: &str, order: &Order<'_>) -> bool {
    name.eq_ignore_ascii_case(order.client_id.as_str())
}

/// A list of the orders under our name, of which there is one. Where there are more, what they have
/// filled is a fact; how "the" order stands cannot be said.
fn listed(order: &Order<'_>, text: &str, says: &mut Vec<Says>) -> Result<Verdict, Unreadable> {
    let rows = wire::rows(text)?.into_iter().map(|row| wire::order(row.get()));
    let mut answers: Vec<OrderAnswer> = rows.collect::<Result<_, _>>()?;
    if answers.len() > 1 {
        let is_named = |answer: &OrderAnswer| {
            answer.order.client_id.as_deref().is_some_and(|name| is_our_name(name, order))
        };
        answers.retain(is_named);
        says.extend(answers.into_iter().flat_map(|answer| answer.fills).map(Says::Fill));
        return Ok(Verdict::Unclear(Unclear::Unreadable));
    }
    let Some(answer) = answers.pop() else { return Ok(Verdict::NotFound) };
    if !is_ours(&answer, order) {
        return Err(Unreadable);
    }
    says.extend(answer.says());
    Ok(Verdict::Understood)
}

/// Executions of a market since the order was sent: which are its own, and whether others may be.
fn fills_of(order: &Order<'_>, text: &str, says: &mut Vec<Says>) -> Result<Verdict, Unreadable> {
    let rows = wire::rows(text)?;
    let is_cut = rows.len() >= TRADES_MAX;
    let (mut own, mut may_be_own) = (Vec::new(), false);
    for fill in fills(rows)? {
        let is_named = fill.client_id.as_deref().map(|name| is_our_name(name, order));
        let is_numbered = order.venue_id.map(|id| id == fill.venue_id);
        if is_named == Some(true) || is_numbered == Some(true) {
            own.push(Says::Fill(fill));
        } else if is_named.or(is_numbered).is_none() {
            let is_of_market = fill.symbol.is_empty()
                || fill.symbol.eq_ignore_ascii_case(&order.instrument.symbol);
            let is_of_side = fill.side.is_none_or(|side| side == order.side);
            let is_since = fill.at_ns == 0 || fill.at_ns >= order.sent_ns.saturating_sub(SKEW_NS);
            may_be_own |= is_of_market && is_of_side && is_since;
        }
    }
    let verdict = match (own.is_empty(), is_cut || may_be_own) {
        (_, true) => Verdict::Unclear(Unclear::Unreadable),
        (false, false) => Verdict::Understood,
        (true, false) => Verdict::NotFound,
    };
    says.append(&mut own);
    Ok(verdict)
}

/// What an answer of a status from 400 to 499 means. Of a placement only a reason of the venue's own list
/// proves that it was not taken, and the status that says no more than "too many requests": anything
/// else between us and the venue can refuse to show an answer too.
fn refusal(asked: &Asked<'_>, status: u16, text: Option<&str>) -> Verdict {
    let is_placement = matches!(asked, Asked::Place(_));
    let is_about_one = matches!(asked, Asked::Cancel(_) | Asked::About(_, About::State));
    let is_empty = text.is_some_and(|text| text.trim_ascii().is_empty());
    let (meaning, code) = match text.and_then(wire::reason) {
        Some(known) => known,
        None if status == 429 => (Meaning::Refused(Reject::Limited), "429"),
        None if status == 404 && is_about_one && is_empty => (Meaning::NotFound, "404"),
        None if matches!(status, 401 | 403) => return Verdict::Unclear(Unclear::Key),
        None => return Verdict::Unclear(Unclear::Unreadable),
    };
    match meaning {
        Meaning::Refused(why) if is_placement => Verdict::Refused(why, code.to_owned()),
        Meaning::Refused(Reject::Key) => Verdict::Unclear(Unclear::Key),
        Meaning::Refused(Reject::Limited) => Verdict::Unclear(Unclear::Limited),
        Meaning::NotFound if is_about_one => Verdict::NotFound,
        Meaning::Server => Verdict::Unclear(Unclear::Server),
        Meaning::Refused(_) | Meaning::NotFound => Verdict::Unclear(Unclear::Unreadable),
    }
}
