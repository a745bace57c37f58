//! Answers that are lists: orders, fills, accounts, page by page.

use connector_net::time::parse_rfc3339;
use connector_orders::amount::{ONE_E18, product_up};
use connector_orders::venue::{
    BalanceSays, FillSays, Order, OrderSays, Says, Side, Standing, Survey, Verdict,
};

use super::names::Names;
use super::read::{UNREADABLE, foreign, is_of_engine, json, name_of, side, stated};
use super::wire::{Accounts, FillRow, Fills, OrderRow, Orders};
use super::{CURSOR, OPEN, QUEUED, STATUS_OPEN, encoded};

/// Rows of one answer.
const ROWS_MAX: usize = 10_000;

/// Whether an address is that of the list of orders.
pub(super) fn is_list(url: &str) -> bool {
    url.contains("/orders/historical/batch")
}

/// What comes after a page.
enum Next<'c> {
    Nothing,
    From(&'c str),
}

impl Next<'_> {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Nothing => Verdict::Understood,
            Self::From(cursor) => Verdict::More((*cursor).to_owned()),
        }
    }
}

/// Where the next page begins. None: the answer contradicts itself, or names the page once more that
/// it is.
fn next<'c>(url: &str, has_next: Option<bool>, cursor: &'c str) -> Option<Next<'c>> {
    if !has_next.unwrap_or(!cursor.is_empty()) {
        return Some(Next::Nothing);
    }
    let is_same = url.ends_with(&format!("{CURSOR}{}", encoded(cursor)));
    (!cursor.is_empty() && !is_same).then_some(Next::From(cursor))
}

/// The answer to a question by our name: the orders of its market around its sending.
pub(super) fn state(
    order: &Order<'_>,
    (url, body): (&str, &[u8]),
    names: &mut Names,
    says: &mut Vec<Says>,
) -> Option<Verdict> {
    let page: Orders<'_> = json(body).filter(|page: &Orders<'_>| page.rows.len() <= ROWS_MAX)?;
    let more = next(url, page.has_next, page.cursor.text())?;
    let ours = order.client_id.as_str();
    for row in &page.rows {
        names.learn(&row.order_id.0, row.client_order_id.text());
    }
    let is_ours = |row: &&OrderRow<'_>| row.client_order_id.text().eq_ignore_ascii_case(ours);
    let mut found = Vec::new();
    for row in page.rows.iter().filter(is_ours) {
        found.push(stated(row, Some(order))?);
    }
    // A name whose order was refused may have been given again.
    let is_lasting = |says: &&OrderSays| says.standing != Standing::Refused;
    let lasting = found.iter().filter(is_lasting).count();
    let row = match lasting {
        0 => found.first(),
        1 => found.iter().find(is_lasting),
        _ => return None,
    };
    let Some(row) = row else {
        // Whose an order without a name is cannot be told, nor what is on a page that nobody has seen.
        let is_nameless = page.rows.iter().any(|row| row.client_order_id.text().is_empty());
        return (matches!(more, Next::Nothing) && !is_nameless).then_some(Verdict::NotFound);
    };
    if order.venue_id.is_some_and(|known| known != row.venue_id) {
        return None;
    }
    says.push(Says::Order(row.clone()));
    Some(Verdict::Understood)
}

/// The answer to a question about fills: of one order, or of a market around its sending.
pub(super) fn fills_of(
    order: &Order<'_>,
    (url, body): (&str, &[u8]),
    names: &Names,
    says: &mut Vec<Says>,
) -> Option<Verdict> {
    let page: Fills<'_> = json(body).filter(|page: &Fills<'_>| page.fills.len() <= ROWS_MAX)?;
    let is_by_name = url.contains("&order_ids=");
    let mut found = Vec::new();
    for row in &page.fills {
        if order.venue_id == Some(name_of(&row.order_id.0)?) {
            found.push(Says::Fill(fill(row)?));
        } else if is_by_name || (order.venue_id.is_none() && may_be_of(order, row, names)) {
            return None;
        }
    }
    let more = more_fills(url, &page)?;
    let is_found = !found.is_empty();
    says.append(&mut found);
    Some(match more {
        Next::From(cursor) if is_by_name => Verdict::More(cursor.to_owned()),
        // What is on a page that nobody has seen may be its own.
        Next::From(_) if !is_found => UNREADABLE,
        Next::Nothing | Next::From(_) if is_found => Verdict::Understood,
        Next::Nothing | Next::From(_) => Verdict::NotFound,
    })
}

/// Whether a fill could be one of an order of which the venue's name is not known.
fn may_be_of(order: &Order<'_>, row: &FillRow<'_>, names: &Names) -> bool {
    let product = row.product_id.text();
    let is_market = product.is_empty() || product.eq_ignore_ascii_case(&order.instrument.symbol);
    let is_side = side(row.side.text()).is_none_or(|side| side == order.side);
    is_market && is_side && !names.is_another(&row.order_id.0, order.client_id.as_str())
}

/// An empty page is the last one, whatever cursor stands on it.
fn more_fills<'c>(url: &str, page: &'c Fills<'_>) -> Option<Next<'c>> {
    next(url, page.fills.is_empty().then_some(false), page.cursor.text())
}

