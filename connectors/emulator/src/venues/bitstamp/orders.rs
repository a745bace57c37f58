//! Placing, replacing and cancelling orders.

use std::sync::Arc;

use super::auth::Caller;
use super::desk::{Desk, Pair};
use super::wire::{self, amount, error, price, remaining_e8, side_number};
use crate::exchange::{Lifetime, NewOrder, Order, OrderState};
use crate::happening::Side;
use crate::serve::HttpAnswer;
use crate::venues::words::{BadNumber, clock_text, parse_e8, pick, quoted, trimmed};

/// One day. Unit: nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// What a client's own id may have at most.
const CLIENT_ID_MAX: usize = 100;

/// A form's fields.
pub(super) type Form = [(String, String)];

fn is_true(form: &Form, name: &str) -> bool {
    pick(form, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// A number of a form.
fn number(form: &Form, name: &str, places: u32, code: &str) -> Result<u64, HttpAnswer> {
    let text = pick(form, name)
        .ok_or_else(|| error(400, "400.004", "This field is required.", Some(name)))?;
    parse_e8(text).map_err(|bad| match bad {
        BadNumber::TooFine => {
            let text = format!("Ensure that there are no more than {places} decimal places.");
            error(400, code, &text, Some(name))
        }
        BadNumber::Malformed => error(400, "400.005", "Enter a number.", Some(name)),
    })
}

/// How an order is to live, and when it ends if it does.
fn lifetime(form: &Form, now_ns: u64) -> Result<(Lifetime, Option<u64>), HttpAnswer> {
    let flags = ["daily_order", "ioc_order", "fok_order", "moc_order", "gtd_order"];
    let set: Vec<&str> = flags.into_iter().filter(|name| is_true(form, name)).collect();
    if set.len() > 1 {
        let text = "Only one of the order flags can be set.";
        return Err(error(400, "400.024", text, Some("__all__")));
    }
    if !set.is_empty() && pick(form, "limit_price").is_some() {
        let text = "limit_price cannot be combined with an order flag.";
        return Err(error(400, "400.025", text, Some("__all__")));
    }
    Ok(match set.first() {
        Some(&"ioc_order") => (Lifetime::Ioc, None),
        Some(&"fok_order") => (Lifetime::Fok, None),
        Some(&"moc_order") => (Lifetime::PostOnly, None),
        Some(&"daily_order") => (Lifetime::Gtc, Some((now_ns / DAY_NS + 1) * DAY_NS)),
        Some(&"gtd_order") => {
            let text = pick(form, "expire_time").unwrap_or_default();
            let at_ms: Option<u64> = text.parse().ok();
            let at_ns = at_ms.and_then(|at_ms| at_ms.checked_mul(1_000_000));
            let Some(at_ns) = at_ns.filter(|at_ns| *at_ns > now_ns) else {
                let text = "expire_time must be in the future.";
                return Err(error(400, "400.008", text, Some("expire_time")));
            };
            (Lifetime::Gtc, Some(at_ns))
        }
        _ => (Lifetime::Gtc, None),
    })
}

/// The rest of the path behind `/buy/` or `/sell/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At a limit.
    Limit,
    /// By size, at any price.
    Market,
    /// By value, at any price.
    Instant,
}

/// Places an order. The answer says nothing about fills.
pub(super) fn place(
    desk: &Desk,
    now_ns: u64,
    caller: &Caller<'_>,
    what: (Side, Kind, &str),
    form: &Form,
) -> Result<String, HttpAnswer> {
    let (side, kind, symbol) = what;
    let pair =
        desk.pair(symbol).ok_or_else(|| error(404, "404.003", "Currency pair not found", None))?;
    let size = number(form, "amount", pair.size_places, "400.026")?;
    let (lifetime, until_ns) = match kind {
        Kind::Limit => lifetime(form, now_ns)?,
        Kind::Market | Kind::Instant => (Lifetime::Ioc, None),
    };
    if until_ns.is_some() && !desk.can_expire() {
        return Err(error(400, "400.067", "Too many open orders", None));
    }
    // An instant sale is by base unless told otherwise; a purchase is by value.
    let is_by_value =
        kind == Kind::Instant && (side == Side::Bid || is_true(form, "amount_in_counter"));
    let limit_e8 = match kind {
        Kind::Limit => Some(number(form, "price", pair.price_places, "400.041")?),
        Kind::Market | Kind::Instant => None,
    };
    let asked = NewOrder {
        account: caller.key.account.clone(),
        product: pair.name.clone(),
        client_id: client_id(form)?,
        side,
        size_e8: if is_by_value { 0 } else { size },
        limit_e8,
        quote_e8: is_by_value.then_some(size),
        lifetime,
        session: 0,
        settle: None,
        product_as_sent: symbol.to_owned(),
    };
    let order = submit(desk, now_ns, pair, asked)?;
    if let Some(until_ns) = until_ns {
        desk.expire_at(until_ns, &caller.key.account, order.id);
    }
    Ok(created(pair, &order, size))
}

fn client_id(form: &Form) -> Result<String, HttpAnswer> {
    let text = pick(form, "client_order_id").unwrap_or_default();
    if text.len() > CLIENT_ID_MAX {
        let text = "Ensure this value has at most 100 characters.";
        return Err(error(400, "400.008", text, Some("client_order_id")));
    }
    Ok(text.to_owned())
}

fn submit(
    desk: &Desk,
    now_ns: u64,
    pair: &Pair,
    asked: NewOrder,
) -> Result<Arc<Order>, HttpAnswer> {
    let placed = desk.exchange().place(now_ns, asked);
    match (placed.order.state, placed.order.why) {
        (OrderState::Rejected, Some(why)) => Err(wire::refusal(desk, pair, &placed.order, why)),
        _ => Ok(placed.order),
    }
}

/// The answer to a new order: the id is a text here and a number everywhere else.
fn created(pair: &Pair, order: &Order, size_e8: u64) -> String {
    let client_id = if order.asked.client_id.is_empty() {
        String::new()
    } else {
        format!(",\"client_order_id\":{}", quoted(&order.asked.client_id))
    };
    let price_e8 = if order.asked.limit_e8.is_none() && order.filled_e8 > 0 {
        crate::venues::words::average_e8(order.filled_quote_e8, order.filled_e8)
    } else {
        order.asked.limit_e8.unwrap_or_default()
    };
    format!(
        "{{\"id\":\"{}\",\"market\":\"{}\",\"datetime\":\"{}\",\"type\":\"{}\",\"price\":\"{}\",\
         \"amount\":\"{}\"{client_id}}}",
        order.id,
        pair.title,
        clock_text(order.created_ns, 6),
        side_number(order.asked.side),
        price(pair, price_e8),
        amount(size_e8),
    )
}

/// An order by `id`, or by the client's own id in the named field; the newest of several.
pub(super) fn find(
    desk: &Desk,
    caller: &Caller<'_>,
    form: &Form,
    client_field: &str,
) -> Result<Arc<Order>, HttpAnswer> {
    let account = &caller.key.account;
    let exchange = desk.exchange();
    let found = match (pick(form, "id"), pick(form, client_field)) {
        (Some(id), _) => match id.parse() {
            Ok(id) => exchange.order(account, id),
            Err(_) => return Err(error(400, "400.005", "Invalid order id", Some("id"))),
        },
        (None, Some(id)) => exchange.orders_by_client(account, id).into_iter().next(),
        (None, None) => {
            return Err(error(400, "400.004", "This field is required.", Some("id")));
        }
    };
    // A refused order was never given a number.
    found
        .filter(|order| order.state != OrderState::Rejected)
        .ok_or_else(|| error(404, "404.002", "Order not found", None))
}

/// One cancelled order.
fn cancelled(pair: &Pair, order: &Order) -> String {
    format!(
        "{{\"id\":{},\"amount\":{},\"price\":{},\"type\":{},\"market\":\"{}\",\
         \"status\":\"Canceled\"}}",
        order.id,
        trimmed(remaining_e8(order)),
        trimmed(wire::order_price_e8(order)),
        side_number(order.asked.side),
        pair.title,
    )
}

pub(super) fn cancel(
    desk: &Desk,
    now_ns: u64,
    caller: &Caller<'_>,
    form: &Form,
) -> Result<String, HttpAnswer> {
    let order = find(desk, caller, form, "client_order_id")?;
    let missing = || error(404, "404.002", "Order not found", None);
    let ended = desk.exchange().cancel(now_ns, &caller.key.account, order.id);
    let ended = ended.map_err(|_| missing())?;
    let pair = desk.pair_of(&ended.asked.product).ok_or_else(missing)?;
    Ok(cancelled(pair, &ended))
}

pub(super) fn cancel_all(
    desk: &Desk,
    now_ns: u64,
    caller: &Caller<'_>,
    symbol: Option<&str>,
) -> Result<String, HttpAnswer> {
    let product = match symbol {
        None => None,
        Some(symbol) => {
            let pair = desk.pair(symbol);
            Some(pair.ok_or_else(|| error(404, "404.003", "Currency pair not found", None))?)
        }
    };
    let name = product.map(|pair| &*pair.name);
    let ended = desk.exchange().cancel_where(now_ns, &caller.key.account, name, None);
    let rows: Vec<String> = ended
        .iter()
        .filter_map(|order| Some(cancelled(desk.pair_of(&order.asked.product)?, order)))
        .collect();
    Ok(format!("{{\"canceled\":[{}],\"success\":true}}", rows.join(",")))
}

/// Cancels an order and places another in its stead.
pub(super) fn replace(
    desk: &Desk,
    now_ns: u64,
    caller: &Caller<'_>,
    form: &Form,
) -> Result<String, HttpAnswer> {
    let old = find(desk, caller, form, "orig_client_order_id")?;
    let missing = || error(404, "404.002", "Order not found", None);
    let pair = desk.pair_of(&old.asked.product).ok_or_else(missing)?;
    let size_e8 = number(form, "amount", pair.size_places, "400.026")?;
    let limit_e8 = number(form, "price", pair.price_places, "400.041")?;
    let client_id = client_id(form)?;
    desk.exchange().cancel(now_ns, &caller.key.account, old.id).map_err(|_| missing())?;
    let asked = NewOrder {
        size_e8,
        limit_e8: Some(limit_e8),
        quote_e8: None,
        client_id,
        ..old.asked.clone()
    };
    let order = submit(desk, now_ns, pair, asked)?;
    Ok(format!(
        "{{\"order_id\":{},\"order_type\":\"{}\",\"market\":\"{}\",\"amount\":\"{}\",\
         \"price\":\"{}\",\"datetime\":\"{}Z\",\"orig_order_id\":{},\"orig_client_order_id\":{},\
         \"client_order_id\":{},\"status\":\"{}\"}}",
        order.id,
        side_number(order.asked.side),
        pair.title,
        amount(size_e8),
        price(pair, limit_e8),
        clock_text(order.created_ns, 6).replace(' ', "T"),
        old.id,
        quoted(&old.asked.client_id),
        quoted(&order.asked.client_id),
        wire::status_word(desk, &order),
    ))
}
