//! Why the venue refuses an order, in its own words.

use super::super::text::quoted;
use crate::exchange::Why;

/// A refusal: the reasons of a new order and of its preview, and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    /// `new_order_failure_reason` and its older twin `error`.
    pub(super) order: &'static str,
    /// `preview_failure_reason`.
    pub(super) preview: &'static str,
    /// For people.
    pub(super) message: &'static str,
}

const fn reason(order: &'static str, preview: &'static str, message: &'static str) -> Reason {
    Reason { order, preview, message }
}

/// The venue has no reason of an order's own for what its preview finds wrong with amounts.
const UNKNOWN: &str = "UNKNOWN_FAILURE_REASON";

pub(super) const UNSUPPORTED: Reason = reason(
    "UNSUPPORTED_ORDER_CONFIGURATION",
    "PREVIEW_INVALID_ORDER_CONFIG",
    "Order configuration is not supported",
);
pub(super) const SIDE: Reason = reason("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "Invalid side");
pub(super) const PRODUCT: Reason =
    reason("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "Invalid product_id");
pub(super) const SIZE_PRECISION: Reason =
    reason("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION", "Invalid size precision");
pub(super) const QUOTE_PRECISION: Reason = reason(
    "INVALID_SIZE_PRECISION",
    "PREVIEW_INVALID_QUOTE_SIZE_PRECISION",
    "Invalid quote size precision",
);
pub(super) const PRICE_PRECISION: Reason =
    reason("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION", "Invalid price precision");
pub(super) const PRICE: Reason =
    reason("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE", "Invalid limit price");
pub(super) const BASE_TOO_SMALL: Reason =
    reason(UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "Order size is too small");
pub(super) const BASE_TOO_LARGE: Reason =
    reason(UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE", "Order size is too large");
pub(super) const QUOTE_TOO_SMALL: Reason =
    reason(UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "Order value is too small");
pub(super) const QUOTE_TOO_LARGE: Reason =
    reason(UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE", "Order value is too large");
const FUNDS: Reason = reason(
    "INSUFFICIENT_FUND",
    "PREVIEW_INSUFFICIENT_FUND",
    "Insufficient balance in source account",
);
const FAR: Reason = reason(
    "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
    "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
    "Limit price is too far from the market",
);
const WOULD_TAKE: Reason = reason(
    "INVALID_LIMIT_PRICE_POST_ONLY",
    "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
    "Post only order would match an existing order",
);
const NO_LIQUIDITY: Reason = reason(
    "INVALID_NO_LIQUIDITY",
    "PREVIEW_INVALID_NO_LIQUIDITY",
    "No liquidity on the other side of the book",
);
const HALTED: Reason =
    reason("UNTRADABLE_PRODUCT", "PREVIEW_UNTRADABLE_PRODUCT", "Product is not tradable now");
const COMMANDER: &str = "COMMANDER_REJECTED_NEW_ORDER";
const NO_PREVIEW: &str = "UNKNOWN_PREVIEW_FAILURE_REASON";
const SELF_CROSS: Reason =
    reason(COMMANDER, NO_PREVIEW, "Order would match an order of the same account");
const TOO_MANY: Reason = reason(COMMANDER, NO_PREVIEW, "Too many open orders");
const OTHER: Reason = reason(UNKNOWN, NO_PREVIEW, "Unknown failure");

/// What the client asked for, as far as a reason depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sized {
    /// By amount of base, and that alone is below the smallest.
    BaseBelowMin,
    /// By amount of base.
    Base,
    /// By amount of quote.
    Quote,
}

/// The venue's reason for an exchange's.
pub(super) const fn reason_of(why: Option<Why>, sized: Sized) -> Reason {
    let Some(why) = why else { return OTHER };
    match (why, sized) {
        (Why::UnknownProduct, _) => PRODUCT,
        (Why::Halted, _) => HALTED,
        (Why::SizeStep, Sized::Quote) => QUOTE_PRECISION,
        (Why::SizeStep, _) => SIZE_PRECISION,
        (Why::PriceStep, _) => PRICE_PRECISION,
        (Why::TooSmall, Sized::BaseBelowMin) => BASE_TOO_SMALL,
        (Why::TooSmall, _) => QUOTE_TOO_SMALL,
        (Why::TooLarge, _) => BASE_TOO_LARGE,
        (Why::Funds, _) => FUNDS,
        (Why::PriceFar, _) => FAR,
        (Why::WouldTake, _) => WOULD_TAKE,
        (Why::NoLiquidity | Why::FokUnfillable, _) => NO_LIQUIDITY,
        (Why::SelfCross, _) => SELF_CROSS,
        (Why::TooManyOpen, _) => TOO_MANY,
        (Why::IocRest | Why::Requested | Why::Disconnected, _) => OTHER,
    }
}

impl Reason {
    /// The answer to a new order: HTTP says 200, the body says no. `configuration` is JSON.
    pub(super) fn refusal(&self, configuration: &str) -> String {
        format!(
            "{{\"success\":false,\"error_response\":{{\"error\":\"{order}\",\"message\":{message},\
             \"error_details\":\"\",\"preview_failure_reason\":\"{preview}\",\
             \"new_order_failure_reason\":\"{order}\"}},\"order_configuration\":{configuration}}}",
            order = self.order,
            preview = self.preview,
            message = quoted(self.message),
        )
    }
}
