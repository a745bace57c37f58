//! `riptide check`: reads a configuration as strictly as running does.

use std::io::Read;
use std::path::Path;

use config::{CONFIG_BYTES_MAX, Config, MarketKind, Place, Problem};
use engine_core::tables::{InstrumentSpec, PAIRS_MAX, TableError, Tables};
use engine_model::MarketId;
use serde::Serialize;

use crate::cli_output::{Exit, Failure, Form, note, write_json, write_text};
use crate::replay::tables::from_config;

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFailure {
    /// The file cannot be read.
    File(Failure),
    /// It can, and this is wrong with it.
    Problems(Vec<Problem>),
}

/// Reads a configuration file, with overrides of the form `KEY=VALUE`.
///
/// # Errors
///
/// [`ConfigFailure`], with every problem at once.
pub fn load_config(path: &Path, sets: &[String]) -> Result<Config, ConfigFailure> {
    load_with_text(path, sets).map(|(config, _)| config)
}

/// As [`load_config`], with the text that was read.
///
/// # Errors
///
/// As [`load_config`].
pub fn load_with_text(path: &Path, sets: &[String]) -> Result<(Config, String), ConfigFailure> {
    let text = read_text(path).map_err(ConfigFailure::File)?;
    let name = path.display().to_string();
    let config = Config::parse_with(&name, &text, sets).map_err(ConfigFailure::Problems)?;
    Ok((config, text))
}

/// Reads a configuration file, as far as one may be long.
///
/// # Errors
///
/// [`Failure`], where it cannot be read or is no text.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One byte above the bound, so that the parser sees that it is too large.
    std::fs::File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        let says = format!("{}:{line}: not UTF-8 text", path.display());
        Failure::new(Exit::BadConfig, says, "a configuration is TOML; is this the right file?")
    })
}

impl ConfigFailure {
    /// Writes it as [`Failure::report`] does, one pair of lines for each problem.
    #[must_use]
    pub fn report(&self, form: Form) -> Exit {
        let problems = match self {
            Self::File(failure) => return failure.report(form),
            Self::Problems(problems) => problems,
        };
        if form == Form::Json {
            let report = Refused {
                error: Exit::BadConfig.name(),
                ok: false,
                problems: problems.iter().map(ProblemReport::of).collect(),
            };
            if let Err(exit) = write_json(&report) {
                return exit;
            }
        }
        for problem in problems {
            note(&format!("{problem}\n"));
        }
        Exit::BadConfig
    }
}

/// The command.
#[must_use]
pub fn run(path: &Path, sets: &[String], form: Form) -> Exit {
    let checked = load_config(path, sets).and_then(|config| {
        check_tables(&config).map_err(|problem| ConfigFailure::Problems(vec![problem]))?;
        Ok(config)
    });
    let config = match checked {
        Ok(config) => config,
        Err(failure) => return failure.report(form),
    };
    let name = path.display().to_string();
    let accepted = Accepted::of(&name, &config);
    let written = match form {
        Form::Json => write_json(&accepted),
        Form::Text => write_text(&accepted.line()),
    };
    written.err().unwrap_or(Exit::Ok)
}

/// Builds what the core is built with, so that a configuration is not first refused when it runs.
///
/// Grids are the configured ones; a recording that states its own is judged with those.
///
/// # Errors
///
/// The first market, or pair of markets, that the core does not take.
pub fn check_tables(config: &Config) -> Result<(), Problem> {
    let (tables, _) = from_config(config, &[]);
    let Err(error) = tables.check().and_then(|()| tables.pairs().map(drop)) else {
        return Ok(());
    };
    let culprits = culprits(&tables);
    let names: Vec<String> = culprits
        .iter()
        .filter_map(|id| Some(format!("\"{}\"", config.markets.get(id.index())?.name)))
        .collect();
    let names = names.join(" and ");
    let (key, says, hint) = match error {
        TableError::TooMany => (
            "markets",
            format!("more than {PAIRS_MAX} ordered pairs of markets that trade the same asset"),
            "remove markets or entries of settles_also_in, or write same_venue_pairs = false",
        ),
        TableError::OutOfRange if culprits.len() == 2 => (
            "markets.lot",
            format!("{names}: their steps of size have no common multiple within 64 bits"),
            "check \"lot\" of books and \"decimals\" of tokens: one is far too large or too fine",
        ),
        TableError::OutOfRange => (
            "markets",
            format!("the markets or assets hold a number outside its range: {names}"),
            "check \"tick\", \"lot\", \"taker_fee_bps\" and the assets' \"decimals\"",
        ),
        TableError::Dangling => (
            "markets",
            format!("a reference between the tables leads nowhere: {names}"),
            "check that every asset and market that is named is declared",
        ),
    };
    // The later of two is the one that does not fit to what stands before it.
    let market = culprits.last().and_then(|id| config.markets.get(id.index()));
    let place = market.or(config.markets.first()).map(|market| market.place.clone());
    let place = place.unwrap_or(Place::File { name: String::new(), line: 1, column: 1 });
    Err(Problem { place, key: key.to_owned(), says, hint: hint.to_owned() })
}

/// The markets that are out of range alone, or the first two that are together.
fn culprits(tables: &Tables) -> Vec<MarketId> {
    // What refers to other markets would dangle without them.
    let mut some = tables.clone();
    some.rates.clear();
    some.instruments.clear();
    some.costs.coin_price = None;
    for (index, market) in tables.markets.iter().enumerate() {
        some.markets = vec![*market];
        if some.check().is_err() {
            return u16::try_from(index).map(MarketId).into_iter().collect();
        }
    }
    some.markets.clone_from(&tables.markets);
    let fits = |some: &mut Tables, one: &InstrumentSpec, other: &InstrumentSpec| {
        some.instruments.clear();
        some.instruments.extend([*one, *other]);
        some.pairs().is_ok()
    };
    for (index, other) in tables.instruments.iter().enumerate() {
        for one in &tables.instruments[..index] {
            if !fits(&mut some, one, other) {
                return vec![one.market, other.market];
            }
        }
    }
    Vec::new()
}

#[derive(Serialize)]
struct Accepted<'a> {
    ok: bool,
    file: &'a str,
    assets: usize,
    books: usize,
    pools: usize,
    rates: usize,
    captures: usize,
}

impl<'a> Accepted<'a> {
    fn of(file: &'a str, config: &Config) -> Self {
        let books =
            config.markets.iter().filter(|it| matches!(it.kind, MarketKind::Book(_))).count();
        Self {
            ok: true,
            file,
            assets: config.assets.len(),
            books,
            pools: config.markets.len() - books,
            rates: config.rates.len(),
            captures: config.captures.len(),
        }
    }

    fn line(&self) -> String {
        let Self { file, assets, books, pools, rates, captures, .. } = self;
        format!(
            "{file}: ok · assets {assets} · books {books} · pools {pools} · rates {rates} · \
             captures {captures}\n"
        )
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'static str,
    ok: bool,
    problems: Vec<ProblemReport<'a>>,
}

#[derive(Serialize)]
struct ProblemReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    key: &'a str,
    says: &'a str,
    hint: &'a str,
}

impl<'a> ProblemReport<'a> {
    fn of(problem: &'a Problem) -> Self {
        let (file, line, column, set) = match &problem.place {
            Place::File { name, line, column } => {
                (Some(name.as_str()), Some(*line), Some(*column), None)
            }
            Place::Set { text } => (None, None, None, Some(text.as_str())),
        };
        let Problem { key, says, hint, .. } = problem;
        Self { file, line, column, set, key, says, hint }
    }
}
