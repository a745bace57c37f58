//! An hour made of a recording of minutes: the same again and again, at later times and later slots,
//! and all of it so many times as fast.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

const SECOND_NS: u64 = 1_000_000_000;

/// The recordings of the shipped bundle's second part.
const FILES: [&str; 4] = ["coinbase", "gemini", "bitstamp", "solana"];

/// Where slots stand in a node's frames, which are strings within a line.
const SLOTS: [&str; 3] = ["slot\\\":", "parent\\\":", "root\\\":"];

/// A longer recording.
pub(crate) struct Looped {
    /// Its files.
    pub(crate) paths: Vec<PathBuf>,
    /// Frames of each file's venue in a second of the recording.
    pub(crate) rates: Vec<(&'static str, f64)>,
}

/// Writes as many rounds of the recording as make `recorded_s`, `speed` times as fast.
pub(crate) fn write(dir: &Path, recorded_s: u64, speed: u64) -> Looped {
    let bundle =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/bundle/derived")).to_owned();
    let mut texts = Vec::new();
    for name in FILES {
        let file = File::open(bundle.join(format!("{name}.jsonl.zst"))).expect("the bundle");
        let unpacked = zstd::stream::read::Decoder::new(file).expect("a packed file");
        let lines: Vec<String> =
            BufReader::new(unpacked).lines().map(|line| line.expect("text")).collect();
        texts.push((name, lines));
    }
    let times = |lines: &[String]| lines.iter().filter_map(|line| time(line)).collect::<Vec<_>>();
    let all: Vec<u64> = texts.iter().flat_map(|(_, lines)| times(lines)).collect();
    let first_ns = *all.iter().min().expect("lines with times");
    // Whole seconds, so that one round ends before the next begins.
    let span_ns = (all.iter().max().expect("lines") - first_ns).div_ceil(SECOND_NS) * SECOND_NS;
    let rounds = (recorded_s * SECOND_NS).div_ceil(span_ns);
    let mut looped = Looped { paths: Vec::new(), rates: Vec::new() };
    for (name, lines) in texts {
        let frames = lines.iter().filter(|line| line.contains("\"t\":\"recv\"")).count();
        #[expect(clippy::cast_precision_loss, reason = "counts of thousands, for a report")]
        looped.rates.push((name, frames as f64 / (span_ns / SECOND_NS) as f64));
        let slots: Vec<u64> = lines.iter().flat_map(|line| slots(line)).collect();
        let slot_span =
            slots.iter().max().zip(slots.iter().min()).map_or(0, |(max, min)| max - min + 1);
        let path = dir.join(format!("{name}.jsonl.zst"));
        let file = BufWriter::new(File::create(&path).expect("a temporary file"));
        let mut packed = zstd::stream::write::Encoder::new(file, 1).expect("an encoder");
        for round in 0..rounds {
            // From the second round on, what came before a whole book would fall on the end of the round
            // before: the books come first.
            let (early, rest): (Vec<&String>, Vec<&String>) =
                lines.iter().partition(|line| round > 0 && is_book(line));
            let early_count = early.len();
            for (at, line) in early.into_iter().chain(rest).enumerate() {
                let Some(at_ns) = time(line) else {
                    // The header stands once.
                    if round == 0 {
                        writeln!(packed, "{line}").expect("room on the disk");
                    }
                    continue;
                };
                let within_ns = if at < early_count { 0 } else { at_ns - first_ns };
                let since_ns = (within_ns + round * span_ns) / speed;
                let moved = with_time(line, first_ns + since_ns);
                let moved = if name == "solana" { later(&moved, round * slot_span) } else { moved };
                writeln!(packed, "{moved}").expect("room on the disk");
            }
        }
        packed.finish().expect("room on the disk").flush().expect("room on the disk");
        looped.paths.push(path);
    }
    looped
}

/// Whether a line is a whole book over HTTP.
fn is_book(line: &str) -> bool {
    line.contains("\"t\":\"http\"") && line.contains("/order_book/")
}

/// Where a line's receive time stands. The frame itself is a string, whose quotes are escaped.
fn time_at(line: &str) -> Option<(usize, usize)> {
    let from = line.find("\"ts\":")? + "\"ts\":".len();
    let rest = &line[from..];
    let skipped = rest.len() - rest.trim_start().len();
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let length = rest.bytes().skip(skipped).take_while(|byte| is_part(*byte)).count();
    Some((from + skipped, from + skipped + length))
}

/// Unit: nanoseconds; the recorder writes up to seven places.
fn time(line: &str) -> Option<u64> {
    let (from, to) = time_at(line)?;
    let (whole, part) = line[from..to].split_once('.').unwrap_or((&line[from..to], "0"));
    let part = format!("{part:0<9}");
    Some(whole.parse::<u64>().ok()? * SECOND_NS + part.get(..9)?.parse::<u64>().ok()?)
}

fn with_time(line: &str, at_ns: u64) -> String {
    let (from, to) = time_at(line).expect("a line with a time");
    format!("{}{}.{:09}{}", &line[..from], at_ns / SECOND_NS, at_ns % SECOND_NS, &line[to..])
}

/// Slots that a line names.
fn slots(line: &str) -> Vec<u64> {
    let digits = |rest: &str| rest.bytes().take_while(u8::is_ascii_digit).count();
    let found = line.match_indices(SLOTS[0]).filter_map(|(at, word)| {
        let rest = &line[at + word.len()..];
        rest[..digits(rest)].parse().ok()
    });
    found.collect()
}

/// The same line, `by` slots later.
fn later(line: &str, by: u64) -> String {
    let mut text = line.to_owned();
    for word in SLOTS {
        let mut moved = String::with_capacity(text.len() + 16);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(word) {
            let (before, after) = rest.split_at(at + word.len());
            moved.push_str(before);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            if let Ok(slot) = after[..digits].parse::<u64>() {
                moved.push_str(&(slot + by).to_string());
                rest = &after[digits..];
            } else {
                rest = after;
            }
        }
        moved.push_str(rest);
        text = moved;
    }
    text
}