fn fill(row: &FillRow<'_>) -> Option<FillSays> {
    // Reversals and corrections are nothing that can be booked as an execution.
    let is_fill = matches!(row.trade_type.text(), "" | "FILL") && row.size_in_quote != Some(true);
    let exec_id = row.trade_id.text();
    if !is_fill || exec_id.is_empty() {
        return None;
    }
    let (price, size) = (row.price.as_ref()?.exact()?, row.size.as_ref()?.exact()?);
    let side = side(row.side.text());
    let paid = product_up(price, size)?;
    // Rounded against us: of what is received, the last digit goes where the product is finer.
    let is_finer = side != Some(Side::Buy) && product_is_finer(price, size);
    (size > 0 && price > 0).then_some(())?;
    Some(FillSays {
        exec_id: exec_id.to_owned(),
        venue_id: name_of(&row.order_id.0)?.to_owned(),
        client_id: None,
        symbol: row.product_id.text().to_owned(),
        side,
        size_e18: size,
        quote_e18: paid - i128::from(is_finer),
        fee_e18: row.commission.as_ref()?.cost()?,
        // The venue takes fees in the quote currency and does not name it.
        fee_asset: String::new(),
        at_ns: parse_rfc3339(row.trade_time.text().as_bytes()).unwrap_or(0),
    })
}

/// Whether the product of two amounts has digits behind the eighteenth place: only what stands behind
/// both points makes such.
const fn product_is_finer(left_e18: i128, right_e18: i128) -> bool {
    (left_e18 % ONE_E18) * (right_e18 % ONE_E18) % ONE_E18 != 0
}

/// The answer to a question about the account.
pub(super) fn survey(
    what: Survey,
    url: &str,
    body: &[u8],
    says: &mut Vec<Says>,
) -> Option<Verdict> {
    match what {
        Survey::OpenOrders => open_orders(url, body, says),
        Survey::FillsSince(_) => fills_since(url, body, says),
        Survey::Balances => balances(url, body, says),
    }
}

fn open_orders(url: &str, body: &[u8], says: &mut Vec<Says>) -> Option<Verdict> {
    let page: Orders<'_> = json(body).filter(|page: &Orders<'_>| page.rows.len() <= ROWS_MAX)?;
    let more = next(url, page.has_next, page.cursor.text())?;
    let row = |row: &OrderRow<'_>| {
        let is_ours = is_of_engine(row.client_order_id.text());
        // Of somebody else's order of whatever kind it is enough that it is there.
        Some(Says::Order(if is_ours { stated(row, None)? } else { foreign(row)? }))
    };
    let mut rows: Vec<Says> = page.rows.iter().map(row).collect::<Option<_>>()?;
    says.append(&mut rows);
    let is_open = url.contains(STATUS_OPEN);
    Some(match (more, is_open) {
        (Next::From(cursor), true) => Verdict::More(format!("{OPEN}{cursor}")),
        (Next::From(cursor), false) => Verdict::More(format!("{QUEUED}{cursor}")),
        (Next::Nothing, true) => Verdict::More(QUEUED.to_owned()),
        (Next::Nothing, false) => Verdict::Understood,
    })
}

fn fills_since(url: &str, body: &[u8], says: &mut Vec<Says>) -> Option<Verdict> {
    let page: Fills<'_> = json(body).filter(|page: &Fills<'_>| page.fills.len() <= ROWS_MAX)?;
    let row = |row: &FillRow<'_>| {
        if row.size_in_quote == Some(true) {
            // No order of ours is by amount of quote: that there is such an order is what it says.
            return Some(Says::Order(OrderSays {
                client_id: None,
                venue_id: name_of(&row.order_id.0)?.to_owned(),
                symbol: row.product_id.text().to_owned(),
                side: side(row.side.text()),
                standing: Standing::Open,
                filled_e18: None,
                quote_e18: None,
                fee_e18: None,
            }));
        }
        Some(Says::Fill(fill(row)?))
    };
    let mut rows: Vec<Says> = page.fills.iter().map(row).collect::<Option<_>>()?;
    let more = more_fills(url, &page)?;
    says.append(&mut rows);
    Some(more.verdict())
}

fn balances(url: &str, body: &[u8], says: &mut Vec<Says>) -> Option<Verdict> {
    let page: Accounts<'_> =
        json(body).filter(|page: &Accounts<'_>| page.rows.len() <= ROWS_MAX)?;
    let more = next(url, page.has_next, page.cursor.text())?;
    let mut rows: Vec<BalanceSays> = Vec::new();
    let mut assets = std::collections::BTreeSet::new();
    for account in &page.rows {
        let asset = account.currency.0.to_uppercase();
        let moneys = [&account.available_balance, &account.hold];
        let is_one = moneys.iter().all(|it| it.currency.0.eq_ignore_ascii_case(&asset));
        // A key sees the wallets of one portfolio: two of one currency cannot be told apart.
        if asset.is_empty() || !is_one || !assets.insert(asset.clone()) {
            return None;
        }
        let available_e18 = account.available_balance.value.gain()?;
        let total_e18 = available_e18.checked_add(account.hold.value.gain()?)?;
        rows.push(BalanceSays { asset, total_e18, available_e18 });
    }
    says.extend(rows.into_iter().map(Says::Balance));
    Some(more.verdict())
}
