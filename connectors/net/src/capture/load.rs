//! Bytes of a recording to text: size bounds, zstd, UTF-8.

use std::io::Read;

use super::{CaptureError, CaptureFault};

/// Largest recording, decompressed. Unit: bytes. An hour of one busy venue is about 200 MiB.
pub const CAPTURE_BYTES_MAX: usize = 1 << 30;
/// Longest line. Unit: bytes. Snapshots of 46,000 levels have 5.1 MB of text, more when escaped.
pub const LINE_BYTES_MAX: usize = 64 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// One read at a time. Unit: bytes.
const CHUNK_BYTES: usize = 1 << 20;

// The bound plus one chunk stays addressable on every target.
const _: () = assert!(CAPTURE_BYTES_MAX + CHUNK_BYTES < i32::MAX as usize);
const _: () = assert!(LINE_BYTES_MAX < CAPTURE_BYTES_MAX);

/// Reads, decompresses where the magic number says so, and checks that it is text.
pub(super) fn load(name: &str, mut reader: impl Read) -> Result<String, CaptureError> {
    let mut magic = Vec::with_capacity(4);
    reader
        .by_ref()
        .take(4)
        .read_to_end(&mut magic)
        .map_err(|source| CaptureError::whole(name, CaptureFault::Read { source }))?;
    let bytes = if magic == ZSTD_MAGIC {
        let stream = magic.as_slice().chain(reader);
        let decoder = zstd::stream::read::Decoder::new(stream)
            .map_err(|source| CaptureError::whole(name, CaptureFault::Zstd { source }))?;
        read_bounded(name, decoder, |source| CaptureFault::Zstd { source })?
    } else {
        let says = match magic.as_slice() {
            [] => Some("it is empty"),
            [first, second, ..] if [*first, *second] == GZIP_MAGIC => Some("it is a gzip file"),
            start if ZSTD_MAGIC.starts_with(start) => Some("a zstd stream cut in its first bytes"),
            _ => None,
        };
        if let Some(says) = says {
            return Err(CaptureError::at(name, 1, 0, CaptureFault::NotARecording { says }));
        }
        let stream = magic.as_slice().chain(reader);
        read_bounded(name, stream, |source| CaptureFault::Read { source })?
    };
    String::from_utf8(bytes).map_err(|error| not_utf8(name, &error))
}

/// Reads to the end or the bound. The offset of a failure is that of the text produced so far.
fn read_bounded(
    name: &str,
    mut reader: impl Read,
    fault: impl Fn(std::io::Error) -> CaptureFault,
) -> Result<Vec<u8>, CaptureError> {
    let mut bytes = Vec::new();
    loop {
        match reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes) {
            Ok(0) => return Ok(bytes),
            Ok(_) if bytes.len() > CAPTURE_BYTES_MAX => {
                return Err(CaptureError::whole(name, CaptureFault::TooLarge));
            }
            Ok(_) => {}
            Err(source) => {
                let line = line_at(&bytes, bytes.len());
                return Err(CaptureError::at(name, line, bytes.len(), fault(source)));
            }
        }
    }
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> CaptureError {
    let offset = error.utf8_error().valid_up_to();
    let line = line_at(error.as_bytes(), offset);
    // A first line that is not text is another kind of file, not a damaged recording.
    let fault = if line == 1 {
        CaptureFault::NotARecording { says: "its first line is not UTF-8 text" }
    } else {
        CaptureFault::NotUtf8
    };
    CaptureError::at(name, line, offset, fault)
}

/// 1-based line of an offset.
fn line_at(bytes: &[u8], offset: usize) -> u64 {
    memchr::memchr_iter(b'\n', &bytes[..offset]).count() as u64 + 1
}
