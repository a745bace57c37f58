//! Recorded-swap files: the report adds up and does not depend on what carries the lines.

use connector_solana::swaps::{MISMATCHES_NAMED_MAX, SwapsReport, replay};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// As in `recorder`: time would go into unpacking zeros. Unit: bytes.
const PACKED_BYTES_MAX: usize = 256;

/// Checks one file.
pub fn check(data: &[u8]) {
    if data.starts_with(&ZSTD_MAGIC) {
        if data.len() <= PACKED_BYTES_MAX {
            let _ = replay("f", data);
        }
        return;
    }
    let lines = data.split(|byte| *byte == b'\n').count();
    let report = match replay("f", data) {
        Ok(report) => report,
        Err(error) => {
            let text = error.to_string();
            let place = text.strip_prefix("f: line ").and_then(|rest| rest.split(':').next());
            match place.map(str::parse::<usize>) {
                Some(line) => assert!(line.is_ok_and(|line| (1..=lines).contains(&line)), "{text}"),
                None => assert!(text.starts_with("f: empty"), "{text}"),
            }
            return;
        }
    };
    assert_report(&report, data);
    // Blank lines and spaces around lines mean nothing but line numbers.
    let mut spread = Vec::with_capacity(data.len() * 2);
    for line in data.split(|byte| *byte == b'\n') {
        spread.extend_from_slice(b"\r\n  ");
        spread.extend_from_slice(line);
        spread.extend_from_slice(b" \n");
    }
    let again = replay("f", &spread);
    let Ok(again) = again else { panic!("refused with blank lines between") };
    assert_eq!(numbers(&again), numbers(&report));
    assert_eq!(again.final_difference, report.final_difference);
    if data.len() % 8 == 1 {
        let packed = zstd::bulk::compress(data, 1).unwrap_or_default();
        assert_eq!(replay("f", &packed).ok(), Some(report));
    }
}

const fn numbers(report: &SwapsReport) -> (u64, u64, u64, u64, bool) {
    let SwapsReport { events, swaps, liquidity_changes, mismatches, final_state_equal, .. } =
        report;
    (*events, *swaps, *liquidity_changes, *mismatches, *final_state_equal)
}

fn assert_report(report: &SwapsReport, data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let filled = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count() as u64;
    assert_eq!(report.events + 1, filled, "every line but the header is an event");
    assert_eq!(report.swaps + report.liquidity_changes, report.events);
    assert!(report.mismatches <= report.events);
    let named = usize::try_from(report.mismatches).unwrap_or(usize::MAX);
    assert_eq!(report.named.len(), named.min(MISMATCHES_NAMED_MAX));
    assert_eq!(report.final_state_equal, report.final_difference.is_empty());
    assert_eq!(report.agrees(), report.mismatches == 0 && report.final_state_equal);
    let mut before = 1;
    for mismatch in &report.named {
        assert!(mismatch.line > before && mismatch.line <= lines.len(), "{mismatch}");
        assert!(!mismatch.difference.is_empty());
        before = mismatch.line;
    }
}
