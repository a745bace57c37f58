//! Tick and lot of symbols, from the venue's HTTP answers.

use connector_net::decimal::parse_step;
use connector_net::scan::Text;
use engine_model::Grid;
use engine_model::grid::Step;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    tick_size: &'a RawValue,
    #[serde(borrow)]
    quote_increment: &'a RawValue,
}

/// Symbol and grid that a symbol-details answer (or a list of them) names.
///
/// The venue's names mislead: `tick_size` is the step of the *quantity* and `quote_increment` that
/// of the *price*. Both are JSON numbers, written with an exponent at times; they are read from
/// their text. The symbol is spelled as in frames: upper case. Any other answer gives nothing.
#[must_use]
pub fn metadata(url: &str, body: &[u8]) -> Vec<(Box<str>, Grid)> {
    if !url.contains("/symbols/details") {
        return Vec::new();
    }
    let list: Vec<Details<'_>> = match serde_json::from_slice(body) {
        Ok(one) => vec![one],
        Err(_) => serde_json::from_slice(body).unwrap_or_default(),
    };
    list.iter().filter_map(row).collect()
}

fn row(details: &Details<'_>) -> Option<(Box<str>, Grid)> {
    let tick = step(details.quote_increment)?;
    let lot = step(details.tick_size)?;
    Some((details.symbol.0.to_ascii_uppercase().into(), Grid { tick, lot }))
}

/// From the number's text, quoted or not.
fn step(raw: &RawValue) -> Option<Step> {
    parse_step(raw.get().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_and_what_is_not() {
        const URL: &str = "https://api.gemini.com/v1/symbols/details/btcusd";
        type Row = (&'static str, Option<(&'static str, Step, Step)>);
        let rows: &[Row] = &[
            (
                r#"{"symbol":"BTCUSD","tick_size":1e-08,"quote_increment":0.01}"#,
                Some(("BTCUSD", Step::decimal(2), Step::decimal(8))),
            ),
            (
                r#"{"symbol":"btcusd","tick_size":1E-8,"quote_increment":"0.01"}"#,
                Some(("BTCUSD", Step::decimal(2), Step::decimal(8))),
            ),
            (
                r#"{"quote_increment":0.005,"symbol":"SOLUSDCPERP","tick_size":0.1,"x":[1]}"#,
                Some(("SOLUSDCPERP", Step { step: 5, places: 3 }, Step::decimal(1))),
            ),
            (r#"{"symbol":"BTCUSD","tick_size":0,"quote_increment":0.01}"#, None),
            (r#"{"symbol":"BTCUSD","tick_size":1e-08}"#, None),
            (r#"{"result":"error","reason":"InvalidSymbol"}"#, None),
            (r#"["btcusd"]"#, None),
            ("<html>", None),
        ];
        for (body, expected) in rows {
            let expected: Vec<(Box<str>, Grid)> = expected
                .iter()
                .map(|(symbol, tick, lot)| (Box::from(*symbol), Grid { tick: *tick, lot: *lot }))
                .collect();
            assert_eq!(metadata(URL, body.as_bytes()), expected, "{body}");
        }
        assert_eq!(metadata("https://api.gemini.com/v1/symbols", rows[0].0.as_bytes()), []);
    }
}
