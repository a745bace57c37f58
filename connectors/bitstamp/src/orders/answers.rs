//! What answers mean that refuse nothing. Each is read whole before a word of it is said.

use std::borrow::Cow;
use std::collections::BTreeMap;

use connector_orders::amount::ONE_E18;
use connector_orders::venue::{FillSays, Order, OrderSays, Says, Side, Standing, Unclear, Verdict};

use super::wire::{List, Row, parsed};
use super::{Numbers, PAGE_ROWS};

/// How far back fills are paged through. Unit: rows.
const OFFSET_MAX: usize = 200_000;

/// How far the venue's clock may lie from ours: what it allows a request's timestamp. Unit: nanoseconds.
const CLOCK_NS: u64 = 150_000_000_000;

/// The answer to a new order: its number, and not a word of how it stands.
pub(super) fn placed(
    numbers: &mut Numbers,
    order: &Order<'_>,
    row: &Row<'_>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let (symbol, side) = (symbol(row)?, row.side()?);
    let venue_id = if row.word("client_order_id")?.is_some() {
        own_id(order, row)?
    } else {
        // It does not repeat our name: then all else has to be ours.
        let is_market = symbol.eq_ignore_ascii_case(&order.instrument.symbol);
        let is_size = row.amount("amount")? == size_e18(order);
        if !is_market || side != Some(order.side) || !is_size {
            return Err(Unclear::Unreadable);
        }
        row.id("id")?.ok_or(Unclear::Unreadable)?
    };
    numbers.remember(&venue_id, *order.client_id)?;
    let standing = Standing::Open;
    says.push(Says::Order(order_says(order, venue_id, symbol, side, standing, None)));
    Ok(Verdict::Understood)
}

/// An order's status.
pub(super) fn state(
    numbers: &mut Numbers,
    order: &Order<'_>,
    row: &Row<'_>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let venue_id = own_id(order, row)?;
    let (symbol, side) = (symbol(row)?, row.side()?);
    let fills = fills_of(order, row)?;
    numbers.remember(&venue_id, *order.client_id)?;
    let filled_e18 = fills.values().try_fold(0_i128, |sum, it| sum.checked_add(it.size_e18));
    let filled_e18 = filled_e18.ok_or(Unclear::Unreadable)?;
    let client_id = Some(order.client_id.to_string());
    says.extend(fills.into_values().map(|fill| {
        let (venue_id, client_id) = (venue_id.clone(), client_id.clone());
        Says::Fill(FillSays { venue_id, client_id, side, ..fill })
    }));
    let standing = match row.word("status")?.as_deref() {
        Some("Open" | "Cancel pending") => Standing::Open,
        Some("Finished" | "Expired" | "Canceled") => Standing::Done,
        // The fills are facts all the same.
        Some(_) | None => return Ok(Verdict::Unclear(Unclear::Unreadable)),
    };
    if standing == Standing::Done {
        let rest_e18 = row.amount("amount_remaining").ok();
        let whole_e18 = rest_e18.and_then(|rest_e18| filled_e18.checked_add(rest_e18));
        if whole_e18 != Some(size_e18(order)) {
            return Ok(Verdict::Unclear(Unclear::Unreadable));
        }
    }
    let filled_e18 = Some(filled_e18);
    says.push(Says::Order(order_says(order, venue_id, symbol, side, standing, filled_e18)));
    Ok(Verdict::Understood)
}

/// The newest fills of an order's market, for those of the order.
pub(super) fn fills(
    numbers: &Numbers,
    order: &Order<'_>,
    List(rows): List<Row<'_>>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let is_since = |at_ns: u64| at_ns.saturating_add(CLOCK_NS) >= order.sent_ns;
    let (mut own, mut may_be_own, mut reaches_back) = (Vec::new(), false, false);
    for row in &rows {
        reaches_back |= !is_since(row.at_ns()?);
        let Some(fill) = row.trade()? else { continue };
        let owner = numbers.owner(&fill.venue_id);
        let is_own = match order.venue_id {
            Some(known) => known == fill.venue_id,
            None => owner == Some(order.client_id),
        };
        let is_like = fill.symbol.eq_ignore_ascii_case(&order.instrument.symbol)
            && fill.side == Some(order.side)
            && is_since(fill.at_ns);
        may_be_own |= order.venue_id.is_none() && owner.is_none() && is_like;
        if is_own {
            let client_id = Some(order.client_id.to_string());
            own.push(Says::Fill(FillSays { client_id, ..fill }));
        }
    }
    let is_whole = rows.len() < PAGE_ROWS || reaches_back;
    let has_own = !own.is_empty();
    says.extend(own);
    if has_own {
        return Ok(Verdict::Understood);
    }
    if may_be_own || !is_whole {
        return Err(Unclear::Unreadable);
    }
    Ok(Verdict::NotFound)
}

/// What was ordered. Unit: 10⁻¹⁸.
fn size_e18(order: &Order<'_>) -> i128 {
    let lot = order.instrument.grid.lot;
    let step_e18 = ONE_E18 / 10_i128.pow(u32::from(lot.places.min(18)));
    let steps = i128::from(order.size_lots).saturating_mul(i128::from(lot.step));
    steps.saturating_mul(step_e18)
}

