//! Orders and fills of the past and present, by pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::ids::{Kind, number_of, uuid_of};
use super::super::orders::{
    Row, fill_row, lifetime_word, order_id, side_word, status_word, trade_id,
};
use super::super::text::parse_rfc3339;
use super::{Call, Fault, Outcome};
use crate::exchange::{Fill, Order, OrderState};

/// Rows of a page at most, and without a limit.
const PAGE_MAX: u64 = 1_000;
const PAGE: u64 = 100;

/// Status words that a filter may name.
const STATUSES: [&str; 10] = [
    "OPEN",
    "PENDING",
    "QUEUED",
    "FILLED",
    "CANCELLED",
    "EXPIRED",
    "FAILED",
    "CANCEL_QUEUED",
    "EDIT_QUEUED",
    "UNKNOWN_ORDER_STATUS",
];

/// One order of the caller.
pub(super) fn order(call: &Call<'_>, id: &str) -> Outcome {
    let caller = call.viewer()?;
    let exchange = call.desk.exchange();
    let found = number_of(Kind::Order, id)
        .and_then(|number| exchange.order(&caller.account, number))
        .filter(|order| order.state != OrderState::Rejected)
        .ok_or_else(|| Fault::NotFound("order with this orderID was not found".to_owned()))?;
    let mut row = Row::new(&found, exchange.fees());
    row.last_fill_ns = last_fills(&exchange.fills(&caller.account)).get(&found.id).copied();
    row.edits = call.desk.edits(found.id);
    Ok(format!("{{\"order\":{}}}", row.rest()))
}

/// Time of the last fill by order. Fills are newest first.
fn last_fills(fills: &[Arc<Fill>]) -> BTreeMap<u64, u64> {
    let mut last = BTreeMap::new();
    for fill in fills {
        last.entry(fill.order_id).or_insert(fill.at_ns);
    }
    last
}

/// A time in the query.
fn time(call: &Call<'_>, name: &str) -> Result<Option<u64>, Fault> {
    let parse = |text: &str| {
        parse_rfc3339(text).ok_or_else(|| Fault::invalid(format!("{name} is not a time")))
    };
    call.field(name).map(parse).transpose()
}

fn page_size(call: &Call<'_>) -> Result<usize, Fault> {
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(PAGE);
    Ok(usize::try_from(limit.min(PAGE_MAX)).unwrap_or(usize::MAX))
}

/// Whether a list of wanted values is empty or holds a value.
fn is_in(wanted: &[&str], value: &str) -> bool {
    wanted.is_empty() || wanted.contains(&value)
}

/// Orders, newest first.
pub(super) fn orders(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let list = |name: &str| call.fields(name).collect::<Vec<&str>>();
    let (ids, statuses, sides) = (list("order_ids"), list("order_status"), list("order_side"));
    let (kinds, lifetimes) = (list("order_types"), list("time_in_forces"));
    let products: Vec<&str> = call.fields("product_ids").chain(call.fields("product_id")).collect();
    if let Some(odd) = statuses.iter().find(|status| !STATUSES.contains(status)) {
        return Err(Fault::invalid(format!("unknown order_status: {}", odd.escape_default())));
    }
    if statuses.len() > 1 && statuses.contains(&"OPEN") {
        return Err(Fault::invalid("order_status OPEN cannot be combined with others"));
    }
    let since_ns = time(call, "start_date")?.unwrap_or(0);
    let until_ns = time(call, "end_date")?.unwrap_or(u64::MAX);
    let size = page_size(call)?;
    let before = match call.field("cursor") {
        None => u64::MAX,
        Some(cursor) => {
            number_of(Kind::Order, cursor).ok_or_else(|| Fault::invalid("invalid cursor"))?
        }
    };

    let exchange = call.desk.exchange();
    let is_wanted = |order: &Arc<Order>| {
        let asked = &order.asked;
        let kind = if asked.limit_e8.is_some() { "LIMIT" } else { "MARKET" };
        order.state != OrderState::Rejected
            && order.id < before
            && is_in(&ids, &order_id(order))
            && is_in(&products, &asked.product_as_sent)
            && is_in(&statuses, status_word(order.state))
            && is_in(&sides, side_word(asked.side))
            && is_in(&kinds, kind)
            && is_in(&lifetimes, lifetime_word(asked.lifetime))
            && (since_ns..until_ns).contains(&order.created_ns)
    };
    let mut found: Vec<Arc<Order>> = exchange.orders(&caller.account);
    found.retain(is_wanted);
    let has_next = found.len() > size;
    found.truncate(size);
    let last_fills = last_fills(&exchange.fills(&caller.account));
    let rows: Vec<String> = found
        .iter()
        .map(|order| {
            let mut row = Row::new(order, exchange.fees());
            row.last_fill_ns = last_fills.get(&order.id).copied();
            row.edits = call.desk.edits(order.id);
            row.rest()
        })
        .collect();
    let cursor = found.last().filter(|_| has_next).map(|order| order_id(order));
    Ok(format!(
        "{{\"orders\":[{}],\"sequence\":\"0\",\"has_next\":{has_next},\"cursor\":\"{}\"}}",
        rows.join(","),
        cursor.unwrap_or_default()
    ))
}

/// Fills, newest first. The cursor names the last one shown, by its trade.
pub(super) fn fills(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let list = |name: &str| call.fields(name).collect::<Vec<&str>>();
    let (trades, mut orders) = (list("trade_ids"), list("order_ids"));
    orders.extend(call.fields("order_id"));
    let products: Vec<&str> = call.fields("product_ids").chain(call.fields("product_id")).collect();
    let since_ns = time(call, "start_sequence_timestamp")?.unwrap_or(0);
    let until_ns = time(call, "end_sequence_timestamp")?.unwrap_or(u64::MAX);
    let size = page_size(call)?;

    let exchange = call.desk.exchange();
    // The name that an order was placed under; the book's where the order is forgotten.
    let product_of = |fill: &Fill| {
        exchange
            .order(&caller.account, fill.order_id)
            .map_or_else(|| fill.product.to_string(), |order| order.asked.product_as_sent.clone())
    };
    let all = exchange.fills(&caller.account);
    let first = match call.field("cursor") {
        None => 0,
        Some(cursor) => {
            let shown = all.iter().position(|fill| trade_id(fill) == cursor);
            shown.ok_or_else(|| Fault::invalid("invalid cursor"))? + 1
        }
    };
    let mut found = all[first..].iter().filter(|fill| {
        is_in(&orders, &uuid_of(Kind::Order, fill.order_id))
            && is_in(&trades, &trade_id(fill))
            && is_in(&products, &product_of(fill))
            && (since_ns..=until_ns).contains(&fill.at_ns)
    });
    let page: Vec<&Arc<Fill>> = found.by_ref().take(size).collect();
    let cursor = match (found.next(), page.last()) {
        (Some(_), Some(last)) => trade_id(last),
        _ => String::new(),
    };
    let rows: Vec<String> =
        page.iter().map(|fill| fill_row(fill, &caller.account, &product_of(fill))).collect();
    Ok(format!("{{\"fills\":[{}],\"cursor\":\"{cursor}\"}}", rows.join(",")))
}
