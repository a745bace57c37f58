//! WebSocket frames, in the key order of the venue: data, channel, event.

use super::desk::Pair;
use super::public::{level_order, taker_number};
use super::wire::{amount, order_price_e8, price, remaining_e8, side_number, size};
use crate::exchange::{Fill, Lifetime, Order, PublicTrade};
use crate::happening::{Change, Side};
use crate::venues::mirror::Mirror;
use crate::venues::words::{at_least, quoted, trimmed};

/// Levels of a side in a whole book.
const TOP: usize = 100;

/// Numbers of the orders behind public trades: unknown to everybody but their owners.
const TRADE_ORDER_FIRST: u64 = 1_780_000_000_000_001;

/// Whether levels name their orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Price and size.
    Plain,
    /// Price, size and order.
    WithOrders,
}

/// An answer to a client's request.
pub(super) fn reply(event: &str, channel: &str, data: &str) -> String {
    format!("{{\"event\":\"{event}\",\"channel\":{},\"data\":{data}}}", quoted(channel))
}

/// An error; a code only where the venue gives one.
pub(super) fn error(code: Option<u32>, message: &str, channel: &str) -> String {
    let code = code.map_or_else(|| "null".to_owned(), |code| code.to_string());
    reply("bts:error", channel, &format!("{{\"code\":{code},\"message\":\"{message}\"}}"))
}

fn data(body: &str, channel: &str, event: &str) -> String {
    format!("{{\"data\":{{{body}}},\"channel\":\"{channel}\",\"event\":\"{event}\"}}")
}

fn times(at_us: u64) -> String {
    format!("\"timestamp\":\"{}\",\"microtimestamp\":\"{at_us}\"", at_us / 1_000_000)
}

fn rows(pair: &Pair, levels: impl Iterator<Item = (u64, u64)>, kind: Rows) -> String {
    let rows: Vec<String> = levels
        .map(|(at, amount)| match kind {
            Rows::Plain => format!("[\"{}\",\"{}\"]", price(pair, at), size(pair, amount)),
            Rows::WithOrders => format!(
                "[\"{}\",\"{}\",\"{}\"]",
                price(pair, at),
                size(pair, amount),
                level_order(at)
            ),
        })
        .collect();
    rows.join(",")
}

/// Changed levels. Unit of `at_us`: Unix microseconds.
pub(super) fn diff(pair: &Pair, at_us: u64, list: &[Change]) -> String {
    let side = |side: Side| {
        let levels = list
            .iter()
            .filter(|change| change.side == side)
            .map(|change| (change.price_e8, change.size_e8));
        rows(pair, levels, Rows::Plain)
    };
    let body =
        format!("{},\"bids\":[{}],\"asks\":[{}]", times(at_us), side(Side::Bid), side(Side::Ask));
    data(&body, &format!("diff_order_book_{}", pair.symbol), "data")
}

/// The top of a book, whole.
pub(super) fn book(pair: &Pair, mirror: &Mirror, kind: Rows) -> String {
    let side = |side: Side| rows(pair, mirror.levels(side, TOP).into_iter(), kind);
    let body = format!(
        "{},\"bids\":[{}],\"asks\":[{}]",
        times(mirror.updated_ns() / 1_000),
        side(Side::Bid),
        side(Side::Ask)
    );
    let prefix = match kind {
        Rows::Plain => "order_book",
        Rows::WithOrders => "detail_order_book",
    };
    data(&body, &format!("{prefix}_{}", pair.symbol), "data")
}

/// A public trade.
pub(super) fn trade(pair: &Pair, trade: &PublicTrade) -> String {
    let body = format!(
        "\"id\":{id},\"id_str\":\"{id}\",{},\"amount\":{},\"amount_str\":\"{}\",\"price\":{},\
         \"price_str\":\"{}\",\"type\":{},\"buy_order_id\":{},\"sell_order_id\":{}",
        times(trade.at_ns / 1_000),
        trimmed(trade.size_e8),
        amount(trade.size_e8),
        trimmed(trade.price_e8),
        price(pair, trade.price_e8),
        taker_number(trade.maker),
        TRADE_ORDER_FIRST + 2 * trade.trade_id,
        TRADE_ORDER_FIRST + 2 * trade.trade_id + 1,
        id = trade.trade_id,
    );
    data(&body, &format!("live_trades_{}", pair.symbol), "trade")
}

/// 0 limit, 2 market, 4 IOC, 5 maker-or-cancel, 6 FOK.
const fn subtype(order: &Order) -> u8 {
    match (order.asked.limit_e8, order.asked.lifetime) {
        (None, _) => 2,
        (Some(_), Lifetime::Gtc) => 0,
        (Some(_), Lifetime::Ioc) => 4,
        (Some(_), Lifetime::PostOnly) => 5,
        (Some(_), Lifetime::Fok) => 6,
    }
}

fn client_id(order: &Order) -> String {
    if order.asked.client_id.is_empty() {
        String::new()
    } else {
        format!(",\"client_order_id\":{}", quoted(&order.asked.client_id))
    }
}

/// A change of an own order.
pub(super) fn my_order(
    pair: &Pair,
    channel: &str,
    event: &str,
    at_us: u64,
    order: &Order,
) -> String {
    let rest = remaining_e8(order);
    let at = order_price_e8(order);
    let body = format!(
        "\"id\":{id},\"id_str\":\"{id}\",\"order_type\":{},\"order_subtype\":{},\
         \"datetime\":\"{}\",\"microtimestamp\":\"{at_us}\",\"amount\":{},\"amount_str\":\"{}\",\
         \"amount_traded\":\"{}\",\"amount_at_create\":\"{}\",\"price\":{},\"price_str\":\"{}\",\
         \"is_liquidation\":false,\"trade_account_id\":0{}",
        side_number(order.asked.side),
        subtype(order),
        at_us / 1_000_000,
        trimmed(rest),
        amount(rest),
        amount(order.filled_e8),
        amount(order.asked.size_e8),
        trimmed(at),
        price(pair, at),
        client_id(order),
        id = order.id,
    );
    data(&body, channel, event)
}

/// An own fill.
pub(super) fn my_trade(pair: &Pair, channel: &str, order: &Order, fill: &Fill) -> String {
    let side = match fill.side {
        Side::Bid => "buy",
        Side::Ask => "sell",
    };
    let body = format!(
        "\"id\":{},\"amount\":\"{}\",\"price\":\"{}\",\"microtimestamp\":\"{}\",\"fee\":\"{}\",\
         \"order_id\":{}{},\"trade_account_id\":0,\"side\":\"{side}\"",
        fill.trade_id,
        amount(fill.size_e8),
        price(pair, fill.price_e8),
        fill.at_ns / 1_000,
        at_least(fill.fee_e8, 2),
        fill.order_id,
        client_id(order),
    );
    data(&body, channel, "trade")
}
