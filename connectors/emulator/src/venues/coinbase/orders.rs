//! Orders and fills in the venue's words, as REST and the `user` channel state them.

use super::ids::{Kind, uuid_named, uuid_of};
use super::text::{e8, padded, quoted, rfc3339_us, trimmed};
use crate::exchange::{Fees, Fill, Lifetime, NewOrder, Order, OrderState, Why};
use crate::happening::{E8, Side};

/// A time that never was: how the venue spells none in rows of the `user` channel.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The user of an account.
pub(super) fn user_id(account: &str) -> String {
    uuid_named("user", account)
}

/// The one portfolio of an account.
pub(super) fn portfolio_id(account: &str) -> String {
    uuid_named("portfolio", account)
}

/// What a client calls an order.
pub(super) fn order_id(order: &Order) -> String {
    uuid_of(Kind::Order, order.id)
}

/// Side of an order.
pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Bid => "BUY",
        Side::Ask => "SELL",
    }
}

/// Status of an order.
pub(super) const fn status_word(state: OrderState) -> &'static str {
    match state {
        OrderState::Open => "OPEN",
        OrderState::Filled => "FILLED",
        OrderState::Cancelled => "CANCELLED",
        OrderState::Rejected => "FAILED",
    }
}

/// `time_in_force` of an order.
pub(super) const fn lifetime_word(lifetime: Lifetime) -> &'static str {
    match lifetime {
        Lifetime::Gtc | Lifetime::PostOnly => "GOOD_UNTIL_CANCELLED",
        Lifetime::Ioc => "IMMEDIATE_OR_CANCEL",
        Lifetime::Fok => "FILL_OR_KILL",
    }
}

/// Why an order ended without being filled whole.
const fn cancel_text(why: Option<Why>) -> &'static str {
    match why {
        Some(Why::Requested) => "User requested cancel",
        Some(Why::IocRest) => "Immediate or cancel order not completely filled",
        Some(Why::FokUnfillable) => "Fill or kill order could not be filled",
        Some(Why::Disconnected) => "Session ended",
        _ => "",
    }
}

/// The configuration as the venue echoes it: numbers without trailing zeros.
pub(super) fn configuration(asked: &NewOrder) -> String {
    let Some(limit_e8) = asked.limit_e8 else {
        let (name, amount) = match asked.quote_e8 {
            Some(quote_e8) => ("quote_size", quote_e8),
            None => ("base_size", asked.size_e8),
        };
        return format!("{{\"market_market_ioc\":{{\"{name}\":\"{}\"}}}}", e8(amount));
    };
    let (kind, post_only) = match asked.lifetime {
        Lifetime::Ioc => ("sor_limit_ioc", ""),
        Lifetime::Fok => ("limit_limit_fok", ""),
        Lifetime::Gtc => ("limit_limit_gtc", ",\"post_only\":false"),
        Lifetime::PostOnly => ("limit_limit_gtc", ",\"post_only\":true"),
    };
    let (size, limit) = (e8(asked.size_e8), e8(limit_e8));
    format!("{{\"{kind}\":{{\"base_size\":\"{size}\",\"limit_price\":\"{limit}\"{post_only}}}}}")
}

/// One order with what rows derive from it.
pub(super) struct Row<'o> {
    order: &'o Order,
    fees: Fees,
    /// Time of its last fill. Unit: Unix nanoseconds.
    pub(super) last_fill_ns: Option<u64>,
    /// What it was changed to, oldest first.
    pub(super) edits: Vec<Edit>,
}

impl<'o> Row<'o> {
    pub(super) const fn new(order: &'o Order, fees: Fees) -> Self {
        Self { order, fees, last_fill_ns: None, edits: Vec::new() }
    }

    /// Not yet executed; 0 once nothing more will be. Unit: e8 of the base.
    const fn leaves_e8(&self) -> u64 {
        match self.order.state {
            OrderState::Open => self.order.asked.size_e8.saturating_sub(self.order.filled_e8),
            OrderState::Filled | OrderState::Cancelled | OrderState::Rejected => 0,
        }
    }

    /// What its rest has reserved: base of a sell; of a buy the value at the limit and the dearer
    /// fee, each rounded up. Unit: e8.
    fn hold_e8(&self) -> u64 {
        let leaves = self.leaves_e8();
        match (self.order.asked.side, self.order.asked.limit_e8) {
            (Side::Ask, _) => leaves,
            (Side::Bid, None) => 0,
            (Side::Bid, Some(limit)) => {
                let value = (u128::from(limit) * u128::from(leaves)).div_ceil(u128::from(E8));
                let rate = u128::from(self.fees.maker_ppm.max(self.fees.taker_ppm));
                let whole = value + (value * rate).div_ceil(1_000_000);
                u64::try_from(whole).unwrap_or(u64::MAX)
            }
        }
    }

