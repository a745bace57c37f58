//! The tip floor of the block engine: what tips of bundles that landed were.

use std::fmt::Write as _;

use crate::chain::Ledger;

/// Address of the answer.
pub(super) const PATH: &str = "/api/v1/bundles/tip_floor";

/// Each percentile as a share of the median. Unit: per 1,000.
const PERCENTILES: [(&str, u64); 5] = [
    ("landed_tips_25th_percentile", 350),
    ("landed_tips_50th_percentile", 1_000),
    ("landed_tips_75th_percentile", 3_400),
    ("landed_tips_95th_percentile", 120_000),
    ("landed_tips_99th_percentile", 900_000),
];

/// The answer at a time (Unix nanoseconds), amounts in SOL.
pub(super) fn floor(ledger: &Ledger, now_ns: u64) -> String {
    let median = ledger.tip_lamports();
    let mut text = format!("[{{\"time\":\"{}\"", time_text(now_ns / 1_000_000_000));
    for (name, share) in PERCENTILES {
        // Lamports are 10⁻⁹ SOL; numbers come with an exponent, as small ones do there.
        let _ = write!(text, ",\"{name}\":{}e-9", (median * share / 1_000).max(1));
    }
    let _ = write!(text, ",\"ema_landed_tips_50th_percentile\":{}e-9}}]", median.max(1));
    text
}

/// A time as `2026-08-09T23:00:00Z`, from Unix seconds.
fn time_text(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    // Eras of 400 years that begin on the first of March of year 0.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::kit::{START_NS, ledger, spec};

    #[test]
    fn times_are_those_of_the_calendar() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_786_316_400, "2026-08-09T23:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(time_text(unix_s), text);
        }
    }

    #[test]
    fn percentiles_rise() {
        let text = floor(&ledger(&spec()), START_NS);
        let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let numbers: Vec<u64> = PERCENTILES
            .iter()
            .map(|(name, _)| {
                let lamports = list[0][name].to_string();
                lamports.chars().filter(char::is_ascii_digit).count() as u64
            })
            .collect();
        assert!(numbers.iter().all(|digits| *digits > 0));
        assert!(text.contains("\"landed_tips_75th_percentile\":"));
        assert_eq!(list.as_array().map(Vec::len), Some(1));
    }
}
