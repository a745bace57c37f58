//! `riptide why`: why an opportunity was or was not traded, with the numbers, from a journal alone.
//!
//! [`survey`] reads what the journal says happened, [`ask`] finds what is asked for, [`rerun`] takes
//! the run through the core again while [`witness`] keeps what the decision rested on. [`story`]
//! puts the answer together from [`view`] (looks), [`checks`] (checks and codes) and [`trade`];
//! [`names`] knows units and times, [`text`] and [`list`] print.
//!
//! Every number shown is the replayed one, and said to differ where it is not the recorded one.

pub mod ask;
pub mod checks;
pub mod list;
pub mod names;
pub mod rerun;
pub mod story;
pub mod survey;
pub mod text;
pub mod trade;
pub mod view;
pub mod witness;

use std::path::PathBuf;

use crate::cli_output::{Exit, Failure, Form, write_json, write_text};
use crate::replay::JOURNAL_DEFAULT;
use ask::Moment;
use story::{Place, Story};
use survey::{RunSurvey, survey};

/// What is asked.
#[derive(Clone, Debug)]
pub struct WhyArgs {
    /// An opportunity.
    pub id: Option<String>,
    /// A pair and a time.
    pub pair_at: Option<(String, String)>,
    /// A part of the journal.
    pub part: Option<String>,
    /// The journal; none for that of the last replay.
    pub journal: Option<PathBuf>,
    /// Form of the answer.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &WhyArgs) -> Exit {
    match try_command(args) {
        Ok(exit) => exit,
        Err(failure) => failure.report(args.form),
    }
}

fn try_command(args: &WhyArgs) -> Result<Exit, Failure> {
    let dir = args.journal.clone().unwrap_or_else(|| PathBuf::from(JOURNAL_DEFAULT));
    let all = survey(&dir)?;
    let part = args.part.as_deref();
    let story = match (&args.id, &args.pair_at) {
        (Some(id), _) => {
            let (run, summary) = ask::opportunity(&all, part, id)?;
            Place { dir: &dir, all: &all, run }.life(summary)?
        }
        (None, Some((pair, at))) => {
            let at = Moment::parse(at)?;
            let run = run_at(&all, part, pair, at)?;
            let pair = ask::pair(run, pair)?;
            Place { dir: &dir, all: &all, run }.moment(pair, at.in_run(run))?
        }
        (None, None) => {
            let rows = list::rows(&ask::runs(&all, part)?);
            let journal = dir.display().to_string();
            let written = match args.form {
                Form::Text => write_text(&list::text(&all, &rows, &journal)),
                Form::Json => write_json(&list::object(&all, &rows, &journal)),
            };
            return Ok(written.err().unwrap_or(Exit::Ok));
        }
    };
    Ok(print(&story, args.form))
}

/// Numbers that are not the recorded ones are a finding.
fn print(story: &Story, form: Form) -> Exit {
    let written = match form {
        Form::Text => write_text(&text::render(story)),
        Form::Json => write_json(story),
    };
    match written {
        Err(exit) => exit,
        Ok(()) if story.differences.is_empty() => Exit::Ok,
        Ok(()) => Exit::Finding,
    }
}

/// The run that has the pair and the time.
fn run_at<'a>(
    all: &'a [RunSurvey],
    part: Option<&str>,
    pair: &str,
    at: Moment,
) -> Result<&'a RunSurvey, Failure> {
    let runs = ask::runs(all, part)?;
    let has_time = |run: &&&RunSurvey| {
        let at_ns = at.in_run(run);
        (run.span_ns.0..=run.span_ns.1).contains(&at_ns)
    };
    let in_time: Vec<&RunSurvey> = runs.iter().filter(has_time).copied().collect();
    let spans = |runs: &[&RunSurvey]| {
        let span = |run: &&RunSurvey| {
            let (from, to) = (names::utc(run.span_ns.0), names::utc(run.span_ns.1));
            format!("{} is from {from} to {to}", run.name(all))
        };
        runs.iter().map(span).collect::<Vec<_>>().join(" · ")
    };
    if in_time.is_empty() {
        let says = "the time is outside of what the journal holds";
        return Err(Failure::new(Exit::Usage, says, spans(&runs)));
    }
    let with_pair: Vec<&RunSurvey> =
        in_time.iter().filter(|run| ask::pair(run, pair).is_ok()).copied().collect();
    match with_pair.as_slice() {
        [] => Ok(in_time[0]),
        [one] => Ok(one),
        several => {
            // What it never looked at, a part cannot explain: whoever asks says which is meant.
            let says = format!("{} parts have this pair at that time", several.len());
            Err(Failure::new(
                Exit::Usage,
                says,
                format!("name one with --part: {}", spans(several)),
            ))
        }
    }
}
