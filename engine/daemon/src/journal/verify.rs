//! `riptide verify`: replays a journal and compares every decision with the recorded ones.

use std::collections::VecDeque;
use std::path::Path;

use engine_core::outbox::Decided;
use engine_core::state::{Ended, State};
use engine_core::{Core, NoProbe, Outbox, Output};
use engine_journal::records::{self, Begin, End};
use engine_journal::{JournalError, Reader, Record, anchor, batch};
use engine_model::Event;
use serde_json::{Value, json};

use super::carry;
use super::runs::{build, check_batch, check_version, disk, failure, tails, unreadable};
use crate::cli_output::{Exit, Failure, Form, write_json, write_text};

/// Decisions that may wait for their counterpart. More than one batch never says as much.
const WAITING_MAX: usize = 1 << 20;

/// Where recorded and replayed decisions part.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Name of the run.
    pub part: String,
    /// Number at which they part.
    pub seq: u64,
    /// Core time. Unit: Unix nanoseconds.
    pub at_ns: u64,
    /// What is different.
    pub what: String,
    /// What the journal says.
    pub recorded: String,
    /// What this build says.
    pub replayed: String,
    /// The last decision that was the same.
    pub last_equal: String,
}

/// Numbers that could not be compared.
#[derive(Clone, Debug)]
pub struct Unverified {
    /// First number.
    pub first: u64,
    /// Last number.
    pub last: u64,
    /// Why.
    pub why: &'static str,
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Runs.
    pub runs: u64,
    /// Batches replayed.
    pub batches: u64,
    /// Events replayed.
    pub events: u64,
    /// Decisions compared.
    pub decisions: u64,
    /// Anchors whose state was compared.
    pub anchors: u64,
    /// Builds of the runs that are not this one.
    pub other_builds: Vec<String>,
    /// Runs that were cut off.
    pub unfinished: Vec<String>,
    /// Ranges that could not be compared.
    pub unverified: Vec<Unverified>,
    /// How the streams end, in words, where that is not in order.
    pub tails: Vec<String>,
    /// The first difference.
    pub difference: Option<Difference>,
}

impl Verified {
    /// Whether everything was compared and nothing differs.
    #[must_use]
    pub const fn is_identical(&self) -> bool {
        self.difference.is_none() && self.unverified.is_empty() && self.runs > 0 && self.batches > 0
    }
}

/// What to verify and how.
#[derive(Debug)]
pub struct VerifyArgs<'a> {
    /// The journal.
    pub dir: &'a Path,
    /// Anchor to start at; none for the beginning.
    pub from: Option<u64>,
    /// Form of the report.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &VerifyArgs<'_>) -> Exit {
    let verified = match verify(args.dir, args.from) {
        Ok(verified) => verified,
        Err(failure) => return failure.report(args.form),
    };
    let exit = if verified.is_identical() { Exit::Ok } else { Exit::Finding };
    let written = match args.form {
        Form::Text => write_text(&text(args.dir, &verified)),
        Form::Json => write_json(&object(args.dir, &verified)),
    };
    written.err().unwrap_or(exit)
}

/// A core being compared.
struct Replayed {
    part: String,
    core: Core,
    out: Outbox,
    recorded: VecDeque<Decided>,
    made: VecDeque<Decided>,
    last_equal: Option<Decided>,
    /// Events and batches, where it was replayed from its start.
    counts: Option<(u64, u64)>,
    /// Its run has ended; the next one may go on from here.
    is_ended: bool,
}

impl Replayed {
    fn new(part: String, core: Core) -> Self {
        let out = Outbox::for_pairs(core.pairs().len());
        Self {
            part,
            core,
            out,
            recorded: VecDeque::new(),
            made: VecDeque::new(),
            last_equal: None,
            counts: None,
            is_ended: false,
        }
    }

    /// Number of the record after which the state stands.
    const fn state_seq(&self) -> u64 {
        if self.is_ended { Ended(&self.core).seq() } else { self.core.seq() }
    }

