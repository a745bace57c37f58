//! Cancels and edits.

use serde::Deserialize;

use super::super::ids::{Kind, number_of};
use super::super::orders::Edit;
use super::super::text::{parse_e8, quoted};
use super::{Call, Fault, Outcome};
use crate::exchange::{AmendRefused, CancelRefused, Why};

/// Orders in one request: what is known to work.
const BATCH_MAX: usize = 100;

/// The word of a cancel that worked: the venue fills the field in any case.
const NO_FAILURE: &str = "UNKNOWN_CANCEL_FAILURE_REASON";

#[derive(Deserialize)]
struct Batch {
    order_ids: Vec<String>,
}

/// `POST /orders/batch_cancel`: one row per id, in the order asked.
pub(super) fn batch_cancel(call: &Call<'_>) -> Outcome {
    let caller = call.trader()?;
    let batch: Batch = serde_json::from_slice(&call.request.body)
        .map_err(|_| Fault::invalid("invalid request body"))?;
    if batch.order_ids.is_empty() || batch.order_ids.len() > BATCH_MAX {
        return Err(Fault::invalid(format!("order_ids must hold 1 to {BATCH_MAX} ids")));
    }
    let mut exchange = call.desk.exchange();
    let mut rows = Vec::new();
    for (index, id) in batch.order_ids.iter().enumerate() {
        let failure = if batch.order_ids[..index].contains(id) {
            "DUPLICATE_CANCEL_REQUEST"
        } else {
            match number_of(Kind::Order, id) {
                None => "UNKNOWN_CANCEL_ORDER",
                Some(number) => match exchange.cancel(call.now_ns, &caller.account, number) {
                    Ok(_) => NO_FAILURE,
                    Err(CancelRefused::NotFound) => "UNKNOWN_CANCEL_ORDER",
                    Err(CancelRefused::Done(_)) => "COMMANDER_REJECTED_CANCEL_ORDER",
                },
            }
        };
        rows.push(format!(
            "{{\"success\":{},\"failure_reason\":\"{failure}\",\"order_id\":{}}}",
            failure == NO_FAILURE,
            quoted(id)
        ));
    }
    Ok(format!("{{\"results\":[{}]}}", rows.join(",")))
}

#[derive(Deserialize)]
struct EditRequest {
    order_id: String,
    price: String,
    size: String,
}

/// `POST /orders/edit`: another price and size for a resting limit order, which keeps its id. The
/// answer lists reasons where it is refused.
pub(super) fn edit(call: &Call<'_>) -> Outcome {
    let caller = call.trader()?;
    let request: EditRequest = serde_json::from_slice(&call.request.body)
        .map_err(|_| Fault::invalid("order_id, price and size are needed"))?;
    let refusal = |reason: &str| {
        format!(
            "{{\"success\":false,\"errors\":[{{\"edit_failure_reason\":\"{reason}\",\
             \"preview_failure_reason\":\"UNKNOWN_PREVIEW_FAILURE_REASON\"}}]}}"
        )
    };
    let Ok(price_e8) = parse_e8(&request.price) else {
        return Ok(refusal("INVALID_EDITED_PRICE"));
    };
    let Ok(size_e8) = parse_e8(&request.size) else { return Ok(refusal("INVALID_EDITED_SIZE")) };
    let Some(number) = number_of(Kind::Order, &request.order_id) else {
        return Ok(refusal("ORDER_NOT_FOUND"));
    };
    let terms = (price_e8, size_e8);
    let amended = call.desk.exchange().amend(call.now_ns, &caller.account, number, terms);
    Ok(match amended {
        Ok(_) => {
            call.desk.edited(number, Edit { price_e8, size_e8, at_ns: call.now_ns });
            "{\"success\":true,\"errors\":[]}".to_owned()
        }
        Err(AmendRefused::NotFound) => refusal("ORDER_NOT_FOUND"),
        Err(AmendRefused::Done(order)) if order.asked.limit_e8.is_none() => {
            refusal("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        }
        Err(AmendRefused::Done(_)) => refusal("ONLY_OPEN_ORDERS_CAN_BE_EDITED"),
        Err(AmendRefused::BelowFilled) => refusal("CANNOT_EDIT_TO_BELOW_FILLED_SIZE"),
        Err(AmendRefused::Unchanged) => refusal("EDIT_EQUAL_TO_ORIGINAL"),
        Err(AmendRefused::Refused(Why::PriceStep | Why::PriceFar | Why::WouldTake)) => {
            refusal("INVALID_EDITED_PRICE")
        }
        Err(AmendRefused::Refused(Why::SizeStep | Why::TooSmall | Why::TooLarge)) => {
            refusal("INVALID_EDITED_SIZE")
        }
        Err(AmendRefused::Refused(_)) => refusal("COMMANDER_REJECTED_EDIT_ORDER"),
    })
}
