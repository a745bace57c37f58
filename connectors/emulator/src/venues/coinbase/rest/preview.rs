//! What an order would do, without doing it.

use super::super::auth::Caller;
use super::super::orders::portfolio_id;
use super::super::text::{e8, trimmed};
use super::place::{Read, Request, sized};
use super::reasons::{Reason, reason_of};
use super::{Call, Outcome};
use crate::exchange::{Exchange, NewOrder, OrderState};
use crate::happening::Side;

/// The figures of a preview. Unit: e8; of the base for the size, of the quote for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    size: u64,
    value: u64,
    fee: u64,
}

/// `POST /orders/preview`.
pub(super) fn preview(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let request = Request::of(&call.request.body)?;
    let exchange = call.desk.exchange();
    let read = match request.read(&exchange, &caller) {
        Ok(read) => read,
        Err(reason) => {
            return Ok(text(&exchange, &caller, None, &Figures::default(), Some(reason)));
        }
    };
    let sized = sized(&read.asked, &read.named);
    // The exchange is copied for a rehearsal: rare, and exactly what the order would meet.
    let mut rehearsal = exchange.clone();
    let placed = rehearsal.place(call.now_ns, read.asked.clone());
    let is_refused = placed.order.state == OrderState::Rejected;
    let reason = is_refused.then(|| reason_of(placed.order.why, sized));
    let figures = figures_of(&exchange, &read.asked, &placed.order);
    Ok(text(&exchange, &caller, Some(&read), &figures, reason))
}

/// What executes at once, and what would rest, at its limit with the maker's fee.
fn figures_of(exchange: &Exchange, asked: &NewOrder, order: &crate::exchange::Order) -> Figures {
    let mut figures =
        Figures { size: order.filled_e8, value: order.filled_quote_e8, fee: order.fees_e8 };
    if order.state == OrderState::Open
        && let Some(limit) = asked.limit_e8
    {
        let left = u128::from(asked.size_e8 - order.filled_e8);
        let value = (u128::from(limit) * left).div_ceil(u128::from(crate::happening::E8));
        let fee = (value * u128::from(exchange.fees().maker_ppm)).div_ceil(1_000_000);
        figures.size = asked.size_e8;
        figures.value = figures.value.saturating_add(u64::try_from(value).unwrap_or(u64::MAX));
        figures.fee = figures.fee.saturating_add(u64::try_from(fee).unwrap_or(u64::MAX));
    }
    figures
}

fn text(
    exchange: &Exchange,
    caller: &Caller,
    read: Option<&Read>,
    figures: &Figures,
    reason: Option<Reason>,
) -> String {
    let best = |side: Side| {
        let level = read.and_then(|read| {
            exchange.levels(&read.named.product.name, side, 1).first().map(|level| level.0)
        });
        level.unwrap_or(0)
    };
    let side = read.map_or(Side::Bid, |read| read.asked.side);
    let total = match side {
        Side::Bid => figures.value.saturating_add(figures.fee),
        Side::Ask => figures.value.saturating_sub(figures.fee),
    };
    let errors = reason.map(|reason| format!("\"{}\"", reason.preview)).unwrap_or_default();
    let quote_size = read.and_then(|read| read.asked.quote_e8).unwrap_or(figures.value);
    let average = average_e16(figures);
    let touch = match side {
        Side::Bid => best(Side::Ask),
        Side::Ask => best(Side::Bid),
    };
    // How far the average lies from the touch, as a fraction, six places, cut.
    let off = average.abs_diff(u128::from(touch) * 100_000_000);
    let slippage =
        if touch == 0 || figures.size == 0 { 0 } else { off / (u128::from(touch) * 100) };
    format!(
        "{{\"order_total\":\"{total}\",\"commission_total\":\"{fee}\",\"errs\":[{errors}],\
         \"warning\":[],\"quote_size\":\"{quote}\",\"base_size\":\"{base}\",\
         \"best_bid\":\"{bid}\",\"best_ask\":\"{ask}\",\"is_max\":false,\
         \"order_margin_total\":\"0\",\"leverage\":\"\",\"long_leverage\":\"\",\
         \"short_leverage\":\"\",\"slippage\":\"{slippage}\",\"preview_id\":\"{id}\",\
         \"current_liquidation_buffer\":\"\",\"projected_liquidation_buffer\":\"\",\
         \"max_leverage\":\"\",\"est_average_filled_price\":\"{average}\"}}",
        total = e8(total),
        fee = e8(figures.fee),
        quote = e8(quote_size),
        base = e8(figures.size),
        bid = e8(best(Side::Bid)),
        ask = e8(best(Side::Ask)),
        slippage = trimmed(slippage, 6),
        id = portfolio_id(&format!("preview {} {total}", caller.account)),
        average = trimmed(average, 16),
    )
}

/// Average price, cut. Unit: 10⁻¹⁶ of the quote; 0 without a size.
fn average_e16(figures: &Figures) -> u128 {
    let wide = u128::from(figures.value) * 10_u128.pow(16);
    wide.checked_div(u128::from(figures.size)).unwrap_or(0)
}