/// The number of an order that is the one asked about.
fn own_id(order: &Order<'_>, row: &Row<'_>) -> Result<String, Unclear> {
    let id = row.id("id")?.ok_or(Unclear::Unreadable)?;
    let is_named = match row.word("client_order_id")? {
        Some(name) => name.eq_ignore_ascii_case(order.client_id.as_str()),
        None => order.venue_id.is_some(),
    };
    let is_own = is_named && order.venue_id.is_none_or(|known| known == id);
    if is_own { Ok(id) } else { Err(Unclear::Unreadable) }
}

/// As instruments spell it; empty where the row does not say.
fn symbol(row: &Row<'_>) -> Result<String, Unclear> {
    let market = row.market()?;
    Ok(market.map_or_else(String::new, |(base, counter)| format!("{base}{counter}")))
}

fn order_says(
    order: &Order<'_>,
    venue_id: String,
    symbol: String,
    side: Option<Side>,
    standing: Standing,
    filled_e18: Option<i128>,
) -> OrderSays {
    let client_id = Some(order.client_id.to_string());
    let (quote_e18, fee_e18) = (None, None);
    OrderSays { client_id, venue_id, symbol, side, standing, filled_e18, quote_e18, fee_e18 }
}

/// The transactions of an order, by number: the same one twice is one.
fn fills_of(order: &Order<'_>, row: &Row<'_>) -> Result<BTreeMap<String, FillSays>, Unclear> {
    let mut fills = BTreeMap::new();
    let Some(list) = row.raw("transactions") else { return Ok(fills) };
    let (base, counter) = match row.market()? {
        Some(market) => market,
        None => own_market(order).ok_or(Unclear::Unreadable)?,
    };
    let List(rows) = parsed::<List<Row<'_>>>(list.get())?;
    for row in rows {
        let fill = row.fill(&base, &counter)?;
        let known = fills.entry(fill.exec_id.clone()).or_insert_with(|| fill.clone());
        if *known != fill {
            return Err(Unclear::Unreadable);
        }
    }
    Ok(fills)
}

/// Base and counter of an order's instrument, in small letters.
fn own_market(order: &Order<'_>) -> Option<(String, String)> {
    let counter = order.instrument.quote.to_ascii_lowercase();
    let symbol = order.instrument.symbol.to_ascii_lowercase();
    symbol.strip_suffix(&counter).map(|base| (base.to_owned(), counter.clone()))
}

/// The answer to a cancel. What it calls an amount is not said to be the rest or the whole, so the order
/// itself is asked how it ended.
pub(super) fn cancelled(order: &Order<'_>, row: &Row<'_>) -> Result<Verdict, Unclear> {
    own_id(order, row)?;
    match row.word("status")?.as_deref() {
        None | Some("Canceled" | "Cancel pending") => Ok(Verdict::Understood),
        Some(_) => Err(Unclear::Unreadable),
    }
}

pub(super) fn open_orders(
    List(rows): List<Row<'_>>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let one = |row: &Row<'_>| {
        Ok(Says::Order(OrderSays {
            client_id: row.word("client_order_id")?.map(Cow::into_owned),
            venue_id: row.id("id")?.ok_or(Unclear::Unreadable)?,
            symbol: symbol(row)?,
            side: row.side()?,
            standing: Standing::Open,
            filled_e18: None,
            quote_e18: None,
            fee_e18: None,
        }))
    };
    let orders: Result<Vec<Says>, Unclear> = rows.iter().map(one).collect();
    says.extend(orders?);
    Ok(Verdict::Understood)
}

/// A page of fills, newest first. The end is a row from before, or a page without rows: a page that is
/// only short may be the venue's own limit.
pub(super) fn fills_since(
    since_ns: u64,
    request: &[u8],
    List(rows): List<Row<'_>>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let (mut fills, mut reaches_back) = (Vec::new(), rows.is_empty());
    for row in &rows {
        let is_before = row.at_ns()? < since_ns;
        reaches_back |= is_before;
        fills.extend(row.trade()?.filter(|_| !is_before).map(Says::Fill));
    }
    let form = core::str::from_utf8(request).map_err(|_| Unclear::Unreadable)?;
    let offset = form.split('&').find_map(|pair| pair.strip_prefix("offset="));
    let offset = offset.and_then(|offset| offset.parse::<usize>().ok());
    let next = offset.and_then(|offset| offset.checked_add(rows.len())).filter(|_| !reaches_back);
    if !reaches_back && next.is_none_or(|next| next > OFFSET_MAX) {
        return Err(Unclear::Unreadable);
    }
    says.extend(fills);
    Ok(next.map_or(Verdict::Understood, |next| Verdict::More(next.to_string())))
}

pub(super) fn balances(
    List(rows): List<Row<'_>>,
    says: &mut Vec<Says>,
) -> Result<Verdict, Unclear> {
    let balances: Result<Vec<_>, Unclear> = rows.iter().map(Row::balance).collect();
    says.extend(balances?.into_iter().map(Says::Balance));
    Ok(Verdict::Understood)
}
