//! What the emulated exchanges trade, in the steps that the venues publish, at their entry fees.

use crate::exchange::{AccountSpec, ExchangeSpec, Product, ProductStatus};
use crate::happening::{E8, ExchangeId};

/// Farthest a limit may lie from the middle: half of it. Unit: ppm.
const COLLAR_PPM: u32 = 500_000;

fn product(base: &str, tick_e8: u64, lot_e8: u64, minimum: (u64, u64), max_e8: u64) -> Product {
    Product {
        name: format!("{base}-USD").into(),
        base: base.into(),
        quote: "USD".into(),
        tick_e8,
        lot_e8,
        size_min_e8: minimum.0,
        size_max_e8: max_e8,
        notional_min_e8: minimum.1,
        collar_ppm: COLLAR_PPM,
        status: ProductStatus::Online,
    }
}

/// The products of an exchange.
#[must_use]
pub fn products(id: ExchangeId) -> Vec<Product> {
    let cent = E8 / 100;
    match id {
        ExchangeId::Coinbase => vec![
            product("SOL", cent, 1, (0, E8), 160_000 * E8),
            product("BTC", cent, 1, (0, E8), 3_400 * E8),
        ],
        // Their minimum is a size.
        ExchangeId::Gemini => vec![
            product("SOL", cent / 10, 100, (100_000, 0), 1_000_000 * E8),
            product("BTC", cent, 1, (1_000, 0), 10_000 * E8),
        ],
        ExchangeId::Bitstamp => vec![
            product("SOL", cent, 1, (1, 10 * E8), 1_000_000 * E8),
            product("USDC", 1_000, 1_000, (1_000, 10 * E8), 1_000_000 * E8),
        ],
    }
}

/// An exchange with its products, its entry tier and these accounts.
#[must_use]
pub fn exchange_spec(id: ExchangeId, accounts: Vec<AccountSpec>) -> ExchangeSpec {
    let (maker_fee_ppm, taker_fee_ppm) = match id {
        ExchangeId::Coinbase => (5_000, 9_000),
        ExchangeId::Gemini => (2_000, 4_000),
        ExchangeId::Bitstamp => (3_000, 4_000),
    };
    ExchangeSpec { products: products(id), maker_fee_ppm, taker_fee_ppm, accounts }
}
