//! What `riptide emulate` is told: a TOML file, every key with a default and bounds.
//!
//! Unknown keys are refused. All problems with values are told at once, each with its key and what
//! to do about it; a file that is no TOML, or has a key of the wrong type, is told with its line.

mod check;
mod decimal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::serve::{CertificateKind, Fault, Limits};

pub use check::{ACCOUNTS_MAX, CAPTURES_MAX, CONFIG_BYTES_MAX, HOST_NAMES_MAX, VENUE_NAMES};
pub use decimal::Decimal;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, where it is known.
    pub line: Option<usize>,
    /// The key with its table, like `venues.gemini.port`; empty where the file as a whole is wrong.
    pub key: String,
    /// What is wrong.
    pub says: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.says)
    }
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmulateConfig {
    /// Seed of the market, of the chain, of the accounts' keys and of all faults.
    pub seed: u64,
    /// Market time at the start; absent: the wall clock. Unit: Unix seconds.
    pub start_unix_s: Option<u64>,
    /// How many times faster than real time the market runs.
    pub time_scale: u32,
    /// Real time between two turns of the world. Unit: microseconds.
    pub turn_us: u32,
    /// Port of the control endpoint on 127.0.0.1; 0: any; absent: there is none.
    pub control_port: Option<u16>,
    /// Host names for the certificates, besides `localhost` and the loopback addresses.
    pub host_names: Vec<String>,
    /// Where the test authority's certificate is written, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Where the made-up keys of the accounts are written, as JSON that only the owner can read.
    pub keys_file: Option<PathBuf>,
    /// Where a line per text frame is written.
    pub frame_log: Option<PathBuf>,
    /// Where prices come from.
    pub market: MarketConfig,
    /// The chain.
    pub chain: ChainConfig,
    /// The venues that are served; names are [`VENUE_NAMES`].
    pub venues: BTreeMap<String, VenueConfig>,
    /// Accounts at the exchanges and wallets on the chain.
    pub accounts: Vec<AccountConfig>,
    /// Faults at set times.
    pub faults: Vec<FaultConfig>,
    /// Mixed faults at seeded times.
    pub random_faults: Option<RandomFaults>,
}

/// Where prices come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketSource {
    /// A seeded market of its own.
    #[default]
    Stochastic,
    /// Recordings, played in their own time.
    Captures,
}

/// Where prices come from, and where they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    /// Which kind.
    pub source: MarketSource,
    /// Recordings (recorder format v2, plain or zstd), one per venue.
    pub captures: Vec<PathBuf>,
    /// First price of SOL in USD; absent: that of the shipped recording.
    pub sol_usd: Option<Decimal>,
    /// First price of BTC in USD.
    pub btc_usd: Option<Decimal>,
    /// First price of USDC in USD.
    pub usdc_usd: Option<Decimal>,
}

/// The chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// Slots without a block. Unit: per 1,000.
    pub skip_permille: u64,
    /// Blocks that are abandoned for another fork. Unit: per 1,000.
    pub fork_permille: u64,
    /// Transactions that never reach a leader. Unit: per 1,000.
    pub lost_permille: u64,
    /// A transaction lands at most so many slots after the next.
    pub landing_slots_max: u64,
    /// Level of priority fees. Unit: micro-lamports per compute unit.
    pub priority_fee_micro_lamports: u64,
    /// Median of tips. Unit: lamports.
    pub tip_lamports: u64,
    /// Whether there is a second pool of SOL and USDC, with an adaptive fee.
    pub adaptive_pool: bool,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            skip_permille: 33,
            fork_permille: 0,
            lost_permille: 0,
            landing_slots_max: 2,
            priority_fee_micro_lamports: 50_000,
            tip_lamports: 10_000,
            adaptive_pool: false,
        }
    }
}

