//! Private REST except placing orders.

use std::sync::Arc;

use serde_json::Value;

use super::auth::{Caller, Role, verify};
use super::desk::Desk;
use super::{orders, public, wire};
use crate::exchange::{CancelRefused, Fill, Order, Why};
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::words::{at_least, clock_text, trimmed};

/// Most fills of one `mytrades` answer.
const MY_TRADES_MAX: usize = 500;

/// Currencies that are money are spelt with two places at least.
const MONEY: [&str; 6] = ["USD", "EUR", "GBP", "GUSD", "USDC", "USDT"];

/// Answers a private request; `None`: no such endpoint.
pub(super) fn answer(desk: &Desk, now_ns: u64, request: &HttpRequest) -> Option<HttpAnswer> {
    let call = request.path.strip_prefix("/v1/")?;
    let known = [
        "order/new",
        "order/status",
        "order/cancel",
        "order/cancel/session",
        "order/cancel/all",
        "orders",
        "mytrades",
        "balances",
        "notionalvolume",
        "heartbeat",
    ];
    if !known.contains(&call) {
        return None;
    }
    let caller = match verify(desk, now_ns, request) {
        Ok(caller) => caller,
        Err(refusal) => return Some(refusal),
    };
    let needs_trader = call.starts_with("order/") && call != "order/status";
    if needs_trader && caller.key.role == Role::Auditor {
        let text = "To access this endpoint, you need to log in to the website and go to the \
                    settings page to assign one of these roles [Trader] to the API key";
        return Some(wire::error(403, "MissingRole", text));
    }
    let result = match call {
        "order/new" => orders::place(desk, now_ns, &caller),
        "order/status" => status(desk, &caller),
        "order/cancel" => cancel(desk, now_ns, &caller),
        "order/cancel/session" => {
            let session = desk.session_of(&caller.key.key);
            Ok(cancel_many(desk, now_ns, &caller, Some(session)))
        }
        "order/cancel/all" => Ok(cancel_many(desk, now_ns, &caller, None)),
        "orders" => Ok(live_orders(desk, &caller)),
        "mytrades" => my_trades(desk, &caller),
        "balances" => Ok(balances(desk, &caller)),
        "notionalvolume" => Ok(volume(desk, now_ns)),
        _ => Ok("{\"result\":\"ok\"}".to_owned()),
    };
    Some(result.map_or_else(|refusal| refusal, |body| HttpAnswer::json(200, body)))
}

/// Ids come as numbers and as strings.
fn order_id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn missing(id: &str) -> HttpAnswer {
    wire::error(404, "OrderNotFound", &format!("Order {id} not found"))
}

fn text_of(desk: &Desk, order: &Order, trades: Option<&[String]>) -> Option<String> {
    desk.symbol(&order.asked.product.replace('-', ""))
        .map(|symbol| wire::order(symbol, order, trades))
}

fn status(desk: &Desk, caller: &Caller<'_>) -> Result<String, HttpAnswer> {
    let account = &caller.key.account;
    let with_trades = caller.payload["include_trades"] == Value::Bool(true);
    let one = |order: &Arc<Order>| {
        let of_order = |fill: &Fill| fill.order_id == order.id;
        let trades = with_trades.then(|| fills_of(desk, account, MY_TRADES_MAX, of_order));
        text_of(desk, order, trades.as_deref()).unwrap_or_else(|| "{}".to_owned())
    };
    if let Some(client_id) = caller.payload["client_order_id"].as_str() {
        let found = desk.exchange().orders_by_client(account, client_id);
        return match found.as_slice() {
            [] => Err(missing(client_id)),
            [order] => Ok(one(order)),
            many => Ok(format!("[{}]", many.iter().map(one).collect::<Vec<_>>().join(","))),
        };
    }
    let id = order_id(&caller.payload["order_id"])
        .ok_or_else(|| wire::error(400, "MissingOrderField", "Missing order_id"))?;
    let found = desk.exchange().order(account, id);
    found.as_ref().map(one).ok_or_else(|| missing(&id.to_string()))
}

/// Fills of an account as texts, newest first.
fn fills_of(
    desk: &Desk,
    account: &str,
    limit: usize,
    is_wanted: impl Fn(&Fill) -> bool,
) -> Vec<String> {
    let exchange = desk.exchange();
    exchange
        .fills(account)
        .iter()
        .filter(|fill| is_wanted(fill))
        .take(limit)
        .filter_map(|fill| {
            let symbol = &desk.symbols[desk.index_of(&fill.product)?];
            let order = exchange.order(account, fill.order_id);
            let client_id = order.map_or_else(String::new, |order| order.asked.client_id.clone());
            Some(wire::fill(symbol, fill, &client_id))
        })
        .collect()
}

