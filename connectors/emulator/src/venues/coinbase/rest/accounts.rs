//! Balances, the fee tier, and what a key may do.

use super::super::auth::Scopes;
use super::super::ids::uuid_named;
use super::super::orders::portfolio_id;
use super::super::products::is_fiat;
use super::super::text::e8;
use super::market::rate;
use super::{Call, Fault, Outcome};
use crate::exchange::Balance;
use crate::happening::E8;

/// Rows of a page without a limit, and at most.
const PAGE: u64 = 49;
const PAGE_MAX: u64 = 250;

/// A day on which every wallet was opened.
const OPENED: &str = "2023-01-01T00:00:00Z";

/// Fee tiers by volume of 30 days. Unit: whole US dollars. Source: the venue's schedule.
const TIERS: [(&str, u64); 12] = [
    ("Intro", 0),
    ("Advanced 1", 10_000),
    ("Advanced 2", 50_000),
    ("Advanced 3", 250_000),
    ("VIP 1", 1_000_000),
    ("VIP 2", 5_000_000),
    ("VIP 3", 20_000_000),
    ("VIP 4", 50_000_000),
    ("VIP 5", 100_000_000),
    ("VIP 6", 200_000_000),
    ("VIP 7", 500_000_000),
    ("VIP 8", 1_000_000_000),
];

/// The id of an account's wallet in a currency.
pub(super) fn wallet_id(account: &str, currency: &str) -> String {
    uuid_named("wallet", &format!("{account} {currency}"))
}

fn row(account: &str, balance: &Balance) -> String {
    let currency = &balance.currency;
    let kind = if is_fiat(currency) { "ACCOUNT_TYPE_FIAT" } else { "ACCOUNT_TYPE_CRYPTO" };
    let amount =
        |amount_e8| format!("{{\"value\":\"{}\",\"currency\":\"{currency}\"}}", e8(amount_e8));
    format!(
        "{{\"uuid\":\"{}\",\"name\":\"{currency} Wallet\",\"currency\":\"{currency}\",\
         \"available_balance\":{},\"default\":true,\"active\":true,\"created_at\":\"{OPENED}\",\
         \"updated_at\":\"{OPENED}\",\"deleted_at\":null,\"type\":\"{kind}\",\"ready\":true,\
         \"hold\":{},\"retail_portfolio_id\":\"{}\",\"platform\":\"ACCOUNT_PLATFORM_CONSUMER\"}}",
        wallet_id(account, currency),
        amount(balance.available_e8),
        amount(balance.held_e8),
        portfolio_id(account)
    )
}

/// `GET /accounts`: by currency; the cursor is the last wallet shown.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let limit = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(PAGE);
    let size = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(usize::MAX);
    let all = call.desk.exchange().balances(&caller.account);
    let id = |balance: &Balance| wallet_id(&caller.account, &balance.currency);
    let first = match call.field("cursor") {
        None => 0,
        Some(cursor) => {
            let shown = all.iter().position(|balance| id(balance) == cursor);
            shown.ok_or_else(|| Fault::invalid("invalid cursor"))? + 1
        }
    };
    let page = &all[first..all.len().min(first.saturating_add(size))];
    let has_next = first + page.len() < all.len();
    let cursor = page.last().filter(|_| has_next).map(id).unwrap_or_default();
    let rows: Vec<String> = page.iter().map(|balance| row(&caller.account, balance)).collect();
    Ok(format!(
        "{{\"accounts\":[{}],\"has_next\":{has_next},\"cursor\":\"{cursor}\",\"size\":{}}}",
        rows.join(","),
        page.len()
    ))
}

/// `GET /accounts/{uuid}`.
pub(super) fn one(call: &Call<'_>, id: &str) -> Outcome {
    let caller = call.viewer()?;
    let all = call.desk.exchange().balances(&caller.account);
    let found = all.iter().find(|balance| wallet_id(&caller.account, &balance.currency) == id);
    let found = found.ok_or_else(|| Fault::NotFound("account not found".to_owned()))?;
    Ok(format!("{{\"account\":{}}}", row(&caller.account, found)))
}

/// `GET /transaction_summary`: volume and fees are JSON numbers, rates decimal strings.
pub(super) fn transaction_summary(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let exchange = call.desk.exchange();
    let fees = exchange.fees();
    let paid_e8 = exchange
        .fills(&caller.account)
        .iter()
        .fold(0_u64, |sum, fill| sum.saturating_add(fill.fee_e8));
    let volume = fees.volume_30d_e8 / E8;
    let reached = TIERS.iter().rposition(|(_, from)| *from <= volume).unwrap_or(0);
    let (name, from) = TIERS[reached];
    let until = TIERS.get(reached + 1).map(|(_, from)| from.to_string()).unwrap_or_default();
    let (volume, paid) = (e8(fees.volume_30d_e8), e8(paid_e8));
    Ok(format!(
        "{{\"total_volume\":{volume},\"total_fees\":{paid},\"fee_tier\":{{\
         \"pricing_tier\":\"{name}\",\"usd_from\":\"{from}\",\"usd_to\":\"{until}\",\
         \"taker_fee_rate\":\"{taker}\",\"maker_fee_rate\":\"{maker}\",\"aop_from\":\"\",\
         \"aop_to\":\"\"}},\"margin_rate\":null,\"goods_and_services_tax\":null,\
         \"advanced_trade_only_volume\":{volume},\"advanced_trade_only_fees\":{paid},\
         \"coinbase_pro_volume\":0,\"coinbase_pro_fees\":0,\"total_balance\":\"\",\
         \"has_promo_fee\":false}}",
        taker = rate(fees.taker_ppm),
        maker = rate(fees.maker_ppm),
    ))
}

/// `GET /key_permissions`.
pub(super) fn key_permissions(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    Ok(format!(
        "{{\"can_view\":true,\"can_trade\":{},\"can_transfer\":false,\
         \"portfolio_uuid\":\"{}\",\"portfolio_type\":\"DEFAULT\"}}",
        caller.scopes == Scopes::Trade,
        portfolio_id(&caller.account)
    ))
}

/// `GET /portfolios`: each account has one.
pub(super) fn portfolios(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    Ok(format!(
        "{{\"portfolios\":[{{\"name\":\"Default\",\"uuid\":\"{}\",\"type\":\"DEFAULT\",\
         \"deleted\":false}}]}}",
        portfolio_id(&caller.account)
    ))
}