    /// Average price, cut to 16 places; `0` without a fill.
    fn average(&self) -> String {
        let (value, size) = (self.order.filled_quote_e8, self.order.filled_e8);
        if size == 0 {
            return "0".to_owned();
        }
        trimmed(u128::from(value) * 10_u128.pow(16) / u128::from(size), 16)
    }

    /// Percent executed, two places, cut; of the amount for an order by amount of quote.
    fn completion(&self) -> String {
        let asked = &self.order.asked;
        let (done, whole) = match asked.quote_e8 {
            Some(quote_e8) => (self.order.filled_quote_e8 + self.order.fees_e8, quote_e8),
            None => (self.order.filled_e8, asked.size_e8),
        };
        if self.order.state == OrderState::Filled {
            return "100.00".to_owned();
        }
        if done == 0 || whole == 0 {
            return "0".to_owned();
        }
        padded(u128::from(done) * 10_000 / u128::from(whole), 2)
    }

    /// Paid with fees by a buyer, received after fees by a seller. Unit: e8 of the quote.
    const fn after_fees_e8(&self) -> u64 {
        let (value, fees) = (self.order.filled_quote_e8, self.order.fees_e8);
        match self.order.asked.side {
            Side::Bid => value.saturating_add(fees),
            Side::Ask => value.saturating_sub(fees),
        }
    }

    /// The row of the `user` channel. `status` is the order's own unless it is about to rest.
    pub(super) fn user(&self, status: &str) -> String {
        let (order, asked) = (self.order, &self.order.asked);
        let kind = if asked.limit_e8.is_some() { "Limit" } else { "Market" };
        format!(
            "{{\"order_id\":\"{id}\",\"client_order_id\":{client},\"product_id\":{product},\
             \"product_type\":\"SPOT\",\"order_side\":\"{side}\",\"order_type\":\"{kind}\",\
             \"time_in_force\":\"{lifetime}\",\"status\":\"{status}\",\"limit_price\":\"{limit}\",\
             \"stop_price\":\"\",\"cumulative_quantity\":\"{filled}\",\
             \"leaves_quantity\":\"{leaves}\",\"avg_price\":\"{average}\",\
             \"filled_value\":\"{value}\",\"total_fees\":\"{fees}\",\
             \"total_value_after_fees\":\"{after}\",\"number_of_fills\":\"{fills}\",\
             \"completion_percentage\":\"{completion}\",\"outstanding_hold_amount\":\"{hold}\",\
             \"post_only\":\"{post_only}\",\"creation_time\":\"{created}\",\
             \"start_time\":\"{NEVER}\",\"end_time\":\"{NEVER}\",\"cancel_reason\":\"{cancel}\",\
             \"reject_reason\":\"\",\
             \"contract_expiry_type\":\"UNKNOWN_CONTRACT_EXPIRY_TYPE\",\
             \"risk_managed_by\":\"UNKNOWN_RISK_MANAGEMENT_TYPE\",\
             \"trigger_status\":\"INVALID_ORDER_TYPE\",\"retail_portfolio_id\":\"{portfolio}\"}}",
            id = order_id(order),
            client = quoted(&asked.client_id),
            product = quoted(&asked.product_as_sent),
            side = side_word(asked.side),
            lifetime = lifetime_word(asked.lifetime),
            limit = asked.limit_e8.map(e8).unwrap_or_default(),
            filled = e8(order.filled_e8),
            leaves = e8(self.leaves_e8()),
            average = self.average(),
            value = e8(order.filled_quote_e8),
            fees = e8(order.fees_e8),
            after = e8(self.after_fees_e8()),
            fills = order.fills,
            completion = self.completion(),
            hold = e8(self.hold_e8()),
            post_only = asked.lifetime == Lifetime::PostOnly,
            created = rfc3339_us(order.created_ns),
            cancel = cancel_text(order.why),
            portfolio = portfolio_id(&asked.account),
        )
    }

