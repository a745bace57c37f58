//! What is replayed, made ready: sources, tables, settings, names.

use std::path::Path;

use connector_net::Markets;
use engine_core::{Settings, Tables};
use engine_journal::records::Begin;
use engine_model::{Grid, Venue};

use super::bundle::{MarketsFrom, Part, Plan};
use super::merge::Feed;
use super::source::{Source, configured_markets, stated_grids, take_stated};
use super::tables::{Names, from_config, from_symbols, settings_from};
use crate::cli_output::{Exit, Failure};
use crate::journal::carry::state_at;
use crate::journal::feed::JournalFeed;
use crate::journal::runs::{Run, build};

/// What is replayed.
pub enum Work<'a> {
    /// Recordings.
    Recordings(&'a Plan),
    /// Runs of a journal: each with its own tables and settings, or with another configuration's.
    Journal(&'a Path, &'a [Run], Option<&'a Plan>),
}

impl Work<'_> {
    /// Near misses that the report shows.
    #[must_use]
    pub fn near_misses_kept(&self) -> usize {
        const OF_A_JOURNAL: usize = 10;
        match self {
            Self::Recordings(plan) | Self::Journal(_, _, Some(plan)) => {
                usize::try_from(plan.config.signal.near_misses_kept).unwrap_or(0)
            }
            Self::Journal(..) => OF_A_JOURNAL,
        }
    }
}

/// One run before it begins.
pub struct Prepared<'a> {
    /// Name of the part.
    pub name: String,
    /// Names of its recordings, with the constant each is moved by in nanoseconds.
    pub inputs: Vec<(String, i64)>,
    /// What is read.
    pub feeds: Vec<Feed<'a>>,
    /// What the core is built with.
    pub tables: Tables,
    /// What its desk is built with.
    pub settings: Settings,
    /// Names for reports.
    pub names: Names,
    /// Where the configuration comes from.
    pub config_name: String,
    /// The configuration as it was read.
    pub config_text: String,
    /// What was set over it.
    pub config_sets: Vec<String>,
    /// Whether its journal has an anchor at each new day besides those of its segments.
    pub anchor_daily: bool,
    /// Number of its first record, where that is given.
    pub seq: Option<u64>,
    /// What its core begins with.
    pub from: From,
}

/// What the core of a run begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Nothing.
    Nothing,
    /// The state at the end of the run before, which is replayed too.
    Before,
    /// The state of an anchor, with its number.
    State(u64, Vec<u8>),
}

impl Prepared<'_> {
    /// The first record of its journal; the clock is not known yet.
    #[must_use]
    pub fn begin(&self) -> Begin {
        Begin {
            build: build().to_owned(),
            part: self.name.clone(),
            mode: "observe".to_owned(),
            config_name: self.config_name.clone(),
            config_text: self.config_text.clone(),
            config_sets: self.config_sets.clone(),
            inputs: self.inputs.clone(),
            tables: self.tables.clone(),
            settings: self.settings.clone(),
            names: self.names.clone(),
            clock: (0, 0),
            from_anchor: None,
        }
    }
}

/// Every part, made ready.
///
/// # Errors
///
/// [`Failure`] when a recording or journal is damaged.
pub fn prepare<'a>(work: &Work<'a>) -> Result<Vec<Prepared<'a>>, Failure> {
    match *work {
        Work::Recordings(plan) => plan.parts.iter().map(|it| part(plan, it)).collect(),
        Work::Journal(dir, runs, plan) => {
            let before = core::iter::once(None).chain(runs.iter().map(Some));
            runs.iter().zip(before).map(|(it, before)| run(dir, it, before, plan)).collect()
        }
    }
}

