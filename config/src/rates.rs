//! `[[rates]]`: what one unit of an asset is worth in another, from a configured book.

use engine_model::{AssetId, MarketId};

use crate::assets::AssetTable;
use crate::markets::{MarketKind, MarketTable};
use crate::problem::{Problems, fault};
use crate::read::integer;
use crate::section::{Section, root_list};
use crate::tree::Table;

/// Most rates.
pub const RATES_MAX: usize = 64;
/// Longest age of anything that ages. Unit: milliseconds. One day.
pub const AGE_MS_MAX: u64 = 86_400_000;

/// A rate, taken at the side that a conversion would hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Base asset of the book.
    pub from: AssetId,
    /// Quote asset of the book.
    pub to: AssetId,
    /// The book.
    pub market: MarketId,
    /// Older than this it is as good as missing. Unit: milliseconds.
    pub max_age_ms: u64,
}

/// The rates, and which were declared, so that one with another fault is not called missing.
#[derive(Debug, Default)]
pub(crate) struct RateTable {
    pub(crate) rates: Vec<Rate>,
    pub(crate) declared: Vec<(AssetId, AssetId)>,
}

pub(crate) fn read(
    root: &Table,
    assets: &AssetTable,
    markets: &MarketTable,
    problems: &mut Problems<'_>,
) -> RateTable {
    let mut table_of_rates = RateTable::default();
    let RateTable { rates, declared } = &mut table_of_rates;
    for (at, table) in root_list(root, "rates", RATES_MAX, problems) {
        let keys = &["from", "to", "market", "max_age_ms"];
        let section = Section::open("[[rates]]".to_owned(), at, table, keys, problems);
        let from = assets.required(&section, "from", problems);
        let to = assets.required(&section, "to", problems);
        let market = section.required("market", problems, |node| markets.reference(node));
        let max_age_ms = section.required("max_age_ms", problems, integer(1..=AGE_MS_MAX));
        let (Some(from), Some(to)) = (from, to) else { continue };
        if declared.contains(&(from, to)) {
            let says = format!("two rates from {} to {}", assets.name(from), assets.name(to));
            problems.add(at, section.key("from"), fault(says, "keep the one that is to be used"));
        }
        declared.push((from, to));
        let Some(market) = market else { continue };
        if let Some(book) = markets.get(market) {
            if book.base != from || book.quote != to {
                let says = format!(
                    "\"{}\" trades {} in {}, not {} in {}",
                    book.name,
                    assets.name(book.base),
                    assets.name(book.quote),
                    assets.name(from),
                    assets.name(to)
                );
                let hint = "name a book whose base is \"from\" and whose quote is \"to\"";
                problems.add(section.at_key("market"), section.key("market"), fault(says, hint));
            }
            if matches!(book.kind, MarketKind::Pool(_)) {
                let says = format!("\"{}\" is a pool; a rate comes from a book", book.name);
                let hint = "name an order book";
                problems.add(section.at_key("market"), section.key("market"), fault(says, hint));
            }
        }
        // A missing age was reported; 1 only keeps the further checks going.
        rates.push(Rate { from, to, market, max_age_ms: max_age_ms.unwrap_or(1) });
    }
    table_of_rates
}
