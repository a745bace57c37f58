//! What an answer means: what is not proven is unclear.

use connector_net::decimal;
use connector_net::session::{FetchFailure, Fetched};
use connector_orders::amount;
use connector_orders::client_id::ClientId;
use connector_orders::venue::{
    About, Asked, Order, OrderSays, Reject, Says, Side, Standing, Unclear, Verdict,
};
use serde::Deserialize;

use super::names::Names;
use super::reasons::{bounded, is_placeholder, telling};
use super::wire::{
    Cancels, Configuration, OneOrder, OrderRow, Placed, Problem, Refusal, Taken, Terms,
};
use super::{list, side_word};

/// Largest answer that is looked into. Unit: bytes.
const BODY_BYTES_MAX: usize = 8 << 20;

/// Letters of a venue's name.
const NAME_LEN_MAX: usize = 64;

pub(super) const UNREADABLE: Verdict = Verdict::Unclear(Unclear::Unreadable);

/// Reads an answer, or what came instead of one.
pub(super) fn read(
    asked: &Asked<'_>,
    end: &Fetched<'_>,
    names: &mut Names,
    says: &mut Vec<Says>,
) -> Verdict {
    let (status, url, body) = match *end {
        Fetched::Answer { status, url, body, .. } => (status, url, body),
        Fetched::Failed { why: FetchFailure::TooLarge, .. } => return UNREADABLE,
        Fetched::Failed { .. } => return Verdict::Unclear(Unclear::NoAnswer),
    };
    match status {
        _ if body.len() > BODY_BYTES_MAX => UNREADABLE,
        200 => good(asked, (url, body), names, says).unwrap_or(UNREADABLE),
        400..=499 => bad(asked, (status, url, body)),
        500..=599 => Verdict::Unclear(Unclear::Server),
        _ => UNREADABLE,
    }
}

/// JSON of a shape; anything else is none.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// None: it cannot be read.
fn good(
    asked: &Asked<'_>,
    (url, body): (&str, &[u8]),
    names: &mut Names,
    says: &mut Vec<Says>,
) -> Option<Verdict> {
    match asked {
        Asked::Place(order) => placed(order, &json(body)?, says),
        Asked::Cancel(order) => cancelled(order, &json(body)?),
        // The venue's name may have come by another way since it was asked: the address says how.
        Asked::About(order, About::State) if list::is_list(url) => {
            list::state(order, (url, body), names, says)
        }
        Asked::About(order, About::State) => state(order, &json(body)?, says),
        Asked::About(order, About::Fills) => list::fills_of(order, (url, body), names, says),
        Asked::Survey(what) => list::survey(*what, url, body, says),
    }
}

fn bad(asked: &Asked<'_>, (status, url, body): (u16, &str, &[u8])) -> Verdict {
    let problem: Option<Problem<'_>> = json(body);
    let (code, text) = problem.as_ref().map_or(("", ""), Problem::said);
    let told = || match (code, text) {
        ("", text) => bounded(text),
        (code, "") => bounded(code),
        (code, text) => bounded(&format!("{code}: {text}")),
    };
    let is_placement = matches!(asked, Asked::Place(_));
    let is_limited = status == 429
        || code.eq_ignore_ascii_case("rate_limit_exceeded")
        || code == "RESOURCE_EXHAUSTED";
    match status {
        _ if is_limited && is_placement => Verdict::Refused(Reject::Limited, told()),
        _ if is_limited => Verdict::Unclear(Unclear::Limited),
        401 | 403 if is_placement => Verdict::Refused(Reject::Key, told()),
        401 | 403 => Verdict::Unclear(Unclear::Key),
        // No such request at all; what the venue says so of never became an order.
        400 if is_placement && code == "INVALID_ARGUMENT" => {
            Verdict::Refused(Reject::Other, told())
        }
        404 if is_unknown_order(asked, url, code, text) => Verdict::NotFound,
        _ => UNREADABLE,
    }
}

/// Whether the venue says that it knows no such order; the same status is that of a wrong address.
fn is_unknown_order(asked: &Asked<'_>, url: &str, code: &str, text: &str) -> bool {
    let is_by_name = matches!(asked, Asked::About(_, About::State)) && !list::is_list(url);
    let text = text.to_ascii_lowercase();
    is_by_name
        && matches!(code, "NOT_FOUND" | "unknown")
        && text.contains("order")
        && text.contains("not found")
}