/// Cancelling what is done already tells its state and does nothing.
fn cancel(desk: &Desk, now_ns: u64, caller: &Caller<'_>) -> Result<String, HttpAnswer> {
    let id = order_id(&caller.payload["order_id"])
        .ok_or_else(|| wire::error(400, "MissingOrderField", "Missing order_id"))?;
    let result = desk.exchange().cancel(now_ns, &caller.key.account, id);
    let (Ok(order) | Err(CancelRefused::Done(order))) = result else {
        return Err(missing(&id.to_string()));
    };
    text_of(desk, &order, None).ok_or_else(|| missing(&id.to_string()))
}

fn cancel_many(desk: &Desk, now_ns: u64, caller: &Caller<'_>, session: Option<u64>) -> String {
    let ended = desk.exchange().cancel_where(now_ns, &caller.key.account, None, session);
    let ids: Vec<String> = ended.iter().map(|order| order.id.to_string()).collect();
    format!(
        "{{\"result\":\"ok\",\"details\":{{\"cancelledOrders\":[{}],\"cancelRejects\":[]}}}}",
        ids.join(",")
    )
}

fn live_orders(desk: &Desk, caller: &Caller<'_>) -> String {
    let orders = desk.exchange().orders(&caller.key.account);
    let list: Vec<String> = orders
        .iter()
        .filter(|order| wire::fate(order) == wire::Fate::Live)
        .filter_map(|order| text_of(desk, order, None))
        .collect();
    format!("[{}]", list.join(","))
}

/// A payload's time, in seconds or milliseconds, as a number or a text. Unit of the result: Unix
/// milliseconds; 0 without one.
fn since(given: &Value) -> Result<u64, HttpAnswer> {
    if given.is_null() {
        return Ok(0);
    }
    let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    public::milliseconds(&text).ok_or_else(|| {
        let text = format!(
            "Received invalid timestamp '{text}'.  Timestamp field in payload must be either a \
             string or an int representing seconds or milliseconds that can be parsed to a valid \
             date and time."
        );
        wire::error(400, "InvalidTimestampInPayload", &text)
    })
}

fn my_trades(desk: &Desk, caller: &Caller<'_>) -> Result<String, HttpAnswer> {
    let payload = &caller.payload;
    let product = match payload["symbol"].as_str() {
        None => None,
        Some(text) => Some(desk.symbol(text).ok_or_else(|| {
            let (status, reason, message) = wire::refusal(Why::UnknownProduct, text);
            wire::error(status, reason, &message)
        })?),
    };
    let since_ms = since(&payload["timestamp"])?;
    let limit = payload["limit_trades"].as_u64().unwrap_or(50).min(MY_TRADES_MAX as u64);
    let limit = usize::try_from(limit).unwrap_or(MY_TRADES_MAX);
    let list = fills_of(desk, &caller.key.account, limit, |fill| {
        product.is_none_or(|symbol| *fill.product == *symbol.name)
            && fill.at_ns / 1_000_000 >= since_ms
    });
    Ok(format!("[{}]", list.join(",")))
}

fn balances(desk: &Desk, caller: &Caller<'_>) -> String {
    let list: Vec<String> = desk
        .exchange()
        .balances(&caller.key.account)
        .iter()
        .map(|balance| {
            let places = if MONEY.contains(&&*balance.currency) { 2 } else { 0 };
            let free = at_least(balance.available_e8, places);
            format!(
                "{{\"type\":\"exchange\",\"currency\":\"{}\",\"amount\":\"{}\",\
                 \"available\":\"{free}\",\"availableForWithdrawal\":\"{free}\"}}",
                balance.currency,
                at_least(balance.available_e8.saturating_add(balance.held_e8), places),
            )
        })
        .collect();
    format!("[{}]", list.join(","))
}

/// Fees in basis points.
fn volume(desk: &Desk, now_ns: u64) -> String {
    let fees = desk.exchange().fees();
    // One ppm is a hundredth of a basis point, and e8 has eight places.
    let bps = |ppm: u32| trimmed(u64::from(ppm) * 1_000_000);
    let (maker, taker) = (bps(fees.maker_ppm), bps(fees.taker_ppm));
    let date = clock_text(now_ns, 0);
    let day_ns = 86_400_000_000_000;
    format!(
        "{{\"date\":\"{}\",\"last_updated_ms\":{},\"web_maker_fee_bps\":{maker},\
         \"web_taker_fee_bps\":{taker},\"web_auction_fee_bps\":{taker},\
         \"api_maker_fee_bps\":{maker},\"api_taker_fee_bps\":{taker},\
         \"api_auction_fee_bps\":{taker},\"fix_maker_fee_bps\":{maker},\
         \"fix_taker_fee_bps\":{taker},\"fix_auction_fee_bps\":{taker},\
         \"block_maker_fee_bps\":0,\"block_taker_fee_bps\":50,\"notional_30d_volume\":{},\
         \"notional_1d_volume\":[],\"fee_tier\":{{\"tier\":\"current\",\"maker_fee_bps\":{maker},\
         \"taker_fee_bps\":{taker}}}}}",
        &date[..10],
        now_ns / day_ns * day_ns / 1_000_000,
        at_least(fees.volume_30d_e8, 1),
    )
}
