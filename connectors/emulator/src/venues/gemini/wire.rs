//! Texts that several endpoints share: errors, orders, fills, reasons.

use std::fmt::Write as _;

use super::desk::{Desk, Symbol};
use crate::exchange::{Fill, Lifetime, Order, OrderState, Why};
use crate::happening::Side;
use crate::serve::HttpAnswer;
use crate::venues::words::{at_least, average_e8, quoted, trimmed};

/// The venue's error object.
pub(super) fn error(status: u16, reason: &str, message: &str) -> HttpAnswer {
    let body = format!(
        "{{\"result\":\"error\",\"reason\":{},\"message\":{}}}",
        quoted(reason),
        quoted(message)
    );
    HttpAnswer::json(status, body)
}

pub(super) fn not_found(path: &str) -> HttpAnswer {
    error(404, "EndpointNotFound", &format!("API entry point `{path}` not found"))
}

/// A symbol of a public path that does not exist.
pub(super) fn bad_symbol(desk: &Desk, text: &str) -> HttpAnswer {
    let known: Vec<&str> = desk.symbols.iter().map(|symbol| symbol.lower.as_str()).collect();
    let text = format!(
        "Supplied value '{text}' is not a valid symbol.  Please correct your API request to use one \
         of the supported symbols: [{}]",
        known.join(", ")
    );
    error(400, "Bad Request", &text)
}

pub(super) fn price(symbol: &Symbol, price_e8: u64) -> String {
    at_least(price_e8, symbol.price_places)
}

/// `buy` or `sell`, of an order.
pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Bid => "buy",
        Side::Ask => "sell",
    }
}

/// The taker's side of a trade whose resting side is told.
pub(super) const fn taker_word(maker: Side) -> &'static str {
    match maker {
        Side::Bid => "sell",
        Side::Ask => "buy",
    }
}

/// What became of an order in the venue's view. The venue takes orders that would cross their own
/// account, rest where they may not, or reach too far, and cancels them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Rests.
    Live,
    /// Filled.
    Done,
    /// Cancelled, with the venue's word for why.
    Cancelled(&'static str),
    /// Refused.
    Refused(Why),
}

pub(super) fn fate(order: &Order) -> Fate {
    match (order.state, order.why) {
        (OrderState::Open, _) => Fate::Live,
        (OrderState::Filled, _) => Fate::Done,
        (OrderState::Cancelled, why) => {
            Fate::Cancelled(why.and_then(cancel_reason).unwrap_or("Requested"))
        }
        (OrderState::Rejected, why) => {
            let why = why.unwrap_or(Why::Halted);
            cancel_reason(why).map_or(Fate::Refused(why), Fate::Cancelled)
        }
    }
}

/// The venue's word for a cancellation; `None` where it refuses instead.
const fn cancel_reason(why: Why) -> Option<&'static str> {
    Some(match why {
        Why::WouldTake => "MakerOrCancelWouldTake",
        Why::PriceFar => "ExceedsPriceLimits",
        Why::SelfCross => "SelfCrossPrevented",
        Why::IocRest | Why::NoLiquidity => "ImmediateOrCancelWouldPost",
        Why::FokUnfillable => "FillOrKillWouldNotFill",
        Why::Requested | Why::Disconnected => "Requested",
        Why::UnknownProduct
        | Why::Halted
        | Why::SizeStep
        | Why::PriceStep
        | Why::TooSmall
        | Why::TooLarge
        | Why::Funds
        | Why::TooManyOpen => return None,
    })
}

/// HTTP status, reason and message of a refusal.
pub(super) fn refusal(why: Why, symbol: &str) -> (u16, &'static str, String) {
    let symbol = symbol.to_ascii_uppercase();
    match why {
        Why::UnknownProduct => (400, "InvalidSymbol", format!("Received bad symbol '{symbol}'")),
        Why::PriceStep | Why::PriceFar => {
            (400, "InvalidPrice", format!("Invalid price for symbol {symbol}: not on a tick"))
        }
        Why::SizeStep | Why::TooSmall | Why::TooLarge => {
            (400, "InvalidQuantity", format!("Invalid quantity for symbol {symbol}"))
        }
        Why::Funds => (
            406,
            "InsufficientFunds",
            format!("Failed to place order on symbol '{symbol}' due to insufficient funds"),
        ),
        Why::TooManyOpen => (429, "RateLimit", "Too many open orders".to_owned()),
        Why::Halted
        | Why::WouldTake
        | Why::IocRest
        | Why::FokUnfillable
        | Why::NoLiquidity
        | Why::Requested
        | Why::Disconnected
        | Why::SelfCross => {
            (400, "MarketNotOpen", format!("Market '{symbol}' is not open for trading"))
        }
    }
}

