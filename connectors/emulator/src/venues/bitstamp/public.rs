//! Public REST, behind an edge that keeps answers for about a second.

use super::desk::{Desk, Pair};
use super::wire::{self, error, price, side_number, size};
use crate::exchange::{Exchange, ProductStatus, PublicTrade};
use crate::happening::Side;
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::candles::candles;
use crate::venues::words::{at_least, average_e8, pairs, pick, trimmed};

/// How long the edge keeps an answer. Unit: nanoseconds.
const EDGE_NS: u64 = 1_000_000_000;

/// Most candles of one answer.
const CANDLES_MAX: usize = 1_000;

/// Steps of candles. Unit: seconds.
const STEPS_S: [u64; 12] =
    [60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 259_200];

/// First of the order numbers by which levels of others are listed.
const LEVEL_ORDER_FIRST: u64 = 1_500_000_000_000_000;

/// Answers a public request.
pub(super) fn answer(
    desk: &Desk,
    now_ns: u64,
    parts: &[&str],
    request: &HttpRequest,
) -> HttpAnswer {
    let name = format!("{}?{}", request.path, request.query);
    if let Some(text) = desk.cached(now_ns, &name, EDGE_NS) {
        return HttpAnswer::json(200, text);
    }
    match fresh(desk, now_ns, parts, request) {
        Ok(text) => {
            desk.keep(now_ns, name, text.clone());
            HttpAnswer::json(200, text)
        }
        Err(refusal) => refusal,
    }
}

fn fresh(
    desk: &Desk,
    now_ns: u64,
    parts: &[&str],
    request: &HttpRequest,
) -> Result<String, HttpAnswer> {
    let query = pairs(&request.query);
    let known = |symbol: &str| desk.pair(symbol).ok_or_else(wire::not_found);
    match parts {
        ["markets"] => Ok(list(desk, market)),
        ["trading-pairs-info"] => Ok(list(desk, pair_info)),
        ["ticker"] => Ok(list(desk, |exchange, pair| ticker(exchange, now_ns, pair))),
        // An unknown market gets all of them.
        ["ticker", symbol] => Ok(match desk.pair(symbol) {
            Some(pair) => ticker(&desk.exchange(), now_ns, pair),
            None => list(desk, |exchange, pair| ticker(exchange, now_ns, pair)),
        }),
        ["order_book", symbol] => book(desk, now_ns, known(symbol)?, pick(&query, "group")),
        ["transactions", symbol] => {
            transactions(&desk.exchange(), now_ns, known(symbol)?, pick(&query, "time"))
        }
        ["ohlc", symbol] => ohlc(&desk.exchange(), known(symbol)?, &query),
        _ => Err(wire::not_found()),
    }
}

fn list(desk: &Desk, make: impl Fn(&Exchange, &Pair) -> String) -> String {
    let exchange = desk.exchange();
    let rows: Vec<String> = desk.pairs.iter().map(|pair| make(&exchange, pair)).collect();
    format!("[{}]", rows.join(","))
}

fn trading_word(exchange: &Exchange, pair: &Pair) -> &'static str {
    let status = exchange.product(&pair.name).map(|product| product.status);
    if status == Some(ProductStatus::Online) { "Enabled" } else { "Disabled" }
}

