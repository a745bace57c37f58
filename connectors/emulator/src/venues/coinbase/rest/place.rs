//! New orders: reading the request, the limits that only this venue has, and the answer.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::auth::Caller;
use super::super::orders::{configuration, order_id, side_word};
use super::super::products::{self, Named, QUOTE_MAX_E8};
use super::super::text::{BadNumber, parse_e8, quoted};
use super::reasons::{self, Reason, Sized, reason_of};
use super::{Call, Fault, Outcome};
use crate::exchange::{Exchange, Lifetime, NewOrder, Order, OrderState};
use crate::happening::Side;

/// Longest client order id. Unit: bytes.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// The request, as far as it is used. Fields of futures and margin are ignored: the venue ignores
/// them on spot.
#[derive(Deserialize)]
pub(super) struct Request<'r> {
    #[serde(default)]
    client_order_id: String,
    #[serde(default)]
    product_id: String,
    #[serde(default)]
    side: String,
    #[serde(borrow, default)]
    order_configuration: BTreeMap<String, &'r RawValue>,
    #[serde(default)]
    retail_portfolio_id: String,
}

/// The fields of every configuration that is supported.
#[derive(Default, Deserialize)]
struct Inner {
    base_size: Option<Amount>,
    quote_size: Option<Amount>,
    limit_price: Option<Amount>,
    #[serde(default)]
    post_only: bool,
}

/// A decimal, as a string or, as some clients send it, as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Number(serde_json::Number),
}

impl Amount {
    fn e8(&self) -> Result<u64, BadNumber> {
        match self {
            Self::Text(text) => parse_e8(text),
            Self::Number(number) => parse_e8(&number.to_string()),
        }
    }
}

/// An order as read, before the exchange sees it.
pub(super) struct Read {
    pub(super) asked: NewOrder,
    pub(super) named: Named,
}

impl Request<'_> {
    /// Parses a body.
    ///
    /// # Errors
    ///
    /// [`Fault::Invalid`] for what is no such request at all.
    pub(super) fn of(body: &[u8]) -> Result<Request<'_>, Fault> {
        serde_json::from_slice(body).map_err(|_| Fault::invalid("invalid request body"))
    }

    /// The configuration as sent, for the echo of one that is refused.
    pub(super) fn echo(&self) -> String {
        let row = |(kind, inner): (&String, &&RawValue)| format!("{}:{inner}", quoted(kind));
        let rows: Vec<String> = self.order_configuration.iter().map(row).collect();
        format!("{{{}}}", rows.join(","))
    }

    /// The order that is asked for.
    ///
    /// # Errors
    ///
    /// The [`Reason`] why the venue takes no such order.
    pub(super) fn read(&self, exchange: &Exchange, caller: &Caller) -> Result<Read, Reason> {
        let named = products::find(exchange, &self.product_id).ok_or(reasons::PRODUCT)?;
        let side = match self.side.as_str() {
            "BUY" => Side::Bid,
            "SELL" => Side::Ask,
            _ => return Err(reasons::SIDE),
        };
        let mut kinds = self.order_configuration.iter();
        let (Some((kind, inner)), None) = (kinds.next(), kinds.next()) else {
            return Err(reasons::UNSUPPORTED);
        };
        let inner: Inner = serde_json::from_str(inner.get()).map_err(|_| reasons::UNSUPPORTED)?;
        let lifetime = match (kind.as_str(), inner.post_only) {
            ("market_market_ioc" | "sor_limit_ioc", _) => Lifetime::Ioc,
            ("limit_limit_fok", _) => Lifetime::Fok,
            ("limit_limit_gtc", false) => Lifetime::Gtc,
            ("limit_limit_gtc", true) => Lifetime::PostOnly,
            // Good-till-date, stop, bracket, and market orders that fill or are killed.
            _ => return Err(reasons::UNSUPPORTED),
        };
        let is_market = kind == "market_market_ioc";
        let by_quote = inner.base_size.is_none() && inner.quote_size.is_some();
        let is_both = inner.base_size.is_some() && inner.quote_size.is_some();
        // Only a market buy goes by amount of quote here.
        if is_both || by_quote && !(is_market && side == Side::Bid) {
            return Err(reasons::UNSUPPORTED);
        }
        let limit_e8 = if is_market { None } else { Some(price(inner.limit_price.as_ref())?) };
        let (size_e8, quote_e8) = match (&inner.base_size, &inner.quote_size) {
            (Some(size), _) => (amount(size, reasons::SIZE_PRECISION)?, None),
            (None, Some(quote)) => (0, Some(quote_amount(quote, &named)?)),
            (None, None) => return Err(reasons::BASE_TOO_SMALL),
        };
        let asked = NewOrder {
            account: Arc::clone(&caller.account),
            product: Arc::clone(&named.product.name),
            client_id: self.client_order_id.clone(),
            side,
            size_e8,
            limit_e8,
            quote_e8,
            lifetime,
            session: 0,
            settle: named.settle.clone(),
            product_as_sent: named.id.clone(),
        };
        Ok(Read { asked, named })
    }
}