fn placed(order: &Order<'_>, placed: &Placed<'_>, says: &mut Vec<Says>) -> Option<Verdict> {
    let taken = placed.success_response.as_ref();
    let codes = codes(placed.error_response.as_ref(), placed.failure_reason.text());
    let older_name = placed.order_id.text();
    if placed.success {
        let taken = taken?;
        let venue_id = name_of(taken.order_id.text())?;
        let is_clear = codes.iter().all(|code| is_placeholder(code));
        let is_one = (older_name.is_empty() || older_name == venue_id)
            && order.venue_id.is_none_or(|known| known == venue_id);
        if !is_clear || !is_one || !is_as_ordered(order, taken, placed.order_configuration.as_ref())
        {
            return None;
        }
        says.push(Says::Order(OrderSays {
            client_id: Some(taken.client_order_id.text().to_owned()),
            venue_id: venue_id.to_owned(),
            symbol: taken.product_id.text().to_owned(),
            side: side(taken.side.text()),
            // Accepted, not filled: how it stands is asked next.
            standing: Standing::Open,
            filled_e18: None,
            quote_e18: None,
            fee_e18: None,
        }));
        return Some(Verdict::Understood);
    }
    // An order's name beside a refusal: one of the two is wrong.
    let is_nameless =
        older_name.is_empty() && taken.is_none_or(|taken| taken.order_id.text().is_empty());
    // A name that was used means an order that lives or lived.
    let is_used = codes.iter().any(|code| code.contains("DUPLICATE"));
    let (why, code) = telling(&codes)?;
    (is_nameless && !is_used).then(|| Verdict::Refused(why, bounded(code)))
}

/// Every word of a refusal, the order's own first.
fn codes<'p>(refusal: Option<&'p Refusal<'_>>, older: &'p str) -> [&'p str; 4] {
    refusal.map_or(["", "", "", older], |it| {
        let (own, twin) = (it.new_order_failure_reason.text(), it.error.text());
        [own, twin, it.preview_failure_reason.text(), older]
    })
}

/// Whether what was taken is what was ordered. Of a name that was used before, the venue describes the
/// order that used it: one on other terms is not ours, and ours was never made.
fn is_as_ordered(order: &Order<'_>, taken: &Taken<'_>, terms: Option<&Configuration<'_>>) -> bool {
    let has = |text: &str, ours: &str| text.is_empty() || text.eq_ignore_ascii_case(ours);
    let is_named = taken.client_order_id.text().eq_ignore_ascii_case(order.client_id.as_str());
    let is_told = has(taken.product_id.text(), &order.instrument.symbol)
        && has(taken.side.text(), side_word(order.side));
    is_named && is_told && terms.is_none_or(|terms| has_terms(order, terms).unwrap_or(false))
}

fn has_terms(order: &Order<'_>, terms: &Configuration<'_>) -> Option<bool> {
    let inner = terms.get("sor_limit_ioc").filter(|_| terms.len() == 1)?;
    let inner: Terms<'_> = serde_json::from_str(inner.get()).ok()?;
    let grid = order.instrument.grid;
    let limit = amount::parse(&decimal::format(order.limit_ticks, grid.tick)).ok()?;
    Some(inner.base_size.exact()? == size_e18(order)? && inner.limit_price.exact()? == limit)
}

/// What was ordered. Unit: 10⁻¹⁸ of the base.
fn size_e18(order: &Order<'_>) -> Option<i128> {
    amount::parse(&decimal::format(order.size_lots, order.instrument.grid.lot)).ok()
}

/// A cancel is carried out later: what it says is that it was taken, or why not.
fn cancelled(order: &Order<'_>, cancels: &Cancels<'_>) -> Option<Verdict> {
    let [row] = cancels.results.as_slice() else { return None };
    if order.venue_id != Some(&*row.order_id.0) {
        return None;
    }
    // The reason is filled with a placeholder where there is none.
    let why = row.failure_reason.text();
    Some(match (row.success, why) {
        (true, "" | "UNKNOWN_CANCEL_FAILURE_REASON") | (false, "DUPLICATE_CANCEL_REQUEST") => {
            Verdict::Understood
        }
        (true, _) => return None,
        (false, "UNKNOWN_CANCEL_ORDER") => Verdict::NotFound,
        (false, "COMMANDER_REJECTED_CANCEL_ORDER") => {
            Verdict::Refused(Reject::Market, bounded(why))
        }
        (false, why) => Verdict::Refused(Reject::Other, bounded(why)),
    })
}