/// Names of currencies in descriptions; others go by their code.
fn currency_name(code: &str) -> String {
    match code {
        "btc" => "Bitcoin".to_owned(),
        "eth" => "Ether".to_owned(),
        "sol" => "Solana".to_owned(),
        "usdc" => "USD Coin".to_owned(),
        "usd" => "U.S. dollar".to_owned(),
        "eur" => "Euro".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

fn description(pair: &Pair) -> String {
    format!("{} / {}", currency_name(&pair.base), currency_name(&pair.counter))
}

fn market(exchange: &Exchange, pair: &Pair) -> String {
    let product = exchange.product(&pair.name);
    let limits = product.map_or((0, 0, 0), |product| {
        (product.notional_min_e8, product.size_min_e8, product.size_max_e8)
    });
    let trading = trading_word(exchange, pair);
    format!(
        "{{\"name\":\"{}\",\"market_symbol\":\"{}\",\"base_currency\":\"{}\",\
         \"base_decimals\":{},\"counter_currency\":\"{}\",\"counter_decimals\":{},\
         \"minimum_order_value\":\"{}\",\"maximum_order_value\":\"10000000\",\
         \"minimum_order_amount\":\"{}\",\"maximum_order_amount\":\"{}\",\
         \"trading\":\"{trading}\",\"instant_and_market_orders\":\"{trading}\",\
         \"instant_order_counter_decimals\":2,\"description\":\"{}\",\"market_type\":\"SPOT\",\
         \"tick_size\":\"{}\"}}",
        pair.title,
        pair.symbol,
        pair.base.to_ascii_uppercase(),
        pair.size_places,
        pair.counter.to_ascii_uppercase(),
        pair.price_places,
        trimmed(limits.0),
        trimmed(limits.1),
        trimmed(limits.2),
        description(pair),
        trimmed(pair.tick_e8),
    )
}

fn pair_info(exchange: &Exchange, pair: &Pair) -> String {
    let minimum = exchange.product(&pair.name).map_or(0, |product| product.notional_min_e8);
    let trading = trading_word(exchange, pair);
    format!(
        "{{\"base_decimals\":{},\"minimum_order\":\"{} {}\",\"name\":\"{}\",\
         \"counter_decimals\":{},\"trading\":\"{trading}\",\"url_symbol\":\"{}\",\
         \"description\":\"{}\",\"instant_and_market_orders\":\"{trading}\"}}",
        pair.size_places,
        trimmed(minimum),
        pair.counter.to_ascii_uppercase(),
        pair.title,
        pair.price_places,
        pair.symbol,
        description(pair),
    )
}

/// Trades of the last so many nanoseconds, newest first.
fn since(exchange: &Exchange, now_ns: u64, pair: &Pair, span_ns: u64) -> Vec<PublicTrade> {
    let mut list = exchange.trades(&pair.name, usize::MAX);
    list.retain(|trade| trade.at_ns.saturating_add(span_ns) >= now_ns);
    list
}

fn ticker(exchange: &Exchange, now_ns: u64, pair: &Pair) -> String {
    let day = since(exchange, now_ns, pair, 86_400_000_000_000);
    let best = |side: Side| exchange.levels(&pair.name, side, 1).first().map_or(0, |level| level.0);
    let volume: u128 = day.iter().map(|trade| u128::from(trade.size_e8)).sum();
    let value: u128 = day
        .iter()
        .map(|trade| u128::from(trade.size_e8) * u128::from(trade.price_e8) / 100_000_000)
        .sum();
    let narrow = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
    let at = |trade: Option<&PublicTrade>| trade.map_or(0, |trade| trade.price_e8);
    let (open, last) = (at(day.last()), at(day.first()));
    // In hundredths of a percent, rounded down; e8 has six places more.
    let moved = (u128::from(open.abs_diff(last)) * 10_000).checked_div(u128::from(open));
    let sign = if last < open { "-" } else { "" };
    format!(
        "{{\"timestamp\":\"{}\",\"open\":\"{open_text}\",\"high\":\"{}\",\"low\":\"{}\",\
         \"last\":\"{}\",\"volume\":\"{}\",\"vwap\":\"{}\",\"bid\":\"{}\",\"ask\":\"{}\",\
         \"side\":\"{}\",\"open_24\":\"{open_text}\",\"percent_change_24\":\"{sign}{}\",\
         \"market\":\"{}\",\"pair\":\"{}\"}}",
        now_ns / 1_000_000_000,
        price(pair, at(day.iter().max_by_key(|trade| trade.price_e8))),
        price(pair, at(day.iter().min_by_key(|trade| trade.price_e8))),
        price(pair, last),
        at_least(narrow(volume), 8),
        price(pair, average_e8(narrow(value), narrow(volume)) / pair.tick_e8.max(1) * pair.tick_e8),
        price(pair, best(Side::Bid)),
        price(pair, best(Side::Ask)),
        day.first().map_or(0, |trade| taker_number(trade.maker)),
        at_least(narrow(moved.unwrap_or(0)) * 1_000_000, 2),
        pair.title,
        pair.title,
        open_text = price(pair, open),
    )
}

/// 0: the taker bought.
pub(super) const fn taker_number(maker: Side) -> u8 {
    match maker {
        Side::Ask => side_number(Side::Bid),
        Side::Bid => side_number(Side::Ask),
    }
}

/// The number of the order that a level of others is listed as.
pub(super) fn level_order(price_e8: u64) -> u64 {
    LEVEL_ORDER_FIRST + price_e8 / 1_000
}

/// The book. Its time is the moment of the answer: later changes have later times, so that changes
/// can be joined to it by time.
fn book(desk: &Desk, now_ns: u64, pair: &Pair, group: Option<&str>) -> Result<String, HttpAnswer> {
    let with_orders = match group {
        None | Some("0" | "1") => false,
        Some("2") => true,
        Some(other) => {
            let text = format!("Invalid group: {other}");
            return Err(error(400, "400.005", &text, Some("group")));
        }
    };
    let mut exchange = desk.exchange();
    let at_us = exchange.state_book(now_ns, &pair.name) / 1_000;
    let side = |side: Side| {
        let rows: Vec<String> = exchange
            .levels(&pair.name, side, 0)
            .into_iter()
            .map(|(at, amount)| {
                let order =
                    if with_orders { format!(", \"{}\"", level_order(at)) } else { String::new() };
                format!("[\"{}\", \"{}\"{order}]", price(pair, at), size(pair, amount))
            })
            .collect();
        rows.join(", ")
    };
    Ok(format!(
        "{{\"timestamp\": \"{}\", \"microtimestamp\": \"{at_us}\", \"bids\": [{}], \"asks\": [{}]}}",
        at_us / 1_000_000,
        side(Side::Bid),
        side(Side::Ask)
    ))
}

fn transactions(
    exchange: &Exchange,
    now_ns: u64,
    pair: &Pair,
    time: Option<&str>,
) -> Result<String, HttpAnswer> {
    let span_s = match time {
        Some("minute") => 60,
        None | Some("hour") => 3_600,
        Some("day") => 86_400,
        Some(other) => {
            let text = format!("Invalid time interval: {other}");
            return Err(error(400, "400.005", &text, Some("time")));
        }
    };
    let rows: Vec<String> = since(exchange, now_ns, pair, span_s * 1_000_000_000)
        .iter()
        .map(|trade| {
            format!(
                "{{\"date\":\"{}\",\"tid\":\"{}\",\"amount\":\"{}\",\"type\":\"{}\",\
                 \"price\":\"{}\"}}",
                trade.at_ns / 1_000_000_000,
                trade.trade_id,
                wire::amount(trade.size_e8),
                taker_number(trade.maker),
                price(pair, trade.price_e8)
            )
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

fn ohlc(
    exchange: &Exchange,
    pair: &Pair,
    query: &[(String, String)],
) -> Result<String, HttpAnswer> {
    let number = |name: &str| -> Result<u64, HttpAnswer> {
        let text = pick(query, name)
            .ok_or_else(|| error(400, "400.004", "Missing data for required field.", Some(name)))?;
        text.parse().map_err(|_| error(400, "400.005", "Not a valid integer.", Some(name)))
    };
    let (step_s, limit) = (number("step")?, number("limit")?);
    if !STEPS_S.contains(&step_s) {
        return Err(error(400, "400.005", "Must be one of the known steps.", Some("step")));
    }
    if limit == 0 || limit > CANDLES_MAX as u64 {
        return Err(error(400, "400.005", "Must be between 1 and 1000.", Some("limit")));
    }
    let bound = |name: &str, otherwise: u64| match pick(query, name) {
        Some(_) => number(name),
        None => Ok(otherwise),
    };
    let (start_s, end_s) = (bound("start", 0)?, bound("end", u64::MAX)?);
    let trades = exchange.trades(&pair.name, usize::MAX);
    let mut list = candles(&trades, step_s * 1_000, CANDLES_MAX);
    list.retain(|candle| (start_s..=end_s).contains(&(candle.start_ms / 1_000)));
    list.truncate(usize::try_from(limit).unwrap_or(CANDLES_MAX));
    let rows: Vec<String> = list
        .iter()
        .rev()
        .map(|candle| {
            format!(
                "{{\"timestamp\":\"{}\",\"open\":\"{}\",\"high\":\"{}\",\"low\":\"{}\",\
                 \"close\":\"{}\",\"volume\":\"{}\"}}",
                candle.start_ms / 1_000,
                price(pair, candle.open_e8),
                price(pair, candle.high_e8),
                price(pair, candle.low_e8),
                price(pair, candle.close_e8),
                wire::amount(candle.volume_e8)
            )
        })
        .collect();
    Ok(format!("{{\"data\":{{\"pair\":\"{}\",\"ohlc\":[{}]}}}}", pair.title, rows.join(",")))
}
