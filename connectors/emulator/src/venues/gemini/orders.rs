//! Placing orders over REST.

use serde_json::Value;

use super::auth::Caller;
use super::desk::Desk;
use super::wire::{self, error};
use crate::exchange::{Lifetime, NewOrder, Why};
use crate::happening::Side;
use crate::serve::HttpAnswer;
use crate::venues::words::parse_e8;

/// A client's own id is shorter than this.
const CLIENT_ID_MAX: usize = 100;

/// Places an order. The answer is the order, also where it was cancelled at once.
pub(super) fn place(desk: &Desk, now_ns: u64, caller: &Caller<'_>) -> Result<String, HttpAnswer> {
    let payload = &caller.payload;
    let field = |name: &str| {
        payload[name].as_str().ok_or_else(|| {
            error(400, "MissingOrderField", &format!("Required field '{name}' was not found"))
        })
    };
    let name = field("symbol")?;
    let symbol = desk.symbol(name).ok_or_else(|| refuse(Why::UnknownProduct, name))?;
    let kind = field("type")?;
    let is_market = match kind {
        "exchange limit" => false,
        "exchange market" => true,
        _ => {
            let text = format!("Invalid order type for symbol {}: '{kind}'", symbol.upper);
            return Err(error(400, "InvalidOrderType", &text));
        }
    };
    let side = match field("side")?.to_ascii_lowercase().as_str() {
        "buy" => Side::Bid,
        "sell" => Side::Ask,
        other => {
            let text = format!("Invalid side for symbol {}: '{other}'", symbol.upper);
            return Err(error(400, "InvalidSide", &text));
        }
    };
    let number = |name: &str, reason: &str| {
        let text = field(name)?;
        parse_e8(text).map_err(|_| {
            error(400, reason, &format!("Invalid {name} for symbol {}: '{text}'", symbol.upper))
        })
    };
    let size_e8 = number("amount", "InvalidQuantity")?;
    let limit_e8 = if is_market { None } else { Some(number("price", "InvalidPrice")?) };
    let client_id = payload["client_order_id"].as_str().unwrap_or_default();
    if client_id.len() >= CLIENT_ID_MAX {
        let text = format!("The client_order_id must be below {CLIENT_ID_MAX} characters");
        return Err(error(400, "ClientOrderIdTooLong", &text));
    }
    let asked = NewOrder {
        account: caller.key.account.clone(),
        product: symbol.name.clone(),
        client_id: client_id.to_owned(),
        side,
        size_e8,
        limit_e8,
        quote_e8: None,
        lifetime: lifetime(&payload["options"], is_market)?,
        session: desk.session_of(&caller.key.key),
        settle: None,
        product_as_sent: name.to_owned(),
    };
    let placed = desk.exchange().place(now_ns, asked);
    match wire::fate(&placed.order) {
        wire::Fate::Refused(why) => Err(refuse(why, &symbol.upper)),
        wire::Fate::Live | wire::Fate::Done | wire::Fate::Cancelled(_) => {
            Ok(wire::order(symbol, &placed.order, None))
        }
    }
}

fn refuse(why: Why, symbol: &str) -> HttpAnswer {
    let (status, reason, message) = wire::refusal(why, symbol);
    error(status, reason, &message)
}

/// The one execution option of an order.
fn lifetime(options: &Value, is_market: bool) -> Result<Lifetime, HttpAnswer> {
    let list = match options {
        Value::Null => &[] as &[Value],
        Value::Array(list) => list,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(error(400, "OptionsMustBeArray", "Options must be an array"));
        }
    };
    let plain = if is_market { Lifetime::Ioc } else { Lifetime::Gtc };
    match list {
        [] => Ok(plain),
        [one] => match one.as_str() {
            Some("immediate-or-cancel") => Ok(Lifetime::Ioc),
            Some("fill-or-kill") => Ok(Lifetime::Fok),
            Some("maker-or-cancel") if !is_market => Ok(Lifetime::PostOnly),
            _ => Err(error(400, "UnsupportedOption", &format!("Option {one} is not supported"))),
        },
        _ => {
            let text = "A single order supports at most one of these options: \
                        ['maker-or-cancel', 'immediate-or-cancel', 'fill-or-kill']";
            Err(error(400, "ConflictingOptions", text))
        }
    }
}