    /// The object of REST.
    pub(super) fn rest(&self) -> String {
        let (order, asked) = (self.order, &self.order.asked);
        let kind = if asked.limit_e8.is_some() { "LIMIT" } else { "MARKET" };
        let by_quote = asked.quote_e8.is_some();
        let last_fill = self
            .last_fill_ns
            .map_or_else(|| "null".to_owned(), |at_ns| format!("\"{}\"", rfc3339_us(at_ns)));
        format!(
            "{{\"order_id\":\"{id}\",\"product_id\":{product},\"user_id\":\"{user}\",\
             \"order_configuration\":{configuration},\"side\":\"{side}\",\
             \"client_order_id\":{client},\"status\":\"{status}\",\
             \"time_in_force\":\"{lifetime}\",\"created_time\":\"{created}\",\
             \"completion_percentage\":\"{completion}\",\"filled_size\":\"{filled}\",\
             \"average_filled_price\":\"{average}\",\"fee\":\"\",\"number_of_fills\":\"{fills}\",\
             \"filled_value\":\"{value}\",\"pending_cancel\":false,\"size_in_quote\":{by_quote},\
             \"total_fees\":\"{fees}\",\"size_inclusive_of_fees\":{by_quote},\
             \"total_value_after_fees\":\"{after}\",\"trigger_status\":\"INVALID_ORDER_TYPE\",\
             \"order_type\":\"{kind}\",\"reject_reason\":\"REJECT_REASON_UNSPECIFIED\",\
             \"settled\":{settled},\"product_type\":\"SPOT\",\"reject_message\":\"\",\
             \"cancel_message\":\"{cancel}\",\"order_placement_source\":\"RETAIL_ADVANCED\",\
             \"outstanding_hold_amount\":\"{hold}\",\"is_liquidation\":false,\
             \"last_fill_time\":{last_fill},\"edit_history\":[{edits}],\"leverage\":\"\",\
             \"margin_type\":\"UNKNOWN_MARGIN_TYPE\",\"retail_portfolio_id\":\"{portfolio}\",\
             \"originating_order_id\":\"\",\"attached_order_id\":\"\"}}",
            id = order_id(order),
            product = quoted(&asked.product_as_sent),
            user = user_id(&asked.account),
            configuration = configuration(asked),
            side = side_word(asked.side),
            client = quoted(&asked.client_id),
            status = status_word(order.state),
            lifetime = lifetime_word(asked.lifetime),
            created = rfc3339_us(order.created_ns),
            completion = self.completion(),
            filled = e8(order.filled_e8),
            average = self.average(),
            fills = order.fills,
            value = e8(order.filled_quote_e8),
            fees = e8(order.fees_e8),
            after = e8(self.after_fees_e8()),
            settled = order.state == OrderState::Filled,
            cancel = cancel_text(order.why),
            hold = e8(self.hold_e8()),
            portfolio = portfolio_id(&asked.account),
            edits = self.edits.iter().map(Edit::row).collect::<Vec<String>>().join(","),
        )
    }
}

/// One change of a resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// New limit. Unit: e8.
    pub(super) price_e8: u64,
    /// New size. Unit: e8.
    pub(super) size_e8: u64,
    /// Unit: Unix nanoseconds.
    pub(super) at_ns: u64,
}

impl Edit {
    fn row(&self) -> String {
        format!(
            "{{\"price\":\"{}\",\"size\":\"{}\",\"replace_accept_timestamp\":\"{}\"}}",
            e8(self.price_e8),
            e8(self.size_e8),
            rfc3339_us(self.at_ns)
        )
    }
}

/// Id of a fill's trade, as its order's owner sees it. One order fills once per trade.
pub(super) fn trade_id(fill: &Fill) -> String {
    uuid_of(Kind::Trade, fill.order_id ^ fill.trade_id.rotate_left(32))
}

/// The row of a fill. `product` is the name that the order was placed under.
pub(super) fn fill_row(fill: &Fill, account: &str, product: &str) -> String {
    let liquidity = if fill.is_taker { "TAKER" } else { "MAKER" };
    let at = rfc3339_us(fill.at_ns);
    format!(
        "{{\"entry_id\":\"{entry}\",\"trade_id\":\"{trade}\",\"order_id\":\"{order}\",\
         \"trade_time\":\"{at}\",\"trade_type\":\"FILL\",\"price\":\"{price}\",\
         \"size\":\"{size}\",\"commission\":\"{fee}\",\"product_id\":{product},\
         \"sequence_timestamp\":\"{at}\",\"liquidity_indicator\":\"{liquidity}\",\
         \"size_in_quote\":false,\"user_id\":\"{user}\",\"side\":\"{side}\",\
         \"retail_portfolio_id\":\"{portfolio}\"}}",
        entry = uuid_of(Kind::Entry, fill.order_id ^ fill.trade_id.rotate_left(32)),
        trade = trade_id(fill),
        order = uuid_of(Kind::Order, fill.order_id),
        price = e8(fill.price_e8),
        size = e8(fill.size_e8),
        fee = e8(fill.fee_e8),
        product = quoted(product),
        user = user_id(account),
        side = side_word(fill.side),
        portfolio = portfolio_id(account),
    )
}
