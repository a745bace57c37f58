//! How a writer starts: what the directory holds, and where each stream goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::anchor;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{HEADER_BYTES, Hash, Stream};
use crate::lane::{self, Continues, Lane, Origin, Unsealed};
use crate::reader::Tail;
use crate::scan::{self, Scan};
use crate::segment::{self, SegmentFile};
use crate::source::Source;
use crate::writer::{RecoveredStream, WriterOptions};

pub(crate) fn make_directories(disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
    for name in [Stream::Market.name(), Stream::Ledger.name(), anchor::DIRECTORY] {
        let path = dir.join(name);
        disk.create_dir(&path).map_err(JournalError::io("create", &path))?;
    }
    Ok(())
}

pub(crate) fn take_lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Send>, JournalError> {
    let file = dir.join("lock");
    disk.lock(&file).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            JournalError::Locked { file }
        } else {
            JournalError::io("lock", &file)(error)
        }
    })
}

/// A stream's last segment and the position where it goes on.
pub(crate) struct Found {
    file: SegmentFile,
    header: [u8; HEADER_BYTES],
    tail: Tail,
    end: u64,
    chain: Hash,
    pub(crate) last_seq: Option<u64>,
}

pub(crate) fn recovered_stream(found: Option<&Found>) -> RecoveredStream {
    found.map_or(RecoveredStream { tail: Tail::Absent, last_seq: None }, |found| RecoveredStream {
        tail: found.tail.clone(),
        last_seq: found.last_seq,
    })
}

/// Reads a stream's last segment to its end; changes nothing.
pub(crate) fn inspect(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    stream: Stream,
) -> Result<Option<Found>, JournalError> {
    let files = segment::list(&**disk, dir, stream)?;
    let Some(file) = files.last().cloned() else { return Ok(None) };
    let mut header = [0; HEADER_BYTES];
    scan::read_header(&mut Source::open(&**disk, &file)?, &file, stream, &mut header)?;
    let mut scan = Scan::new(Arc::clone(disk), stream, files.clone(), files.len() - 1);
    while scan.peek()?.is_some() {
        scan.skip_group();
    }
    let (chain, end) = scan.position();
    let tail = scan.tail().cloned().unwrap_or(Tail::Absent);
    Ok(Some(Found { file, header, tail, end, chain, last_seq: scan.last_seq() }))
}

pub(crate) fn open_lane(
    origin: &Origin,
    stream: Stream,
    found: Option<Found>,
    options: &WriterOptions,
    last_seq: Option<u64>,
) -> Result<Lane, JournalError> {
    let now_ns = options.now_ns;
    let Some(found) = found else {
        // Beside a stream that is there, a new one must not reach back.
        let first_seq = last_seq.map_or(options.first_seq, |last| last.saturating_add(1));
        let continues = Continues { number: 0, first_seq, previous: [0; 32] };
        return Lane::begin(origin.clone(), stream, continues, now_ns);
    };
    let previous = if found.tail == Tail::Sealed {
        found.chain
    } else {
        let unsealed = Unsealed {
            path: &found.file.path,
            header: &found.header,
            end: found.end,
            chain: found.chain,
            last_seq: found.last_seq,
        };
        lane::seal_recovered(&*origin.disk, &unsealed, now_ns)?
    };
    let continues = Continues {
        number: found.file.number + 1,
        first_seq: found.last_seq.map_or(0, |last| last.saturating_add(1)),
        previous,
    };
    Lane::begin(origin.clone(), stream, continues, now_ns)
}
