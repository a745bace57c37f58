//! Format version 1.0, byte for byte.
//!
//! `RIPTIDE_GOLDEN=write cargo test -p engine-journal golden` writes the files again; the change is
//! then reviewed like code. Files of a released version are never written again.

use std::fs;
use std::path::{Path, PathBuf};

use engine_journal::disk::SimDisk;
use engine_journal::{SyncPolicy, Writer, WriterOptions, anchor};

use crate::support::{START_NS, dir, options, read, records, shared, write};

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/v1")
}

fn made_now() -> SimDisk {
    let disk = SimDisk::default();
    let options = WriterOptions { segment_bytes: 2048, ..options(SyncPolicy::Always) };
    let (mut writer, _) = Writer::open(&shared(&disk), dir(), options).expect("a new journal");
    write(&mut writer, &records(1, 24), 4).expect("a healthy disk");
    writer.write_anchor(24, b"the state after record 24", START_NS).expect("a healthy disk");
    writer.close(START_NS).expect("a healthy disk");
    disk
}

#[test]
fn golden_files_of_version_1_are_read_and_still_written() {
    let made = made_now().files();
    if std::env::var_os("RIPTIDE_GOLDEN").is_some() {
        for (path, bytes) in &made {
            let path = golden_dir().join(path.strip_prefix(dir()).expect("below the journal"));
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, bytes).expect("a golden file");
        }
    }
    let mut stored = Vec::new();
    for (path, bytes) in &made {
        let name = path.strip_prefix(dir()).expect("below the journal");
        let golden = fs::read(golden_dir().join(name)).expect("a golden file");
        assert!(golden == *bytes, "{} is written differently now", name.display());
        stored.push((path.clone(), golden));
    }
    let disk = SimDisk::with_files(stored);
    let (found, end) = read(&disk);
    assert_eq!(found, records(1, 24));
    assert_eq!(end.expect("a golden journal").gaps_total, 0);
    assert_eq!(
        anchor::read(&disk, dir(), 24).expect("a golden anchor").bytes,
        b"the state after record 24"
    );
}
