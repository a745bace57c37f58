//! Files given by a user: read whole, unpacked, and bounded.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

/// Most bytes of a file, packed or unpacked. All Whirlpools with their arrays were 90 MiB in 2024.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a file's bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file system refused.
    #[error("{file}: cannot be read: {source}")]
    Io {
        /// File name.
        file: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A zstd stream that is damaged or cut.
    #[error("{file}: damaged or cut zstd stream after {offset} decompressed bytes: {source}")]
    Zstd {
        /// File name.
        file: String,
        /// Decompressed bytes before the damage.
        offset: u64,
        /// Cause.
        source: std::io::Error,
    },
    /// Above [`FILE_BYTES_MAX`].
    #[error("{file}: more than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// File name.
        file: String,
    },
}

/// Reads a file as it is.
///
/// # Errors
///
/// [`InputError::Io`] or [`InputError::TooLarge`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|handle| handle.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(InputError::Io { file, source }),
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => Err(InputError::TooLarge { file }),
        Ok(_) => Ok(bytes),
    }
}

/// The text behind the bytes: unpacked where they are a zstd stream, whatever the file is called.
///
/// # Errors
///
/// [`InputError::Zstd`] or [`InputError::TooLarge`]; `file` is what they call it.
pub(crate) fn unpack<'a>(file: &str, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, InputError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(InputError::TooLarge { file: file.into() });
    }
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut text = Vec::new();
    let read = zstd::stream::read::Decoder::with_buffer(bytes)
        .and_then(|decoder| decoder.take(FILE_BYTES_MAX + 1).read_to_end(&mut text));
    match read {
        Err(source) => {
            Err(InputError::Zstd { file: file.into(), offset: text.len() as u64, source })
        }
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            Err(InputError::TooLarge { file: file.into() })
        }
        Ok(_) => Ok(Cow::Owned(text)),
    }
}
