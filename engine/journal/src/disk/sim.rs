//! A disk in memory that behaves as badly as a real one may.
//!
//! Fault model: a write, a change of length or a change of a name counts as done for everybody who
//! reads, but survives [`SimDisk::crash`] for certain only if a later `sync_data` of the file, or
//! `sync_dir` of the directory, has completed. Everything else survives by chance, each 512-byte
//! sector and each name by itself, which is loss, tearing and reordering in one. What was synced is
//! never harmed. [`SimDisk::fail_call`] makes one call fail, [`SimDisk::cut_power_at`] all from one
//! on; [`SimDisk::ignore_syncs`] makes syncs answer well and do nothing, to prove that a test would
//! notice.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile};

/// Bytes that a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `ENOSPC`.
    Full,
    /// `EIO`.
    Broken,
    /// `EINTR`: nothing was done, try again.
    Interrupted,
    /// A write or read does half of what was asked; other calls are not affected.
    Short,
    /// `EROFS`.
    ReadOnly,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set { path: PathBuf, file: usize },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, file: usize },
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    names_synced: BTreeMap<PathBuf, usize>,
    names_unsynced: Vec<NameChange>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    cut_at: u64,
    ignores_syncs: bool,
    locks: Vec<PathBuf>,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    index: usize,
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locks.retain(|path| *path != self.path);
    }
}

/// `SplitMix64`, Steele, Lea and Flood 2014: small, seeded, good enough to choose victims.
fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
        Change::SetLen(len) => content.resize(*len, 0),
    }
}

