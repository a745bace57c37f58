//! Private REST.

use super::auth::{Caller, verify};
use super::desk::{Desk, Pair, TOKEN_NS};
use super::orders::{self, Form, Kind};
use super::wire::{self, amount, error, price, remaining_e8, side_number};
use crate::exchange::{Fill, Order, OrderState};
use crate::happening::Side;
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::words::{Sign, at_least, clock_text, pairs, pick, quoted, signed};

/// Lists of open orders are kept for so long. Unit: nanoseconds.
const OPEN_ORDERS_NS: u64 = 10_000_000_000;

/// Rows of one list of transactions, and without a limit.
const TRANSACTIONS_MAX: usize = 1_000;
const TRANSACTIONS: usize = 100;

/// Currencies with two places; all others have eight.
const MONEY: [&str; 3] = ["usd", "eur", "gbp"];

/// Whether a path belongs to the private part.
pub(super) fn is_known(parts: &[&str]) -> bool {
    let first = parts.first().copied().unwrap_or_default();
    matches!(
        first,
        "buy"
            | "sell"
            | "order_status"
            | "cancel_order"
            | "cancel_all_orders"
            | "replace_order"
            | "open_orders"
            | "account_balances"
            | "fees"
            | "user_transactions"
            | "websockets_token"
    )
}

/// Answers a private request; every answer to a verified caller is signed.
pub(super) fn answer(
    desk: &Desk,
    now_ns: u64,
    parts: &[&str],
    request: &HttpRequest,
) -> HttpAnswer {
    let caller = match verify(desk, now_ns, request) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let body = String::from_utf8_lossy(&request.body);
    let form = pairs(&body);
    let result = route(desk, now_ns, parts, &caller, &form);
    caller.sign(result.map_or_else(|refusal| refusal, |body| HttpAnswer::json(200, body)))
}

fn route(
    desk: &Desk,
    now_ns: u64,
    parts: &[&str],
    caller: &Caller<'_>,
    form: &Form,
) -> Result<String, HttpAnswer> {
    let side = |word: &str| if word == "buy" { Side::Bid } else { Side::Ask };
    match parts {
        [word @ ("buy" | "sell"), "market", symbol] => {
            orders::place(desk, now_ns, caller, (side(word), Kind::Market, symbol), form)
        }
        [word @ ("buy" | "sell"), "instant", symbol] => {
            orders::place(desk, now_ns, caller, (side(word), Kind::Instant, symbol), form)
        }
        [word @ ("buy" | "sell"), symbol] => {
            orders::place(desk, now_ns, caller, (side(word), Kind::Limit, symbol), form)
        }
        ["order_status"] => order_status(desk, caller, form),
        ["cancel_order"] => orders::cancel(desk, now_ns, caller, form),
        ["cancel_all_orders"] => orders::cancel_all(desk, now_ns, caller, None),
        ["cancel_all_orders", symbol] => orders::cancel_all(desk, now_ns, caller, Some(symbol)),
        ["replace_order"] => orders::replace(desk, now_ns, caller, form),
        ["open_orders"] | ["open_orders", "all"] => open_orders(desk, now_ns, caller, None),
        ["open_orders", symbol] => open_orders(desk, now_ns, caller, Some(symbol)),
        ["account_balances"] => Ok(format!("[{}]", balances(desk, caller, None).join(","))),
        ["account_balances", currency] => balances(desk, caller, Some(currency))
            .pop()
            .ok_or_else(|| error(404, "404.003", "Currency not found", None)),
        ["fees", "trading"] => {
            let rows: Vec<String> = desk.pairs.iter().map(|pair| fees(desk, pair)).collect();
            Ok(format!("[{}]", rows.join(",")))
        }
        ["fees", "trading", symbol] => {
            let pair = desk.pair(symbol);
            let pair = pair.ok_or_else(|| error(404, "404.007", "Market not found", None))?;
            Ok(fees(desk, pair))
        }
        ["user_transactions"] => transactions(desk, caller, None, form),
        ["user_transactions", symbol] => {
            let pair = desk.pair(symbol);
            let pair =
                pair.ok_or_else(|| error(404, "404.003", "Currency pair not found", None))?;
            transactions(desk, caller, Some(pair), form)
        }
        ["websockets_token"] => {
            let token = desk.new_token(now_ns, caller.key);
            Ok(format!(
                "{{\"token\":\"{}\",\"valid_sec\":{},\"user_id\":{}}}",
                token.text,
                TOKEN_NS / 1_000_000_000,
                token.user_id
            ))
        }
        _ => Err(wire::not_found()),
    }
}

fn order_status(desk: &Desk, caller: &Caller<'_>, form: &Form) -> Result<String, HttpAnswer> {
    let order = orders::find(desk, caller, form, "client_order_id")?;
    let pair = desk
        .pair_of(&order.asked.product)
        .ok_or_else(|| error(404, "404.003", "Currency pair not found", None))?;
    let is_short =
        pick(form, "omit_transactions").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let transactions = if is_short {
        String::new()
    } else {
        let rows: Vec<String> = desk
            .exchange()
            .fills(&caller.key.account)
            .iter()
            .filter(|fill| fill.order_id == order.id)
            .map(|fill| wire::transaction(pair, fill))
            .collect();
        format!(",\"transactions\":[{}]", rows.join(","))
    };
    let client_id = if order.asked.client_id.is_empty() {
        String::new()
    } else {
        format!(",\"client_order_id\":{}", quoted(&order.asked.client_id))
    };
    Ok(format!(
        "{{\"id\":{},\"datetime\":\"{}\",\"type\":\"{}\",\"status\":\"{}\",\
         \"market\":\"{}\"{transactions},\"amount_remaining\":\"{}\"{client_id}}}",
        order.id,
        clock_text(order.created_ns, 0),
        side_number(order.asked.side),
        wire::status_word(desk, &order),
        pair.title,
        amount(remaining_e8(&order)),
    ))
}

