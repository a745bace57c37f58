//! The world as it is, for comparing with what a client believes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::EXCHANGES;
use crate::chain::{Ledger, SharedLedger, WHIRLPOOL};
use crate::exchange::{Exchange, SharedExchange};
use crate::happening::{Commitment, Side};
use crate::serve::Truth;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says, at one moment: of every exchange and product the update id, its time and all levels as
/// `[price, size]` in 10⁻⁸, best first; of the chain the newest block, and every account of the
/// pools' program (pools, tick arrays, oracles) with its bytes in base64, by address.
pub(super) fn truth(exchanges: [SharedExchange; 3], ledger: SharedLedger) -> Truth {
    Arc::new(move || {
        // All locks before the first look, in one order, so that it is one moment.
        let [coinbase, gemini, bitstamp] = exchanges.each_ref().map(|it| locked(it));
        let ledger = locked(&ledger);
        let mut books = Map::new();
        for (exchange, (_, name)) in [coinbase, gemini, bitstamp].iter().zip(EXCHANGES) {
            books.insert(name.to_owned(), exchange_json(exchange));
        }
        json!({ "exchanges": books, "chain": chain_json(&ledger) })
    })
}

fn exchange_json(exchange: &Exchange) -> Value {
    let book = |product: &str| {
        json!({
            "update_id": exchange.update_id(product),
            "updated_ns": exchange.updated_ns(product),
            "bids": exchange.levels(product, Side::Bid, 0),
            "asks": exchange.levels(product, Side::Ask, 0),
        })
    };
    let products = exchange.products().iter();
    Value::Object(products.map(|it| (it.name.to_string(), book(&it.name))).collect())
}

fn chain_json(ledger: &Ledger) -> Value {
    let block = ledger.block(Commitment::Processed, 0);
    let pools: Map<String, Value> = ledger
        .pools()
        .iter()
        .map(|pool| (pool.to_string(), json!({ "price_e8": ledger.price_e8(pool) })))
        .collect();
    let accounts: Map<String, Value> = ledger
        .owned_by(WHIRLPOOL, block.slot)
        .map(|(key, account)| (key.to_string(), Value::from(STANDARD.encode(&account.data))))
        .collect();
    json!({ "slot": block.slot, "pools": pools, "accounts": accounts })
}
