//! Products, books, trades, candles: what needs no account.

use super::super::products::{self, Named, middle_e8};
use super::super::text::{e8, padded, rfc3339, rfc3339_us, trimmed};
use super::super::wire::{Candle, trade_row};
use super::{Call, Fault, Outcome};
use crate::exchange::{Exchange, TRADES_KEPT};
use crate::happening::Side;

/// Levels of a side in a book at most.
const BOOK_LEVELS_MAX: u64 = 1_000;

/// Trades in a ticker at most, and the limit from which on the venue fails.
const TICKER_TRADES_MAX: u64 = 100;
const TICKER_LIMIT_MAX: u64 = 1_000;

/// Candles in an answer at most.
const CANDLES_MAX: u64 = 350;

/// Names and widths of candles. Unit: seconds.
const GRANULARITIES: [(&str, u64); 9] = [
    ("ONE_MINUTE", 60),
    ("FIVE_MINUTE", 300),
    ("FIFTEEN_MINUTE", 900),
    ("THIRTY_MINUTE", 1_800),
    ("ONE_HOUR", 3_600),
    ("TWO_HOUR", 7_200),
    ("FOUR_HOUR", 14_400),
    ("SIX_HOUR", 21_600),
    ("ONE_DAY", 86_400),
];

/// The server's clock, all in strings.
pub(super) fn time(call: &Call<'_>) -> String {
    let now_ms = call.now_ns / 1_000_000;
    format!(
        "{{\"iso\":\"{}\",\"epochSeconds\":\"{}\",\"epochMillis\":\"{now_ms}\"}}",
        rfc3339(now_ms / 1_000 * 1_000_000_000),
        now_ms / 1_000
    )
}

/// A product by the name that a call uses.
pub(super) fn named(exchange: &Exchange, id: &str) -> Result<Named, Fault> {
    products::find(exchange, id)
        .ok_or_else(|| Fault::NotFound(format!("Product {} not supported", id.escape_default())))
}

/// The product list; futures are a kind of which there are none.
pub(super) fn products(call: &Call<'_>) -> Outcome {
    let exchange = call.desk.exchange();
    let mut list = match call.field("product_type") {
        None | Some("SPOT" | "UNKNOWN_PRODUCT_TYPE") => products::all(&exchange),
        Some("FUTURE") => Vec::new(),
        Some(other) => {
            let other = other.escape_default();
            return Err(Fault::invalid(format!("unknown product_type: {other}")));
        }
    };
    let wanted: Vec<&str> = call.fields("product_ids").collect();
    list.retain(|named| wanted.is_empty() || wanted.contains(&named.id.as_str()));
    let total = list.len();
    let skipped = call.number("offset")?.unwrap_or(0);
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    let first = usize::try_from(skipped).unwrap_or(usize::MAX).min(total);
    let count = usize::try_from(limit).unwrap_or(usize::MAX);
    let end = first.saturating_add(count).min(total);
    Ok(products::page(&exchange, call.now_ns, &list[first..end], total))
}

/// One product.
pub(super) fn product(call: &Call<'_>, id: &str) -> Outcome {
    let exchange = call.desk.exchange();
    let named = named(&exchange, id)?;
    Ok(products::row(&exchange, call.now_ns, &named))
}

/// Levels as REST spells them.
fn rows(levels: &[(u64, u64)]) -> String {
    let row = |(price, size): &(u64, u64)| {
        format!("{{\"price\":\"{}\",\"size\":\"{}\"}}", e8(*price), e8(*size))
    };
    let rows: Vec<String> = levels.iter().map(row).collect();
    format!("[{}]", rows.join(","))
}

/// One book, without the braces' neighbours.
fn pricebook(exchange: &Exchange, named: &Named, depth: usize) -> String {
    let levels = |side| rows(&exchange.levels(&named.product.name, side, depth));
    format!(
        "{{\"product_id\":\"{}\",\"bids\":{},\"asks\":{},\"time\":\"{}\"}}",
        named.id,
        levels(Side::Bid),
        levels(Side::Ask),
        rfc3339_us(exchange.updated_ns(&named.product.name))
    )
}

