//! One TOML file: typed, exact, every problem reported at once.
//!
//! Numbers are read from their text and never pass through floats: basis points and percent become
//! parts per million, sizes become [`Decimal`]s. References by name become dense indices in file
//! order. Unknown keys are refused with the nearest valid name, and overrides (`KEY=VALUE`) are
//! applied before anything is checked, so that they obey the same rules.
//!
//! Each file of the crate is one table of the configuration, with its keys, defaults and bounds
//! ([`assets`], [`markets`], [`rates`], [`costs`], [`caps`], [`signal`], [`captures`]). What only
//! the whole can show is checked last. `config/example/observe.toml` explains every key.
//!
//! Deliberately absent: secrets (only references to a file or a credential may ever stand here),
//! files and the environment: the caller reads the text. Start reading at [`Config::parse`].

pub mod assets;
pub mod caps;
pub mod captures;
mod contradictions;
pub mod costs;
pub mod decimal;
pub mod execution;
mod flat;
pub mod journal;
mod links;
pub mod machine;
pub mod markets;
pub mod per_venue;
pub mod problem;
pub mod rates;
mod read;
pub mod risk;
pub mod runtime;
mod section;
mod set;
pub mod signal;
mod tree;
pub mod venues;

#[cfg(test)]
mod tests;

use engine_model::{AssetId, MarketId};

pub use assets::{Asset, AssetKind, Equivalence, MintPower};
pub use caps::{Balance, Caps};
pub use captures::CaptureFile;
pub use costs::Costs;
pub use decimal::Decimal;
pub use execution::{Execution, LegOrder};
pub use flat::written;
pub use journal::{Journal, Sync};
pub use machine::MachineLimits;
pub use markets::{BookTerms, Market, MarketKind, PoolTerms};
pub use per_venue::PerVenue;
pub use problem::{Place, Problem};
pub use rates::Rate;
pub use risk::{Risk, StaleScope};
pub use runtime::{Runtime, Wait};
pub use set::SETS_MAX;
pub use signal::{INNER_STEPS_MAX, Signal};
pub use tree::CONFIG_BYTES_MAX;
pub use venues::{ChainNode, ExchangeAccess, GeminiFeed, KeyRef, SecretRef, Venues};

use assets::AssetTable;
use contradictions::Limits;
use links::Links;
use markets::MarketTable;
use problem::Problems;
use section::Section;
use tree::Table;

/// The commented example: every key with its meaning. It passes the checks.
pub const EXAMPLE: &str = include_str!("../example/observe.toml");

/// A configuration that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The asset in which results and limits are stated.
    pub numeraire: AssetId,
    /// Assets; the index is the [`AssetId`].
    pub assets: Vec<Asset>,
    /// Assets that count as one.
    pub equivalences: Vec<Equivalence>,
    /// Markets; the index is the [`MarketId`].
    pub markets: Vec<Market>,
    /// Rates.
    pub rates: Vec<Rate>,
    /// Costs beside the venues' fees.
    pub costs: Costs,
    /// Limits of the sizing.
    pub caps: Caps,
    /// What the signal reports.
    pub signal: Signal,
    /// Limits of trades and of the run.
    pub risk: Risk,
    /// How trades are executed.
    pub execution: Execution,
    /// How the journal is written.
    pub journal: Journal,
    /// Recordings of a bundle, in the order of their source numbers.
    pub captures: Vec<CaptureFile>,
    /// Where the venues are.
    pub venues: Venues,
    /// Threads, cores and rings of the daemon.
    pub runtime: Runtime,
}

/// The tables of the root.
const ROOT_KEYS: &[&str] = &[
    "engine",
    "assets",
    "equivalences",
    "markets",
    "rates",
    "costs",
    "caps",
    "signal",
    "risk",
    "execution",
    "journal",
    "captures",
    "overrides",
    "venues",
    "runtime",
];

impl Config {
    /// Reads a configuration. `name` stands in messages.
    ///
    /// # Errors
    ///
    /// Every problem at once, in the order of the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_with(name, text, &[])
    }

    /// As [`Config::parse`], with overrides of the form `KEY=VALUE`.
    ///
    /// # Errors
    ///
    /// Every problem at once: those of the file in its order, then those of the overrides.
    pub fn parse_with(name: &str, text: &str, sets: &[String]) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::new(name, text, sets);
        let mut root = tree::parse(text, &mut problems);
        // After a syntax error the rest of the tree is guesswork: only its errors are certain.
        if !problems.is_empty() {
            return Err(problems.into_sorted());
        }
        // A recorded run carries what was set over its file; what is set now goes over both.
        let own = set::own(&root, &mut problems);
        set::apply(&mut root, &own, &mut problems);
        set::apply(&mut root, sets, &mut problems);
        let config = read(&root, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => {
                debug_assert!(!problems.is_empty(), "a configuration is refused with a reason");
                Err(problems.into_sorted())
            }
        }
    }

    /// The asset that stands for all that count as one with `asset`, and the cost of changing
    /// into it. Unit of the cost: parts per million.
    #[must_use]
    pub fn canonical(&self, asset: AssetId) -> (AssetId, u32) {
        let found = self.equivalences.iter().find(|it| it.asset == asset);
        found.map_or((asset, 0), |it| (it.same_as, it.cost_ppm))
    }

    /// The market of this name.
    #[must_use]
    pub fn market(&self, name: &str) -> Option<MarketId> {
        let index = self.markets.iter().position(|market| market.name == name)?;
        u16::try_from(index).ok().map(MarketId)
    }

    /// The asset of this name.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<AssetId> {
        let index = self.assets.iter().position(|asset| asset.name == name)?;
        u16::try_from(index).ok().map(AssetId)
    }

    /// The rate between two assets, if one is configured.
    #[must_use]
    pub fn rate(&self, from: AssetId, to: AssetId) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.from == from && rate.to == to)
    }
}

fn read(root: &Table, problems: &mut Problems<'_>) -> Option<Config> {
    Section::open(String::new(), problem::At::File(0), root, ROOT_KEYS, problems);
    let assets = AssetTable::read(root, problems);
    let numeraire = signal::read_engine(root, &assets, problems);
    let markets = MarketTable::read(root, &assets, problems);
    let rates = rates::read(root, &assets, &markets, problems);
    let (costs, sol_price_at) = costs::read(root, &markets, problems);
    let caps = caps::read(root, &assets, problems);
    let signal = signal::read(root, problems);
    let risk = risk::read(root, &assets, problems);
    let execution = execution::read(root, problems);
    let journal = journal::read(root, problems);
    let captures = captures::read(root, problems);
    let venues = venues::read(root, problems);
    let runtime = runtime::read(root, problems);
    let links = Links {
        assets: &assets,
        markets: &markets,
        rates: &rates,
        costs: &costs,
        sol_price_at,
        numeraire,
    };
    links.check(problems);
    let limits = Limits {
        root,
        assets: &assets,
        markets: &markets,
        caps: &caps,
        signal: &signal,
        risk: &risk,
        execution: &execution,
        journal: &journal,
    };
    limits.check(problems);
    Some(Config {
        numeraire: numeraire?,
        equivalences: assets.equivalences,
        assets: assets.rows.into_iter().map(|row| row.asset).collect::<Option<_>>()?,
        markets: markets.rows.into_iter().map(|row| row.market).collect::<Option<_>>()?,
        rates: rates.rates,
        costs,
        caps,
        signal,
        risk,
        execution,
        journal,
        captures,
        venues,
        runtime,
    })
}
