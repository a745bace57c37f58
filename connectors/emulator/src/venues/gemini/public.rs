//! Public REST.

use super::Details;
use super::desk::{Desk, Symbol};
use super::wire::{bad_symbol, error, price, taker_word};
use crate::exchange::{Exchange, Product, ProductStatus, PublicTrade};
use crate::happening::Side;
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::candles::{Candle, candles};
use crate::venues::words::{pairs, parse_e8, pick, trimmed};

/// Most trades of one answer.
const TRADES_MAX: usize = 500;

/// Rows of a candle answer.
pub(super) const CANDLES_MAX: usize = 1_440;

/// Levels of a book answer when not told otherwise.
const BOOK_DEPTH: usize = 50;

/// One day. Unit: milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Answers a public request; `None`: no such endpoint.
pub(super) fn answer(desk: &Desk, now_ns: u64, request: &HttpRequest) -> Option<HttpAnswer> {
    let path = request.path.trim_end_matches('/');
    let mut parts = path.trim_start_matches('/').split('/');
    let (version, call) = (parts.next()?, parts.next()?);
    let rest: Vec<&str> = parts.collect();
    let body = match (version, call, rest.as_slice()) {
        ("v1", "symbols", []) => {
            let list: Vec<String> =
                desk.symbols.iter().map(|symbol| format!("\"{}\"", symbol.lower)).collect();
            Ok(format!("[{}]", list.join(",")))
        }
        ("v1", "symbols", ["details", "all"]) => {
            let exchange = desk.exchange();
            let list: Vec<String> =
                desk.symbols.iter().map(|symbol| details(desk, &exchange, symbol)).collect();
            Ok(format!("[{}]", list.join(",")))
        }
        ("v1", "symbols", ["details", name]) => {
            with_symbol(desk, name, |symbol| Ok(details(desk, &desk.exchange(), symbol)))
        }
        ("v1", "pricefeed", []) => Ok(price_feed(desk)),
        ("v1", "book", [name]) => with_symbol(desk, name, |symbol| book(desk, symbol, request)),
        ("v1", "trades", [name]) => with_symbol(desk, name, |symbol| trades(desk, symbol, request)),
        ("v1", "pubticker", [name]) => {
            with_symbol(desk, name, |symbol| Ok(ticker_v1(desk, now_ns, symbol)))
        }
        ("v2", "ticker", [name]) => {
            with_symbol(desk, name, |symbol| Ok(ticker_v2(desk, now_ns, symbol)))
        }
        ("v2", "candles", [name, step]) => {
            let step_ms = rest_step_ms(step)?;
            with_symbol(desk, name, |symbol| {
                let trades = desk.exchange().trades(&symbol.name, usize::MAX);
                Ok(rows(&candles(&trades, step_ms, CANDLES_MAX)))
            })
        }
        _ => return None,
    };
    Some(body.map_or_else(|refusal| refusal, |body| HttpAnswer::json(200, body)))
}

fn with_symbol(
    desk: &Desk,
    name: &str,
    make: impl FnOnce(&Symbol) -> Result<String, HttpAnswer>,
) -> Result<String, HttpAnswer> {
    desk.symbol(name).map_or_else(|| Err(bad_symbol(desk, name)), make)
}

/// Details: `tick_size` is the step of sizes and `quote_increment` that of prices, both numbers.
fn details(desk: &Desk, exchange: &Exchange, symbol: &Symbol) -> String {
    let product = exchange.product(&symbol.name);
    let minimum = product.map_or(0, |product| product.size_min_e8);
    let contract = match desk.settings.details {
        Details::Full => format!(",\"contract_price_currency\":\"{}\"", symbol.quote),
        Details::WithoutContractCurrency => String::new(),
    };
    format!(
        "{{\"symbol\":\"{}\",\"quote_currency\":\"{}\",\"tick_size\":{},\"quote_increment\":{},\
         \"min_order_size\":\"{}\",\"status\":\"{}\",\"wrap_enabled\":false,\
         \"product_type\":\"spot\",\"contract_type\":\"vanilla\"{contract},\
         \"base_currency\":\"{}\"}}",
        symbol.upper,
        symbol.quote,
        trimmed(symbol.lot_e8),
        trimmed(symbol.tick_e8),
        trimmed(minimum),
        status_word(product),
        symbol.base,
    )
}

