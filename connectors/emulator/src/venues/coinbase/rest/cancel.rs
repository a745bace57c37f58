//! Cancels and edits.

use serde::Deserialize;

use super::super::ids::{Kind, number_of};
use super::super::text::quoted;
use super::{Call, Fault, Outcome};
use crate::exchange::CancelRefused;

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