/// The answer to a question by the venue's name.
fn state(order: &Order<'_>, one: &OneOrder<'_>, says: &mut Vec<Says>) -> Option<Verdict> {
    let row = &one.order;
    if order.venue_id != Some(&*row.order_id.0) {
        return None;
    }
    let named = row.client_order_id.text();
    if !named.is_empty() && !named.eq_ignore_ascii_case(order.client_id.as_str()) {
        return None;
    }
    says.push(Says::Order(stated(row, Some(order))?));
    Some(Verdict::Understood)
}

/// What a row says of an order of ours; none where it cannot be so. `order`: as it was placed, where it
/// is known.
pub(super) fn stated(row: &OrderRow<'_>, order: Option<&Order<'_>>) -> Option<OrderSays> {
    let filled = row.filled_size.as_ref()?.exact()?;
    let side = side(row.side.text());
    let value = row.filled_value.as_ref()?;
    // Finer than 10⁻¹⁸ it is rounded against us.
    let value = if side == Some(Side::Buy) { value.cost() } else { value.gain() }?;
    let fee = row.total_fees.as_ref()?.cost()?;
    let standing = standing(row.status.text(), filled)?;
    let has_money = value != 0 || fee != 0;
    let is_whole = order.is_none_or(|order| size_e18(order).is_none_or(|size| filled >= size));
    // Parts of it that were written at different times: asked again, it will say one thing.
    let is_torn = (filled == 0 && has_money)
        || (filled > 0 && value == 0)
        || (row.status.text() == "FILLED" && (filled == 0 || !is_whole))
        || row.size_in_quote == Some(true);
    (!is_torn).then_some(())?;
    let client_id = row.client_order_id.text();
    Some(OrderSays {
        client_id: (!client_id.is_empty()).then(|| client_id.to_owned()),
        venue_id: name_of(&row.order_id.0)?.to_owned(),
        symbol: row.product_id.text().to_owned(),
        side,
        standing,
        filled_e18: Some(filled),
        quote_e18: Some(value),
        fee_e18: Some(fee),
    })
}

/// None: a word that says nothing, or that no page of the venue names.
fn standing(status: &str, filled: i128) -> Option<Standing> {
    Some(match status {
        "OPEN" | "PENDING" | "QUEUED" | "CANCEL_QUEUED" | "EDIT_QUEUED" => Standing::Open,
        // Taken, and then refused; or ended by the venue after a part of it was filled.
        "FAILED" if filled == 0 => Standing::Refused,
        "FILLED" | "CANCELLED" | "EXPIRED" | "FAILED" => Standing::Done,
        _ => return None,
    })
}

/// What the list of open orders says of somebody else's: that it is there.
pub(super) fn foreign(row: &OrderRow<'_>) -> Option<OrderSays> {
    let client_id = row.client_order_id.text();
    Some(OrderSays {
        client_id: (!client_id.is_empty()).then(|| client_id.to_owned()),
        venue_id: name_of(&row.order_id.0)?.to_owned(),
        symbol: row.product_id.text().to_owned(),
        side: side(row.side.text()),
        standing: standing(row.status.text(), 0).unwrap_or(Standing::Open),
        filled_e18: None,
        quote_e18: None,
        fee_e18: None,
    })
}

/// Whether a name is one of this engine's, of whatever instance.
pub(super) fn is_of_engine(client_id: &str) -> bool {
    ClientId::read(client_id).is_some()
}

pub(super) fn side(word: &str) -> Option<Side> {
    match word {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

/// A venue's name of an order: letters, digits and hyphens, not too many.
pub(super) fn name_of(text: &str) -> Option<&str> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (is_name && !text.is_empty() && text.len() <= NAME_LEN_MAX).then_some(text)
}