const fn status_word(product: Option<&Product>) -> &'static str {
    match product {
        Some(product) => match product.status {
            ProductStatus::Online => "open",
            ProductStatus::CancelOnly => "cancel_only",
            ProductStatus::Halted => "closed",
        },
        None => "closed",
    }
}

fn price_feed(desk: &Desk) -> String {
    let exchange = desk.exchange();
    let list: Vec<String> = desk
        .symbols
        .iter()
        .map(|symbol| {
            let last = exchange.trades(&symbol.name, 1).first().map_or(0, |trade| trade.price_e8);
            format!(
                "{{\"pair\":\"{}\",\"price\":\"{}\",\"percentChange24h\":\"0.0000\"}}",
                symbol.upper,
                price(symbol, last)
            )
        })
        .collect();
    format!("[{}]", list.join(","))
}

/// The book; its per-level `timestamp` is a dummy, as on the venue.
fn book(desk: &Desk, symbol: &Symbol, request: &HttpRequest) -> Result<String, HttpAnswer> {
    let query = pairs(&request.query);
    let depth = |name: &str| match pick(&query, name) {
        None => Ok(BOOK_DEPTH),
        Some(text) => text.parse::<usize>().map_err(|_| {
            error(400, "Bad Request", &format!("Supplied value '{text}' is not a valid {name}"))
        }),
    };
    let (bids, asks) = (depth("limit_bids")?, depth("limit_asks")?);
    let exchange = desk.exchange();
    let at_s = exchange.updated_ns(&symbol.name) / 1_000_000_000;
    let side = |side: Side, depth: usize| {
        let list: Vec<String> = exchange
            .levels(&symbol.name, side, depth)
            .into_iter()
            .map(|(at, size)| {
                format!(
                    "{{\"price\":\"{}\",\"amount\":\"{}\",\"timestamp\":\"{at_s}\"}}",
                    price(symbol, at),
                    trimmed(size)
                )
            })
            .collect();
        list.join(",")
    };
    Ok(format!("{{\"bids\":[{}],\"asks\":[{}]}}", side(Side::Bid, bids), side(Side::Ask, asks)))
}

fn trades(desk: &Desk, symbol: &Symbol, request: &HttpRequest) -> Result<String, HttpAnswer> {
    let query = pairs(&request.query);
    let limit = pick(&query, "limit_trades").and_then(|text| text.parse().ok()).unwrap_or(50);
    let since_ms = match pick(&query, "timestamp").or_else(|| pick(&query, "since")) {
        None => 0,
        Some(text) => milliseconds(text).ok_or_else(|| {
            error(400, "InvalidTimestampInPayload", &format!("Received invalid timestamp '{text}'"))
        })?,
    };
    let since_tid = pick(&query, "since_tid").and_then(|text| text.parse().ok()).unwrap_or(0);
    let list: Vec<String> = desk
        .exchange()
        .trades(&symbol.name, usize::MAX)
        .iter()
        .filter(|trade| trade.at_ns / 1_000_000 >= since_ms && trade.trade_id > since_tid)
        .take(limit.min(TRADES_MAX))
        .map(|trade| {
            format!(
                "{{\"timestamp\":{},\"timestampms\":{},\"tid\":{},\"price\":\"{}\",\
                 \"amount\":\"{}\",\"exchange\":\"gemini\",\"type\":\"{}\"}}",
                trade.at_ns / 1_000_000_000,
                trade.at_ns / 1_000_000,
                trade.trade_id,
                price(symbol, trade.price_e8),
                trimmed(trade.size_e8),
                taker_word(trade.maker),
            )
        })
        .collect();
    Ok(format!("[{}]", list.join(",")))
}

