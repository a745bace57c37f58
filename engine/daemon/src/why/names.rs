//! Amounts, prices and times of one run as people read them.

use engine_core::execution::plan::Limit;
use engine_core::num::ratio::{mul_div_ceil, mul_div_floor};
use engine_core::signal::evaluation::Evaluation;
use engine_core::tables::{BaseToken, MarketKind, PairSpec, Tables};
use engine_journal::records::Names;
use engine_model::{AssetId, InstrumentId, MarketId};

use super::survey::RunSurvey;
use crate::replay::money::{bps, duration, plain, ratio_ppm, trimmed};

/// Places behind the point of a computed price, and the same for showing them.
const PRICE_PLACES: i32 = 9;
const PRICE_PLACES_SHOWN: u8 = 9;

/// Names and units of one run.
#[derive(Clone, Copy)]
pub struct Namer<'a> {
    tables: &'a Tables,
    names: &'a Names,
    start_ns: u64,
}

impl<'a> Namer<'a> {
    /// Of a run.
    #[must_use]
    pub const fn new(run: &'a RunSurvey) -> Self {
        Self { tables: &run.begin.tables, names: &run.begin.names, start_ns: run.span_ns.0 }
    }

    /// The tables.
    #[must_use]
    pub const fn tables(&self) -> &'a Tables {
        self.tables
    }

    /// An asset's name.
    #[must_use]
    pub fn asset(&self, id: AssetId) -> &'a str {
        self.names.assets.get(id.index()).map_or("?", |it| it)
    }

    /// A market's name.
    #[must_use]
    pub fn market(&self, id: MarketId) -> &'a str {
        self.names.markets.get(id.index()).map_or("?", |it| it)
    }

    /// An instrument's name.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> &'a str {
        self.names.instruments.get(id.index()).map_or("?", |it| it)
    }

    /// The base asset of an instrument.
    #[must_use]
    pub fn base_of(&self, id: InstrumentId) -> AssetId {
        self.tables.market_of(id).base
    }

    /// What an instrument settles in.
    #[must_use]
    pub fn settles_in(&self, id: InstrumentId) -> AssetId {
        self.tables.instruments[id.index()].settles_in
    }

    /// Decimals of an asset.
    #[must_use]
    pub fn decimals(&self, id: AssetId) -> u8 {
        self.tables.assets[id.index()].decimals
    }

    /// An amount with all of its places, without the asset's name.
    #[must_use]
    pub fn bare(&self, units: i128, asset: AssetId) -> String {
        plain(units, self.decimals(asset))
    }

    /// An amount with the asset's name.
    #[must_use]
    pub fn amount(&self, units: u128, asset: AssetId) -> String {
        let units = i128::try_from(units).unwrap_or(i128::MAX);
        format!("{} {}", self.bare(units, asset), self.asset(asset))
    }

    /// A gain or loss with the asset's name.
    #[must_use]
    pub fn result(&self, units: i128, asset: AssetId) -> String {
        format!("{} {}", self.bare(units, asset), self.asset(asset))
    }

    /// A size of a pair with the base asset's name.
    #[must_use]
    pub fn size(&self, atoms: u128, pair: &PairSpec) -> String {
        format!("{} {}", trimmed(atoms, pair.atom_places), self.asset(self.base_of(pair.buy)))
    }

    /// A price of a book; `-` for none.
    #[must_use]
    pub fn price(&self, market: MarketId, ticks: u64) -> String {
        match self.tables.markets[market.index()].kind {
            MarketKind::Book { grid } if ticks > 0 => {
                trimmed(u128::from(ticks) * u128::from(grid.tick.step), grid.tick.places)
            }
            MarketKind::Book { .. } | MarketKind::Pool { .. } => "-".to_owned(),
        }
    }

    /// A size of a book, or base units of a pool, with the asset's name.
    #[must_use]
    pub fn steps(&self, market: MarketId, steps: u64) -> String {
        let spec = &self.tables.markets[market.index()];
        let text = match spec.kind {
            MarketKind::Book { grid } => {
                trimmed(u128::from(steps) * u128::from(grid.lot.step), grid.lot.places)
            }
            MarketKind::Pool { .. } => trimmed(u128::from(steps), self.decimals(spec.base)),
        };
        format!("{text} {}", self.asset(spec.base))
    }

    /// The price of a pool in its quote per whole base, rounded down.
    #[must_use]
    pub fn pool_price(&self, market: MarketId, sqrt_price: u128) -> String {
        let spec = &self.tables.markets[market.index()];
        let MarketKind::Pool { base } = spec.kind else { return "-".to_owned() };
        let (from, to) = (self.decimals(spec.base), self.decimals(spec.quote));
        let shown = pool_price(sqrt_price, base, i32::from(from) - i32::from(to));
        shown.map_or_else(|| "-".to_owned(), |it| trimmed(it, PRICE_PLACES_SHOWN))
    }

    /// The average price of an amount of quote for so many steps of base, rounded down.
    #[must_use]
    pub fn average(&self, instrument: InstrumentId, quote: u128, steps: u64) -> Option<String> {
        let spec = self.tables.market_of(instrument);
        let (step, places) = match spec.kind {
            MarketKind::Book { grid } => (u128::from(grid.lot.step), grid.lot.places),
            MarketKind::Pool { .. } => (1, self.decimals(spec.base)),
        };
        let base = u128::from(steps).checked_mul(step).filter(|base| *base > 0)?;
        let shift = i32::from(places) - i32::from(self.decimals(self.settles_in(instrument)));
        let scale = 10_u128.checked_pow((shift + PRICE_PLACES).unsigned_abs())?;
        let price = match shift + PRICE_PLACES {
            0.. => mul_div_floor(quote, scale, base)?,
            _ => quote / base / scale,
        };
        Some(trimmed(price, PRICE_PLACES_SHOWN))
    }

    /// The worst that an order accepts.
    #[must_use]
    pub fn limit(&self, instrument: InstrumentId, limit: Limit, buys: Buys) -> String {
        let word = match buys {
            Buys::Yes => "at most",
            Buys::No => "at least",
        };
        let market = self.tables.instruments[instrument.index()].market;
        match limit {
            Limit::Price { ticks } => format!("{word} {} each", self.price(market, ticks)),
            Limit::Total { quote } => {
                format!("{word} {} in all", self.amount(quote.into(), self.settles_in(instrument)))
            }
        }
    }

    /// From the start of the run.
    #[must_use]
    pub fn since(&self, at_ns: u64) -> String {
        match at_ns.checked_sub(self.start_ns) {
            Some(after_ns) => format!("+{} s", plain(i128::from(after_ns / 1_000), 6)),
            None => format!("-{}", duration(self.start_ns - at_ns)),
        }
    }

    /// A net profit in parts of the notional, in basis points rounded down.
    #[must_use]
    pub fn edge(look: &Evaluation) -> String {
        ratio_ppm(look.net, look.notional).map_or_else(|| "-".to_owned(), bps)
    }
}