    /// The state in its stored form.
    fn stored(&self) -> Vec<u8> {
        if self.is_ended {
            return carry::ended(&self.core);
        }
        postcard::to_allocvec(&self.core).expect("Invariant: a core has a stored form")
    }

    /// Compares what both sides have said so far.
    fn compare(&mut self, decisions: &mut u64) -> Option<Difference> {
        while let (Some(recorded), Some(made)) = (self.recorded.front(), self.made.front()) {
            if recorded != made {
                return Some(self.difference("a decision", Some(*recorded), Some(*made)));
            }
            *decisions += 1;
            self.last_equal = self.recorded.pop_front();
            self.made.pop_front();
        }
        None
    }

    /// Nothing more is said before this number: whatever still waits has no counterpart.
    fn settle(&mut self, before_seq: u64) -> Option<Difference> {
        let waiting = |list: &VecDeque<Decided>| {
            list.front().filter(|decided| decided.seq < before_seq).copied()
        };
        match (waiting(&self.recorded), waiting(&self.made)) {
            (None, None) => None,
            (recorded, made) => {
                let what = "a decision that only one side has";
                Some(self.difference(what, recorded, made))
            }
        }
    }

    #[expect(clippy::large_types_passed_by_value, reason = "once, at the end of a comparison")]
    fn difference(
        &self,
        what: &str,
        recorded: Option<Decided>,
        made: Option<Decided>,
    ) -> Difference {
        let said = |decided: Option<Decided>| {
            decided.map_or_else(|| "nothing".to_owned(), |it| format!("{:?}", it.decision))
        };
        let first = recorded.into_iter().chain(made).map(|it| (it.seq, it.at_ns)).min();
        let (seq, at_ns) = first.unwrap_or((self.core.seq(), self.core.now_ns()));
        Difference {
            part: self.part.clone(),
            seq,
            at_ns,
            what: what.to_owned(),
            recorded: said(recorded),
            replayed: said(made),
            last_equal: said(self.last_equal),
        }
    }

    /// What the run has come to; its counts are known only where it was replayed from its start.
    fn end(&self, recorded: &End) -> End {
        let open = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        End {
            digest: self.core.digest(),
            events: self.counts.map_or(recorded.events, |it| it.0),
            batches: self.counts.map_or(recorded.batches, |it| it.1),
            open_opportunities: open(self.core.still_open().count()),
            open_trades: open(self.core.desk().trades().count()),
        }
    }

    fn step(&mut self, events: &[Event]) {
        if let Some((event_count, batch_count)) = &mut self.counts {
            *event_count += events.len() as u64;
            *batch_count += 1;
        }
        for event in events {
            self.core.step(event, &mut self.out, &mut NoProbe);
            for output in self.out.outputs() {
                if let Output::Decided(decided) = output {
                    self.made.push_back(*decided);
                }
            }
            self.out.clear();
        }
    }
}

/// Walks a journal.
struct Walk<'a> {
    dir: &'a Path,
    /// Anchors that are there, rising.
    anchors: VecDeque<u64>,
    begin: Option<Begin>,
    replayed: Option<Replayed>,
    /// Number of the last record read.
    last_seq: u64,
    events: Vec<Event>,
    /// Start of a range that is not compared.
    unverified_from: Option<(u64, &'static str)>,
    found: Verified,
}

