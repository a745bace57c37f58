//! Text forms of account data: base64, base64 of a zstd frame, base58.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes that an account may hold on the chain.
pub const ACCOUNT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Nodes refuse to print longer accounts in base58. Unit: bytes.
const BASE58_BYTES_MAX: usize = 128;

/// How account data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataEncoding {
    /// Standard base64 with padding.
    Base64,
    /// Base64 of one zstd frame.
    Base64Zstd,
    /// Base58, for short accounts only.
    Base58,
}

impl DataEncoding {
    /// The encoding that a node names so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "base64" => Some(Self::Base64),
            "base64+zstd" => Some(Self::Base64Zstd),
            "base58" => Some(Self::Base58),
            _ => None,
        }
    }
}

/// Why text is not account data.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Not base64.
    #[error("bad base64: {0}")]
    Base64(base64::DecodeSliceError),
    /// Not base58.
    #[error("bad base58: {0}")]
    Base58(bs58::decode::Error),
    /// Not a zstd frame, or one that is cut.
    #[error("bad zstd frame inside base64")]
    Zstd,
    /// More than [`ACCOUNT_BYTES_MAX`].
    #[error("more than {ACCOUNT_BYTES_MAX} bytes of account data")]
    TooLarge,
}

/// Reads account data. Keeps its memory, so that account after account allocates nothing.
#[derive(Default)]
pub struct DataReader {
    bytes: Vec<u8>,
    unpacked: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl core::fmt::Debug for DataReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DataReader").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl DataReader {
    /// Reads `text`; the answer lives until the next call.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub fn read(&mut self, text: &[u8], encoding: DataEncoding) -> Result<&[u8], DataError> {
        match encoding {
            DataEncoding::Base64 => self.read_base64(text),
            DataEncoding::Base64Zstd => {
                self.read_base64(text)?;
                self.unpack()
            }
            DataEncoding::Base58 => self.read_base58(text),
        }
    }

    fn read_base64(&mut self, text: &[u8]) -> Result<&[u8], DataError> {
        // Four characters carry three bytes; the sum never falls short.
        let most = text.len().div_ceil(4) * 3;
        if most > ACCOUNT_BYTES_MAX + 3 {
            return Err(DataError::TooLarge);
        }
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        let len = STANDARD.decode_slice(text, &mut self.bytes).map_err(DataError::Base64)?;
        // The buffer keeps its length; only what was written is handed out.
        self.bytes.truncate(len);
        Ok(&self.bytes)
    }

    fn unpack(&mut self) -> Result<&[u8], DataError> {
        let upper = zstd::bulk::Decompressor::upper_bound(&self.bytes).unwrap_or(ACCOUNT_BYTES_MAX);
        if upper > ACCOUNT_BYTES_MAX {
            return Err(DataError::TooLarge);
        }
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Decompressor::new().ok();
        }
        let zstd = self.zstd.as_mut().ok_or(DataError::Zstd)?;
        self.unpacked.clear();
        self.unpacked.reserve(upper);
        zstd.decompress_to_buffer(&self.bytes, &mut self.unpacked).map_err(|_| DataError::Zstd)?;
        Ok(&self.unpacked)
    }

    fn read_base58(&mut self, text: &[u8]) -> Result<&[u8], DataError> {
        self.bytes.clear();
        self.bytes.resize(BASE58_BYTES_MAX, 0);
        let len = bs58::decode(text).onto(&mut self.bytes[..]).map_err(DataError::Base58)?;
        self.bytes.truncate(len);
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_reads_what_was_written() {
        let data: Vec<u8> = (0..120_u8).collect();
        let base64 = STANDARD.encode(&data);
        let packed = STANDARD.encode(zstd::bulk::compress(&data, 3).expect("packs"));
        let base58 = bs58::encode(&data).into_string();
        let mut reader = DataReader::default();
        let rows = [
            (base64, DataEncoding::Base64),
            (packed, DataEncoding::Base64Zstd),
            (base58, DataEncoding::Base58),
        ];
        for (text, encoding) in &rows {
            assert_eq!(reader.read(text.as_bytes(), *encoding), Ok(&data[..]), "{encoding:?}");
        }
        for (text, encoding) in &rows {
            for end in 1..text.len() {
                let read = reader.read(&text.as_bytes()[..end], *encoding);
                assert_ne!(read, Ok(&data[..]), "{encoding:?} cut at {end}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; ACCOUNT_BYTES_MAX + 1], 3).expect("packs");
        let text = STANDARD.encode(bomb);
        let read = DataReader::default().read(text.as_bytes(), DataEncoding::Base64Zstd).is_err();
        assert!(read, "one byte more than any account has");
    }
}