/// A time in seconds (with or without a fraction) or milliseconds, as milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    match text.parse::<u64>() {
        Ok(seconds @ 0..100_000_000_000) => Some(seconds * 1_000),
        Ok(milliseconds) => Some(milliseconds),
        Err(_) => parse_e8(text).ok().map(|seconds_e8| seconds_e8 / 100_000),
    }
}

/// Trades of the last day, newest first.
fn day(exchange: &Exchange, now_ns: u64, symbol: &Symbol) -> Vec<PublicTrade> {
    let since_ns = now_ns.saturating_sub(DAY_MS * 1_000_000);
    let mut list = exchange.trades(&symbol.name, usize::MAX);
    list.retain(|trade| trade.at_ns >= since_ns);
    list
}

fn best(exchange: &Exchange, symbol: &Symbol, side: Side) -> u64 {
    exchange.levels(&symbol.name, side, 1).first().map_or(0, |level| level.0)
}

fn ticker_v1(desk: &Desk, now_ns: u64, symbol: &Symbol) -> String {
    let exchange = desk.exchange();
    let trades = day(&exchange, now_ns, symbol);
    let base: u128 = trades.iter().map(|trade| u128::from(trade.size_e8)).sum();
    let quote: u128 = trades
        .iter()
        .map(|trade| u128::from(trade.size_e8) * u128::from(trade.price_e8) / 100_000_000)
        .sum();
    let whole = |sum: u128| trimmed(u64::try_from(sum).unwrap_or(u64::MAX));
    format!(
        "{{\"bid\":\"{}\",\"ask\":\"{}\",\"volume\":{{\"{}\":\"{}\",\"{}\":\"{}\",\
         \"timestamp\":{}}},\"last\":\"{}\"}}",
        price(symbol, best(&exchange, symbol, Side::Bid)),
        price(symbol, best(&exchange, symbol, Side::Ask)),
        symbol.base,
        whole(base),
        symbol.quote,
        whole(quote),
        now_ns / 1_000_000,
        price(symbol, trades.first().map_or(0, |trade| trade.price_e8)),
    )
}

fn ticker_v2(desk: &Desk, now_ns: u64, symbol: &Symbol) -> String {
    let exchange = desk.exchange();
    let trades = day(&exchange, now_ns, symbol);
    let at = |trade: Option<&PublicTrade>| price(symbol, trade.map_or(0, |trade| trade.price_e8));
    let hourly: Vec<String> = candles(&trades, 3_600_000, 24)
        .iter()
        .map(|candle| format!("\"{}\"", price(symbol, candle.close_e8)))
        .collect();
    let high = trades.iter().max_by_key(|trade| trade.price_e8);
    let low = trades.iter().min_by_key(|trade| trade.price_e8);
    format!(
        "{{\"symbol\":\"{}\",\"open\":\"{}\",\"high\":\"{}\",\"low\":\"{}\",\"close\":\"{}\",\
         \"changes\":[{}],\"bid\":\"{}\",\"ask\":\"{}\"}}",
        symbol.upper,
        at(trades.last()),
        at(high),
        at(low),
        at(trades.first()),
        hourly.join(","),
        price(symbol, best(&exchange, symbol, Side::Bid)),
        price(symbol, best(&exchange, symbol, Side::Ask)),
    )
}

/// Step of a REST candle name. Unit: milliseconds.
fn rest_step_ms(name: &str) -> Option<u64> {
    Some(match name {
        "1m" => 60_000,
        "5m" => 300_000,
        "15m" => 900_000,
        "30m" => 1_800_000,
        "1hr" => 3_600_000,
        "6hr" => 21_600_000,
        "1day" => DAY_MS,
        _ => return None,
    })
}

/// Candle rows `[ms,open,high,low,close,volume]`, all numbers.
pub(super) fn rows(list: &[Candle]) -> String {
    let rows: Vec<String> = list
        .iter()
        .map(|candle| {
            format!(
                "[{},{},{},{},{},{}]",
                candle.start_ms,
                trimmed(candle.open_e8),
                trimmed(candle.high_e8),
                trimmed(candle.low_e8),
                trimmed(candle.close_e8),
                trimmed(candle.volume_e8)
            )
        })
        .collect();
    format!("[{}]", rows.join(","))
}
