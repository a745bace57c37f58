//! Shapes of the answers, as far as they are read.

use connector_net::scan::Text;
use connector_orders::amount::{self, AmountError};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An amount as it was written, in a string or as a number: never through a float.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Amount<'a>(#[serde(borrow)] &'a RawValue);

impl Amount<'_> {
    fn text(&self) -> &str {
        let text = self.0.get();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.unwrap_or(text)
    }

    /// Exactly.
    pub(super) fn exact(&self) -> Option<i128> {
        amount::parse(self.text()).ok()
    }

    /// Rounded up where it is finer than 10⁻¹⁸: what is paid. A rebate has a minus.
    pub(super) fn cost(&self) -> Option<i128> {
        match self.text().strip_prefix('-') {
            Some(rest) => floor(rest).map(|e18| -e18),
            None => amount::parse_cost(self.text()).ok(),
        }
    }

    /// Rounded down where it is finer: what is received or owned. A debt has a minus.
    pub(super) fn gain(&self) -> Option<i128> {
        match self.text().strip_prefix('-') {
            Some(rest) => amount::parse_cost(rest).ok().map(|e18| -e18),
            None => floor(self.text()),
        }
    }
}

fn floor(text: &str) -> Option<i128> {
    match amount::parse(text) {
        Ok(e18) => Some(e18),
        // It was read whole, only finer: the next larger number is one too many.
        Err(AmountError::TooFine) => amount::parse_cost(text).ok().map(|e18| e18 - 1),
        Err(AmountError::Malformed | AmountError::OutOfRange) => None,
    }
}

/// A text: empty, null and absent are alike.
#[derive(Default)]
pub(super) struct Said<'a>(Option<Text<'a>>);

impl Said<'_> {
    pub(super) fn text(&self) -> &str {
        self.0.as_ref().map_or("", |text| &text.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::<Text<'a>>::deserialize(from).map(Self)
    }
}

/// The answer to a placement.
#[derive(Deserialize)]
pub(super) struct Placed<'a> {
    pub(super) success: bool,
    /// Beside the others in older answers.
    #[serde(borrow, default)]
    pub(super) failure_reason: Said<'a>,
    /// Likewise, and not to be trusted.
    #[serde(borrow, default)]
    pub(super) order_id: Said<'a>,
    #[serde(borrow)]
    pub(super) success_response: Option<Taken<'a>>,
    #[serde(borrow)]
    pub(super) error_response: Option<Refusal<'a>>,
    #[serde(borrow)]
    pub(super) order_configuration: Option<Configuration<'a>>,
}

/// An order that was taken, now or when its name was first used.
#[derive(Deserialize)]
pub(super) struct Taken<'a> {
    #[serde(borrow, default)]
    pub(super) order_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) product_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) side: Said<'a>,
    #[serde(borrow, default)]
    pub(super) client_order_id: Said<'a>,
}

/// Why one was not.
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow, default)]
    pub(super) error: Said<'a>,
    #[serde(borrow, default)]
    pub(super) preview_failure_reason: Said<'a>,
    #[serde(borrow, default)]
    pub(super) new_order_failure_reason: Said<'a>,
}

/// By kind of order.
pub(super) type Configuration<'a> =
    std::collections::BTreeMap<std::borrow::Cow<'a, str>, &'a RawValue>;

/// Terms of a limit order.
#[derive(Deserialize)]
pub(super) struct Terms<'a> {
    #[serde(borrow)]
    pub(super) base_size: Amount<'a>,
    #[serde(borrow)]
    pub(super) limit_price: Amount<'a>,
}

/// The answer to a cancel.
#[derive(Deserialize)]
pub(super) struct Cancels<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<Cancelled<'a>>,
}

/// Of one order.
#[derive(Deserialize)]
pub(super) struct Cancelled<'a> {
    pub(super) success: bool,
    #[serde(borrow, default)]
    pub(super) failure_reason: Said<'a>,
    #[serde(borrow)]
    pub(super) order_id: Text<'a>,
}

