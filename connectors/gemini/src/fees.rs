//! The account's fee tier, from `POST /v1/notionalvolume`.

use connector_net::books::{Refusal, frame_text};
use connector_net::rates::{path_ends_with, taker_fee_ppm};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One basis point is 10² millionths.
const BPS_SHIFT: u8 = 2;

#[derive(Deserialize)]
struct Volume<'a> {
    /// A JSON number, read from its text.
    #[serde(borrow)]
    api_taker_fee_bps: &'a RawValue,
}

/// Whether an answer from this address states the fee tier.
pub(crate) fn is_fees(url: &str) -> bool {
    path_ends_with(url, "/v1/notionalvolume")
}

/// Taker fee of every symbol for orders by API, in parts per million, rounded up.
#[cold]
pub(crate) fn read(body: &[u8]) -> Result<u64, Refusal> {
    let volume: Volume<'_> =
        serde_json::from_str(frame_text(body)?).map_err(|error| Refusal::of_json(&error))?;
    taker_fee_ppm(volume.api_taker_fee_bps.get().as_bytes(), BPS_SHIFT).map_err(Refusal::of_value)
}

#[cfg(test)]
mod tests {
    use connector_net::{Decoder as _, Input, Market, Markets, Odd, Sink};
    use engine_model::{Body, Flags, Grid, MarketId, ParamKey};

    use crate::GeminiDecoder;

    const URL: &str = "https://api.gemini.com/v1/notionalvolume";

    /// Market and fee of each event, and what was odd.
    type Said = (Vec<(u16, u64)>, Vec<(Odd, u64)>);

    fn fees(url: &str, body: &[u8]) -> Said {
        let market = |symbol: &str, id| Market {
            symbol: symbol.into(),
            id: MarketId(id),
            grid: Grid::DEFAULT,
        };
        let markets = Markets::closed(vec![market("BTCUSD", 4), market("ETHUSD", 9)]);
        let (mut decoder, mut out) = (GeminiDecoder::new(markets), Sink::default());
        decoder.decode(7, 33, Input::Http { url, request: b"{}", body }, &mut out);
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
    fn a_volume_answer_is_the_fee_of_every_market() {
        let documented = r#"{"api_maker_fee_bps":20,"api_taker_fee_bps":40,"web_maker_fee_bps":20,"web_taker_fee_bps":41,"notional_30d_volume":0.0,"fee_tier":{},"date":"2026-01-01","last_updated_ms":1767225600000}"#;
        let turned = r#"{"web_taker_fee_bps":41,"api_taker_fee_bps":40,"api_maker_fee_bps":20}"#;
        for body in [documented, turned] {
            assert_eq!(fees(URL, body.as_bytes()), (vec![(4, 4_000), (9, 4_000)], vec![]));
            assert_eq!(fees("https://x/v1/symbols", body.as_bytes()), (vec![], vec![]));
        }
        let rows: &[(&str, Result<u64, Odd>)] = &[
            ("0", Ok(0)),
            ("3", Ok(300)),
            ("9999", Ok(999_900)),
            ("2.501", Ok(251)),
            ("10000", Err(Odd::OutOfRange)),
            ("18446744073709551616", Err(Odd::OutOfRange)),
            ("-5", Err(Odd::OutOfRange)),
            ("\"40\"", Err(Odd::BadShape)),
            ("null", Err(Odd::BadShape)),
            ("[40]", Err(Odd::BadShape)),
            ("+4", Err(Odd::BadJson)),
        ];
        for (bps, expected) in rows {
            let body = format!(r#"{{"api_taker_fee_bps":{bps}}}"#);
            let expected = match *expected {
                Ok(ppm) => (vec![(4, ppm), (9, ppm)], vec![]),
                Err(odd) => (vec![], vec![(odd, 1)]),
            };
            assert_eq!(fees(URL, body.as_bytes()), expected, "{bps}");
        }
        let rows: &[(&[u8], Odd)] = &[
            (br#"{"result":"error","reason":"InvalidSignature"}"#, Odd::BadShape),
            (br#"{"web_taker_fee_bps":41}"#, Odd::BadShape),
            (b"[]", Odd::BadShape),
            (b"<html>", Odd::BadJson),
            (b"\xff", Odd::BadUtf8),
        ];
        for (body, odd) in rows {
            assert_eq!(fees(URL, body), (vec![], vec![(*odd, 1)]), "{odd:?}");
        }
    }
}
