//! The recording that ships with the project: four minutes of the emulated market as recorder files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::market::{Frame, Kind, Market, Script, Stream, seconds_text};

/// Seed of the shipped recording.
pub const SEED: u64 = 0x5249_5054_4944_4501;

/// Its first moment: 2026-08-09 23:00:00 UTC. Unit: Unix nanoseconds.
pub const START_NS: u64 = 1_786_316_400_000_000_000;

/// Its length. Unit: nanoseconds.
pub const LENGTH_NS: u64 = 240_000_000_000;

/// Compression of the files. Only what is inside is compared, so a newer compressor may differ.
const ZSTD_LEVEL: i32 = 19;

/// Largest decompressed file that a comparison reads.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Files of the recorded part: name in the bundle, path below the shared data folder.
pub const RECORDED: [(&str, &str); 2] = [
    ("coinbase.jsonl.zst", "coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst"),
    ("gemini.jsonl.zst", "gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst"),
];

/// Why a bundle was not written, or differs.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A file is not what the generator writes.
    #[error("{} differs from what the generator writes, first at byte {offset}", path.display())]
    Differs {
        /// Which file.
        path: PathBuf,
        /// First difference in the decompressed bytes.
        offset: usize,
    },
}

/// One file of the derived part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Which venue.
    pub stream: Stream,
    /// Recorder lines, uncompressed.
    pub text: String,
    /// Lines in it.
    pub lines: usize,
}

impl File {
    /// Its name in the bundle: `coinbase.jsonl.zst`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.jsonl.zst", self.stream.name())
    }
}

/// The derived part, one file per venue, in the order of [`Stream::ALL`].
#[must_use]
pub fn derived() -> Vec<File> {
    let mut market = Market::new(SEED, START_NS, Script::SHIPPED);
    let mut files: Vec<File> = Stream::ALL
        .into_iter()
        .map(|stream| File { stream, text: header(stream), lines: 1 })
        .collect();
    for frame in market.advance(START_NS + LENGTH_NS) {
        let file = &mut files[frame.stream as usize];
        file.text.push_str(&line(&frame));
        file.lines += 1;
    }
    files
}

/// Writes the derived part below `bundle`, and the recorded part if the shared data is at hand.
/// Gives one line per file.
///
/// # Errors
///
/// [`BundleError::File`].
pub fn write(bundle: &Path, shared: Option<&Path>) -> Result<Vec<String>, BundleError> {
    let mut report = Vec::new();
    let folder = bundle.join("derived");
    fs::create_dir_all(&folder).map_err(error("create", &folder))?;
    for file in derived() {
        let path = folder.join(file.name());
        let packed = zstd::bulk::compress(file.text.as_bytes(), ZSTD_LEVEL)
            .map_err(error("compress", &path))?;
        fs::write(&path, &packed).map_err(error("write", &path))?;
        let (lines, bytes, packed) = (file.lines, file.text.len(), packed.len());
        report.push(format!("{}: {lines} lines, {bytes} bytes, {packed} packed", path.display()));
    }
    let folder = bundle.join("recorded");
    for (name, source) in shared.map_or(&[][..], |_| &RECORDED) {
        fs::create_dir_all(&folder).map_err(error("create", &folder))?;
        let source = shared.unwrap_or(bundle).join(source);
        let bytes = fs::read(&source).map_err(error("read", &source))?;
        let path = folder.join(name);
        fs::write(&path, &bytes).map_err(error("write", &path))?;
        report.push(format!("{}: {} bytes, copied", path.display(), bytes.len()));
    }
    Ok(report)
}

/// Compares what is in `bundle` with what [`write()`] would write: derived files decompressed,
/// recorded files as they are. Gives one line per file.
///
/// # Errors
///
/// [`BundleError::File`] for a file that is missing or broken, [`BundleError::Differs`].
pub fn check(bundle: &Path, shared: Option<&Path>) -> Result<Vec<String>, BundleError> {
    let mut report = Vec::new();
    for file in derived() {
        let path = bundle.join("derived").join(file.name());
        let packed = fs::read(&path).map_err(error("read", &path))?;
        let found =
            zstd::bulk::decompress(&packed, FILE_BYTES_MAX).map_err(error("decompress", &path))?;
        compare(&path, &found, file.text.as_bytes())?;
        report.push(format!("{}: {} lines, equal", path.display(), file.lines));
    }
    for (name, source) in shared.map_or(&[][..], |_| &RECORDED) {
        let source = shared.unwrap_or(bundle).join(source);
        let path = bundle.join("recorded").join(name);
        let wanted = fs::read(&source).map_err(error("read", &source))?;
        let found = fs::read(&path).map_err(error("read", &path))?;
        compare(&path, &found, &wanted)?;
        report.push(format!("{}: equal to its source", path.display()));
    }
    Ok(report)
}

fn compare(path: &Path, found: &[u8], wanted: &[u8]) -> Result<(), BundleError> {
    if found == wanted {
        return Ok(());
    }
    let same = found.iter().zip(wanted).take_while(|(found, wanted)| found == wanted).count();
    Err(BundleError::Differs { path: path.to_owned(), offset: same })
}

fn error<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> BundleError + use<'a> {
    move |source| BundleError::File { doing, path: path.to_owned(), source }
}

/// First line of a recorder file. The extra key says that nobody recorded this.
fn header(stream: Stream) -> String {
    let config = match stream {
        Stream::Coinbase | Stream::Gemini => r#"{"l2_book":["SOL-USD"],"trades":["SOL-USD"]}"#,
        Stream::Bitstamp => r#"{"l2_book":["SOL-USD","USDC-USD"],"trades":["SOL-USD","USDC-USD"]}"#,
        Stream::Solana => r#"{"pools":["HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"]}"#,
    };
    format!(
        "{{\"t\":\"header\",\"format\":2,\"exchange\":\"{}\",\"config\":{config},\
         \"candle_interval\":null,\"recorded\":{},\"synthetic\":\"connector-emulator, seed \
         {SEED:#x}\"}}\n",
        stream.name().to_uppercase(),
        seconds_text(START_NS)
    )
}

/// One recorder line. Gemini's recorder writes its keys in another order than the others.
fn line(frame: &Frame) -> String {
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let (tag, number) = match &frame.kind {
        Kind::Connect => ("connect", 2),
        Kind::Send => ("send", 2),
        Kind::Receive => ("recv", 2),
        Kind::Http { .. } => ("http", 1),
    };
    let class = if number == 1 { "http" } else { "ws" };
    let conn = format!("{}.{class}.{number}", frame.stream.name().to_uppercase());
    let ts = seconds_text(frame.recv_ns);
    let data = quote(&frame.text);
    let rest = match &frame.kind {
        Kind::Connect => format!("\"addr\":{data}"),
        Kind::Send | Kind::Receive => format!("\"data\":{data}"),
        Kind::Http { url, request: None } => format!("\"url\":{},\"data\":{data}", quote(url)),
        Kind::Http { url, request: Some(request) } => {
            format!("\"url\":{},\"request\":{},\"data\":{data}", quote(url), quote(request))
        }
    };
    match frame.stream {
        Stream::Gemini => format!("{{\"conn\":\"{conn}\",\"ts\":{ts},\"t\":\"{tag}\",{rest}}}\n"),
        Stream::Coinbase | Stream::Bitstamp | Stream::Solana => {
            format!("{{\"t\":\"{tag}\",\"conn\":\"{conn}\",\"ts\":{ts},{rest}}}\n")
        }
    }
}
