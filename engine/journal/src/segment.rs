//! Names of segment files, and how one comes into being.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskFile, write_full};
use crate::error::JournalError;
use crate::format::{SegmentHeader, Stream};
use crate::limits::SEGMENTS_MAX;

/// A segment file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) number: u64,
    pub(crate) is_compressed: bool,
    pub(crate) path: PathBuf,
}

/// Ends the name of a file that was being made when the program stopped.
pub(crate) const TEMPORARY: &str = ".tmp";

pub(crate) fn stream_dir(dir: &Path, stream: Stream) -> PathBuf {
    dir.join(stream.name())
}

pub(crate) fn raw_path(dir: &Path, stream: Stream, number: u64) -> PathBuf {
    stream_dir(dir, stream).join(format!("{number:08}.seg"))
}

pub(crate) fn compressed_path(dir: &Path, stream: Stream, number: u64) -> PathBuf {
    stream_dir(dir, stream).join(format!("{number:08}.seg.zst"))
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn parse(name: &str) -> Option<(u64, bool)> {
    let (digits, is_compressed) = match name.strip_suffix(".seg") {
        Some(digits) => (digits, false),
        None => (name.strip_suffix(".seg.zst")?, true),
    };
    let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if is_number { digits.parse().ok()? } else { return None };
    // One spelling per number: otherwise two files could claim the same place.
    (format!("{number:08}") == digits).then_some((number, is_compressed))
}

/// A stream's segments in order. Where a segment is there both raw and compressed, the raw one is
/// taken: it is removed last. Other files are left alone.
///
/// # Errors
///
/// [`JournalError::MissingSegment`] for a hole between two, or the disk's.
pub(crate) fn list(
    disk: &dyn Disk,
    dir: &Path,
    stream: Stream,
) -> Result<Vec<SegmentFile>, JournalError> {
    let directory = stream_dir(dir, stream);
    let names = disk.list(&directory).map_err(JournalError::io("list", &directory))?;
    let mut found: Vec<SegmentFile> = names
        .iter()
        .filter_map(|name| Some((name, parse(name)?)))
        .map(|(name, (number, is_compressed))| SegmentFile {
            number,
            is_compressed,
            path: directory.join(name),
        })
        .collect();
    found.sort_by_key(|file| (file.number, file.is_compressed));
    found.dedup_by_key(|file| file.number);
    for pair in found.windows(2) {
        if pair[1].number != pair[0].number + 1 {
            let number = pair[0].number + 1;
            return Err(JournalError::MissingSegment { directory, stream, number });
        }
    }
    if found.len() > SEGMENTS_MAX {
        return Err(JournalError::damaged(&directory, 0, "more segments than a stream may have"));
    }
    Ok(found)
}

/// Makes a segment: written under a temporary name, synced, renamed, directory synced. A crash at
/// any point leaves either no segment of this number or a whole empty one.
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    header: &SegmentHeader,
) -> Result<(Box<dyn DiskFile>, PathBuf), JournalError> {
    let path = raw_path(dir, header.stream, header.number);
    let temporary = with_suffix(&path, TEMPORARY);
    let file = disk.create(&temporary).map_err(JournalError::io("create", &temporary))?;
    fill(&*file, &temporary, header).inspect_err(|_| {
        // On a full disk half a segment must not keep the room that is left. Where even this fails,
        // the next start removes it.
        let _ = disk.remove(&temporary);
    })?;
    disk.rename(&temporary, &path).map_err(JournalError::io("rename", &temporary))?;
    let directory = stream_dir(dir, header.stream);
    disk.sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
    Ok((file, path))
}

fn fill(file: &dyn DiskFile, path: &Path, header: &SegmentHeader) -> Result<(), JournalError> {
    file.allocate(header.segment_bytes).map_err(JournalError::io("allocate", path))?;
    write_full(file, &header.encode(), 0).map_err(JournalError::io("write", path))?;
    file.sync_data().map_err(JournalError::io("sync", path))
}

/// Removes what a crash left under temporary names.
pub(crate) fn remove_temporary(disk: &dyn Disk, directory: &Path) -> Result<(), JournalError> {
    let names = disk.list(directory).map_err(JournalError::io("list", directory))?;
    for name in names.iter().filter(|name| name.ends_with(TEMPORARY)) {
        let path = directory.join(name);
        disk.remove(&path).map_err(JournalError::io("remove", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_number() {
        for (name, number) in [
            ("00000000.seg", Some((0, false))),
            ("00000012.seg.zst", Some((12, true))),
            ("123456789.seg", Some((123_456_789, false))),
            ("000000012.seg", None),
            ("12.seg", None),
            ("+0000012.seg", None),
            ("00000012.seg.tmp", None),
            ("00000012.seg.zst.tmp", None),
            ("readme.txt", None),
        ] {
            assert_eq!(parse(name), number, "{name}");
        }
    }
}