/// One order.
#[derive(Deserialize)]
pub(super) struct OneOrder<'a> {
    #[serde(borrow)]
    pub(super) order: OrderRow<'a>,
}

/// A page of orders.
#[derive(Deserialize)]
pub(super) struct Orders<'a> {
    #[serde(borrow, rename = "orders")]
    pub(super) rows: Vec<OrderRow<'a>>,
    pub(super) has_next: Option<bool>,
    #[serde(borrow, default)]
    pub(super) cursor: Said<'a>,
}

/// An order. `fee` is always empty, `average_filled_price` rounded: neither is read.
#[derive(Deserialize)]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    pub(super) order_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) client_order_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) product_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) side: Said<'a>,
    #[serde(borrow, default)]
    pub(super) status: Said<'a>,
    #[serde(borrow)]
    pub(super) filled_size: Option<Amount<'a>>,
    #[serde(borrow)]
    pub(super) filled_value: Option<Amount<'a>>,
    #[serde(borrow)]
    pub(super) total_fees: Option<Amount<'a>>,
    pub(super) size_in_quote: Option<bool>,
}

/// A page of fills.
#[derive(Deserialize)]
pub(super) struct Fills<'a> {
    #[serde(borrow)]
    pub(super) fills: Vec<FillRow<'a>>,
    #[serde(borrow, default)]
    pub(super) cursor: Said<'a>,
}

/// A fill.
#[derive(Deserialize)]
pub(super) struct FillRow<'a> {
    #[serde(borrow, default)]
    pub(super) trade_id: Said<'a>,
    #[serde(borrow)]
    pub(super) order_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) trade_time: Said<'a>,
    #[serde(borrow, default)]
    pub(super) trade_type: Said<'a>,
    #[serde(borrow)]
    pub(super) price: Option<Amount<'a>>,
    #[serde(borrow)]
    pub(super) size: Option<Amount<'a>>,
    #[serde(borrow)]
    pub(super) commission: Option<Amount<'a>>,
    #[serde(borrow, default)]
    pub(super) product_id: Said<'a>,
    #[serde(borrow, default)]
    pub(super) side: Said<'a>,
    pub(super) size_in_quote: Option<bool>,
}

/// A page of accounts.
#[derive(Deserialize)]
pub(super) struct Accounts<'a> {
    #[serde(borrow, rename = "accounts")]
    pub(super) rows: Vec<Account<'a>>,
    pub(super) has_next: Option<bool>,
    #[serde(borrow, default)]
    pub(super) cursor: Said<'a>,
}

/// What is held of one currency.
#[derive(Deserialize)]
pub(super) struct Account<'a> {
    #[serde(borrow)]
    pub(super) currency: Text<'a>,
    #[serde(borrow)]
    pub(super) available_balance: Money<'a>,
    #[serde(borrow)]
    pub(super) hold: Money<'a>,
}

/// An amount with its currency.
#[derive(Deserialize)]
pub(super) struct Money<'a> {
    #[serde(borrow)]
    pub(super) value: Amount<'a>,
    #[serde(borrow)]
    pub(super) currency: Text<'a>,
}

/// What comes with a status from 400 to 499, in either of its forms.
#[derive(Default, Deserialize)]
pub(super) struct Problem<'a> {
    #[serde(borrow, default)]
    error: Said<'a>,
    #[serde(borrow, default)]
    message: Said<'a>,
    #[serde(borrow)]
    errors: Option<Vec<ProblemRow<'a>>>,
}

#[derive(Deserialize)]
struct ProblemRow<'a> {
    #[serde(borrow, default)]
    id: Said<'a>,
    #[serde(borrow, default)]
    message: Said<'a>,
}

impl Problem<'_> {
    /// Code and text, empty where there is none.
    pub(super) fn said(&self) -> (&str, &str) {
        match self.errors.as_deref().unwrap_or_default() {
            [first, ..] => (first.id.text(), first.message.text()),
            [] => (self.error.text(), self.message.text()),
        }
    }
}