fn amount(text: &Amount, precision: Reason) -> Result<u64, Reason> {
    match text.e8() {
        Ok(0) | Err(BadNumber::Malformed) => Err(reasons::BASE_TOO_SMALL),
        Ok(amount_e8) => Ok(amount_e8),
        Err(BadNumber::TooFine) => Err(precision),
    }
}

/// An amount of quote: a multiple of the quote's step, and not above the largest.
fn quote_amount(text: &Amount, named: &Named) -> Result<u64, Reason> {
    let amount_e8 = text.e8().map_err(|error| match error {
        BadNumber::TooFine => reasons::QUOTE_PRECISION,
        BadNumber::Malformed => reasons::QUOTE_TOO_SMALL,
    })?;
    if !amount_e8.is_multiple_of(named.product.tick_e8.max(1)) {
        return Err(reasons::QUOTE_PRECISION);
    }
    if amount_e8 > QUOTE_MAX_E8 {
        return Err(reasons::QUOTE_TOO_LARGE);
    }
    Ok(amount_e8)
}

fn price(text: Option<&Amount>) -> Result<u64, Reason> {
    match text.ok_or(reasons::PRICE)?.e8() {
        Ok(0) | Err(BadNumber::Malformed) => Err(reasons::PRICE),
        Ok(price_e8) => Ok(price_e8),
        Err(BadNumber::TooFine) => Err(reasons::PRICE_PRECISION),
    }
}

/// How an order's size was given, for the choice of a reason.
pub(super) fn sized(asked: &NewOrder, named: &Named) -> Sized {
    let smallest = named.product.size_min_e8.max(named.product.lot_e8);
    match asked.quote_e8 {
        Some(_) => Sized::Quote,
        None if asked.size_e8 < smallest => Sized::BaseBelowMin,
        None => Sized::Base,
    }
}

/// The answer to an order that was taken, now or when its client id was first used.
fn taken(order: &Order) -> String {
    format!(
        "{{\"success\":true,\"success_response\":{{\"order_id\":\"{}\",\"product_id\":{},\
         \"side\":\"{}\",\"client_order_id\":{}}},\"order_configuration\":{}}}",
        order_id(order),
        quoted(&order.asked.product_as_sent),
        side_word(order.asked.side),
        quoted(&order.asked.client_id),
        configuration(&order.asked)
    )
}

/// `POST /orders`.
pub(super) fn place(call: &Call<'_>) -> Outcome {
    let caller = call.trader()?;
    let request = Request::of(&call.request.body)?;
    let id = request.client_order_id.as_str();
    if id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX {
        return Err(Fault::invalid("client_order_id is missing or too long"));
    }
    let portfolio = &request.retail_portfolio_id;
    if !portfolio.is_empty() && *portfolio != super::super::orders::portfolio_id(&caller.account) {
        return Err(Fault::invalid("account is not available"));
    }
    let mut exchange = call.desk.exchange();
    // An id that was used describes the order that used it, whatever is asked now.
    let known = exchange.orders_by_client(&caller.account, id);
    if let Some(first) = known.iter().rfind(|order| order.state != OrderState::Rejected) {
        return Ok(taken(first));
    }
    let read = match request.read(&exchange, &caller) {
        Ok(read) => read,
        Err(reason) => return Ok(reason.refusal(&request.echo())),
    };
    let sized = sized(&read.asked, &read.named);
    let placed = exchange.place(call.now_ns, read.asked);
    if placed.order.state == OrderState::Rejected {
        let reason = reason_of(placed.order.why, sized);
        return Ok(reason.refusal(&configuration(&placed.order.asked)));
    }
    Ok(taken(&placed.order))
}