/// One venue: where it listens, what it takes, and choices of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VenueConfig {
    /// Plain port on 127.0.0.1 for HTTP and WebSocket; 0: any; absent: no plain listener.
    pub port: Option<u16>,
    /// TLS port on 127.0.0.1; 0: any; absent: no TLS.
    pub tls_port: Option<u16>,
    /// Which certificate the TLS port shows.
    pub certificate: CertificateKind,
    /// What it takes per second, over all clients.
    pub limits: Limits,
    /// Fee of the resting side; absent: the entry tier's. Exchanges only. Unit: ppm.
    pub maker_fee_ppm: Option<u32>,
    /// Fee of the taking side; absent: the entry tier's. Exchanges only. Unit: ppm.
    pub taker_fee_ppm: Option<u32>,
    /// Bitstamp: hosts that clients may believe to talk to, besides the one they name.
    pub hosts: Vec<String>,
    /// Gemini: leave `contract_price_currency` out of market details, which some clients misread.
    pub omits_contract_currency: bool,
    /// Gemini: whose order events a connection without authentication sees; absent: nobody's.
    pub unsigned_events: Option<String>,
    /// Solana: what requests must carry in their query as `api-key`; absent: nothing. Made up, like
    /// everything here.
    pub api_key: Option<String>,
}

/// An account at an exchange, or a wallet on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// `coinbase`, `gemini`, `bitstamp` or `solana`.
    pub venue: String,
    /// Its name; with the seed it determines the keys.
    pub name: String,
    /// Amounts by currency, in whole units.
    #[serde(default)]
    pub balances: BTreeMap<String, Decimal>,
}

/// A fault at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultConfig {
    /// Since the start. Unit: milliseconds of market time.
    pub at_ms: u64,
    /// Name of the venue.
    pub venue: String,
    /// What happens: `{ kind = "drop" }`.
    pub fault: Fault,
    /// How long. Unit: milliseconds of market time.
    #[serde(default)]
    pub duration_ms: u64,
    /// Only the WebSocket connection with this number.
    #[serde(default)]
    pub connection: Option<u64>,
}

/// Mixed faults at seeded times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFaults {
    /// How many.
    pub count: usize,
    /// First moment since the start. Unit: milliseconds of market time.
    pub from_ms: u64,
    /// All are over by then. Unit: milliseconds of market time.
    pub until_ms: u64,
    /// Longest. Unit: milliseconds of market time.
    pub longest_ms: u64,
}

impl Default for EmulateConfig {
    /// All four venues on any port, a control endpoint, no accounts, no faults.
    fn default() -> Self {
        let venue = || VenueConfig { port: Some(0), ..VenueConfig::default() };
        let names = ["coinbase", "gemini", "bitstamp", "solana"];
        Self {
            venues: names.into_iter().map(|name| (name.to_owned(), venue())).collect(),
            ..Self::bare()
        }
    }
}

impl EmulateConfig {
    fn bare() -> Self {
        Self {
            seed: 1,
            start_unix_s: None,
            time_scale: 1,
            turn_us: 1_000,
            control_port: Some(0),
            host_names: Vec::new(),
            ca_file: None,
            keys_file: None,
            frame_log: None,
            market: MarketConfig::default(),
            chain: ChainConfig::default(),
            venues: BTreeMap::new(),
            accounts: Vec::new(),
            faults: Vec::new(),
            random_faults: None,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// Every problem with a value at once, or the first one that keeps the text from being read.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        if text.len() > CONFIG_BYTES_MAX {
            return Err(vec![Problem {
                line: None,
                key: String::new(),
                says: format!("has {} bytes; at most {CONFIG_BYTES_MAX}", text.len()),
                hint: "is this the right file?".to_owned(),
            }]);
        }
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = &text.as_bytes()[..span.start.min(text.len())];
                before.split(|byte| *byte == b'\n').count()
            });
            let says = error.message().replace('\n', "; ");
            let hint = "config/example/emulate.toml explains every key".to_owned();
            vec![Problem { line, key: String::new(), says, hint }]
        })?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Everything that is out of bounds or does not fit together.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        check::problems(self)
    }
}
