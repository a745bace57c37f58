//! Which recordings are replayed with which configuration.

use std::path::{Path, PathBuf};

use config::Config;
use connector_net::capture::{Capture, CaptureError};
use engine_journal::records::Begin;
use engine_model::Venue;

use super::ReplayArgs;
use crate::check::{ConfigFailure, load_config, load_with_text};
use crate::cli_output::{Exit, Failure, Form};

/// Name of a bundle's configuration file.
const BUNDLE_CONFIG: &str = "bundle.toml";

/// Most recordings of one replay.
const CAPTURES_MAX: usize = 64;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The files of the bundle that ships, by the names its configuration uses.
        const SHIPPED: &[(&str, &[u8])] = &[$((
            $name,
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/", $name)),
        )),*];
    };
}

shipped!(
    "recorded/coinbase.jsonl.zst",
    "recorded/gemini.jsonl.zst",
    "derived/coinbase.jsonl.zst",
    "derived/gemini.jsonl.zst",
    "derived/bitstamp.jsonl.zst",
    "derived/solana.jsonl.zst",
);

/// Files of the bundle that ships below a folder of it: name without the folder, and content.
pub fn shipped_files(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    SHIPPED.iter().filter_map(move |(name, bytes)| Some((name.strip_prefix(folder)?, *bytes)))
}

/// The configuration of the bundle that ships.
pub const SHIPPED_CONFIG: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/bundle.toml"));

/// One recording of a part.
#[derive(Debug)]
pub struct Input {
    /// The file's name as reports show it.
    pub name: String,
    /// Its text.
    pub capture: Capture,
    /// Whose frames it holds.
    pub venue: Venue,
    /// Receive times are moved by this. Unit: nanoseconds.
    pub shift_ns: i64,
}

/// Recordings that are replayed together through one core.
#[derive(Debug)]
pub struct Part {
    /// `recorded`, `derived`, or as the configuration names it.
    pub name: String,
    /// In the order of the configuration: the source number of the merge.
    pub inputs: Vec<Input>,
}

/// Whether the markets come from the configuration or from the recording itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketsFrom {
    /// The configuration names them.
    Config,
    /// Every symbol that the recording holds, without pairs: nobody has said what its assets are.
    Recording,
}

/// What to replay.
#[derive(Debug)]
pub struct Plan {
    /// Validated configuration.
    pub config: Config,
    /// Where it comes from, as reports show it.
    pub config_name: String,
    /// Its text as it was read.
    pub config_text: String,
    /// What was set over it.
    pub config_sets: Vec<String>,
    /// Parts, each with a core of its own.
    pub parts: Vec<Part>,
    /// Whose markets.
    pub markets: MarketsFrom,
}

/// Why there is nothing to replay.
#[derive(Debug)]
pub enum Refused {
    /// A file.
    File(Failure),
    /// The configuration.
    Config(ConfigFailure),
}

impl Refused {
    /// Writes it and says how the process ends.
    #[must_use]
    pub fn report(&self, form: Form) -> Exit {
        match self {
            Self::File(failure) => failure.report(form),
            Self::Config(failure) => failure.report(form),
        }
    }
}

/// What a damaged recording is reported as.
#[must_use]
pub fn capture_failure(error: &CaptureError) -> Failure {
    if error.is_missing_file() {
        return Failure::new(
            Exit::MissingFile,
            error.to_string(),
            "check the path; it is taken from the current directory",
        );
    }
    Failure::new(
        Exit::BadData,
        error.to_string(),
        "a recording is a file of recorder format v1 or v2, plain or zstd",
    )
}

impl Plan {
    /// Finds the recordings and the configuration.
    ///
    /// # Errors
    ///
    /// [`Refused`], naming the file or every problem of the configuration.
    pub fn find(args: &ReplayArgs) -> Result<Self, Refused> {
        match &args.path {
            None => Self::shipped(args),
            Some(path) if path.is_dir() => Self::folder(path, args),
            Some(path) => Self::single(path, args),
        }
    }

    /// Another configuration for the runs of a journal: that of `--config`, else the one that the
    /// first run was made with, with `--set` over it. None when neither is given.
    ///
    /// # Errors
    ///
    /// [`Refused`], naming the file or every problem of the configuration.
    pub fn over_journal(args: &ReplayArgs, begin: &Begin) -> Result<Option<Self>, Refused> {
        if args.config.is_none() && args.sets.is_empty() {
            return Ok(None);
        }
        let recorded = || {
            let mut sets = begin.config_sets.clone();
            sets.extend_from_slice(&args.sets);
            let config = Config::parse_with(&begin.config_name, &begin.config_text, &sets);
            Ok((config.map_err(ConfigFailure::Problems)?, begin.config_text.clone()))
        };
        let (config, config_text, config_name) = config_or(args, recorded)?;
        let (parts, markets) = (Vec::new(), MarketsFrom::Config);
        let config_sets = args.sets.clone();
        Ok(Some(Self { config, config_name, config_text, config_sets, parts, markets }))
    }