/// `options` of an order: at most one word.
pub(super) const fn option_word(order: &Order) -> Option<&'static str> {
    match order.asked.lifetime {
        Lifetime::Gtc => None,
        Lifetime::Ioc if order.asked.limit_e8.is_none() => None,
        Lifetime::Ioc => Some("immediate-or-cancel"),
        Lifetime::Fok => Some("fill-or-kill"),
        Lifetime::PostOnly => Some("maker-or-cancel"),
    }
}

pub(super) fn type_word(order: &Order) -> &'static str {
    match (order.asked.limit_e8, order.asked.side) {
        (Some(_), _) => "exchange limit",
        (None, Side::Bid) => "market buy",
        (None, Side::Ask) => "market sell",
    }
}

/// Average price of what has traded, `0.00` before.
pub(super) fn average(order: &Order) -> String {
    at_least(average_e8(order.filled_quote_e8, order.filled_e8), 2)
}

/// Size that is neither executed nor gone.
pub(super) fn remaining_e8(order: &Order) -> u64 {
    order.asked.size_e8.saturating_sub(order.filled_e8)
}

/// The order object of REST, without its closing brace where trades follow.
pub(super) fn order(symbol: &Symbol, order: &Order, trades: Option<&[String]>) -> String {
    let asked = &order.asked;
    let fate = fate(order);
    let mut text = format!("{{\"order_id\":\"{id}\",\"id\":\"{id}\"", id = order.id);
    if !asked.client_id.is_empty() {
        put(&mut text, format_args!(",\"client_order_id\":{}", quoted(&asked.client_id)));
    }
    let options = option_word(order).map_or_else(String::new, quoted);
    put(
        &mut text,
        format_args!(
            ",\"symbol\":\"{}\",\"exchange\":\"gemini\",\"avg_execution_price\":\"{}\",\
             \"side\":\"{}\",\"type\":\"{}\",\"timestamp\":\"{}\",\"timestampms\":{},\
             \"is_live\":{},\"is_cancelled\":{},\"is_hidden\":false,\"was_forced\":false,\
             \"executed_amount\":\"{}\",\"remaining_amount\":\"{}\",\"original_amount\":\"{}\"",
            symbol.lower,
            average(order),
            side_word(asked.side),
            type_word(order),
            order.created_ns / 1_000_000_000,
            order.created_ns / 1_000_000,
            fate == Fate::Live,
            matches!(fate, Fate::Cancelled(_)),
            trimmed(order.filled_e8),
            trimmed(remaining_e8(order)),
            trimmed(asked.size_e8),
        ),
    );
    if let Some(limit) = asked.limit_e8 {
        put(&mut text, format_args!(",\"price\":\"{}\"", price(symbol, limit)));
    }
    put(&mut text, format_args!(",\"options\":[{options}]"));
    if let Fate::Cancelled(reason) = fate {
        put(&mut text, format_args!(",\"reason\":\"{reason}\""));
    }
    if let Some(trades) = trades {
        put(&mut text, format_args!(",\"trades\":[{}]", trades.join(",")));
    }
    text.push('}');
    text
}

/// One fill as REST tells it.
pub(super) fn fill(symbol: &Symbol, fill: &Fill, client_id: &str) -> String {
    let word = match fill.side {
        Side::Bid => "Buy",
        Side::Ask => "Sell",
    };
    let mut text = format!(
        "{{\"price\":\"{}\",\"amount\":\"{}\",\"timestamp\":{},\"timestampms\":{},\
         \"type\":\"{word}\",\"aggressor\":{},\"fee_currency\":\"{}\",\"fee_amount\":\"{}\",\
         \"tid\":{},\"order_id\":\"{}\"",
        price(symbol, fill.price_e8),
        trimmed(fill.size_e8),
        fill.at_ns / 1_000_000_000,
        fill.at_ns / 1_000_000,
        fill.is_taker,
        symbol.quote,
        trimmed(fill.fee_e8),
        fill.trade_id,
        fill.order_id,
    );
    if !client_id.is_empty() {
        put(&mut text, format_args!(",\"client_order_id\":{}", quoted(client_id)));
    }
    text.push_str(",\"exchange\":\"gemini\",\"is_auction_fill\":false}");
    text
}

/// Appends.
pub(super) fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("Invariant: writing to a string cannot fail");
}
