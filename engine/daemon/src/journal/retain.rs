//! `riptide retain`: compresses closed market segments and deletes what is older than it is kept.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use engine_journal::reader::Tail;
use engine_journal::records::{self, Retained};
use engine_journal::retention::{self, RetentionPolicy};
use engine_journal::{JournalError, RecordHead, Stream, Writer, WriterOptions};
use serde_json::{Value, json};

use super::runs::{self, build, disk, failure};
use crate::cli_output::{Exit, Failure, Form, write_json, write_text};

/// What to keep.
#[derive(Debug)]
pub struct RetainArgs<'a> {
    /// The journal; nobody may be writing it.
    pub dir: &'a Path,
    /// Days that market segments are kept; none for what the last run's configuration says.
    pub market_days: Option<u32>,
    /// Days that ledger segments are kept; none for what the last run's configuration says.
    pub ledger_days: Option<u32>,
    /// Form of the report.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &RetainArgs<'_>) -> Exit {
    let (retained, repaired) = match retain(args) {
        Ok(done) => done,
        Err(failure) => return failure.report(args.form),
    };
    let written = match args.form {
        Form::Text => write_text(&text(args.dir, &retained, &repaired)),
        Form::Json => write_json(&object(args.dir, &retained, &repaired)),
    };
    written.err().unwrap_or(Exit::Ok)
}

/// Does it, and records in the ledger what was done. Opening the journal for that takes its lock and
/// repairs what a crash left; that is said too.
fn retain(args: &RetainArgs<'_>) -> Result<(Retained, Vec<String>), Failure> {
    let dir = args.dir;
    let io = |error: JournalError| failure(&error);
    let (found, _) = runs::find(dir)?;
    let kept = found.last().map(|run| {
        let begin = &run.begin;
        config::Config::parse_with(&begin.config_name, &begin.config_text, &begin.config_sets)
            .map_or_else(|_| config::Journal::default(), |config| config.journal)
    });
    let kept = kept.unwrap_or_default();
    let policy = RetentionPolicy {
        market_days: args.market_days.unwrap_or(kept.market_days).into(),
        ledger_days: args.ledger_days.unwrap_or(kept.ledger_days).into(),
        ..RetentionPolicy::default()
    };
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
    let options = WriterOptions {
        segment_bytes: u64::from(kept.segment_mib) << 20,
        build_hash: *blake3::hash(build().as_bytes()).as_bytes(),
        first_seq: 1,
        now_ns,
        ..WriterOptions::default()
    };
    let (mut writer, recovered) = Writer::open(&disk(), dir, options).map_err(io)?;
    let torn = |tail: &Tail| matches!(tail, Tail::Torn(_));
    let mut repaired = Vec::new();
    for (name, stream) in [("market", &recovered.market), ("ledger", &recovered.ledger)] {
        if torn(&stream.tail) {
            repaired.push(format!("cut the torn tail of the {name} stream: {:?}", stream.tail));
        }
    }
    let report = retention::apply(&disk(), dir, &policy, now_ns).map_err(io)?;
    let retained = Retained {
        market_days: policy.market_days,
        ledger_days: policy.ledger_days,
        compressed: report
            .compressed
            .iter()
            .map(|it| (it.file.display().to_string(), it.bytes_before, it.bytes_after))
            .collect(),
        deleted: report
            .deleted
            .iter()
            .map(|it| {
                let seqs = it.seqs.map(|range| (range.first, range.last));
                (it.stream.name().to_owned(), it.number, seqs)
            })
            .collect(),
        held: report.held,
    };
    let mut payload = Vec::new();
    records::encode(&retained, &mut payload);
    let head = RecordHead {
        seq: recovered.next_seq,
        kind: records::RETENTION,
        version: records::VERSION,
        time_ns: now_ns,
    };
    writer.append(Stream::Ledger, head, &payload).map_err(io)?;
    writer.close(now_ns).map_err(io)?;
    Ok((retained, repaired))
}

fn text(dir: &Path, retained: &Retained, repaired: &[String]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let Retained { market_days, ledger_days, compressed, deleted, held } = retained;
    let _ = writeln!(
        text,
        "{}: market kept {market_days} days, ledger {ledger_days} · {} compressed · {} deleted · \
         {held} held",
        dir.display(),
        compressed.len(),
        deleted.len(),
    );
    for repair in repaired {
        let _ = writeln!(text, "  {repair}");
    }
    for (file, before, after) in compressed {
        let _ = writeln!(text, "  compressed {file}: {before} to {after} bytes");
    }
    for (stream, number, seqs) in deleted {
        let range = seqs.map_or("empty".to_owned(), |(first, last)| format!("{first} to {last}"));
        let _ = writeln!(text, "  deleted segment {number} of the {stream} stream: {range}");
    }
    text
}

fn object(dir: &Path, retained: &Retained, repaired: &[String]) -> Value {
    json!({
        "journal": dir.display().to_string(),
        "market_days": retained.market_days,
        "ledger_days": retained.ledger_days,
        "repaired": repaired,
        "compressed": retained.compressed.iter().map(|(file, before, after)| json!({
            "file": file, "bytes_before": before, "bytes_after": after,
        })).collect::<Vec<_>>(),
        "deleted": retained.deleted.iter().map(|(stream, number, seqs)| json!({
            "stream": stream, "segment": number, "seqs": seqs,
        })).collect::<Vec<_>>(),
        "held": retained.held,
    })
}