/// The book of a product.
pub(super) fn book(call: &Call<'_>) -> Outcome {
    let id = call.field("product_id").ok_or_else(|| Fault::invalid("product_id is missing"))?;
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(BOOK_LEVELS_MAX);
    let depth = usize::try_from(limit.min(BOOK_LEVELS_MAX)).unwrap_or(usize::MAX);
    let exchange = call.desk.exchange();
    let named = named(&exchange, id)?;
    let name = &named.product.name;
    let last = exchange.trades(name, 1).first().map(|trade| e8(trade.price_e8));
    let best = |side| exchange.levels(name, side, 1).first().map_or(0, |level| level.0);
    let spread = best(Side::Ask).saturating_sub(best(Side::Bid));
    let middle = middle_e8(&exchange, name).unwrap_or(0);
    // Parts of a basis point, three places, cut.
    let spread_bps = u128::from(spread) * 10_000_000 / u128::from(middle.max(1));
    Ok(format!(
        "{{\"pricebook\":{},\"last\":\"{}\",\"mid_market\":\"{}\",\"spread_bps\":\"{}\",\
         \"spread_absolute\":\"{}\"}}",
        pricebook(&exchange, &named, depth),
        last.unwrap_or_default(),
        e8(middle),
        trimmed(spread_bps, 3),
        e8(spread)
    ))
}

/// Best prices of many products.
pub(super) fn best_bid_ask(call: &Call<'_>) -> Outcome {
    let exchange = call.desk.exchange();
    let wanted: Vec<&str> = call.fields("product_ids").collect();
    let list = if wanted.is_empty() {
        products::all(&exchange)
    } else {
        let found: Result<Vec<Named>, Fault> =
            wanted.into_iter().map(|id| named(&exchange, id)).collect();
        found?
    };
    let books: Vec<String> = list.iter().map(|named| pricebook(&exchange, named, 1)).collect();
    Ok(format!("{{\"pricebooks\":[{}]}}", books.join(",")))
}

/// Recent trades, newest first.
pub(super) fn ticker(call: &Call<'_>, id: &str) -> Outcome {
    let exchange = call.desk.exchange();
    let named = named(&exchange, id)?;
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(TICKER_TRADES_MAX);
    if limit > TICKER_LIMIT_MAX {
        return Err(Fault::Internal("limit is too large".to_owned()));
    }
    let since_s = call.number("start")?.unwrap_or(0);
    let until_s = call.number("end")?.unwrap_or(u64::MAX);
    let trades = exchange.trades(&named.product.name, TRADES_KEPT);
    let count = usize::try_from(limit.min(TICKER_TRADES_MAX)).unwrap_or(usize::MAX);
    let best = |side: Side| {
        let level = exchange.levels(&named.product.name, side, 1).first().map(|level| level.0);
        level.map(e8).unwrap_or_default()
    };
    let rows: Vec<String> = trades
        .iter()
        .filter(|trade| (since_s..=until_s).contains(&(trade.at_ns / 1_000_000_000)))
        .take(count)
        .map(|trade| {
            let row = trade_row(&named.id, trade);
            // REST adds the touch, which is empty for trades of the past.
            format!("{},\"bid\":\"\",\"ask\":\"\",\"exchange\":\"\"}}", &row[..row.len() - 1])
        })
        .collect();
    Ok(format!(
        "{{\"trades\":[{}],\"best_bid\":\"{}\",\"best_ask\":\"{}\"}}",
        rows.join(","),
        best(Side::Bid),
        best(Side::Ask)
    ))
}

/// Candles between two times, newest first.
pub(super) fn candles(call: &Call<'_>, id: &str) -> Outcome {
    let exchange = call.desk.exchange();
    let named = named(&exchange, id)?;
    let wanted = call.field("granularity").unwrap_or_default();
    let width_s = GRANULARITIES
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, width_s)| *width_s)
        .ok_or_else(|| Fault::invalid("granularity is missing or unknown"))?;
    let missing = |name: &str| Fault::invalid(format!("{name} is missing"));
    let start_s = call.number("start")?.ok_or_else(|| missing("start"))?;
    let end_s = call.number("end")?.ok_or_else(|| missing("end"))?;
    if end_s.saturating_sub(start_s) / width_s > CANDLES_MAX {
        return Err(Fault::invalid("number of candles requested should be less than 350"));
    }
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(CANDLES_MAX);
    let limit = usize::try_from(limit.min(CANDLES_MAX)).unwrap_or(usize::MAX);
    let list = Candle::of(&exchange.trades(&named.product.name, TRADES_KEPT), width_s);
    let rows: Vec<String> = list
        .iter()
        .rev()
        .filter(|candle| (start_s..=end_s).contains(&candle.start_s))
        .take(limit)
        .map(|candle| format!("{{{}}}", candle.fields()))
        .collect();
    Ok(format!("{{\"candles\":[{}]}}", rows.join(",")))
}

/// A rate as the venue spells it: at least four places (`0.0050`).
pub(super) fn rate(ppm: u32) -> String {
    if ppm.is_multiple_of(100) { padded(ppm / 100, 4) } else { trimmed(ppm, 6) }
}
