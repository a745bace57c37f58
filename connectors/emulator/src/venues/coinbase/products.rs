//! Products by the names that clients use: every USD book also goes by its USDC alias.

use std::fmt::Write as _;
use std::sync::Arc;

use super::text::{e8, quoted, trimmed};
use crate::exchange::{Exchange, Product, ProductStatus, PublicTrade, TRADES_KEPT};
use crate::happening::{E8, Side};

/// The currency whose books have aliases, and the one of the aliases.
const ALIASED: &str = "USD";
const ALIAS: &str = "USDC";

/// Largest order by amount of quote, for every product. Unit: e8 of the quote.
pub(super) const QUOTE_MAX_E8: u64 = 150_000_000 * E8;

/// Trades older than this are not in the 24-hour figures. Unit: nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// A product as a client named it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// The book behind it.
    pub(super) product: Product,
    /// The name used: `SOL-USD`, or its alias `SOL-USDC`.
    pub(super) id: String,
    /// The currency that it settles in where the name is an alias.
    pub(super) settle: Option<Arc<str>>,
}

impl Named {
    /// The quote currency as the name says it.
    pub(super) fn quote(&self) -> &str {
        self.settle.as_deref().unwrap_or(&self.product.quote)
    }
}

/// The alias of a product, where it has one: a USD book whose USDC name is no book of its own.
fn alias_of(exchange: &Exchange, product: &Product) -> Option<String> {
    let alias = format!("{}-{ALIAS}", product.base);
    let is_aliased = &*product.quote == ALIASED && &*product.base != ALIAS;
    (is_aliased && exchange.product(&alias).is_none()).then_some(alias)
}

/// Every name, books and aliases, in the exchange's order.
pub(super) fn all(exchange: &Exchange) -> Vec<Named> {
    let mut list = Vec::new();
    for product in exchange.products() {
        let own = Named { product: product.clone(), id: product.name.to_string(), settle: None };
        list.push(own);
        if let Some(id) = alias_of(exchange, product) {
            list.push(Named { product: product.clone(), id, settle: Some(Arc::from(ALIAS)) });
        }
    }
    list
}

/// The product that goes by a name.
pub(super) fn find(exchange: &Exchange, id: &str) -> Option<Named> {
    if let Some(product) = exchange.product(id) {
        return Some(Named { product: product.clone(), id: id.to_owned(), settle: None });
    }
    let base = id.strip_suffix(ALIAS).and_then(|front| front.strip_suffix('-'))?;
    let product = exchange.product(&format!("{base}-{ALIASED}"))?;
    let id = alias_of(exchange, product)?;
    Some(Named { product: product.clone(), id, settle: Some(Arc::from(ALIAS)) })
}

/// The trades of the last 24 hours in figures, as far back as the exchange remembers. Unit: e8, of
/// the base for the volume, of the quote for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    /// Newest price, or the middle of the book before any trade; 0 for neither.
    pub(super) last: u64,
    /// Oldest price.
    first: u64,
    /// Highest price.
    pub(super) high: u64,
    /// Lowest price.
    pub(super) low: u64,
    /// Size of all; saturates.
    pub(super) volume: u64,
    /// Value of all, each cut; saturates.
    value: u64,
}

impl Day {
    pub(super) fn of(exchange: &Exchange, product: &str, now_ns: u64) -> Self {
        let trades = exchange.trades(product, TRADES_KEPT);
        let since_ns = now_ns.saturating_sub(DAY_NS);
        let mut day = Self::default();
        for trade in trades.iter().filter(|trade| trade.at_ns >= since_ns) {
            day.add(trade);
        }
        if day.last == 0 {
            day.last = middle_e8(exchange, product).unwrap_or(0);
        }
        day
    }

    /// Takes the next older trade.
    fn add(&mut self, trade: &PublicTrade) {
        if self.volume == 0 {
            (self.last, self.low) = (trade.price_e8, trade.price_e8);
        }
        self.first = trade.price_e8;
        self.high = self.high.max(trade.price_e8);
        self.low = self.low.min(trade.price_e8);
        self.volume = self.volume.saturating_add(trade.size_e8);
        let value = u128::from(trade.price_e8) * u128::from(trade.size_e8) / u128::from(E8);
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        self.value = self.value.saturating_add(value);
    }

    /// Change of the price from the oldest trade on, in percent, cut to 14 places.
    pub(super) fn change_percent(&self) -> String {
        if self.first == 0 {
            return "0".to_owned();
        }
        let sign = if self.last < self.first { "-" } else { "" };
        let moved = u128::from(self.last.abs_diff(self.first));
        let text = trimmed(moved * 10_u128.pow(16) / u128::from(self.first), 14);
        if text == "0" { text } else { format!("{sign}{text}") }
    }
}