/// Replays a journal from its beginning, or from an anchor, and compares.
///
/// # Errors
///
/// [`Failure`] naming file and offset when the journal is damaged.
pub fn verify(dir: &Path, from: Option<u64>) -> Result<Verified, Failure> {
    let io = |error: JournalError| failure(&error);
    let mut reader = Reader::open(&disk(), dir).map_err(io)?;
    let anchors: VecDeque<u64> = anchor::list(&*disk(), dir).map_err(io)?.into();
    if let Some(from) = from
        && !anchors.contains(&from)
    {
        let shown: Vec<String> = anchors.iter().take(20).map(u64::to_string).collect();
        return Err(Failure::new(
            Exit::Usage,
            format!("{}: no anchor {from}", dir.display()),
            format!("anchors: {}", shown.join(", ")),
        ));
    }
    let mut walk = Walk {
        dir,
        anchors,
        begin: None,
        replayed: None,
        last_seq: 0,
        events: Vec::new(),
        unverified_from: None,
        found: Verified::default(),
    };
    while let Some(record) = reader.next_record().map_err(io)? {
        let is_before = from.is_some_and(|from| record.head.seq <= from);
        if walk.take(&record, is_before)? {
            break;
        }
        if from == Some(record.head.seq) {
            walk.restore(record.head.seq)?;
        }
    }
    if walk.found.difference.is_none() {
        while let Some(record) = reader.next_record().map_err(io)? {
            let _ = record;
        }
    }
    if let Some(beyond) = walk.anchors.iter().find(|anchor| **anchor > walk.last_seq)
        && walk.found.difference.is_none()
    {
        return Err(Failure::new(
            Exit::BadData,
            format!(
                "{}: anchor {beyond} was written after record {beyond}, but the journal ends at {}",
                dir.display(),
                walk.last_seq
            ),
            "acknowledged records are missing: restore the journal from its backup",
        ));
    }
    walk.close();
    if let Some(end) = reader.end() {
        walk.found.tails = tails(&end);
    }
    Ok(walk.found)
}

