//! Recordings: what was read stays read, and does not depend on the container.

use std::fmt::Write as _;

use connector_net::capture::{Capture, CaptureError, Kind, Record};

/// Longest input that is tried as a compressed stream: a longer one could hold 100 MB of zeros, and
/// time would go into unpacking them. Unit: bytes.
const PACKED_BYTES_MAX: usize = 256;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Checks one recording.
pub fn check(data: &[u8]) {
    if data.starts_with(&ZSTD_MAGIC) && data.len() > PACKED_BYTES_MAX {
        return;
    }
    let whole = match Capture::from_bytes("f", data) {
        Ok(capture) => capture,
        Err(error) => return assert_error(&error, data.len().max(1 << 20)),
    };
    let read = read(&whole);
    let is_plain = !data.starts_with(&ZSTD_MAGIC);
    if is_plain {
        check_cut(data, &read);
    }
    check_rewritten(&whole, &read);
    // Packing takes longer than all the rest.
    if is_plain && data.len() % 8 == 1 {
        let packed = zstd::bulk::compress(data, 1).unwrap_or_default();
        let unpacked = Capture::from_bytes("f", &packed);
        let Ok(unpacked) = unpacked else { panic!("packed, the recording cannot be opened") };
        assert_eq!(unpacked.format(), whole.format());
        assert_eq!(unpacked.text_bytes(), whole.text_bytes());
        let again = self::read(&unpacked);
        assert_eq!((&again.records, &again.names), (&read.records, &read.names));
        assert_eq!(again.failed, read.failed);
    }
    let _ = whole.venue();
}

/// What a recording holds.
struct Read<'a> {
    records: Vec<Record<'a>>,
    names: Vec<String>,
    /// The error that ended it.
    failed: Option<String>,
}

fn read(capture: &Capture) -> Read<'_> {
    let mut records: Vec<Record<'_>> = Vec::new();
    let mut iterator = capture.records();
    let mut failed = None;
    let mut offset = 0;
    while let Some(record) = iterator.next() {
        assert!(
            iterator.offset_bytes() > offset && iterator.offset_bytes() <= capture.text_bytes()
        );
        offset = iterator.offset_bytes();
        match record {
            Ok(record) => {
                let before = records.last().map_or(0, |record| record.line);
                assert!(record.line > before, "lines must rise: {before}, {}", record.line);
                assert!((record.conn as usize) < iterator.connections().len());
                if matches!(record.kind, Kind::Connected { .. }) {
                    assert!(record.data.is_empty());
                }
                records.push(record);
            }
            Err(error) => {
                assert_error(&error, capture.text_bytes());
                let Some(at) = error.at else { panic!("a bad line without its place") };
                assert!(at.line > records.last().map_or(0, |record| record.line));
                failed = Some(error.to_string());
                assert!(iterator.next().is_none(), "records behind an error");
                break;
            }
        }
    }
    let names = iterator.connections().iter().map(ToString::to_string).collect();
    Read { records, names, failed }
}

fn assert_error(error: &CaptureError, bytes_max: usize) {
    let text = error.to_string();
    assert!(text.starts_with("f:"), "an error does not name its file: {text}");
    if let Some(at) = error.at {
        assert!(at.line >= 1 && at.bytes <= bytes_max, "{text}");
    }
}

/// A cut file gives what the whole one gave up to the cut; only the last record may be another,
/// where the line before the cut is one by itself.
fn check_cut(data: &[u8], whole: &Read<'_>) {
    // Any place will do, as long as it depends on the input alone.
    let sum = data.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
    let at = sum % (data.len() + 1);
    let Ok(cut) = Capture::from_bytes("f", &data[..at]) else { return };
    let cut = read(&cut);
    let sure = cut.records.len().saturating_sub(1);
    assert!(sure <= whole.records.len());
    assert_eq!(cut.records[..sure], whole.records[..sure], "cut at {at}");
}

/// Written again as v2, the same records come back.
fn check_rewritten(capture: &Capture, read: &Read<'_>) {
    if read.records.is_empty() {
        return;
    }
    let mut text = String::with_capacity(capture.text_bytes() * 2);
    text.push_str("{\"t\":\"header\",\"format\":2}\n");
    for record in &read.records {
        write_line(&mut text, record, &read.names[record.conn as usize]);
    }
    let Ok(again) = Capture::from_bytes("f", text.as_bytes()) else { panic!("rewritten: {text}") };
    let again = self::read(&again);
    assert_eq!(again.failed, None, "{text}");
    assert_eq!(again.records.len(), read.records.len());
    for (line, (again_record, record)) in (2..).zip(again.records.iter().zip(&read.records)) {
        assert_eq!(again_record.line, line);
        assert_eq!(again_record.recv_ns, record.recv_ns);
        assert_eq!((&again_record.kind, &again_record.data), (&record.kind, &record.data));
        let name = &again.names[again_record.conn as usize];
        assert_eq!(name, &read.names[record.conn as usize]);
    }
}

fn write_line(text: &mut String, record: &Record<'_>, name: &str) {
    let json = |value: &str| serde_json::Value::from(value).to_string();
    let (seconds, rest) = (record.recv_ns / 1_000_000_000, record.recv_ns % 1_000_000_000);
    let kind = match &record.kind {
        Kind::Connected { addr } => format!("\"t\":\"connect\",\"addr\":{}", json(addr)),
        Kind::Closed => "\"t\":\"close\"".to_owned(),
        Kind::Sent => "\"t\":\"send\"".to_owned(),
        Kind::Received => "\"t\":\"recv\"".to_owned(),
        Kind::Http { url, request } => {
            format!("\"t\":\"http\",\"url\":{},\"request\":{}", json(url), json(request))
        }
    };
    let (name, data) = (json(name), json(&record.data));
    let written =
        writeln!(text, "{{{kind},\"ts\":{seconds}.{rest:09},\"conn\":{name},\"data\":{data}}}");
    assert!(written.is_ok(), "a string takes everything");
}
