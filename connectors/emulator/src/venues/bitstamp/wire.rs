//! Texts that several endpoints share: errors, orders, numbers.

use super::desk::{Desk, Pair};
use crate::exchange::{Fill, Order, OrderState, Why};
use crate::happening::Side;
use crate::serve::HttpAnswer;
use crate::venues::words::{at_least, clock_text, quoted, trimmed};

/// The venue's page for an address that does not exist.
pub(super) fn not_found() -> HttpAnswer {
    HttpAnswer {
        status: 404,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: b"<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n\
                <body>\n  <h1>Not Found</h1><p>The requested resource was not found on this \
                server.</p>\n</body>\n</html>\n"
            .to_vec(),
    }
}

/// An error of an order or a query. With a field the reason is a list for that field (`__all__`:
/// for the whole), without one it is a plain text.
pub(super) fn error(
    status: u16,
    response_code: &str,
    reason: &str,
    field: Option<&str>,
) -> HttpAnswer {
    let text = quoted(reason);
    let reason = match field {
        Some(field) => format!("{{\"{field}\":[{text}]}}"),
        None => text.clone(),
    };
    let body = format!(
        "{{\"status\":\"error\",\"reason\":{reason},\"response_code\":\"{response_code}\",\
         \"response_explanation\":{text}}}"
    );
    HttpAnswer::json(status, body)
}

pub(super) fn price(pair: &Pair, price_e8: u64) -> String {
    at_least(price_e8, pair.price_places)
}

/// A size in a book; a level that is gone is spelt with eight places whatever the market.
pub(super) fn size(pair: &Pair, size_e8: u64) -> String {
    if size_e8 == 0 { "0.00000000".to_owned() } else { at_least(size_e8, pair.size_places) }
}

/// An amount of an order or a fill.
pub(super) fn amount(size_e8: u64) -> String {
    at_least(size_e8, 8)
}

/// 0 buys, 1 sells.
pub(super) const fn side_number(side: Side) -> u8 {
    match side {
        Side::Bid => 0,
        Side::Ask => 1,
    }
}

/// What is neither executed nor gone. Unit: e8 of the base.
pub(super) fn remaining_e8(order: &Order) -> u64 {
    order.asked.size_e8.saturating_sub(order.filled_e8)
}

/// The price that the venue states: for an order without one, a bound that no market reaches.
pub(super) fn order_price_e8(order: &Order) -> u64 {
    match (order.asked.limit_e8, order.asked.side) {
        (Some(limit), _) => limit,
        (None, Side::Bid) => 99_999_999_900_000_000,
        (None, Side::Ask) => 0,
    }
}

/// `Open`, `Finished`, `Expired`, `Canceled`.
pub(super) fn status_word(desk: &Desk, order: &Order) -> &'static str {
    match order.state {
        OrderState::Open => "Open",
        OrderState::Filled => "Finished",
        OrderState::Cancelled if desk.is_expired(order.id) => "Expired",
        OrderState::Cancelled | OrderState::Rejected => "Canceled",
    }
}

/// The answer to a refused order.
pub(super) fn refusal(desk: &Desk, pair: &Pair, order: &Order, why: Why) -> HttpAnswer {
    let all = Some("__all__");
    let counter = pair.counter.to_ascii_uppercase();
    let places = |count: u32| format!("Ensure that there are no more than {count} decimal places.");
    match why {
        Why::UnknownProduct => error(404, "404.003", "Currency pair not found", None),
        Why::Halted => error(400, "400.003", "Market is disabled", None),
        Why::SizeStep => error(400, "400.026", &places(pair.size_places), Some("amount")),
        Why::PriceStep => error(400, "400.041", &places(pair.price_places), Some("price")),
        Why::TooSmall => {
            let exchange = desk.exchange();
            let product = exchange.product(&pair.name);
            let (size, value) =
                product.map_or((0, 0), |product| (product.size_min_e8, product.notional_min_e8));
            if order.asked.quote_e8.is_none() && order.asked.size_e8 < size {
                let text = format!("Minimum order amount is {}", trimmed(size));
                error(400, "400.046", &text, Some("amount"))
            } else {
                let text = format!("Minimum order size is {} {counter}.", at_least(value, 1));
                error(400, "400.020", &text, all)
            }
        }
        Why::TooLarge => error(400, "400.037", "Order amount is too large", Some("amount")),
        Why::Funds => error(400, "400.009", &funds_text(desk, pair, order), all),
        Why::PriceFar => {
            error(400, "400.021", "Price is more than 20% from the market price.", Some("price"))
        }
        Why::TooManyOpen => error(400, "400.067", "Too many open orders", None),
        Why::WouldTake => error(400, "400.001", "Order would match immediately as a taker.", all),
        Why::SelfCross => error(400, "400.001", "Order would match your own order.", all),
        Why::IocRest
        | Why::FokUnfillable
        | Why::NoLiquidity
        | Why::Requested
        | Why::Disconnected => {
            error(400, "400.001", "There are not enough open orders to match.", all)
        }
    }
}

fn funds_text(desk: &Desk, pair: &Pair, order: &Order) -> String {
    let asked = &order.asked;
    let (currency, needed) = match asked.side {
        Side::Ask => (&pair.base, asked.size_e8),
        Side::Bid => {
            let price = u128::from(asked.limit_e8.unwrap_or_default());
            let value = price * u128::from(asked.size_e8) / 100_000_000;
            let fee = value * u128::from(desk.exchange().fees().taker_ppm) / 1_000_000;
            let value = asked.quote_e8.unwrap_or(u64::try_from(value + fee).unwrap_or(u64::MAX));
            (&pair.counter, value)
        }
    };
    let currency = currency.to_ascii_uppercase();
    let balances = desk.exchange().balances(&asked.account);
    let free = balances.iter().find(|balance| *balance.currency == *currency);
    format!(
        "You need {} {currency} to open that order. You have only {} {currency} available. Check \
         your account balance for details.",
        at_least(needed, 2),
        at_least(free.map_or(0, |balance| balance.available_e8), 2)
    )
}

/// A fill inside an order's status; amounts are named by their currencies.
pub(super) fn transaction(pair: &Pair, fill: &Fill) -> String {
    format!(
        "{{\"tid\":{},\"price\":\"{}\",\"{}\":\"{}\",\"{}\":\"{}\",\"fee\":\"{}\",\
         \"datetime\":\"{}\",\"type\":2}}",
        fill.trade_id,
        price(pair, fill.price_e8),
        pair.base,
        amount(fill.size_e8),
        pair.counter,
        at_least(value_e8(fill), 2),
        at_least(fill.fee_e8, 2),
        clock_text(fill.at_ns, 6),
    )
}

/// Value of a fill as it was settled: a buyer's rounded up, a seller's down. Unit: e8 of the quote.
pub(super) fn value_e8(fill: &Fill) -> u64 {
    let wide = u128::from(fill.price_e8) * u128::from(fill.size_e8);
    let value = match fill.side {
        Side::Bid => wide.div_ceil(100_000_000),
        Side::Ask => wide / 100_000_000,
    };
    u64::try_from(value).unwrap_or(u64::MAX)
}
