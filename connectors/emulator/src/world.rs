//! One world for all venues: exchanges, chain, market, and the server's options made of them.

#[cfg(test)]
mod tests;
mod truth;
mod venues;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use solana_pubkey::Pubkey;

use crate::chain::{
    Ledger, LedgerSpec, PoolSpec, SharedLedger, SlotClock, SpecError, USDC, WSOL, WalletSpec,
};
use crate::config::{AccountConfig, Decimal, EmulateConfig, MarketSource, RandomFaults};
use crate::exchange::{AccountSpec, Exchange, SharedExchange};
use crate::happening::ExchangeId;
use crate::keys::{self, AccountKeys, Credentials};
use crate::live::{
    CaptureError, CaptureFile, Captured, Market, MarketSpec, exchange_spec, first_slot,
};
use crate::serve::{Clock, FaultOrder, Feed, Mix, Options, Scheduled, StartError, mixed};

/// The exchanges in the order of [`ExchangeId`].
const EXCHANGES: [(ExchangeId, &str); 3] = [
    (ExchangeId::Coinbase, "coinbase"),
    (ExchangeId::Gemini, "gemini"),
    (ExchangeId::Bitstamp, "bitstamp"),
];

const SECOND_NS: u64 = 1_000_000_000;

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The chain's settings do not fit together.
    #[error("the chain: {0}")]
    Chain(#[from] SpecError),
    /// A venue that there is not.
    #[error("there is no venue called {0:?}")]
    NoVenue(String),
    /// A recording cannot be read or played.
    #[error("{0}")]
    Capture(String),
    /// The keys cannot be written.
    #[error("{}: {error}", path.display())]
    Keys {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A world before it turns.
pub struct World {
    /// What the server is started with.
    pub options: Options,
    /// Keys of the accounts.
    pub keys: Vec<AccountKeys>,
    /// Coinbase, Gemini, Bitstamp.
    pub exchanges: [SharedExchange; 3],
    /// The chain.
    pub ledger: SharedLedger,
}

/// Builds a world as configured. Nothing listens and nothing is written yet but the keys, where a
/// file for them is named.
///
/// # Errors
///
/// As [`WorldError`] says.
pub fn world(config: &EmulateConfig) -> Result<World, WorldError> {
    let start_ns = config.start_unix_s.map_or_else(Clock::wall_unix_ns, |it| it * SECOND_NS);
    let keys = keys::make(config.seed, &config.accounts);
    let spec = market_spec(config, start_ns);
    let exchanges = EXCHANGES.map(|(id, name)| Arc::new(Mutex::new(exchange(config, id, name))));
    let mut ledger_spec = ledger_spec(config, &spec, &keys);
    let captures = capture_files(config);
    let played = |error: CaptureError| WorldError::Capture(error.to_string());
    if let Some(first) = first_slot(&captures).map_err(played)? {
        // The recording brings its own slots and pools.
        ledger_spec.clock = SlotClock::Recorded;
        ledger_spec.start_slot = first.saturating_sub(1);
        ledger_spec.pools.clear();
    }
    let ledger = Ledger::new(&ledger_spec)?;
    let ledger: SharedLedger = Arc::new(Mutex::new(ledger));
    let feed: Box<dyn Feed> = match config.market.source {
        MarketSource::Stochastic => {
            Box::new(Market::new(spec, exchanges.clone(), Arc::clone(&ledger)))
        }
        MarketSource::Captures => {
            let feed = Captured::open(&captures, start_ns, exchanges.clone(), Arc::clone(&ledger));
            Box::new(feed.map_err(played)?)
        }
    };
    let mut options = Options::new(config.seed, feed);
    options.start_unix_ns = start_ns;
    options.scale = config.time_scale;
    options.turn = Duration::from_micros(u64::from(config.turn_us));
    options.control_port = config.control_port;
    options.schedule = schedule(config);
    options.frame_log.clone_from(&config.frame_log);
    options.ca_file.clone_from(&config.ca_file);
    options.host_names.clone_from(&config.host_names);
    options.truth = Some(truth::truth(exchanges.clone(), Arc::clone(&ledger)));
    let parts = venues::Parts { keys: &keys, exchanges: &exchanges, ledger: &ledger };
    options.venues = venues::venues(config, &parts)?;
    if let Some(path) = &config.keys_file {
        keys::write(path, &keys).map_err(|error| WorldError::Keys { path: path.clone(), error })?;
    }
    Ok(World { options, keys, exchanges, ledger })
}

/// The recordings that are played. Their times are taken as they are: the first frame of the earliest is
/// the start.
fn capture_files(config: &EmulateConfig) -> Vec<CaptureFile> {
    let files = config.market.captures.iter();
    files.map(|path| CaptureFile { path: path.clone(), shift_ns: 0 }).collect()
}

fn market_spec(config: &EmulateConfig, start_ns: u64) -> MarketSpec {
    let usual = MarketSpec::new(config.seed, start_ns);
    let micros = |price: Option<Decimal>, usual: u64| {
        price.and_then(|price| price.units(6)).unwrap_or(usual)
    };
    MarketSpec {
        sol_micros: micros(config.market.sol_usd, usual.sol_micros),
        btc_micros: micros(config.market.btc_usd, usual.btc_micros),
        usdc_micros: micros(config.market.usdc_usd, usual.usdc_micros),
        ..usual
    }
}

fn exchange(config: &EmulateConfig, id: ExchangeId, name: &str) -> Exchange {
    let account = |account: &AccountConfig| AccountSpec {
        name: Arc::from(account.name.as_str()),
        balances_e8: account
            .balances
            .iter()
            .filter_map(|(currency, amount)| Some((currency.as_str().into(), amount.units(8)?)))
            .collect(),
    };
    let accounts = config.accounts.iter().filter(|it| it.venue == name).map(account).collect();
    let mut spec = exchange_spec(id, accounts);
    if let Some(venue) = config.venues.get(name) {
        spec.maker_fee_ppm = venue.maker_fee_ppm.unwrap_or(spec.maker_fee_ppm);
        spec.taker_fee_ppm = venue.taker_fee_ppm.unwrap_or(spec.taker_fee_ppm);
    }
    Exchange::new(id, spec)
}

fn ledger_spec(config: &EmulateConfig, market: &MarketSpec, keys: &[AccountKeys]) -> LedgerSpec {
    let price_e8 = market.pool_price_e8();
    let mut spec = LedgerSpec::sol_usdc(config.seed, market.start_ns, price_e8);
    let chain = &config.chain;
    spec.skip_permille = chain.skip_permille;
    spec.fork_permille = chain.fork_permille;
    spec.lost_permille = chain.lost_permille;
    spec.landing_slots_max = chain.landing_slots_max;
    spec.priority_fee_micro_lamports = chain.priority_fee_micro_lamports;
    spec.tip_lamports = chain.tip_lamports;
    if chain.adaptive_pool {
        spec.pools.push(PoolSpec::sol_usdc_adaptive(price_e8));
    }
    for account in config.accounts.iter().filter(|it| it.venue == "solana") {
        let owner = keys.iter().find_map(|it| match &it.credentials {
            Credentials::Solana { address, .. } if it.account == account.name => {
                Some(Pubkey::new_from_array(*address))
            }
            Credentials::Solana { .. }
            | Credentials::Coinbase { .. }
            | Credentials::Gemini { .. }
            | Credentials::Bitstamp { .. } => None,
        });
        let amount = |currency: &str, places| {
            account.balances.get(currency).and_then(|it| it.units(places)).unwrap_or(0)
        };
        spec.wallets.extend(owner.map(|owner| WalletSpec {
            owner,
            lamports: amount("SOL", 9),
            tokens: vec![(WSOL, amount("WSOL", 9)), (USDC, amount("USDC", 6))],
        }));
    }
    spec
}

/// Faults at set times and at seeded ones.
fn schedule(config: &EmulateConfig) -> Vec<Scheduled> {
    let set = config.faults.iter().map(|fault| {
        let order = FaultOrder::new(&fault.venue, fault.fault.clone(), fault.duration_ms);
        let order = FaultOrder { connection: fault.connection, ..order };
        Scheduled { at_ms: fault.at_ms, order }
    });
    let mut schedule: Vec<Scheduled> = set.collect();
    if let Some(RandomFaults { count, from_ms, until_ms, longest_ms }) = config.random_faults {
        let product = |name: &str| {
            let is_chain = name.starts_with("solana");
            if is_chain { crate::chain::SOL_USDC_POOL.to_string() } else { "SOL-USD".to_owned() }
        };
        let venues = config.venues.keys().map(|name| (name.clone(), product(name))).collect();
        let mix = Mix { seed: config.seed, venues, count, from_ms, until_ms, longest_ms };
        schedule.extend(mixed(&mix));
    }
    schedule
}
