//! `riptide check`: reads a configuration as strictly as running does.

use std::io::Read;
use std::path::Path;

use config::{CONFIG_BYTES_MAX, Config, MarketKind, Place, Problem};
use serde::Serialize;

use crate::cli_output::{Exit, Failure, Form, note, write_json, write_text};

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
    let text = read_text(path).map_err(ConfigFailure::File)?;
    let name = path.display().to_string();
    Config::parse_with(&name, &text, sets).map_err(ConfigFailure::Problems)
}

fn read_text(path: &Path) -> Result<String, Failure> {
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
    let config = match load_config(path, sets) {
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