fn open_orders(
    desk: &Desk,
    now_ns: u64,
    caller: &Caller<'_>,
    symbol: Option<&str>,
) -> Result<String, HttpAnswer> {
    let pair = match symbol {
        None => None,
        Some(symbol) => {
            let pair = desk.pair(symbol);
            Some(pair.ok_or_else(|| error(404, "404.003", "Currency pair not found", None))?)
        }
    };
    let name = format!("open {} {}", caller.key.account, symbol.unwrap_or_default());
    if let Some(text) = desk.cached(now_ns, &name, OPEN_ORDERS_NS) {
        return Ok(text);
    }
    let list = desk.exchange().orders(&caller.key.account);
    let rows: Vec<String> = list
        .iter()
        .filter(|order| order.state == OrderState::Open)
        .filter(|order| pair.is_none_or(|pair| order.asked.product == pair.name))
        .filter_map(|order| Some(open_order(desk.pair_of(&order.asked.product)?, order)))
        .collect();
    let text = format!("[{}]", rows.join(","));
    desk.keep(now_ns, name, text.clone());
    Ok(text)
}

fn open_order(pair: &Pair, order: &Order) -> String {
    let client_id = if order.asked.client_id.is_empty() {
        String::new()
    } else {
        format!(",\"client_order_id\":{}", quoted(&order.asked.client_id))
    };
    format!(
        "{{\"id\":\"{}\",\"datetime\":\"{}\",\"type\":\"{}\",\"price\":\"{}\",\"amount\":\"{}\",\
         \"amount_at_create\":\"{}\",\"currency_pair\":\"{title}\",\"market\":\"{title}\"\
         {client_id}}}",
        order.id,
        clock_text(order.created_ns, 0),
        side_number(order.asked.side),
        price(pair, wire::order_price_e8(order)),
        amount(remaining_e8(order)),
        amount(order.asked.size_e8),
        title = pair.title,
    )
}

fn balances(desk: &Desk, caller: &Caller<'_>, wanted: Option<&str>) -> Vec<String> {
    desk.exchange()
        .balances(&caller.key.account)
        .iter()
        .map(|balance| (balance.currency.to_ascii_lowercase(), balance))
        .filter(|(currency, _)| wanted.is_none_or(|wanted| wanted == currency))
        .map(|(currency, balance)| {
            let places = if MONEY.contains(&currency.as_str()) { 2 } else { 8 };
            format!(
                "{{\"currency\":\"{currency}\",\"total\":\"{}\",\"available\":\"{}\",\
                 \"reserved\":\"{}\"}}",
                at_least(balance.available_e8.saturating_add(balance.held_e8), places),
                at_least(balance.available_e8, places),
                at_least(balance.held_e8, places),
            )
        })
        .collect()
}

/// Fees in percent.
fn fees(desk: &Desk, pair: &Pair) -> String {
    let fees = desk.exchange().fees();
    // A ppm is 10⁻⁴ percent, and e8 has eight places.
    let percent = |ppm: u32| at_least(u64::from(ppm) * 10_000, 3);
    format!(
        "{{\"currency_pair\":\"{symbol}\",\"market\":\"{symbol}\",\"fees\":{{\"maker\":\"{}\",\
         \"taker\":\"{}\"}}}}",
        percent(fees.maker_ppm),
        percent(fees.taker_ppm),
        symbol = pair.symbol,
    )
}

fn transactions(
    desk: &Desk,
    caller: &Caller<'_>,
    pair: Option<&Pair>,
    form: &Form,
) -> Result<String, HttpAnswer> {
    let number = |name: &str, otherwise: usize| match pick(form, name) {
        None => Ok(otherwise),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| error(400, "400.005", "Enter a whole number.", Some(name))),
    };
    let (limit, offset) = (number("limit", TRANSACTIONS)?, number("offset", 0)?);
    if limit == 0 || limit > TRANSACTIONS_MAX {
        let text = "Ensure this value is between 1 and 1000.";
        return Err(error(400, "400.008", text, Some("limit")));
    }
    let since_id = number("since_id", 0)? as u64;
    let mut list = desk.exchange().fills(&caller.key.account);
    list.retain(|fill| {
        pair.is_none_or(|pair| fill.product == pair.name) && fill.trade_id >= since_id
    });
    if pick(form, "sort") == Some("asc") {
        list.reverse();
    }
    let rows: Vec<String> = list
        .iter()
        .skip(offset)
        .take(limit)
        .filter_map(|fill| Some(transaction(desk.pair_of(&fill.product)?, fill)))
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// A fill as a movement of both currencies, seen from the account.
fn transaction(pair: &Pair, fill: &Fill) -> String {
    let (base, counter) = match fill.side {
        Side::Bid => (Sign::Plus, Sign::Minus),
        Side::Ask => (Sign::Minus, Sign::Plus),
    };
    format!(
        "{{\"id\":{},\"datetime\":\"{}\",\"type\":\"2\",\"fee\":\"{}\",\"order_id\":{},\
         \"{}\":\"{}\",\"{}\":\"{}\",\"{}_{}\":{}}}",
        fill.trade_id,
        clock_text(fill.at_ns, 6),
        at_least(fill.fee_e8, 2),
        fill.order_id,
        pair.base,
        signed(fill.size_e8, base, 8),
        pair.counter,
        signed(wire::value_e8(fill), counter, 2),
        pair.base,
        pair.counter,
        price(pair, fill.price_e8),
    )
}