/// Applies a change as a crash may have left it: whole, not at all, or some of its sectors.
fn apply_torn(content: &mut Vec<u8>, change: &Change, seed: &mut u64) {
    match next_random(seed) % 4 {
        0 => return,
        1 => return apply(content, change),
        _ => {}
    }
    let Change::Write { offset, bytes } = change else {
        if next_random(seed).is_multiple_of(2) {
            apply(content, change);
        }
        return;
    };
    let mut at = 0;
    while at < bytes.len() {
        let sector_end = (offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset;
        let end = sector_end.min(bytes.len());
        if next_random(seed).is_multiple_of(2) {
            let part = Change::Write { offset: offset + at, bytes: bytes[at..end].to_vec() };
            apply(content, &part);
        }
        at = end;
    }
}

fn rename_in(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Set { path, file } => {
            names.insert(path.clone(), *file);
        }
        NameChange::Remove { path } => {
            names.remove(path);
        }
        NameChange::Rename { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
    }
}

fn is_in(change: &NameChange, dir: &Path) -> bool {
    let path = match change {
        NameChange::Set { path, .. } | NameChange::Remove { path } => path,
        NameChange::Rename { to, .. } => to,
    };
    path.parent() == Some(dir)
}

impl Default for SimDisk {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { cut_at: u64::MAX, ..State::default() })))
    }
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide its message behind a poisoned lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and fails it if it is the chosen one. True means: do half.
    fn call(&self) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        if number >= state.cut_at {
            return Err(io::Error::other("the power is off"));
        }
        let fault = state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        match fault {
            None => Ok((state, false)),
            Some(Fault::Short) => Ok((state, true)),
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Broken) => Err(io::Error::other("input/output error")),
            Some(Fault::Interrupted) => Err(io::ErrorKind::Interrupted.into()),
            Some(Fault::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    /// A disk with these files, all synced.
    #[must_use]
    pub fn with_files<I: IntoIterator<Item = (PathBuf, Vec<u8>)>>(files: I) -> Self {
        let disk = Self::default();
        for (path, bytes) in files {
            disk.put(&path, bytes);
        }
        disk
    }

    /// Puts a file there, synced, whatever was there before.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.files.len();
        let content = Content { now: bytes.clone(), synced: bytes, unsynced: Vec::new() };
        state.files.push(content);
        state.names.insert(path.to_owned(), file);
        state.names_synced.insert(path.to_owned(), file);
    }

    /// Every file as a reader sees it now.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let content = |file: &usize| state.files[*file].now.clone();
        state.names.iter().map(|(path, file)| (path.clone(), content(file))).collect()
    }

    /// Calls made so far. The unit of [`SimDisk::fail_call`] and [`SimDisk::cut_power_at`].
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Makes call number `call` (from 0) fail, once.
    pub fn fail_call(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// Makes call number `call` and all later ones fail, until [`SimDisk::crash`].
    pub fn cut_power_at(&self, call: u64) {
        self.state().cut_at = call;
    }

    /// From now on a sync answers well and does nothing.
    pub fn ignore_syncs(&self) {
        self.state().ignores_syncs = true;
    }

    /// What a machine finds when the power is back. Open files of before must not be used again.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut seed = seed;
        let state = self.state();
        let mut names = state.names_synced.clone();
        for change in &state.names_unsynced {
            if next_random(&mut seed).is_multiple_of(2) {
                rename_in(&mut names, change);
            }
        }
        let after = Self::default();
        for (path, file) in &names {
            let content = &state.files[*file];
            let mut bytes = content.synced.clone();
            for change in &content.unsynced {
                apply_torn(&mut bytes, change, &mut seed);
            }
            after.put(path, bytes);
        }
        after
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (mut state, _) = self.call()?;
        let index = state.files.len();
        state.files.push(Content::default());
        state.names.insert(path.to_owned(), index);
        state.names_unsynced.push(NameChange::Set { path: path.to_owned(), file: index });
        drop(state);
        Ok(Box::new(SimFile { disk: self.clone(), index }))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (state, _) = self.call()?;
        let index = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        drop(state);
        Ok(Box::new(SimFile { disk: self.clone(), index }))
    }

    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        // Directories exist by the files in them; their own names are not modelled.
        self.call().map(|_| ())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let (state, _) = self.call()?;
        let names = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.call()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let change = NameChange::Rename { from: from.to_owned(), to: to.to_owned(), file };
        rename_in(&mut state.names, &change);
        state.names_unsynced.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, _) = self.call()?;
        state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.names_unsynced.push(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let (mut state, _) = self.call()?;
        if state.ignores_syncs {
            return Ok(());
        }
        let all = std::mem::take(&mut state.names_unsynced);
        for change in all {
            if is_in(&change, dir) {
                rename_in(&mut state.names_synced, &change);
            } else {
                state.names_unsynced.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let (mut state, _) = self.call()?;
        if state.locks.iter().any(|held| held == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locks.push(path.to_owned());
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }
}

impl SimFile {
    fn change(&self, state: &mut State, change: Change) {
        let content = &mut state.files[self.index];
        apply(&mut content.now, &change);
        content.unsynced.push(change);
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, short) = self.disk.call()?;
        let content = &state.files[self.index].now;
        let begin = usize::try_from(offset).map_or(content.len(), |at| at.min(content.len()));
        let wanted = if short { buf.len().div_ceil(2) } else { buf.len() };
        let take = wanted.min(content.len() - begin);
        buf[..take].copy_from_slice(&content[begin..begin + take]);
        Ok(take)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let (mut state, short) = self.disk.call()?;
        let take = if short { buf.len().div_ceil(2) } else { buf.len() };
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.change(&mut state, Change::Write { offset, bytes: buf[..take].to_vec() });
        Ok(take)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.call()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if state.files[self.index].now.len() < len {
            self.change(&mut state, Change::SetLen(len));
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, _) = self.disk.call()?;
        if state.ignores_syncs {
            return Ok(());
        }
        let content = &mut state.files[self.index];
        for change in std::mem::take(&mut content.unsynced) {
            apply(&mut content.synced, &change);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.call()?;
        self.change(&mut state, Change::SetLen(usize::try_from(len).map_err(io::Error::other)?));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.call()?.0.files[self.index].now.len() as u64)
    }
}
