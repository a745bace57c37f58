//! Orders over the current WebSocket: requests and private events.

use std::sync::Arc;

use serde_json::Value;

use super::desk::{Desk, Symbol};
use super::fast::{Fast, Refusal, bad};
use super::wire::{Fate, fate, put, refusal, remaining_e8};
use crate::exchange::{Fill, Lifetime, NewOrder, Order, Why};
use crate::happening::{OrderChange, Side};
use crate::venues::words::{at_least, parse_e8, quoted, trimmed};

/// Result of what the event stream tells in full.
const EMPTY: &str = "{}";

fn account(connection: &Fast) -> Result<Arc<str>, Refusal> {
    let refused = || (401, -1002, "Unauthorized".to_owned());
    connection.account.clone().ok_or_else(refused)
}

/// `order.place`. The reply says nothing about the order: its events do.
pub(super) fn place(connection: &Fast, now_ns: u64, params: &Value) -> Result<String, Refusal> {
    let account = account(connection)?;
    let desk = &connection.desk;
    let field = |name: &str| params[name].as_str().ok_or_else(|| bad(format!("Missing {name}")));
    let name = field("symbol")?;
    let symbol = desk.symbol(name).ok_or_else(|| bad(format!("Invalid symbol: {name}")))?;
    let side = match field("side")? {
        "BUY" => Side::Bid,
        "SELL" => Side::Ask,
        other => return Err(bad(format!("Invalid side: {other}"))),
    };
    let number = |name: &str| {
        let text = field(name)?;
        parse_e8(text).map_err(|_| bad(format!("Invalid {name}: {text}")))
    };
    let is_limit = match field("type")? {
        "LIMIT" => true,
        "MARKET" => false,
        other => return Err((400, -1020, format!("Unsupported order type: {other}"))),
    };
    let lifetime = match params["timeInForce"].as_str() {
        None | Some("GTC") if is_limit => Lifetime::Gtc,
        None | Some("IOC") => Lifetime::Ioc,
        Some("FOK") => Lifetime::Fok,
        Some("MOC") if is_limit => Lifetime::PostOnly,
        Some(other) => return Err(bad(format!("Invalid timeInForce: {other}"))),
    };
    let client_id = params["clientOrderId"].as_str().unwrap_or_default();
    if client_id.len() >= 100 {
        return Err(bad("clientOrderId must be below 100 characters"));
    }
    let asked = NewOrder {
        account,
        product: symbol.name.clone(),
        client_id: client_id.to_owned(),
        side,
        size_e8: number("quantity")?,
        limit_e8: if is_limit { Some(number("price")?) } else { None },
        quote_e8: None,
        lifetime,
        session: connection.session,
        settle: None,
        product_as_sent: name.to_owned(),
    };
    let placed = desk.exchange().place(now_ns, asked);
    match fate(&placed.order) {
        Fate::Refused(Why::Funds) => Err((400, -2010, "Insufficient funds".to_owned())),
        Fate::Refused(why) => {
            let (_, reason, message) = refusal(why, &symbol.upper);
            Err(bad(format!("{reason}: {message}")))
        }
        Fate::Live | Fate::Done | Fate::Cancelled(_) => Ok(EMPTY.to_owned()),
    }
}

/// `order.cancel`: the id must be a text, as numbers above 2^53 do not survive in some clients.
pub(super) fn cancel(connection: &Fast, now_ns: u64, params: &Value) -> Result<String, Refusal> {
    let account = account(connection)?;
    let id = params["orderId"].as_str().ok_or_else(|| bad("orderId must be a string"))?;
    let number = id.parse().map_err(|_| bad(format!("Invalid orderId: {id}")))?;
    let result = connection.desk.exchange().cancel(now_ns, &account, number);
    result.map(|_| EMPTY.to_owned()).map_err(|_| bad(format!("Order not found: {id}")))
}

/// `order.cancel_all` and `order.cancel_session`.
pub(super) fn cancel_many(
    connection: &Fast,
    now_ns: u64,
    session: Option<u64>,
) -> Result<String, Refusal> {
    let account = account(connection)?;
    connection.desk.exchange().cancel_where(now_ns, &account, None, session);
    Ok(EMPTY.to_owned())
}

