//! The account's fees by market, from `POST /api/v2/fees/trading/`.

use connector_net::books::{Refusal, frame_text};
use connector_net::decode::Stamp;
use connector_net::rates::{path_ends_with, taker_fee_ppm};
use connector_net::scan::{Bounded, Text};
use connector_net::{Markets, OddCounts, Sink};
use engine_model::{Body, ParamKey};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One hundredth is 10⁴ millionths.
const PERCENT_SHIFT: u8 = 4;

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    market: Text<'a>,
    /// Read for the table's markets only.
    #[serde(borrow)]
    fees: &'a RawValue,
}

#[derive(Deserialize)]
struct Fees<'a> {
    #[serde(borrow)]
    taker: Text<'a>,
}

/// Whether an answer from this address states the fees.
pub(crate) fn is_fees(url: &str) -> bool {
    path_ends_with(url, "/fees/trading")
}

/// Pushes the taker fee of each of the table's markets that the answer names, in parts per million,
/// rounded up. A row of no use is counted and takes no other row with it; rows of other markets are
/// no oddity, for the venue lists all it has.
#[cold]
pub(crate) fn publish(
    body: &[u8],
    markets: &Markets,
    stamp: Stamp,
    counts: &mut OddCounts,
    out: &mut Sink,
) {
    let rows = match rows(body) {
        Ok(rows) => rows,
        Err(refusal) => return counts.add(refusal.odd),
    };
    for row in rows {
        match read(row, markets) {
            Ok(Some((position, value))) => {
                let body = Body::Param { key: ParamKey::TakerFee, value };
                out.push(stamp, markets.get(position).id, body);
            }
            Ok(None) => {}
            Err(refusal) => counts.add(refusal.odd),
        }
    }
}

fn rows(body: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let rows: Bounded<&RawValue> =
        serde_json::from_str(frame_text(body)?).map_err(|error| Refusal::of_json(&error))?;
    if rows.over { Err(Refusal::TOO_LARGE) } else { Ok(rows.list) }
}

/// Position and fee of a row; `None` for a market that is not in the table.
fn read(row: &RawValue, markets: &Markets) -> Result<Option<(usize, u64)>, Refusal> {
    let row: Row<'_> = serde_json::from_str(row.get()).map_err(|error| Refusal::of_json(&error))?;
    // As channels spell it.
    let symbol = row.market.0.to_ascii_lowercase();
    let Some(position) = markets.find(symbol.as_bytes()) else { return Ok(None) };
    let fees: Fees<'_> =
        serde_json::from_str(row.fees.get()).map_err(|error| Refusal::of_json(&error))?;
    let ppm = taker_fee_ppm(fees.taker.bytes(), PERCENT_SHIFT).map_err(Refusal::of_value)?;
    Ok(Some((position, ppm)))
}

#[cfg(test)]
mod tests {
    use connector_net::{Decoder as _, Input, Market, Odd};
    use engine_model::{Flags, Grid, MarketId};

    use super::*;
    use crate::BitstampDecoder;

    const URL: &str = "https://www.bitstamp.net/api/v2/fees/trading/";

    /// Market and fee of each event, and what was odd.
    type Said = (Vec<(u16, u64)>, Vec<(Odd, u64)>);

    fn fees(url: &str, body: &[u8]) -> Said {
        let market = |symbol: &str, id| Market {
            symbol: symbol.into(),
            id: MarketId(id),
            grid: Grid::DEFAULT,
        };
        let markets = Markets::closed(vec![market("btcusd", 4), market("ethusd", 9)]);
        let (mut decoder, mut out) = (BitstampDecoder::new(markets), Sink::default());
        decoder.decode(7, 33, Input::Http { url, request: b"", body }, &mut out);
        assert_eq!(out.open_len(), 0);
        assert!(out.iter().all(|(line, _)| line == 33) && out.batches.len() <= 1);
        assert!(out.events.last().is_none_or(|last| last.flags.has(Flags::END_OF_BATCH)));
        let said = out.events.iter().map(|event| {
            let Body::Param { key: ParamKey::TakerFee, value } = event.body else {
                panic!("not a fee: {event:?}");
            };
            (event.market.0, value)
        });
        (said.collect(), decoder.counts().seen().collect())
    }

    #[test]
    fn a_list_is_the_fee_of_each_market_it_names() {
        let documented = r#"[{"currency_pair":"btcusd","market":"btcusd","fees":{"maker":"0.300","taker":"0.400"}},
            {"currency_pair":"xrpusd","market":"xrpusd","fees":{"maker":"0.1","taker":"nothing"}},
            {"currency_pair":"ethusd","market":"ethusd","fees":{"maker":"0.100","taker":"0.2"}}]"#;
        let turned = r#"[{"fees":{"taker":"0.400","maker":"0.300"},"market":"BTCUSD"},
            {"fees":{"taker":"0.2"},"x":1,"market":"ethusd"}]"#;
        for body in [documented, turned] {
            assert_eq!(fees(URL, body.as_bytes()), (vec![(4, 4_000), (9, 2_000)], vec![]));
            assert_eq!(fees("https://x/api/v2/markets/", body.as_bytes()), (vec![], vec![]));
        }
        let rows: &[(&str, Result<u64, Odd>)] = &[
            (r#"{"taker":"0.000"}"#, Ok(0)),
            (r#"{"taker":"0.00001"}"#, Ok(1)),
            (r#"{"taker":"0.12345"}"#, Ok(1_235)),
            (r#"{"taker":"99.9999"}"#, Ok(999_999)),
            (r#"{"taker":"100"}"#, Err(Odd::OutOfRange)),
            (r#"{"taker":"-0.1"}"#, Err(Odd::OutOfRange)),
            (r#"{"taker":"0.4%"}"#, Err(Odd::BadShape)),
            (r#"{"taker":0.4}"#, Err(Odd::BadShape)),
            (r#"{"maker":"0.4"}"#, Err(Odd::BadShape)),
            ("null", Err(Odd::BadShape)),
        ];
        for (text, expected) in rows {
            // The other row counts whatever this one says.
            let body = format!(
                r#"[{{"market":"btcusd","fees":{text}}},{{"market":"ethusd","fees":{{"taker":"1"}}}}]"#
            );
            let expected = match *expected {
                Ok(ppm) => (vec![(4, ppm), (9, 10_000)], vec![]),
                Err(odd) => (vec![(9, 10_000)], vec![(odd, 1)]),
            };
            assert_eq!(fees(URL, body.as_bytes()), expected, "{text}");
        }
        let rows: &[(&[u8], Odd)] = &[
            (br#"{"status":"error","reason":"Missing key","code":"API0001"}"#, Odd::BadShape),
            (br#"[{"fees":{"taker":"1"}}]"#, Odd::BadShape),
            (b"[7]", Odd::BadShape),
            (br#"[{"market":"btcusd","fees":{"taker":"1"}}"#, Odd::BadJson),
            (b"<html>", Odd::BadJson),
            (b"\xff", Odd::BadUtf8),
        ];
        for (body, odd) in rows {
            assert_eq!(fees(URL, body), (vec![], vec![(*odd, 1)]), "{odd:?}");
        }
        assert_eq!(fees(URL, b"[]"), (vec![], vec![]));
    }
}
