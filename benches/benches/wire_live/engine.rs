//! The engine over a real socket, started as `riptide run` starts it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use config::Config;
use connector_link::Clock;
use connector_net::Sink;
use connector_net::session::LinkSettings;
use engine_daemon::journal::feed::JournalFeed;
use engine_daemon::live::core_loop::Observer;
use engine_daemon::live::ring::LiveHead;
use engine_daemon::live::run::Run;
use engine_model::{Body, Venue};

use crate::table::Sample;

/// Room for the notes of a phase: hundreds of batches a second for some minutes.
const NOTES: usize = 1 << 17;

/// A batch that the core has stepped. Times are the engine's.
#[derive(Clone, Copy)]
struct Note {
    seq: u64,
    recv_ns: u64,
    done_ns: u64,
}

/// Notes when the core was done with each batch of the measured venue.
struct Notes {
    notes: Vec<Note>,
    sender: Sender<Vec<Note>>,
}

impl Observer for Notes {
    fn stepped(&mut self, head: &LiveHead, done_ns: u64) {
        if head.venue == Venue::Coinbase && self.notes.len() < NOTES {
            self.notes.push(Note { seq: head.seq, recv_ns: head.recv_ns, done_ns });
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        // The other end waits for the end of the run.
        let _ = self.sender.send(std::mem::take(&mut self.notes));
    }
}

/// What a frame did.
#[derive(Clone, Copy, Default)]
struct Kind {
    changes_book: bool,
    begins_book: bool,
}

/// Runs the engine for so many seconds. How often it connected, and a sample for each frame that led to
/// a batch: from its bytes leaving the socket to its last batch's decisions handed to the journal.
pub(crate) fn receive(
    (text, sets): (&str, &[String]),
    wait: &str,
    seconds: u64,
    dir: &Path,
) -> (u64, Vec<Sample>) {
    let mut sets = sets.to_vec();
    sets.push(format!("runtime.wait=\"{wait}\""));
    let config = Config::parse_with("wire_live", text, &sets).expect("a good configuration");
    let clock = Clock::new();
    let (sender, notes) = channel();
    let run = Run {
        config,
        config_name: "wire_live".to_owned(),
        config_text: text.to_owned(),
        config_sets: sets,
        journal_dir: Some(dir.to_owned()),
        seconds: Some(seconds),
        record: None,
        recorded: Arc::default(),
        clock,
        links: LinkSettings::default(),
        observer: Box::new(Notes { notes: Vec::with_capacity(NOTES), sender }),
        at_end: None,
        say: Arc::new(|_| {}),
    };
    let ended = run.go().unwrap_or_else(|failure| panic!("{}: {}", failure.says, failure.hint));
    let notes = notes.recv().expect("the observer sends when it ends");
    let kinds = kinds(dir, ended.report.begin_seq);
    let mut samples: BTreeMap<u64, Sample> = BTreeMap::new();
    for note in notes {
        let kind = kinds.get(&note.seq).copied().unwrap_or_default();
        let sample = Sample {
            // The venue numbers a connection's frames from 0, the log from 1.
            frame: note.seq + 1,
            is_update: kind.changes_book && !kind.begins_book,
            received_ns: clock.monotonic_at(note.recv_ns),
            decided_ns: clock.monotonic_at(note.done_ns),
        };
        // A frame of several batches is done with its last.
        samples.insert(note.seq, sample);
    }
    let links = ended.links.iter().filter(|link| link.venue == Venue::Coinbase);
    (links.map(|link| link.counts.opens).sum(), samples.into_values().collect())
}

/// What each frame did, from the journal.
fn kinds(dir: &Path, begin_seq: u64) -> BTreeMap<u64, Kind> {
    let mut kinds: BTreeMap<u64, Kind> = BTreeMap::new();
    let mut feed = JournalFeed::open(dir, begin_seq)
        .unwrap_or_else(|failure| panic!("{}: {}", failure.says, failure.hint));
    let mut sink = Sink::default();
    while feed.advance(&mut sink).is_some() {
        for event in sink.events.iter().filter(|event| event.venue == Venue::Coinbase) {
            let kind = kinds.entry(event.seq).or_default();
            kind.changes_book |= matches!(event.body, Body::Level { .. });
            kind.begins_book |= matches!(event.body, Body::BookClear);
        }
    }
    assert!(feed.into_stats().failed.is_none(), "the journal is read to its end");
    kinds
}
