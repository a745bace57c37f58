//! Tick and lot of products, from the venue's HTTP answers.

use connector_net::decimal::parse_step;
use connector_net::scan::Text;
use engine_model::Grid;
use serde::Deserialize;

#[derive(Deserialize)]
struct Products<'a> {
    #[serde(borrow)]
    products: Vec<Product<'a>>,
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow, rename = "product_id")]
    id: Text<'a>,
    #[serde(borrow)]
    price_increment: Option<Text<'a>>,
    #[serde(borrow)]
    quote_increment: Option<Text<'a>>,
    #[serde(borrow)]
    base_increment: Option<Text<'a>>,
}

/// Symbols and grids that an HTTP answer names: a product list or one product.
///
/// The price step is `price_increment`, or `quote_increment` where that is absent; the size step is
/// `base_increment`. Rows without a usable pair are left out, and so is any answer of another kind.
/// `-USDC` aliases are kept: they are the `-USD` book under the name that orders use.
#[must_use]
pub fn metadata(url: &str, body: &[u8]) -> Vec<(Box<str>, Grid)> {
    if !url.contains("/products") {
        return Vec::new();
    }
    let products = match serde_json::from_slice::<Products<'_>>(body) {
        Ok(answer) => answer.products,
        Err(_) => serde_json::from_slice(body).map_or_else(|_| Vec::new(), |one| vec![one]),
    };
    products.iter().filter_map(row).collect()
}

fn row(product: &Product<'_>) -> Option<(Box<str>, Grid)> {
    let step = |text: &Option<Text<'_>>| parse_step(&text.as_ref()?.0);
    let tick = step(&product.price_increment).or_else(|| step(&product.quote_increment))?;
    let lot = step(&product.base_increment)?;
    Some((product.id.0.as_ref().into(), Grid { tick, lot }))
}

#[cfg(test)]
mod tests {
    use engine_model::grid::Step;

    use super::*;

    const URL: &str = "https://api.coinbase.com/api/v3/brokerage/market/products";

    #[test]
    fn lists_single_products_and_what_is_neither() {
        let list = br#"{"products":[
            {"product_id":"BTC-USD","base_increment":"0.00000001","quote_increment":"0.01","price_increment":"0.05"},
            {"product_id":"ETH-USD","base_increment":"1e-8","quote_increment":"0.01"},
            {"product_id":"OLD-USD","base_increment":"0.001","quote_increment":"0.01","price_increment":""},
            {"product_id":"BAD-USD","base_increment":"0","quote_increment":"0.01"},
            {"product_id":"NONE-USD"}]}"#;
        let lot = Step::decimal(8);
        let expected: Vec<(Box<str>, Grid)> = vec![
            ("BTC-USD".into(), Grid { tick: Step { step: 5, places: 2 }, lot }),
            ("ETH-USD".into(), Grid { tick: Step::decimal(2), lot }),
            ("OLD-USD".into(), Grid { tick: Step::decimal(2), lot: Step::decimal(3) }),
        ];
        assert_eq!(metadata(URL, list), expected);
        let one =
            br#"{"product_id":"ETH-USD","base_increment":"0.00000001","quote_increment":"0.01"}"#;
        assert_eq!(metadata(&format!("{URL}/ETH-USD"), one), expected[1..2]);
        for (url, body) in [(URL, "<html>"), (URL, "{}"), (URL, "[]"), ("https://x/time", "{}")] {
            assert_eq!(metadata(url, body.as_bytes()), [], "{url} {body}");
        }
    }
}
