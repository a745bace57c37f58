//! A run taken through the core again up to one moment, its decisions held against the recorded
//! ones.

use std::collections::BTreeSet;
use std::path::Path;

use engine_core::outbox::{Decided, Fate};
use engine_core::signal::opportunity::Opportunity;
use engine_core::state::State;
use engine_core::{Core, Outbox, Output, Probe, Taken};
use engine_journal::{Reader, anchor, batch, records};
use engine_model::Event;

use super::survey::{RunSurvey, opportunity_of, trade_of};
use crate::cli_output::{Exit, Failure};
use crate::journal::carry::core_of;
use crate::journal::runs::{check_batch, check_version, disk, failure, unreadable};

/// How far a run is taken.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Through the batch or decision with this number.
    Seq(u64),
    /// Through the first batch after this time. Unit: core time in nanoseconds.
    After(u64),
    /// To its end.
    End,
}

/// Decisions about one opportunity, and those about its trades.
#[derive(Debug)]
pub struct Concern {
    id: Option<u64>,
    trades: BTreeSet<u64>,
    /// In order.
    pub decisions: Vec<Decided>,
}

impl Concern {
    /// About this opportunity; about none without one.
    #[must_use]
    pub const fn of(id: Option<u64>) -> Self {
        Self { id, trades: BTreeSet::new(), decisions: Vec::new() }
    }

    fn take(&mut self, decided: &Decided) {
        let Some(id) = self.id else { return };
        let trade = trade_of(&decided.decision);
        if opportunity_of(&decided.decision) == Some(id) {
            self.trades.extend(trade);
        } else if trade.is_none_or(|trade| !self.trades.contains(&trade)) {
            return;
        }
        self.decisions.push(*decided);
    }
}

/// What a rerun gave.
pub struct Rerun {
    /// As the journal has them.
    pub recorded: Vec<Decided>,
    /// As the core made them again.
    pub replayed: Vec<Decided>,
    /// The opportunity, when it is open where the rerun stopped, with what it has come to.
    pub open: Option<(Opportunity, Fate)>,
}

/// Takes a run through the core from its start, or from the last anchor before `from_seq`.
///
/// # Errors
///
/// [`Failure`] when the journal is damaged, its market data are gone, or the core of this build does
/// not fit.
pub fn rerun(
    dir: &Path,
    run: &RunSurvey,
    from_seq: Option<u64>,
    until: Until,
    id: Option<u64>,
    probe: &mut impl Probe,
) -> Result<Rerun, Failure> {
    let mut core = start(dir, run, from_seq)?;
    let mut out = Outbox::for_pairs(core.pairs().len());
    let mut events: Vec<Event> = Vec::new();
    let (mut recorded, mut replayed) = (Concern::of(id), Concern::of(id));
    let reader = Reader::open_from(&disk(), dir, core.seq() + 1);
    let mut reader = reader.map_err(|error| failure(&error))?;
    let mut last_seq = core.seq();
    while let Some(record) = reader.next_record().map_err(|error| failure(&error))? {
        let (seq, kind) = (record.head.seq, record.head.kind);
        // What timers decide comes before the batch that is past them, so one more is taken.
        let is_over = match until {
            Until::Seq(last) => last_seq > last,
            Until::After(at_ns) => core.now_ns() > at_ns,
            Until::End => false,
        };
        if is_over {
            break;
        }
        if kind == records::BEGIN && seq != run.seq {
            // The run goes on under another configuration, or is over.
            let Some(begin) = run.continued_at(seq) else { break };
            core = core_of(dir, seq, begin, Some(&core))?;
            last_seq = seq;
        }
        if kind == records::DECISION {
            let decided = records::decode_decision(record.payload)
                .map_err(|error| unreadable(dir, seq, &format!("a decision: {error}")))?;
            recorded.take(&decided);
        }
        if kind != records::BATCH {
            continue;
        }
        check_version(dir, seq, record.head.version)?;
        batch::decode(record.payload, &mut events)
            .map_err(|error| unreadable(dir, seq, &error.to_string()))?;
        check_batch(dir, seq, &events)?;
        for event in &events {
            if core.step(event, &mut out, probe) == Taken::Ignored {
                return Err(unreadable(dir, seq, "a tick that fired nothing"));
            }
            for output in out.outputs() {
                if let Output::Decided(decided) = output {
                    replayed.take(decided);
                }
            }
            out.clear();
        }
        events.clear();
        if core.batch_seq() != seq {
            return Err(differs(dir, run, seq, core.batch_seq()));
        }
        last_seq = seq;
    }
    let open = core.still_open().find(|it| Some(it.id) == id);
    let open = open.map(|it| (*it, core.fate_of(it)));
    if let Until::Seq(last) = until {
        for side in [&mut recorded, &mut replayed] {
            side.decisions.retain(|it| it.seq <= last);
        }
    }
    Ok(Rerun { recorded: recorded.decisions, replayed: replayed.decisions, open })
}

fn start(dir: &Path, run: &RunSurvey, from_seq: Option<u64>) -> Result<Core, Failure> {
    if let Some(from_seq) = from_seq {
        let anchors = anchor::list(&*disk(), dir).unwrap_or_default();
        let before = anchors.iter().rev().filter(|seq| (run.seq..from_seq).contains(*seq));
        for seq in before {
            // An anchor that cannot be read costs time, nothing else: an earlier one serves.
            let Ok(anchor) = anchor::read(&*disk(), dir, *seq) else { continue };
            let Ok(state) = postcard::from_bytes::<State>(&anchor.bytes) else { continue };
            let begin = run.begin_at(*seq);
            if let Ok(core) = state.into_core(begin.tables.clone(), begin.settings.clone())
                && core.seq() == *seq
            {
                return Ok(core);
            }
        }
    }
    core_of(dir, run.seq, &run.begin, None)
}

fn differs(dir: &Path, run: &RunSurvey, seq: u64, got: u64) -> Failure {
    let own = crate::journal::runs::build();
    let (says, hint) = if run.begin.build == own {
        (
            format!("records before {seq} are missing, or decided otherwise: it comes as {got}"),
            "riptide verify names the first difference".to_owned(),
        )
    } else {
        (
            format!("record {seq} comes as {got}: the journal is of {}", run.begin.build),
            format!("this is {own}; explain it with the program that wrote it"),
        )
    };
    Failure::new(Exit::BadData, format!("{}: {says}", dir.display()), hint)
}