/// The frames of one change of an order. An order that the venue takes and cancels at once is told
/// as both.
pub(super) fn events(
    desk: &Desk,
    at_ns: u64,
    kind: OrderChange,
    order: &Order,
    fill: Option<&Fill>,
) -> Vec<String> {
    let Some(index) = desk.index_of(&order.asked.product) else { return Vec::new() };
    let symbol = &desk.symbols[index];
    let event =
        |word: &str, reason: Option<&str>| event(symbol, at_ns, order, (word, fill, reason));
    match (kind, fate(order)) {
        (OrderChange::Accepted, _) => vec![event("NEW", None)],
        (OrderChange::Booked, _) => vec![event("OPEN", None)],
        (OrderChange::Fill, _) if remaining_e8(order) == 0 => vec![event("FILLED", None)],
        (OrderChange::Fill, _) => vec![event("PARTIALLY_FILLED", None)],
        (OrderChange::Cancelled, Fate::Cancelled(reason)) => {
            vec![event("CANCELED", Some(reason))]
        }
        (OrderChange::Cancelled, _) => vec![event("CANCELED", None)],
        (OrderChange::Rejected, Fate::Cancelled(reason)) => {
            vec![event("NEW", None), event("CANCELED", Some(reason))]
        }
        (OrderChange::Rejected, Fate::Refused(why)) => {
            vec![event("REJECTED", Some(refusal(why, &symbol.upper).1))]
        }
        (OrderChange::Rejected, Fate::Live | Fate::Done) => vec![event("REJECTED", None)],
        (OrderChange::Closed, _) => Vec::new(),
    }
}

/// One order event. On a fill `Z` is the size of that fill, else all that was executed.
fn event(
    symbol: &Symbol,
    at_ns: u64,
    order: &Order,
    what: (&str, Option<&Fill>, Option<&str>),
) -> String {
    let (word, fill, reason) = what;
    let asked = &order.asked;
    let mut text = format!(
        "{{\"e\":\"orderUpdate\",\"E\":{at_ns},\"s\":\"{}\",\"i\":{}",
        symbol.lower, order.id
    );
    if !asked.client_id.is_empty() {
        put(&mut text, format_args!(",\"c\":{}", quoted(&asked.client_id)));
    }
    let side = match asked.side {
        Side::Bid => "BUY",
        Side::Ask => "SELL",
    };
    let kind = if asked.limit_e8.is_some() { "LIMIT" } else { "MARKET" };
    put(&mut text, format_args!(",\"S\":\"{side}\",\"o\":\"{kind}\",\"X\":\"{word}\""));
    if let Some(limit) = asked.limit_e8 {
        put(&mut text, format_args!(",\"p\":\"{}\"", at_least(limit, symbol.price_places)));
    }
    let executed = fill.map_or(order.filled_e8, |fill| fill.size_e8);
    put(
        &mut text,
        format_args!(
            ",\"q\":\"{}\",\"z\":\"{}\",\"Z\":\"{}\"",
            trimmed(asked.size_e8),
            trimmed(remaining_e8(order)),
            trimmed(executed)
        ),
    );
    if let Some(fill) = fill {
        put(
            &mut text,
            format_args!(
                ",\"L\":\"{}\",\"t\":{},\"n\":\"{}\",\"m\":{}",
                at_least(fill.price_e8, symbol.price_places),
                fill.trade_id,
                at_least(fill.fee_e8, 2),
                !fill.is_taker
            ),
        );
    }
    if let Some(reason) = reason {
        put(&mut text, format_args!(",\"r\":{}", quoted(reason)));
    }
    put(&mut text, format_args!(",\"T\":{at_ns}}}"));
    text
}

/// Free balances of the named currencies; `c` is always 0, its meaning is not published.
pub(super) fn balances(desk: &Desk, now_ns: u64, account: &str, currencies: &[&str]) -> String {
    let rows: Vec<String> = desk
        .exchange()
        .balances(account)
        .iter()
        .filter(|balance| currencies.contains(&&*balance.currency))
        .map(|balance| {
            format!(
                "{{\"a\":\"{}\",\"f\":\"{}\",\"c\":\"0\"}}",
                balance.currency,
                at_least(balance.available_e8, 2)
            )
        })
        .collect();
    format!("{{\"e\":\"balanceUpdate\",\"E\":{now_ns},\"u\":{now_ns},\"B\":[{}]}}", rows.join(","))
}