/// Sources of a part, and the tables its core is built with.
///
/// # Errors
///
/// [`Failure`] when a recording is damaged.
pub fn part<'a>(plan: &'a Plan, part: &'a Part) -> Result<Prepared<'a>, Failure> {
    let (sources, tables, names) = sources(plan, part)?;
    Ok(Prepared {
        name: part.name.clone(),
        inputs: part.inputs.iter().map(|it| (it.name.clone(), it.shift_ns)).collect(),
        feeds: sources.into_iter().map(|it| Feed::Capture(Box::new(it))).collect(),
        tables,
        settings: settings_from(&plan.config),
        names,
        config_name: plan.config_name.clone(),
        config_text: plan.config_text.clone(),
        config_sets: plan.config_sets.clone(),
        anchor_daily: plan.config.journal.anchor_daily,
        seq: None,
        from: From::Nothing,
    })
}

fn sources<'a>(
    plan: &'a Plan,
    part: &'a Part,
) -> Result<(Vec<Source<'a>>, Tables, Names), Failure> {
    if let (MarketsFrom::Recording, [input]) = (plan.markets, part.inputs.as_slice())
        && input.venue != Venue::Solana
    {
        let stated = stated_grids(input)?;
        let open = Source::open(input, &plan.config, Markets::open(stated))?;
        let symbols = Markets::closed(open.symbols());
        let (tables, names) = from_symbols(&plan.config, input.venue, &symbols);
        return Ok((vec![Source::open(input, &plan.config, symbols)?], tables, names));
    }
    let mut grids: Vec<Option<Grid>> = vec![None; plan.config.markets.len()];
    for input in &part.inputs {
        take_stated(&plan.config, input, &mut grids)?;
    }
    let mut sources = Vec::new();
    for input in &part.inputs {
        let markets = configured_markets(&plan.config, input.venue, &grids);
        sources.push(Source::open(input, &plan.config, markets)?);
    }
    let (tables, names) = from_config(&plan.config, &grids);
    Ok((sources, tables, names))
}

/// A run of a journal: what it began with, or another configuration over the same markets.
fn run<'a>(
    dir: &Path,
    run: &Run,
    before: Option<&Run>,
    other: Option<&Plan>,
) -> Result<Prepared<'a>, Failure> {
    let begin = &run.begin;
    let from = match begin.from_anchor {
        None => From::Nothing,
        Some(_) if before.and_then(|it| it.end_seq) == begin.from_anchor => From::Before,
        Some(seq) => From::State(seq, state_at(dir, seq)?),
    };
    let mut prepared = Prepared {
        name: begin.part.clone(),
        inputs: begin.inputs.clone(),
        feeds: vec![Feed::Journal(Box::new(JournalFeed::open(dir, run.seq)?))],
        tables: begin.tables.clone(),
        settings: begin.settings.clone(),
        names: begin.names.clone(),
        config_name: begin.config_name.clone(),
        config_text: begin.config_text.clone(),
        config_sets: begin.config_sets.clone(),
        anchor_daily: other.is_none_or(|plan| plan.config.journal.anchor_daily),
        seq: Some(run.seq),
        from,
    };
    let Some(plan) = other else { return Ok(prepared) };
    // Events name markets by index: another configuration has to list the same ones in their order.
    let grids: Vec<Option<Grid>> = begin
        .tables
        .markets
        .iter()
        .map(|market| match market.kind {
            engine_core::tables::MarketKind::Book { grid } => Some(grid),
            engine_core::tables::MarketKind::Pool { .. } => None,
        })
        .collect();
    let (tables, names) = from_config(&plan.config, &grids);
    if names.markets != begin.names.markets {
        return Err(Failure::new(
            Exit::BadConfig,
            format!(
                "{}: the configuration lists other markets than run {} of the journal",
                plan.config_name, run.begin.part
            ),
            "keep [[markets]] as they are; everything else may differ",
        ));
    }
    prepared.tables = tables;
    prepared.settings = settings_from(&plan.config);
    prepared.names = names;
    prepared.config_name.clone_from(&plan.config_name);
    prepared.config_text.clone_from(&plan.config_text);
    prepared.config_sets.clone_from(&plan.config_sets);
    Ok(prepared)
}
