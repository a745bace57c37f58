//! The account's fee tier, from `GET /api/v3/brokerage/transaction_summary`.

use connector_net::books::{Refusal, frame_text};
use connector_net::rates::{path_ends_with, taker_fee_ppm};
use connector_net::scan::Text;
use serde::Deserialize;

/// The rate is a fraction, in millionths 10⁶ times as large.
const FRACTION_SHIFT: u8 = 6;

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow)]
    fee_tier: FeeTier<'a>,
}

#[derive(Deserialize)]
struct FeeTier<'a> {
    #[serde(borrow)]
    taker_fee_rate: Text<'a>,
}

/// Whether an answer from this address states the fee tier.
pub(crate) fn is_fees(url: &str) -> bool {
    path_ends_with(url, "/transaction_summary")
}

/// Taker fee of every product, in parts per million, rounded up.
#[cold]
pub(crate) fn read(body: &[u8]) -> Result<u64, Refusal> {
    let summary: Summary<'_> =
        serde_json::from_str(frame_text(body)?).map_err(|error| Refusal::of_json(&error))?;
    let rate = summary.fee_tier.taker_fee_rate;
    taker_fee_ppm(rate.bytes(), FRACTION_SHIFT).map_err(Refusal::of_value)
}

#[cfg(test)]
mod tests {
    use connector_net::{Decoder as _, Input, Market, Markets, Odd, Sink};
    use engine_model::{Body, Flags, Grid, MarketId, ParamKey};

    use crate::CoinbaseDecoder;

    const URL: &str =
        "https://api.coinbase.com/api/v3/brokerage/transaction_summary?product_type=SPOT";

    /// Market and fee of each event, and what was odd.
    type Said = (Vec<(u16, u64)>, Vec<(Odd, u64)>);

    fn fees(url: &str, body: &[u8]) -> Said {
        let market = |symbol: &str, id| Market {
            symbol: symbol.into(),
            id: MarketId(id),
            grid: Grid::DEFAULT,
        };
        let markets = Markets::closed(vec![market("BTC-USD", 4), market("ETH-USD", 9)]);
        let (mut decoder, mut out) = (CoinbaseDecoder::new(markets), Sink::default());
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
    fn a_summary_is_the_fee_of_every_market() {
        let documented = r#"{"total_volume":12500.5,"total_fees":61.2,"fee_tier":{"pricing_tier":"Advanced 1","usd_from":"10000","usd_to":"50000","taker_fee_rate":"0.0050","maker_fee_rate":"0.0025","aop_from":"","aop_to":""},"margin_rate":null,"has_promo_fee":false}"#;
        let turned = r#"{"has_promo_fee":false,"fee_tier":{"maker_fee_rate":"0.0025","taker_fee_rate":"0.0050"},"total_fees":61.2}"#;
        for body in [documented, turned] {
            assert_eq!(fees(URL, body.as_bytes()), (vec![(4, 5_000), (9, 5_000)], vec![]));
            assert_eq!(fees("https://x/products", body.as_bytes()), (vec![], vec![]));
        }
        let rows: &[(&str, Result<u64, Odd>)] = &[
            (r#""0""#, Ok(0)),
            (r#""0.0000001""#, Ok(1)),
            (r#""0.00123456789""#, Ok(1_235)),
            (r#""0.999999""#, Ok(999_999)),
            (r#""1""#, Err(Odd::OutOfRange)),
            (r#""-0.001""#, Err(Odd::OutOfRange)),
            (r#""""#, Err(Odd::BadShape)),
            (r#""0.5%""#, Err(Odd::BadShape)),
            ("0.005", Err(Odd::BadShape)),
            ("null", Err(Odd::BadShape)),
            ("\"0.005", Err(Odd::BadJson)),
        ];
        for (rate, expected) in rows {
            let body = format!(r#"{{"fee_tier":{{"taker_fee_rate":{rate}}}}}"#);
            let expected = match *expected {
                Ok(ppm) => (vec![(4, ppm), (9, ppm)], vec![]),
                Err(odd) => (vec![], vec![(odd, 1)]),
            };
            assert_eq!(fees(URL, body.as_bytes()), expected, "{rate}");
        }
        let rows: &[(&[u8], Odd)] = &[
            (b"{}", Odd::BadShape),
            (b"[]", Odd::BadShape),
            (br#"{"fee_tier":{"maker_fee_rate":"0.0025"}}"#, Odd::BadShape),
            (b"<html>", Odd::BadJson),
            (b"", Odd::BadJson),
            (b"\xff", Odd::BadUtf8),
        ];
        for (body, odd) in rows {
            assert_eq!(fees(URL, body), (vec![], vec![(*odd, 1)]), "{odd:?}");
        }
    }
}
