//! Shapes of the venue's answers, and what they state.
//!
//! Money is read from its text, whether the venue writes it as a string or as a number. What two fields
//! of one answer state differently is no statement: the answer counts as unreadable.

use connector_orders::Side;
use connector_orders::amount::{ONE_E18, parse, parse_signed, product_up};
use connector_orders::venue::{BalanceSays, FillSays, OrderSays, Reject, Says, Standing};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Rows of one list; the venue gives 500 at most.
const ROWS_MAX: usize = 10_000;

/// The venue's numbers of orders and executions have so many digits at most: they are 64 bits.
const DIGITS_MAX: usize = 20;

/// An answer that says nothing that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// An order as every call answers with it.
#[derive(Deserialize)]
struct OrderRow<'a> {
    #[serde(borrow)]
    order_id: &'a RawValue,
    client_order_id: Option<String>,
    #[serde(default)]
    symbol: String,
    side: Option<String>,
    is_live: bool,
    is_cancelled: bool,
    #[serde(borrow)]
    executed_amount: &'a RawValue,
    #[serde(borrow)]
    remaining_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    original_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    trades: Option<&'a RawValue>,
}

/// An execution, within an order and in the list of the account's own.
#[derive(Deserialize)]
struct TradeRow<'a> {
    #[serde(borrow)]
    tid: &'a RawValue,
    #[serde(borrow)]
    order_id: &'a RawValue,
    client_order_id: Option<String>,
    symbol: Option<String>,
    #[serde(rename = "type")]
    side: Option<String>,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    amount: &'a RawValue,
    #[serde(borrow)]
    fee_amount: &'a RawValue,
    #[serde(default)]
    fee_currency: String,
    #[serde(borrow)]
    timestampms: Option<&'a RawValue>,
    #[serde(rename = "break")]
    broken: Option<String>,
}

#[derive(Deserialize)]
struct BalanceRow<'a> {
    currency: String,
    #[serde(borrow)]
    amount: &'a RawValue,
    #[serde(borrow)]
    available: &'a RawValue,
}

#[derive(Deserialize)]
struct ErrorRow {
    result: Option<String>,
    reason: String,
}

/// An order and, where they came with it, its executions.
#[derive(Debug)]
pub(super) struct OrderAnswer {
    pub(super) order: OrderSays,
    pub(super) fills: Vec<FillSays>,
}

impl OrderAnswer {
    pub(super) fn says(self) -> impl Iterator<Item = Says> {
        core::iter::once(Says::Order(self.order)).chain(self.fills.into_iter().map(Says::Fill))
    }
}

/// One order.
pub(super) fn order(text: &str) -> Result<OrderAnswer, Unreadable> {
    let row: OrderRow<'_> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    let venue_id = digits(row.order_id)?;
    let filled_e18 = amount(row.executed_amount)?;
    let left_e18 = row.remaining_amount.map(amount).transpose()?;
    let size_e18 = row.original_amount.map(amount).transpose()?;
    if let (Some(left), Some(size)) = (left_e18, size_e18)
        && filled_e18.checked_add(left) != Some(size)
    {
        return Err(Unreadable);
    }
    let is_full = left_e18 == Some(0) || size_e18 == Some(filled_e18);
    let standing = match (row.is_live, row.is_cancelled) {
        (true, false) => Standing::Open,
        (false, true) => Standing::Done,
        // Neither live nor cancelled: filled, or not yet what it will be.
        (false, false) if is_full => Standing::Done,
        (false, false) | (true, true) => return Err(Unreadable),
    };
    let side = side(row.side.as_deref())?;
    let client_id = row.client_order_id.filter(|name| !name.is_empty());
    let mut fills = Vec::new();
    for trade in row.trades.map_or_else(|| Ok(Vec::new()), |trades| rows(trades.get()))? {
        if let Some(mut fill) = fill(trade)? {
            if fill.venue_id != venue_id {
                return Err(Unreadable);
            }
            fill.client_id = fill.client_id.or_else(|| client_id.clone());
            fill.side = fill.side.or(side);
            fills.push(fill);
        }
    }
    let order = OrderSays {
        client_id,
        venue_id,
        symbol: row.symbol,
        side,
        standing,
        filled_e18: Some(filled_e18),
        // The venue states an average that is rounded, and no fee at all: its executions have both.
        quote_e18: None,
        fee_e18: None,
    };
    Ok(OrderAnswer { order, fills })
}

/// An execution; none where the venue has undone it wholly, as if it had not been.
pub(super) fn fill(row: &RawValue) -> Result<Option<FillSays>, Unreadable> {
    let row: TradeRow<'_> = serde_json::from_str(row.get()).map_err(|_| Unreadable)?;
    match row.broken.as_deref() {
        // One that was reversed by hand counts: the reversal is booked beside it.
        None | Some("" | "manual") => {}
        Some("full") => return Ok(None),
        Some(_) => return Err(Unreadable),
    }
    let (price_e18, size_e18) = (amount(row.price)?, amount(row.amount)?);
    let side = side(row.side.as_deref())?;
    let at_ms: u64 = match row.timestampms {
        Some(at) => plain(at).parse().map_err(|_| Unreadable)?,
        None => 0,
    };
    Ok(Some(FillSays {
        exec_id: digits(row.tid)?,
        venue_id: digits(row.order_id)?,
        client_id: row.client_order_id.filter(|name| !name.is_empty()),
        symbol: row.symbol.unwrap_or_default(),
        side,
        size_e18,
        quote_e18: value(price_e18, size_e18, side).ok_or(Unreadable)?,
        fee_e18: parse_signed(plain(row.fee_amount)).map_err(|_| Unreadable)?,
        fee_asset: row.fee_currency.to_ascii_uppercase(),
        at_ns: at_ms.checked_mul(1_000_000).ok_or(Unreadable)?,
    }))
}