/// Half-way between the best prices, cut to 10⁻⁸; `None` where a side is empty.
pub(super) fn middle_e8(exchange: &Exchange, product: &str) -> Option<u64> {
    let best = |side| exchange.levels(product, side, 1).first().map(|level| level.0);
    let (bid, ask) = (best(Side::Bid)?, best(Side::Ask)?);
    Some(u64::midpoint(bid, ask))
}

/// A list of products as the venue spells it, blanks included.
pub(super) fn page(exchange: &Exchange, now_ns: u64, shown: &[Named], total: usize) -> String {
    let rows: Vec<String> = shown.iter().map(|named| row(exchange, now_ns, named)).collect();
    format!(
        "{{\"products\":[{}], \"num_products\":{total}, \"pagination\":{{\"prev_cursor\":\"\", \
         \"next_cursor\":\"\", \"has_next\":false, \"has_prev\":false}}}}",
        rows.join(", ")
    )
}

/// One product, in the key order of the venue's recordings.
pub(super) fn row(exchange: &Exchange, now_ns: u64, named: &Named) -> String {
    let product = &named.product;
    let day = Day::of(exchange, &product.name, now_ns);
    let is_halted = product.status == ProductStatus::Halted;
    let is_alias = named.settle.is_some();
    let other = alias_of(exchange, product).filter(|_| !is_alias);
    let smallest = product.size_min_e8.max(product.lot_e8);
    let mut text = String::from("{");
    let mut put = |name: &str, value: String| {
        let comma = if text.len() == 1 { "" } else { ", " };
        let _ = write!(text, "{comma}\"{name}\":{value}");
    };
    let string = |text: &str| quoted(text);
    let number = |amount_e8: u64| format!("\"{}\"", e8(amount_e8));
    put("product_id", string(&named.id));
    put("price", number(day.last));
    put("price_percentage_change_24h", string(&day.change_percent()));
    put("volume_24h", number(day.volume));
    put("volume_percentage_change_24h", string("0"));
    put("base_increment", number(product.lot_e8));
    put("quote_increment", number(product.tick_e8));
    put("quote_min_size", number(product.notional_min_e8));
    put("quote_max_size", number(QUOTE_MAX_E8));
    put("base_min_size", number(smallest));
    put("base_max_size", number(product.size_max_e8));
    put("base_name", string(name_of(&product.base)));
    put("quote_name", string(name_of(named.quote())));
    put("watched", "false".to_owned());
    put("is_disabled", is_halted.to_string());
    put("new", "false".to_owned());
    put("status", string(status_of(product.status)));
    put("cancel_only", (product.status == ProductStatus::CancelOnly).to_string());
    put("limit_only", "false".to_owned());
    put("post_only", "false".to_owned());
    put("trading_disabled", is_halted.to_string());
    put("auction_mode", "false".to_owned());
    put("product_type", string("SPOT"));
    put("quote_currency_id", string(named.quote()));
    put("base_currency_id", string(&product.base));
    put("fcm_trading_session_details", "null".to_owned());
    put("mid_market_price", string(""));
    put("alias", string(if is_alias { &product.name } else { "" }));
    put("alias_to", other.map_or_else(|| "[]".to_owned(), |id| format!("[{}]", quoted(&id))));
    put("base_display_symbol", string(&product.base));
    put("quote_display_symbol", string(named.quote()));
    put("view_only", "false".to_owned());
    put("price_increment", number(product.tick_e8));
    put("display_name", string(&named.id));
    put("product_venue", string("CBE"));
    put("approximate_quote_24h_volume", number(day.value / (E8 / 100) * (E8 / 100)));
    put("new_at", string("2023-01-01T00:00:00Z"));
    for name in ["market_cap", "base_cbrn", "quote_cbrn", "product_cbrn", "icon_color", "icon_url"]
    {
        put(name, string(""));
    }
    put("display_name_overwrite", string(""));
    put("is_alpha_testing", "false".to_owned());
    put("about_description", string(""));
    put("best_bid_price", string(""));
    put("best_ask_price", string(""));
    put("high_24h", number(day.high));
    put("low_24h", number(day.low));
    text + "}"
}

/// The status word of a product.
pub(super) const fn status_of(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Online | ProductStatus::CancelOnly => "online",
        ProductStatus::Halted => "offline",
    }
}

/// A currency's name in English; its code where nobody gave it one here.
pub(super) fn name_of(currency: &str) -> &str {
    match currency {
        "USD" => "US Dollar",
        "EUR" => "Euro",
        "GBP" => "British Pound",
        "BTC" => "Bitcoin",
        "ETH" => "Ethereum",
        "SOL" => "Solana",
        other => other,
    }
}

/// Whether a currency is money of a state.
pub(super) fn is_fiat(currency: &str) -> bool {
    ["USD", "EUR", "GBP"].contains(&currency)
}