/// Whether an order buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buys {
    /// It buys.
    Yes,
    /// It sells.
    No,
}

impl From<engine_core::market::take::Take> for Buys {
    fn from(take: engine_core::market::take::Take) -> Self {
        match take {
            engine_core::market::take::Take::Buy => Self::Yes,
            engine_core::market::take::Take::Sell => Self::No,
        }
    }
}

/// Quote per base in whole units times 10^[`PRICE_PLACES`], rounded down. `shift` is the base's
/// decimals less the quote's.
fn pool_price(sqrt_price: u128, base: BaseToken, shift: i32) -> Option<u128> {
    const ONE: u128 = 1 << 64;
    let exponent = shift + PRICE_PLACES;
    let scale = 10_u128.checked_pow(exponent.unsigned_abs())?;
    let scaled = |ratio: u128, of: u128| match exponent {
        0.. => mul_div_floor(ratio, scale, of),
        _ => Some(mul_div_floor(ratio, 1, of)? / scale),
    };
    match base {
        BaseToken::A => scaled(mul_div_floor(sqrt_price, sqrt_price, ONE)?, ONE),
        BaseToken::B => {
            let price = mul_div_ceil(sqrt_price, sqrt_price, ONE).filter(|price| *price > 0)?;
            scaled(ONE, price)
        }
    }
}

/// Unix nanoseconds as RFC 3339 in UTC.
#[must_use]
pub fn utc(at_ns: u64) -> String {
    let (seconds, ns) = (at_ns / 1_000_000_000, at_ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01: years then end with the leap day.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ns:09}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use connector_net::time::parse_rfc3339;

    use super::*;

    #[test]
    fn times_read_back_as_they_were_written() {
        for (at_ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_617_654_048_123_456_789, "2021-04-05T20:20:48.123456789Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        ] {
            assert_eq!(utc(at_ns), text);
        }
        // A step that meets every month, leap days and ends of centuries up to 2554.
        for at_ns in (0..u64::MAX - (1 << 40)).step_by(86_400_000_000_000 * 13 + 1_000_000_007) {
            assert_eq!(parse_rfc3339(utc(at_ns).as_bytes()), Some(at_ns), "{at_ns}");
        }
    }

    #[test]
    fn pool_prices_are_whole_quote_per_whole_base() {
        let root = |price: u128| price << 64;
        for (sqrt_price, base, shift, price) in [
            (root(1), BaseToken::A, 0, Some(1_000_000_000)),
            (root(3), BaseToken::A, 0, Some(9_000_000_000)),
            (root(2), BaseToken::B, 0, Some(250_000_000)),
            (root(1), BaseToken::A, 3, Some(1_000_000_000_000)),
            (root(1), BaseToken::A, -3, Some(1_000_000)),
            (root(100), BaseToken::A, -12, Some(10)),
            (0, BaseToken::B, 0, None),
        ] {
            assert_eq!(pool_price(sqrt_price, base, shift), price, "{sqrt_price} {base:?} {shift}");
        }
    }
}
