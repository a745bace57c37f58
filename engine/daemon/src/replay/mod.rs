//! `riptide replay`: recordings through decoders, rings and the core to one report.
//!
//! [`bundle`] finds the files and the configuration, [`tables`] turns the configuration into what
//! the core is built with, [`source`] decodes one recording, [`merge`] brings all batches into one
//! order, [`run`] drives the core, [`collect`] adds its statements up, [`text`] and [`json`] print.

pub mod bundle;
pub mod collect;
pub mod cost;
pub mod drive;
pub mod json;
pub mod merge;
pub mod money;
pub mod prepare;
pub mod run;
pub mod source;
pub mod tables;
pub mod text;
pub mod trades;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use config::Config;
use engine_journal::SyncPolicy;
use engine_model::units::NS_PER_MS;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::check::ConfigFailure;
use crate::cli_output::{Exit, Failure, Form, note, write_json, write_text};
use crate::journal::runs;
use crate::journal::writer::JournalOptions;
use bundle::{Plan, Refused};
use prepare::Work;
use run::JournalWanted;

/// Where a replay that was not told otherwise writes its journal. Replaced by the next one.
pub const JOURNAL_DEFAULT: &str = "riptide-data/replay";

/// Says that a directory was made by a replay that was not told where to write, and that the next
/// may replace it.
const REPLACEABLE: &str = "replaced-by-next-replay";

/// Where the journal of a replay goes.
#[derive(Clone, Debug)]
pub enum JournalTo {
    /// [`JOURNAL_DEFAULT`].
    Default,
    /// A directory that is empty or not there yet.
    Dir(PathBuf),
    /// None is written.
    Nowhere,
}

/// What to replay and how.
#[derive(Clone, Debug)]
pub struct ReplayArgs {
    /// A bundle folder, a single recording or a journal; none for the bundle that ships.
    pub path: Option<PathBuf>,
    /// Configuration file; none for the bundle's or journal's own.
    pub config: Option<PathBuf>,
    /// Overrides of the form `KEY=VALUE`.
    pub sets: Vec<String>,
    /// Where the journal goes.
    pub journal: JournalTo,
    /// When the journal's market stream is synced; none for what the configuration says.
    pub sync: Option<config::Sync>,
    /// Each acknowledgement of the journal is written here.
    pub acknowledge: Option<PathBuf>,
    /// Decoder threads; none for as many as the machine has cores.
    pub threads: Option<usize>,
    /// Form of the report.
    pub form: Form,
}

impl Default for ReplayArgs {
    /// The bundle that ships, as text, without a journal.
    fn default() -> Self {
        Self {
            path: None,
            config: None,
            sets: Vec::new(),
            journal: JournalTo::Nowhere,
            sync: None,
            acknowledge: None,
            threads: None,
            form: Form::Text,
        }
    }
}

/// The command.
#[must_use]
pub fn command(args: &ReplayArgs) -> Exit {
    let report = match try_command(args) {
        Ok(report) => report,
        Err(refused) => return refused.report(args.form),
    };
    let written = match args.form {
        Form::Text => write_text(&text::render(&report)),
        Form::Json => write_json(&json::object(&report)),
    };
    written.err().unwrap_or(Exit::Ok)
}

fn try_command(args: &ReplayArgs) -> Result<run::Report, Refused> {
    let started = Instant::now();
    let threads = args.threads.unwrap_or_else(cores);
    let run = |work: &Work<'_>, config: &Config, bytes: u64| {
        let bar = progress(bytes);
        let journal = wanted(args, config).map_err(Refused::File)?;
        let report = run::run(work, journal, threads, started, &bar);
        bar.finish_and_clear();
        report.map_err(Refused::File)
    };
    match args.path.as_deref().filter(|path| is_journal(path)) {
        None => {
            let plan = Plan::find(args)?;
            run(&Work::Recordings(&plan), &plan.config, plan.text_bytes())
        }
        Some(dir) => {
            let (runs, end) = runs::find(dir).map_err(Refused::File)?;
            runs::check_whole(dir, &end).map_err(Refused::File)?;
            for tail in runs::tails(&end) {
                note(&format!("note: {}: {tail}\n", dir.display()));
            }
            let Some(first) = runs.first() else {
                return Err(Refused::File(Failure::new(
                    Exit::BadData,
                    format!("{}: the journal holds no run", dir.display()),
                    "nothing was recorded, or its beginning is gone",
                )));
            };
            let other = Plan::over_journal(args, &first.begin)?;
            let begin = &first.begin;
            let own =
                Config::parse_with(&begin.config_name, &begin.config_text, &begin.config_sets)
                    .map_err(|problems| Refused::Config(ConfigFailure::Problems(problems)));
            let config = match &other {
                Some(plan) => plan.config.clone(),
                None => own?,
            };
            run(&Work::Journal(dir, &runs, other.as_ref()), &config, 0)
        }
    }
}

/// Whether a path is the directory of a journal.
#[must_use]
pub fn is_journal(path: &Path) -> bool {
    path.join("ledger").is_dir()
}

fn wanted(args: &ReplayArgs, config: &Config) -> Result<Option<JournalWanted>, Failure> {
    let dir = match &args.journal {
        JournalTo::Nowhere => return Ok(None),
        JournalTo::Dir(dir) => dir.clone(),
        // A journal is not copied unless somebody asks for it.
        JournalTo::Default if args.path.as_deref().is_some_and(is_journal) => return Ok(None),
        JournalTo::Default => {
            let dir = PathBuf::from(JOURNAL_DEFAULT);
            make_room(&dir)?;
            dir
        }
    };
    let acknowledge = args.acknowledge.as_ref().map(|path| {
        let opened = std::fs::OpenOptions::new().write(true).open(path);
        opened.map_err(|error| Failure::unreadable(path, &error))
    });
    let sync = match args.sync.unwrap_or(config.journal.sync) {
        config::Sync::Always => SyncPolicy::Always,
        config::Sync::Interval => {
            SyncPolicy::Interval(u64::from(config.journal.sync_interval_ms) * NS_PER_MS)
        }
        config::Sync::None => SyncPolicy::None,
    };
    Ok(Some(JournalWanted {
        dir,
        options: JournalOptions {
            sync,
            segment_bytes: u64::from(config.journal.segment_mib) << 20,
            build_hash: *blake3::hash(runs::build().as_bytes()).as_bytes(),
            config_hash: *blake3::hash(format!("{config:?}").as_bytes()).as_bytes(),
            acknowledge: acknowledge.transpose()?,
        },
    }))
}

/// Removes the journal of the replay before, and nothing that anybody else has put there.
pub(crate) fn make_room(dir: &Path) -> Result<(), Failure> {
    let cannot = |what: &str, error: &std::io::Error| {
        Failure::new(
            Exit::Write,
            format!("cannot {what} {}: {error}", dir.display()),
            "name another directory with --journal, or leave it out: --no-journal",
        )
    };
    let mark = dir.join(REPLACEABLE);
    if mark.is_file() {
        std::fs::remove_dir_all(dir).map_err(|error| cannot("replace", &error))?;
    } else if dir.exists() {
        return Err(Failure::new(
            Exit::Write,
            format!("{}: is there and was not made by a replay", dir.display()),
            "name another directory with --journal, or leave it out: --no-journal",
        ));
    }
    std::fs::create_dir_all(dir).map_err(|error| cannot("make", &error))?;
    std::fs::write(&mark, "").map_err(|error| cannot("write into", &error))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A bar on standard error when somebody watches it.
fn progress(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("replaying {wide_bar} {percent:>3} % {eta:>4}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
