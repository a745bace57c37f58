//! A journal of a scene's frames, and what bare files take for the same bytes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::records::{BATCH, VERSION, stream_of};
use engine_journal::{Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions, batch};
use engine_model::Event;
use rustix::fs::{FallocateFlags, fallocate};
use tempfile::TempDir;

use crate::scene::Scene;

/// The files of this machine.
#[must_use]
pub fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// A writer into a new journal.
///
/// # Panics
///
/// When the disk does not take it.
#[must_use]
pub fn writer(dir: &Path, sync: SyncPolicy, segment_bytes: u64) -> Writer {
    let options = WriterOptions { sync, segment_bytes, first_seq: 1, ..WriterOptions::default() };
    Writer::open(&disk(), dir, options).expect("a new journal").0
}

/// The head of a batch's record.
#[must_use]
pub fn head(seq: u64, events: &[Event]) -> RecordHead {
    let time_ns = events.last().map_or(0, |event| event.recv_ns);
    RecordHead { seq, kind: BATCH, version: VERSION, time_ns }
}

/// The update frames of a scene, packed as records hold them.
///
/// # Panics
///
/// Never: every batch has a stored form.
#[must_use]
pub fn packed(scene: &Scene) -> Vec<Vec<u8>> {
    let pack = |events: &Vec<Event>| {
        let mut bytes = Vec::new();
        batch::encode(events, &mut bytes).expect("a frame fits a record");
        bytes
    };
    scene.batches.iter().map(pack).collect()
}

/// A journal of a scene: one record before its update frames, then a record for each of them, all in
/// one commit group, as a writer that is kept busy makes them.
#[derive(Debug)]
pub struct Taped {
    dir: TempDir,
}

/// Number of the record before the first update frame.
const BEFORE_SEQ: u64 = 1;

impl Taped {
    /// Writes it into a temporary directory.
    ///
    /// # Panics
    ///
    /// When the disk does not take it.
    #[must_use]
    pub fn new(scene: &Scene) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = writer(dir.path(), SyncPolicy::None, 64 << 20);
        let before = &scene.batches[0];
        let stream = stream_of(before);
        let payloads = packed(scene);
        writer.append(stream, head(BEFORE_SEQ, before), &payloads[0]).expect("room");
        writer.commit(0).expect("written");
        for ((seq, events), payload) in (BEFORE_SEQ + 1..).zip(&scene.batches).zip(&payloads) {
            assert_eq!(stream_of(events), Stream::Market, "an update of a book");
            writer.append(Stream::Market, head(seq, events), payload).expect("room");
        }
        writer.commit(0).expect("written");
        writer.close(0).expect("sealed");
        Self { dir }
    }

    /// A reader whose next record is the first update frame, of which nothing was read or checked
    /// yet: it lies in another commit group than the record before it.
    ///
    /// # Panics
    ///
    /// When the journal cannot be read.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let mut reader = Reader::open(&disk(), self.dir.path()).expect("the journal");
        let before = reader.next_record().expect("readable").expect("a record");
        assert_eq!(before.head.seq, BEFORE_SEQ);
        reader
    }
}

/// A preallocated file that is written from its beginning on, and from there again when it is full.
#[derive(Debug)]
pub struct BareFile {
    file: File,
    len: u64,
    offset: u64,
}

impl BareFile {
    /// Allocates it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn create(path: &Path, len: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, len)?;
        file.sync_all()?;
        Ok(Self { file, len, offset: 0 })
    }

    /// Writes behind what was written last. Does not sync.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.offset + bytes.len() as u64 > self.len {
            self.offset = 0;
        }
        self.file.write_all_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// `fdatasync`.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Feed;

    #[test]
    fn the_journal_gives_the_frames_back() {
        let scene = Scene::alone(&Feed::coinbase());
        let taped = Taped::new(&scene);
        for _ in 0..2 {
            let mut reader = taped.reader();
            let mut events = Vec::new();
            for expected in &scene.batches {
                let record = reader.next_record().expect("readable").expect("a record");
                batch::decode(record.payload, &mut events).expect("a batch");
                assert_eq!(&events, expected);
            }
            assert!(reader.next_record().expect("readable").is_none());
        }
    }
}
