//! Where a segment's bytes come from: the file itself, or its compressed form.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::segment::SegmentFile;

/// Reads a file from its beginning.
#[derive(Debug)]
pub(crate) struct Sequential {
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Sequential {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> Self {
        Self { file, offset: 0 }
    }
}

impl Read for Sequential {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

pub(crate) enum Source {
    Raw(Sequential),
    Zstd(Box<zstd::stream::read::Decoder<'static, io::BufReader<Sequential>>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw(_) => "Raw",
            Self::Zstd(_) => "Zstd",
        })
    }
}

impl Source {
    pub(crate) fn open(disk: &dyn Disk, file: &SegmentFile) -> Result<Self, JournalError> {
        let opened = disk.open_read(&file.path).map_err(JournalError::io("open", &file.path))?;
        let sequential = Sequential::new(opened);
        if !file.is_compressed {
            return Ok(Self::Raw(sequential));
        }
        let decoder = zstd::stream::read::Decoder::new(sequential)
            .map_err(JournalError::io("decompress", &file.path))?;
        Ok(Self::Zstd(Box::new(decoder)))
    }

    /// Reads until `buf` is full or the segment ends; returns the bytes read. `offset` is only for
    /// the error: how much of the segment was read before.
    pub(crate) fn fill(
        &mut self,
        buf: &mut [u8],
        path: &Path,
        offset: u64,
    ) -> Result<usize, JournalError> {
        let mut filled = 0;
        while filled < buf.len() {
            let read = match self {
                Self::Raw(file) => file.read(&mut buf[filled..]),
                Self::Zstd(decoder) => decoder.read(&mut buf[filled..]),
            };
            match read {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(match self {
                        Self::Raw(_) => JournalError::io("read", path)(source),
                        Self::Zstd(_) => JournalError::damaged(
                            path,
                            offset + filled as u64,
                            "cannot be decompressed",
                        ),
                    });
                }
            }
        }
        Ok(filled)
    }

    /// Reads the file itself at an offset; `None` for a compressed one.
    pub(crate) fn raw_file(&self) -> Option<&dyn DiskFile> {
        match self {
            Self::Raw(sequential) => Some(&*sequential.file),
            Self::Zstd(_) => None,
        }
    }
}
