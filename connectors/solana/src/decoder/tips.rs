//! The level of tips, from the block engine's `GET /api/v1/bundles/tip_floor`.

use connector_net::books::{Refusal, frame_text};
use connector_net::rates::{path_ends_with, scaled_up};
use connector_net::scan::Bounded;
use connector_net::{OddCounts, Sink};
use engine_model::units::LAMPORTS_PER_SOL;
use engine_model::{Body, Event, ParamKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pools::Arrival;

/// One SOL is 10⁹ lamports.
const SOL_SHIFT: u8 = 9;
const _: () = assert!(10_u64.pow(SOL_SHIFT as u32) == LAMPORTS_PER_SOL);

/// What tips of bundles that landed were, by percentile. Unit: SOL.
#[derive(Deserialize)]
struct TipFloor<'a> {
    /// A JSON number, at times with an exponent; read from its text. The median would lose to half
    /// of what landed; the same percentile stands for the level of the priority fee.
    #[serde(borrow)]
    landed_tips_75th_percentile: &'a RawValue,
}

/// Whether an answer from this address states the level of tips.
pub(super) fn is_tip_floor(url: &str) -> bool {
    path_ends_with(url, "/tip_floor")
}

/// Publishes the 75th percentile in lamports, rounded up. An answer of no use is counted and changes
/// nothing: the level grows old until one can be read.
pub(super) fn publish(body: &[u8], arrival: Arrival, counts: &mut OddCounts, out: &mut Sink) {
    match read(body) {
        Ok(value) => {
            let body = Body::Param { key: ParamKey::Tip, value };
            out.push(arrival.stamp(0), Event::NO_MARKET, body);
            out.close(arrival.line);
        }
        Err(refusal) => counts.add(refusal.odd),
    }
}

/// A list of exactly one object.
fn read(body: &[u8]) -> Result<u64, Refusal> {
    let floors: Bounded<TipFloor<'_>> =
        serde_json::from_str(frame_text(body)?).map_err(|error| Refusal::of_json(&error))?;
    let [floor] = &*floors.list else { return Err(Refusal::BAD_SHAPE) };
    let text = floor.landed_tips_75th_percentile.get();
    scaled_up(text.as_bytes(), SOL_SHIFT).map_err(Refusal::of_value)
}

#[cfg(test)]
mod tests {
    use connector_net::{Decoder as _, Input, Markets, Odd};
    use engine_model::Flags;

    use super::*;
    use crate::SolanaDecoder;

    const URL: &str = "https://bundles.jito.wtf/api/v1/bundles/tip_floor";

    /// The level published, or what was odd.
    fn tip(url: &str, body: &[u8]) -> Result<u64, Odd> {
        let mut decoder = SolanaDecoder::new(Markets::closed(vec![]), vec![], 800);
        let mut out = Sink::default();
        decoder.decode(7, 33, Input::Http { url, request: b"", body }, &mut out);
        let odd: Vec<_> = decoder.counts().seen().collect();
        let batches: Vec<_> = out.iter().collect();
        match (&*batches, &*odd) {
            ([(33, [event])], []) => {
                assert_eq!((event.recv_ns, event.market), (7, Event::NO_MARKET));
                assert!(event.flags.has(Flags::END_OF_BATCH));
                let Body::Param { key: ParamKey::Tip, value } = event.body else {
                    panic!("not a tip: {event:?}");
                };
                Ok(value)
            }
            ([], [(odd, 1)]) => Err(*odd),
            other => panic!("neither one tip nor one oddity: {other:?}"),
        }
    }

    #[test]
    fn the_floor_is_read_exactly_and_rounded_up() {
        let typical = br#"[{"time":"2025-04-24T13:47:32+00:00","landed_tips_25th_percentile":5e-06,
            "landed_tips_50th_percentile":1e-05,"landed_tips_75th_percentile":0.001,
            "landed_tips_95th_percentile":0.00533476325,"ema_landed_tips_50th_percentile":0.01}]"#;
        let turned =
            br#" [ {"landed_tips_75th_percentile" : 1.0e-3 , "landed_tips_50th_percentile":1} ] "#;
        assert_eq!(tip(URL, typical), Ok(1_000_000));
        assert_eq!(tip(URL, turned), Ok(1_000_000));
        assert_eq!(tip(&format!("{URL}/?x=1"), turned), Ok(1_000_000));
        assert_eq!(tip("https://node", turned), Err(Odd::BadShape), "no request of ours");
        let rows: &[(&str, Result<u64, Odd>)] = &[
            ("0", Ok(0)),
            ("0.0", Ok(0)),
            ("1", Ok(1_000_000_000)),
            ("5.0000000000000004e-06", Ok(5_001)),
            ("9.952174575705424E-6", Ok(9_953)),
            ("1e-30", Ok(1)),
            ("18446744073.709551615", Ok(u64::MAX)),
            ("18446744073.7095516151", Err(Odd::OutOfRange)),
            ("1e400", Err(Odd::OutOfRange)),
            ("-0.001", Err(Odd::OutOfRange)),
            ("\"0.001\"", Err(Odd::BadShape)),
            ("null", Err(Odd::BadShape)),
            ("{}", Err(Odd::BadShape)),
            ("1e", Err(Odd::BadJson)),
        ];
        for (number, expected) in rows {
            let body = format!(r#"[{{"landed_tips_75th_percentile":{number}}}]"#);
            assert_eq!(tip(URL, body.as_bytes()), *expected, "{number}");
        }
        let rows: &[(&[u8], Odd)] = &[
            (b"[]", Odd::BadShape),
            (b"{}", Odd::BadShape),
            (br#"[{"landed_tips_50th_percentile":0.001}]"#, Odd::BadShape),
            (
                br#"[{"landed_tips_75th_percentile":1},{"landed_tips_75th_percentile":2}]"#,
                Odd::BadShape,
            ),
            (b"<html>", Odd::BadJson),
            (b"\xff", Odd::BadUtf8),
        ];
        for (body, odd) in rows {
            assert_eq!(tip(URL, body), Err(*odd), "{odd:?}");
        }
    }
}
