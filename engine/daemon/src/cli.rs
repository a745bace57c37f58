//! The command line of `riptide`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use connector_solana::outcome::{CommandOutcome, OutputForm};
use connector_solana::quote::QuoteCommand;
use engine_model::Venue;
use engine_poolmath::whirlpool::{Amount, Direction};

use crate::cli_output::{Exit, Failure, Form, note, write_failed, write_text};
use crate::journal::{retain, verify};
use crate::replay::JournalTo;
use crate::{check, demo, emulate, inspect_book, live, project, replay, why};

/// Finds, sizes and prices arbitrage between order books and on-chain pools, exactly.
#[derive(Debug, Parser)]
#[command(name = "riptide", version, after_help = Exit::TABLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine on live connections: observe mode, nothing is sent to any venue
    Run(RunArgs),
    /// Run, and write down every byte that comes, for `riptide replay`
    Record(RecordArgs),
    /// Emulated venues and the engine over real sockets, on this machine: the whole of it at work
    Demo(DemoArgs),
    /// Run recordings through the whole engine and report what it saw
    Replay(ReplayArgs),
    /// Replay a journal and compare every decision with the recorded ones
    Verify(VerifyArgs),
    /// Compress closed segments of a journal and delete those older than they are kept
    Retain(RetainArgs),
    /// Make the tables of a journal anew, for questions in SQL
    Project(ProjectArgs),
    /// How long each stage took in the newest run, from socket to decision
    Latency(LatencyArgs),
    /// Explain why an opportunity was or was not traded, from a journal; without one, list them
    Why(WhyArgs),
    /// Look into a single recording or account file
    #[command(subcommand)]
    Inspect(Inspect),
    /// Check a configuration as strictly as running does
    Check(CheckArgs),
    /// Serve emulated venues on local ports until Ctrl-C
    Emulate(EmulateArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Override a key, for instance `signal.min_edge_bps=4`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// End after so many seconds of being live
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,
    /// Write down every byte that comes, in this empty directory, for `riptide replay`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Print the report as one JSON object; progress goes to standard error
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RecordArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Empty directory for the capture
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Override a key, for instance `signal.min_edge_bps=4`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// End after so many seconds of being live
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,
    /// Print the report as one JSON object; progress goes to standard error
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct LatencyArgs {
    /// The run's journal
    #[arg(value_name = "DIR", default_value = demo::JOURNAL_DEFAULT)]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// How long, from the moment that every market is live
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Seed of the market
    #[arg(long, value_name = "S", default_value_t = 7)]
    seed: u64,
    /// Where the market comes from
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "market")]
    pacing: DemoPacing,
    /// Override a key of the engine's configuration; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Print the report as one JSON object; progress goes to standard error
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DemoPacing {
    /// A seeded market of its own
    Market,
    /// The recording that ships, paced in time
    Capture,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// Bundle folder, single recording or journal; by default the bundle that ships
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Write the journal of this run here: a directory that is empty or not there yet [default:
    /// riptide-data/replay, which the next replay replaces]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Write no journal
    #[arg(long, conflicts_with_all = ["journal", "sync"])]
    no_journal: bool,
    /// When what the core consumed is synced to disk; decisions always are [default: as configured]
    #[arg(long, value_enum, value_name = "WHEN")]
    sync: Option<SyncWhen>,
    /// Write both durable sequence numbers to this file or pipe after each sync
    #[arg(long, value_name = "FILE", hide = true)]
    acknowledge: Option<PathBuf>,
    /// Configuration file (TOML); by default the bundle's or journal's own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override a key, for instance `signal.min_edge_bps=4`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Threads: 1 decodes on the core's own thread; the results are the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The journal; by default the one of the last replay
    #[arg(value_name = "DIR", default_value = replay::JOURNAL_DEFAULT)]
    dir: PathBuf,
    /// Start at the anchor with this number
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ProjectArgs {
    /// The journal; by default the one of the last replay
    #[arg(value_name = "DIR", default_value = replay::JOURNAL_DEFAULT)]
    dir: PathBuf,
    /// File of the tables, a `SQLite` database [default: store.sqlite in DIR]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct WhyArgs {
    /// Opportunity, like 35 or derived:35; without it, all are listed
    #[arg(value_name = "ID", conflicts_with_all = ["pair", "at"])]
    id: Option<String>,
    /// Pair at a time: where it buys and where it sells, like coinbase:SOL-USD/gemini:SOL-USD
    #[arg(long, value_name = "BUY/SELL", requires = "at")]
    pair: Option<String>,
    /// RFC 3339, Unix seconds or nanoseconds, or +12.5s from the start of the part
    #[arg(long, value_name = "TIME", requires = "pair")]
    at: Option<String>,
    /// Journal [default: riptide-data/replay]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Part of the journal
    #[arg(long, value_name = "NAME")]
    part: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RetainArgs {
    /// The journal; nobody may be writing it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Days that market segments are kept [default: as the last run's configuration says]
    #[arg(long, value_name = "DAYS")]
    market_days: Option<u32>,
    /// Days that ledger segments are kept [default: as the last run's configuration says]
    #[arg(long, value_name = "DAYS")]
    ledger_days: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SyncWhen {
    /// At every commit
    Always,
    /// At intervals of `journal.sync_interval_ms`
    Interval,
    /// When a segment ends
    None,
}

#[derive(Debug, Subcommand)]
enum Inspect {
    /// Rebuild the books of a recording: CSV, one row after every book event
    Book(BookArgs),
    /// Run a recorded-swap file through the pool maths
    Swaps(SwapsArgs),
    /// Quote a swap from recorded accounts
    Quote(QuoteArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Override a key before the check, for instance `signal.min_edge_bps=4`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EmulateArgs {
    /// Configuration file (TOML), like config/example/emulate.toml; without it all four venues are
    /// served on any port, with nobody's account
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seed of market, chain, keys and faults, in place of the configured one
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the addresses as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct BookArgs {
    /// Whose recording it is; by default as its header or addresses say
    #[arg(long, value_enum, value_name = "VENUE")]
    venue: Option<BookVenue>,
    /// Recording, format v1 or v2, plain or zstd
    #[arg(long, value_name = "FILE")]
    capture: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BookVenue {
    Coinbase,
    Gemini,
    Bitstamp,
}

#[derive(Debug, Args)]
struct SwapsArgs {
    /// Recorded-swap file, plain or zstd
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("direction").required(true).args(["a_to_b", "b_to_a"]))]
#[command(group = ArgGroup::new("amount").required(true).args(["exact_in", "exact_out"]))]
struct QuoteArgs {
    /// File of accounts, plain or zstd
    #[arg(long, value_name = "FILE")]
    accounts: PathBuf,
    /// Address of the pool
    #[arg(long, value_name = "ADDRESS")]
    pool: String,
    /// Token A in, token B out
    #[arg(long)]
    a_to_b: bool,
    /// Token B in, token A out
    #[arg(long)]
    b_to_a: bool,
    /// Exactly this much in, in base units
    #[arg(long, value_name = "N")]
    exact_in: Option<u64>,
    /// Exactly this much out, in base units
    #[arg(long, value_name = "N")]
    exact_out: Option<u64>,
    /// Time of the swap; adaptive-fee pools need it
    #[arg(long, value_name = "UNIX_S")]
    now: Option<u64>,
    /// Epoch of the swap; mints with a transfer fee need it
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command line and says how the process ends.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Cli::try_parse_from(args) {
        Ok(cli) => return dispatch(cli.command),
        Err(error) => refuse(&error),
    };
    exit.into()
}

fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Run(args) => live::run::command(&live::run::RunArgs {
            config: args.config,
            sets: args.sets,
            seconds: args.seconds,
            record: args.record,
            form: form(args.json),
        })
        .into(),
        Command::Record(args) => live::run::command(&live::run::RunArgs {
            config: args.config,
            sets: args.sets,
            seconds: args.seconds,
            record: Some(args.out),
            form: form(args.json),
        })
        .into(),
        Command::Latency(args) => live::latency::command(&args.dir, form(args.json)).into(),
        Command::Demo(args) => demo::command(&demo::DemoArgs {
            seconds: args.seconds,
            seed: args.seed,
            pacing: match args.pacing {
                DemoPacing::Market => demo::Pacing::Market,
                DemoPacing::Capture => demo::Pacing::Capture,
            },
            sets: args.sets,
            form: form(args.json),
        })
        .into(),
        Command::Replay(args) => {
            let form = form(args.json);
            let journal = match (args.journal, args.no_journal) {
                (_, true) => JournalTo::Nowhere,
                (Some(dir), false) => JournalTo::Dir(dir),
                (None, false) => JournalTo::Default,
            };
            replay::command(&replay::ReplayArgs {
                path: args.path,
                config: args.config,
                sets: args.sets,
                journal,
                sync: args.sync.map(|when| match when {
                    SyncWhen::Always => config::Sync::Always,
                    SyncWhen::Interval => config::Sync::Interval,
                    SyncWhen::None => config::Sync::None,
                }),
                acknowledge: args.acknowledge,
                threads: args.threads.map(usize::from),
                form,
            })
            .into()
        }
        Command::Verify(args) => {
            let VerifyArgs { dir, from, json } = args;
            verify::command(&verify::VerifyArgs { dir: &dir, from, form: form(json) }).into()
        }
        Command::Project(args) => {
            project::command(&args.dir, args.db.as_deref(), form(args.json)).into()
        }
        Command::Retain(args) => {
            let RetainArgs { dir, market_days, ledger_days, json } = args;
            let form = form(json);
            retain::command(&retain::RetainArgs { dir: &dir, market_days, ledger_days, form })
                .into()
        }
        Command::Check(args) => check::run(&args.config, &args.sets, form(args.json)).into(),
        Command::Emulate(EmulateArgs { config, seed, json }) => {
            emulate::command(&emulate::EmulateArgs { config, seed, form: form(json) }).into()
        }
        Command::Why(args) => why::command(&why::WhyArgs {
            id: args.id,
            pair_at: args.pair.zip(args.at),
            part: args.part,
            journal: args.journal,
            form: form(args.json),
        })
        .into(),
        Command::Inspect(Inspect::Book(args)) => {
            let venue = args.venue.map(|venue| match venue {
                BookVenue::Coinbase => Venue::Coinbase,
                BookVenue::Gemini => Venue::Gemini,
                BookVenue::Bitstamp => Venue::Bitstamp,
            });
            inspect_book::run(&args.capture, venue).into()
        }
        Command::Inspect(Inspect::Swaps(args)) => with_file(&args.file, form(args.json), |form| {
            connector_solana::swaps::run(&args.file, form)
        }),
        Command::Inspect(Inspect::Quote(args)) => {
            with_file(&args.accounts, form(args.json), |form| quote(&args, form))
        }
    }
}

fn quote(args: &QuoteArgs, form: OutputForm) -> CommandOutcome {
    let direction = if args.a_to_b { Direction::AToB } else { Direction::BToA };
    let amount = match (args.exact_in, args.exact_out) {
        (Some(amount), _) => Amount::ExactIn(amount),
        (None, Some(amount)) => Amount::ExactOut(amount),
        (None, None) => unreachable!("Invariant: clap requires one of the group"),
    };
    let command = QuoteCommand {
        accounts: &args.accounts,
        pool: &args.pool,
        direction,
        amount,
        now_s: args.now,
        epoch: args.epoch,
    };
    connector_solana::quote::run(&command, form)
}

/// Runs a command of the chain connector on a file that is there.
fn with_file(
    path: &Path,
    form: Form,
    command: impl FnOnce(OutputForm) -> CommandOutcome,
) -> ExitCode {
    if let Err(error) = std::fs::File::open(path) {
        return Failure::unreadable(path, &error).report(form).into();
    }
    let outcome = command(match form {
        Form::Text => OutputForm::Text,
        Form::Json => OutputForm::Json,
    });
    note(&outcome.stderr);
    match write_text(&outcome.stdout) {
        Ok(()) => ExitCode::from(outcome.exit_code),
        Err(exit) => exit.into(),
    }
}

const fn form(is_json: bool) -> Form {
    if is_json { Form::Json } else { Form::Text }
}

/// Writes what clap says: help and version as asked, errors in two lines.
fn refuse(error: &clap::Error) -> Exit {
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_asked_for {
        return match error.print() {
            Ok(()) => Exit::Ok,
            Err(error) => write_failed(&error),
        };
    }
    let text = error.render().to_string();
    let (mut says, mut hint) = (Vec::new(), None);
    for line in text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:")) {
        match line.strip_prefix("tip: ") {
            Some(tip) => hint = hint.or(Some(tip)),
            None if !line.is_empty() => says.push(line),
            None => {}
        }
    }
    let says = says.join(" ");
    let has_no_command = matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    );
    let (says, hint) = if has_no_command {
        ("error: no command", "riptide --help lists the commands")
    } else {
        (says.as_str(), hint.unwrap_or("riptide --help, or COMMAND --help, shows the usage"))
    };
    note(&format!("{says}\nhint: {hint}\n"));
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_in_the_table() {
        for exit in [
            Exit::Ok,
            Exit::Finding,
            Exit::Usage,
            Exit::BadData,
            Exit::MissingFile,
            Exit::Internal,
            Exit::Write,
            Exit::BadConfig,
        ] {
            let row = format!("\n  {:<3} ", exit as u8);
            assert!(Exit::TABLE.contains(&row), "{exit:?} is not in the table");
        }
    }
}