pub(super) fn balance(row: &RawValue) -> Result<BalanceSays, Unreadable> {
    let row: BalanceRow<'_> = serde_json::from_str(row.get()).map_err(|_| Unreadable)?;
    let signed = |raw| parse_signed(plain(raw)).map_err(|_| Unreadable);
    if row.currency.is_empty() {
        return Err(Unreadable);
    }
    Ok(BalanceSays {
        asset: row.currency.to_ascii_uppercase(),
        total_e18: signed(row.amount)?,
        available_e18: signed(row.available)?,
    })
}

/// The rows of a list. An empty one was recorded as `null`.
pub(super) fn rows(text: &str) -> Result<Vec<&RawValue>, Unreadable> {
    let list: Option<Vec<&RawValue>> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    let list = list.unwrap_or_default();
    if list.len() > ROWS_MAX { Err(Unreadable) } else { Ok(list) }
}

/// Whether an answer is a list, as that of a question by our own name may be.
pub(super) fn is_list(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('[') || text.starts_with("null")
}

/// What a size costs at a price: exact, or, where digits are left over, against us.
fn value(price_e18: i128, size_e18: i128, side: Option<Side>) -> Option<i128> {
    let up = product_up(price_e18, size_e18)?;
    // Only the parts behind both points can leave digits over, and their product fits.
    let is_exact = (price_e18 % ONE_E18) * (size_e18 % ONE_E18) % ONE_E18 == 0;
    Some(if is_exact || side == Some(Side::Buy) { up } else { up - 1 })
}

/// The text of a value that is a string without escapes, or a number.
fn plain(raw: &RawValue) -> &str {
    let text = raw.get();
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

fn amount(raw: &RawValue) -> Result<i128, Unreadable> {
    parse(plain(raw)).map_err(|_| Unreadable)
}

/// A number of the venue. It stays text: it has more bits than a float.
fn digits(raw: &RawValue) -> Result<String, Unreadable> {
    let text = plain(raw);
    if is_number(text) { Ok(text.to_owned()) } else { Err(Unreadable) }
}

/// Whether a text is a number as the venue gives them to orders.
pub(super) fn is_number(text: &str) -> bool {
    (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Orders write it small, executions with a capital.
fn side(word: Option<&str>) -> Result<Option<Side>, Unreadable> {
    match word {
        None => Ok(None),
        Some(word) if word.eq_ignore_ascii_case("buy") => Ok(Some(Side::Buy)),
        Some(word) if word.eq_ignore_ascii_case("sell") => Ok(Some(Side::Sell)),
        Some(_) => Err(Unreadable),
    }
}

/// What the venue's reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It looked at the request and did not do it.
    Refused(Reject),
    /// There is no such order.
    NotFound,
    /// Its own trouble: it may have been done.
    Server,
}

/// The reason of an error, from the venue's list. None where it is not one of these: what is not known
/// proves nothing.
pub(super) fn reason(body: &str) -> Option<(Meaning, &'static str)> {
    use Meaning::{NotFound, Refused, Server};
    /// As the venue spells them; those of other calls are left out.
    const REASONS: [(&str, Meaning); 38] = [
        ("InsufficientFunds", Refused(Reject::Funds)),
        ("InvalidQuantity", Refused(Reject::Size)),
        ("InvalidPrice", Refused(Reject::Price)),
        ("MarketNotOpen", Refused(Reject::Market)),
        ("AccountClosed", Refused(Reject::Key)),
        ("ApiKeyIpFilteringFailure", Refused(Reject::Key)),
        ("InvalidAccountName", Refused(Reject::Key)),
        ("InvalidApiKey", Refused(Reject::Key)),
        ("InvalidNonce", Refused(Reject::Key)),
        ("InvalidSignature", Refused(Reject::Key)),
        ("MissingAccounts", Refused(Reject::Key)),
        ("MissingApikeyHeader", Refused(Reject::Key)),
        ("MissingNonce", Refused(Reject::Key)),
        ("MissingPayloadHeader", Refused(Reject::Key)),
        ("MissingRole", Refused(Reject::Key)),
        ("MissingSignatureHeader", Refused(Reject::Key)),
        ("RemoteAddressForbidden", Refused(Reject::Key)),
        ("RateLimit", Refused(Reject::Limited)),
        ("Too Many Requests", Refused(Reject::Limited)),
        ("ClientOrderIdMustBeString", Refused(Reject::Other)),
        ("ClientOrderIdTooLong", Refused(Reject::Other)),
        ("ConflictingOptions", Refused(Reject::Other)),
        ("EndpointMismatch", Refused(Reject::Other)),
        ("EndpointNotFound", Refused(Reject::Other)),
        ("InvalidJson", Refused(Reject::Other)),
        ("InvalidOrderType", Refused(Reject::Other)),
        ("InvalidSide", Refused(Reject::Other)),
        ("InvalidSymbol", Refused(Reject::Other)),
        ("InvalidTimestampInPayload", Refused(Reject::Other)),
        ("MissingOrderField", Refused(Reject::Other)),
        ("MissingPayloadKey", Refused(Reject::Other)),
        ("NoSSL", Refused(Reject::Other)),
        ("OptionsMustBeArray", Refused(Reject::Other)),
        ("UnsupportedOption", Refused(Reject::Other)),
        ("OrderNotFound", NotFound),
        ("Internal Server Error", Server),
        ("Maintenance", Server),
        ("System", Server),
    ];
    let row: ErrorRow = serde_json::from_str(body).ok()?;
    if row.result.is_some_and(|result| result != "error") {
        return None;
    }
    REASONS.iter().find(|(name, _)| *name == row.reason).map(|(name, meaning)| (*meaning, *name))
}
