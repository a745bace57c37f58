//! The venue's words for no, by what follows from them.

use connector_orders::venue::Reject;

/// Letters of a reason that are kept.
const LETTERS_MAX: usize = 64;

/// The reason as it is told on: bounded, and nothing that a terminal would take for more than text.
pub(super) fn bounded(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LETTERS_MAX).collect()
}

/// Whether a word stands for none: the venue fills its fields in any case.
pub(super) fn is_placeholder(code: &str) -> bool {
    code.is_empty() || code.starts_with("UNKNOWN_")
}

/// What a reason of a placement means. Words that are not known are definite all the same.
pub(super) fn of_placement(code: &str) -> Reject {
    match code.strip_prefix("PREVIEW_").unwrap_or(code) {
        "INSUFFICIENT_FUND" | "INSUFFICIENT_FUNDS" | "INVALID_LEDGER_BALANCE" => Reject::Funds,
        "INVALID_SIZE_PRECISION"
        | "INVALID_QUOTE_SIZE_PRECISION"
        | "INVALID_BASE_SIZE_TOO_SMALL"
        | "INVALID_BASE_SIZE_TOO_LARGE"
        | "INVALID_QUOTE_SIZE_TOO_SMALL"
        | "INVALID_QUOTE_SIZE_TOO_LARGE" => Reject::Size,
        "INVALID_PRICE_PRECISION"
        | "INVALID_LIMIT_PRICE"
        | "INVALID_LIMIT_PRICE_POST_ONLY"
        | "INVALID_LIMIT_PRICE_POSTONLY"
        | "LIMIT_PRICE_TOO_FAR_FROM_MARKET"
        | "BREACHED_PRICE_LIMIT" => Reject::Price,
        "ORDER_ENTRY_DISABLED"
        | "INELIGIBLE_PAIR"
        | "INVALID_PRODUCT_ID"
        | "INVALID_NO_LIQUIDITY"
        | "UNTRADABLE_PRODUCT"
        | "PRODUCT_TRADING_HALTED"
        | "MISSING_MARKET_TRADE_DATA"
        | "MISSING_PRODUCT_PRICE_BOOK"
        | "INVALID_FCM_TRADING_SESSION"
        | "GEOFENCING_RESTRICTION" => Reject::Market,
        _ => Reject::Other,
    }
}

/// Of several words for one refusal the one that says most: the reason of the order is often a
/// placeholder, and the reason of its preview then is not.
pub(super) fn telling<'a>(codes: &[&'a str]) -> Option<(Reject, &'a str)> {
    let said = || codes.iter().copied().filter(|code| !code.is_empty());
    let known = said().find(|code| of_placement(code) != Reject::Other);
    let code =
        known.or_else(|| said().find(|code| !is_placeholder(code))).or_else(|| said().next());
    code.map(|code| (of_placement(code), code))
}