    /// Size of all recordings, for progress. Unit: bytes of text.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        let inputs = self.parts.iter().flat_map(|part| &part.inputs);
        inputs.map(|input| input.capture.text_bytes() as u64).sum()
    }

    fn shipped(args: &ReplayArgs) -> Result<Self, Refused> {
        let (config, config_text, config_name) = config_or(args, || shipped_config(&args.sets))?;
        let bundle = Config::parse(BUNDLE_CONFIG, SHIPPED_CONFIG)
            .map_err(|problems| Refused::Config(ConfigFailure::Problems(problems)))?;
        // A configuration of one's own says what to look for, not which files the bundle has.
        let captures = if config.captures.is_empty() { &bundle.captures } else { &config.captures };
        let parts = parts(captures, |file| match SHIPPED.iter().find(|(name, _)| *name == file) {
            Some((name, bytes)) => Capture::from_bytes(name, bytes),
            None => Capture::open(Path::new(file)),
        })?;
        let config_sets = args.sets.clone();
        Ok(Self {
            config,
            config_name,
            config_text,
            config_sets,
            parts,
            markets: MarketsFrom::Config,
        })
    }

    fn folder(path: &Path, args: &ReplayArgs) -> Result<Self, Refused> {
        let own = path.join(BUNDLE_CONFIG);
        let (config, config_text, config_name) =
            config_or(args, || load_with_text(&own, &args.sets))?;
        let listed = if config.captures.is_empty() && own.is_file() {
            load_config(&own, &[]).map_err(Refused::Config)?.captures
        } else {
            config.captures.clone()
        };
        if listed.is_empty() {
            return Err(Refused::File(Failure::new(
                Exit::BadData,
                format!(
                    "{}: neither the folder nor the configuration lists recordings",
                    path.display()
                ),
                "list them as [[captures]] in the folder's bundle.toml",
            )));
        }
        let parts = parts(&listed, |file| Capture::open(&path.join(file)))?;
        let config_sets = args.sets.clone();
        Ok(Self {
            config,
            config_name,
            config_text,
            config_sets,
            parts,
            markets: MarketsFrom::Config,
        })
    }

    fn single(path: &Path, args: &ReplayArgs) -> Result<Self, Refused> {
        let capture =
            Capture::open(path).map_err(|error| Refused::File(capture_failure(&error)))?;
        let venue = capture.venue().map_err(|error| Refused::File(capture_failure(&error)))?;
        let Some(venue) = venue else {
            return Err(Refused::File(Failure::new(
                Exit::BadData,
                format!("{}: whose recording it is cannot be told from it", path.display()),
                "replay it as part of a bundle whose [[captures]] name its venue",
            )));
        };
        let markets = match args.config {
            Some(_) => MarketsFrom::Config,
            None => MarketsFrom::Recording,
        };
        let (config, config_text, config_name) = config_or(args, || shipped_config(&args.sets))?;
        let input = Input { name: file_name(path), capture, venue, shift_ns: 0 };
        let parts = vec![Part { name: "capture".to_owned(), inputs: vec![input] }];
        let config_sets = args.sets.clone();
        Ok(Self { config, config_name, config_text, config_sets, parts, markets })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string())
}

/// A configuration with its text and its name.
type Named = (Config, String, String);

fn config_or(
    args: &ReplayArgs,
    own: impl FnOnce() -> Result<(Config, String), ConfigFailure>,
) -> Result<Named, Refused> {
    if let Some(path) = &args.config {
        let (config, text) = load_with_text(path, &args.sets).map_err(Refused::Config)?;
        return Ok((config, text, path.display().to_string()));
    }
    let (config, text) = own().map_err(Refused::Config)?;
    Ok((config, text, BUNDLE_CONFIG.to_owned()))
}

/// The configuration of the bundle that ships.
fn shipped_config(sets: &[String]) -> Result<(Config, String), ConfigFailure> {
    let config = Config::parse_with(BUNDLE_CONFIG, SHIPPED_CONFIG, sets);
    Ok((config.map_err(ConfigFailure::Problems)?, SHIPPED_CONFIG.to_owned()))
}

/// Opens the captures, grouped by part in the order in which the parts are first named.
fn parts(
    captures: &[config::CaptureFile],
    open: impl Fn(&str) -> Result<Capture, CaptureError>,
) -> Result<Vec<Part>, Refused> {
    if captures.len() > CAPTURES_MAX {
        return Err(Refused::File(Failure::new(
            Exit::BadData,
            format!("{} recordings, at most {CAPTURES_MAX}", captures.len()),
            "split the bundle",
        )));
    }
    let mut parts: Vec<Part> = Vec::new();
    for file in captures {
        let refused = |error: CaptureError| Refused::File(capture_failure(&error));
        let mut capture = open(&file.file).map_err(refused)?;
        for next in &file.more {
            let next = open(next).map_err(refused)?;
            capture.append(&next).map_err(refused)?;
        }
        let input = Input {
            name: file_name(&PathBuf::from(&file.file)),
            capture,
            venue: file.venue,
            shift_ns: file.shift_ns,
        };
        match parts.iter_mut().find(|part| part.name == file.part) {
            Some(part) => part.inputs.push(input),
            None => parts.push(Part { name: file.part.clone(), inputs: vec![input] }),
        }
    }
    Ok(parts)
}
