//! The one way to files: everything the journal does to a disk goes through these two traits.
//!
//! [`real::RealDisk`] is the operating system; [`sim::SimDisk`] loses, tears and reorders whatever
//! no completed sync covers, and fails calls on request.

pub mod real;
pub mod sim;

use std::fmt;
use std::io;
use std::path::Path;

pub use real::RealDisk;
pub use sim::SimDisk;

/// A file system, as far as the journal needs one.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates an empty file for reading and writing; one of that name is emptied.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// The system's.
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// The system's.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Creates a directory and its parents, durably; fine if it is there.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Names of the files in a directory, in any order; empty where there is no such directory.
    ///
    /// # Errors
    ///
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Renames a file over another, in one directory.
    ///
    /// # Errors
    ///
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    ///
    /// The system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a journal; it lasts until the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] where another process holds it, or the system's.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// An open file. Short reads and writes are allowed; [`read_full`] and [`write_full`] finish them.
pub trait DiskFile: Send + fmt::Debug {
    /// Reads at an offset; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at an offset.
    ///
    /// # Errors
    ///
    /// The system's.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;
    /// Extends the file with zeros for which the disk has room.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::StorageFull`] where there is no room.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Waits until content and length are on the disk.
    ///
    /// # Errors
    ///
    /// The system's. Nothing may be concluded about earlier writes after one.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends the file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Length. Unit: bytes.
    ///
    /// # Errors
    ///
    /// The system's.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Writes all of `buf`, through short writes and interruptions.
///
/// # Errors
///
/// The system's; [`io::ErrorKind::WriteZero`] where nothing is taken.
pub fn write_full(file: &dyn DiskFile, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match file.write_at(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                buf = &buf[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `buf` is full or the file ends; returns the bytes read.
///
/// # Errors
///
/// The system's.
pub fn read_full(file: &dyn DiskFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
