//! Tick and lot of pairs, from the venue's HTTP answers.

use connector_net::decimal::parse_step;
use connector_net::scan::Text;
use engine_model::Grid;
use engine_model::grid::{GRID_PLACES_MAX, Step};
use serde::Deserialize;

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    url_symbol: Option<Text<'a>>,
    #[serde(borrow)]
    market_symbol: Option<Text<'a>>,
    counter_decimals: u8,
    base_decimals: u8,
    #[serde(borrow)]
    tick_size: Option<Text<'a>>,
}

/// Symbols and grids that a `trading-pairs-info` or `markets` answer names.
///
/// The price step is `tick_size` where there is one, else 10^-`counter_decimals`; the size step is
/// 10^-`base_decimals`. Symbols are spelled as in channels: lower case. Any other answer gives
/// nothing.
#[must_use]
pub fn metadata(url: &str, body: &[u8]) -> Vec<(Box<str>, Grid)> {
    if !url.contains("/trading-pairs-info") && !url.contains("/markets") {
        return Vec::new();
    }
    let pairs: Vec<Pair<'_>> = serde_json::from_slice(body).unwrap_or_default();
    pairs.iter().filter_map(row).collect()
}

fn row(pair: &Pair<'_>) -> Option<(Box<str>, Grid)> {
    let symbol = pair.url_symbol.as_ref().or(pair.market_symbol.as_ref())?;
    let decimal = |places| (places <= GRID_PLACES_MAX).then_some(Step::decimal(places));
    let tick = pair.tick_size.as_ref().and_then(|text| parse_step(&text.0));
    let tick = tick.or_else(|| decimal(pair.counter_decimals))?;
    let lot = decimal(pair.base_decimals)?;
    Some((symbol.0.to_ascii_lowercase().into(), Grid { tick, lot }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_markets_and_what_is_neither() {
        const URL: &str = "https://www.bitstamp.net/api/v2/trading-pairs-info/";
        let pairs = br#"[{"base_decimals": 8, "minimum_order": "25.0 USD", "name": "BTC/USD",
            "counter_decimals": 2, "trading": "Enabled", "url_symbol": "btcusd"},
            {"base_decimals": 5, "counter_decimals": 19, "url_symbol": "badusd"}]"#;
        let btc: (Box<str>, Grid) =
            ("btcusd".into(), Grid { tick: Step::decimal(2), lot: Step::decimal(8) });
        assert_eq!(metadata(URL, pairs), [btc]);
        let markets = br#"[{"market_symbol":"SOLUSD","base_decimals":8,"counter_decimals":3,
            "tick_size":"0.005"}]"#;
        let sol: (Box<str>, Grid) =
            ("solusd".into(), Grid { tick: Step { step: 5, places: 3 }, lot: Step::decimal(8) });
        assert_eq!(metadata("https://www.bitstamp.net/api/v2/markets/", markets), [sol]);
        for (url, body) in [(URL, "<html>"), (URL, "{}"), ("https://x/order_book/btcusd", "[]")] {
            assert_eq!(metadata(url, body.as_bytes()), [], "{url} {body}");
        }
    }
}