impl Walk<'_> {
    /// Takes one record. True: a difference was found, and there is no use in going on.
    fn take(&mut self, record: &Record<'_>, is_before: bool) -> Result<bool, Failure> {
        let head = record.head;
        check_version(self.dir, head.seq, head.version)?;
        if self.last_seq + 1 < head.seq && self.last_seq > 0 && head.kind != records::BEGIN {
            self.lose("records are gone: deleted, or their stream was stopped");
        }
        self.anchors_up_to(head.seq)?;
        match head.kind {
            records::BEGIN => {
                let before = self.finish_run();
                let begin: Begin = self.decoded(record, "the run's start")?;
                self.found.runs += 1;
                if begin.build != build() {
                    self.found.other_builds.push(begin.build.clone());
                }
                if !is_before {
                    self.start(&begin, head.seq, before.as_ref())?;
                }
                self.begin = Some(begin);
            }
            records::BATCH => {
                self.events.clear();
                batch::decode(record.payload, &mut self.events)
                    .map_err(|error| unreadable(self.dir, head.seq, &error.to_string()))?;
                check_batch(self.dir, head.seq, &self.events)?;
                if self.batch(head.seq) {
                    return Ok(true);
                }
            }
            records::DECISION => {
                let decided: Decided = self.decoded(record, "a decision")?;
                if self.decision(decided, head.seq) {
                    return Ok(true);
                }
            }
            records::END => {
                let end: End = self.decoded(record, "the run's end")?;
                if self.end(&end, head.seq) {
                    return Ok(true);
                }
            }
            _ => (),
        }
        self.last_seq = head.seq;
        Ok(self.found.difference.is_some())
    }

    fn decoded<'r, T: serde::Deserialize<'r>>(
        &self,
        record: &Record<'r>,
        what: &str,
    ) -> Result<T, Failure> {
        records::decode(record.payload)
            .map_err(|error| unreadable(self.dir, record.head.seq, &format!("{what}: {error}")))
    }

    fn start(&mut self, begin: &Begin, seq: u64, before: Option<&Core>) -> Result<(), Failure> {
        let core = carry::core_of(self.dir, seq, begin, before)?;
        let mut replayed = Replayed::new(begin.part.clone(), core);
        replayed.counts = Some((0, 0));
        self.replayed = Some(replayed);
        Ok(())
    }

    fn batch(&mut self, seq: u64) -> bool {
        let Some(replayed) = self.replayed.as_mut().filter(|it| !it.is_ended) else { return false };
        replayed.step(&self.events);
        self.found.batches += 1;
        self.found.events += self.events.len() as u64;
        let made = replayed.core.batch_seq();
        let mut difference = replayed.compare(&mut self.found.decisions);
        if difference.is_none() {
            difference = replayed.settle(seq);
        }
        if difference.is_none() && made != seq {
            let mut found = replayed.difference("the number of a batch", None, None);
            (found.recorded, found.replayed) = (seq.to_string(), made.to_string());
            difference = Some(found);
        }
        self.found.difference = difference;
        self.found.difference.is_some()
    }

    #[expect(clippy::large_types_passed_by_value, reason = "moved into the list it is for")]
    fn decision(&mut self, decided: Decided, seq: u64) -> bool {
        let Some(replayed) = self.replayed.as_mut().filter(|it| !it.is_ended) else { return false };
        if decided.seq != seq || replayed.recorded.len() >= WAITING_MAX {
            let what = "a decision under another number than its own";
            self.found.difference = Some(replayed.difference(what, Some(decided), None));
            return true;
        }
        replayed.recorded.push_back(decided);
        self.found.difference = replayed.compare(&mut self.found.decisions);
        self.found.difference.is_some()
    }

    fn end(&mut self, end: &End, seq: u64) -> bool {
        self.begin = None;
        self.close_range();
        let Some(replayed) = self.replayed.as_mut().filter(|it| !it.is_ended) else { return false };
        let mut difference = replayed.settle(seq);
        let made = replayed.end(end);
        if difference.is_none() && *end != made {
            let mut found = replayed.difference("what the run had come to at its end", None, None);
            (found.recorded, found.replayed) = (format!("{end:?}"), format!("{made:?}"));
            difference = Some(found);
        }
        if difference.is_none() && Ended(&replayed.core).seq() != seq {
            let mut found = replayed.difference("the number of the run's end", None, None);
            (found.recorded, found.replayed) =
                (seq.to_string(), Ended(&replayed.core).seq().to_string());
            difference = Some(found);
        }
        replayed.is_ended = true;
        self.found.difference = difference;
        self.found.difference.is_some()
    }

    /// Compares the state with every anchor that lies before a number.
    fn anchors_up_to(&mut self, seq: u64) -> Result<(), Failure> {
        while let Some(anchor_seq) = self.anchors.front().copied().filter(|it| *it < seq) {
            self.anchors.pop_front();
            match &mut self.replayed {
                None if self.begin.is_some() && self.unverified_from.is_some() => {
                    // From here on there is a state to go on from again.
                    self.restore(anchor_seq)?;
                }
                Some(replayed)
                    if replayed.state_seq() == anchor_seq && self.last_seq <= anchor_seq =>
                {
                    let read = anchor::read(&*disk(), self.dir, anchor_seq);
                    let read = read.map_err(|error| failure(&error))?;
                    let state = replayed.stored();
                    self.found.anchors += 1;
                    if *blake3::hash(&state).as_bytes() != read.hash {
                        let what = format!("the state at anchor {anchor_seq}");
                        let mut found = replayed.difference(&what, None, None);
                        found.recorded = blake3::Hash::from_bytes(read.hash).to_hex().to_string();
                        found.replayed = blake3::hash(&state).to_hex().to_string();
                        self.found.difference = Some(found);
                        return Ok(());
                    }
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Goes on from the state of an anchor.
    fn restore(&mut self, seq: u64) -> Result<(), Failure> {
        let Some(begin) = &self.begin else { return Ok(()) };
        let read = anchor::read(&*disk(), self.dir, seq).map_err(|error| failure(&error))?;
        let bad = |what: String| {
            Failure::new(
                Exit::BadData,
                format!("{}: anchor {seq}: {what}", self.dir.display()),
                "verify from the beginning, or with the program that wrote it",
            )
        };
        let state: State =
            postcard::from_bytes(&read.bytes).map_err(|error| bad(error.to_string()))?;
        let core = state.into_core(begin.tables.clone(), begin.settings.clone());
        let core = core.map_err(|error| bad(error.to_string()))?;
        self.replayed = Some(Replayed::new(begin.part.clone(), core));
        if let Some((first, why)) = self.unverified_from.take() {
            self.found.unverified.push(Unverified { first, last: seq, why });
        }
        self.last_seq = self.last_seq.max(seq);
        Ok(())
    }

    /// Records are missing: nothing can be compared until the next anchor.
    fn lose(&mut self, why: &'static str) {
        self.replayed = None;
        if self.unverified_from.is_none() {
            self.unverified_from = Some((self.last_seq + 1, why));
        }
    }

    /// The run is over. Gives its core where it was taken to its end.
    fn finish_run(&mut self) -> Option<Core> {
        if let Some(begin) = self.begin.take() {
            self.found.unfinished.push(begin.part);
        }
        self.close_range();
        self.replayed.take().filter(|it| it.is_ended).map(|it| it.core)
    }

    fn close_range(&mut self) {
        if let Some((first, why)) = self.unverified_from.take() {
            self.found.unverified.push(Unverified { first, last: self.last_seq, why });
        }
    }

    /// The journal is over.
    fn close(&mut self) {
        if self.found.difference.is_none()
            && let Some(replayed) = &mut self.replayed
        {
            // A run that was cut off: decisions that its last batches led to may not have been
            // recorded, but a recorded one that is not made here is a difference.
            let recorded = replayed.recorded.front().copied();
            if recorded.is_some() {
                let what = "a decision that is not made here";
                self.found.difference = Some(replayed.difference(what, recorded, None));
            }
        }
        self.finish_run();
    }
}

fn text(dir: &Path, found: &Verified) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} run(s) · {} batches · {} events · {} decisions compared · {} anchors compared",
        dir.display(),
        found.runs,
        found.batches,
        found.events,
        found.decisions,
        found.anchors,
    );
    for other in &found.other_builds {
        let _ = writeln!(text, "  written by {other}, replayed by {}", build());
    }
    for part in &found.unfinished {
        let _ = writeln!(text, "  run {part} was cut off");
    }
    for tail in &found.tails {
        let _ = writeln!(text, "  {tail}");
    }
    for range in &found.unverified {
        let Unverified { first, last, why } = range;
        let _ = writeln!(text, "  not compared: {first} to {last}: {why}");
    }
    match &found.difference {
        None if found.is_identical() => {
            let _ = writeln!(text, "identical");
        }
        None => {
            let _ = writeln!(text, "NOT ALL COMPARED: no difference in what could be compared");
        }
        Some(difference) => {
            let _ = writeln!(
                text,
                "DIFFERENT at {} of run {} (core time {} ns): {}\n  recorded   {}\n  replayed   {}\n  \
                 last equal {}",
                difference.seq,
                difference.part,
                difference.at_ns,
                difference.what,
                difference.recorded,
                difference.replayed,
                difference.last_equal,
            );
        }
    }
    text
}

fn object(dir: &Path, found: &Verified) -> Value {
    json!({
        "journal": dir.display().to_string(),
        "identical": found.is_identical(),
        "runs": found.runs,
        "batches": found.batches,
        "events": found.events,
        "decisions": found.decisions,
        "anchors": found.anchors,
        "build": build(),
        "other_builds": found.other_builds,
        "unfinished": found.unfinished,
        "tails": found.tails,
        "unverified": found.unverified.iter().map(|range| json!({
            "first": range.first, "last": range.last, "why": range.why,
        })).collect::<Vec<_>>(),
        "difference": found.difference.as_ref().map(|it| json!({
            "part": it.part,
            "seq": it.seq,
            "at_ns": it.at_ns,
            "what": it.what,
            "recorded": it.recorded,
            "replayed": it.replayed,
            "last_equal": it.last_equal,
        })),
    })
}
