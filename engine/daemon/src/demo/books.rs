//! What the engine was told, rebuilt from its journal by plain maps, beside what the venues hold.
//!
//! The journal is read again and every book built from its events: what is compared is the record of
//! the run, not a state that the run happened to have. Simulated trades change the core's books and
//! not the venues'; they do not appear here.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, MarketKind};
use connector_net::Sink;
use engine_model::event::joined;
use engine_model::{Body, Event, Grid, Side, Venue};
use serde_json::Value;

use crate::cli_output::{Exit, Failure};
use crate::journal::feed::JournalFeed;

/// One market's state as events tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Bids and asks: price in ticks to size in lots.
    pub sides: [BTreeMap<u64, u64>; 2],
    /// Square-root price and current tick of a pool.
    pub pool: Option<(u128, i32)>,
    /// Whether it is in doubt, or was never told.
    pub is_doubted: bool,
    /// Events that changed it.
    pub events: u64,
}

/// How one market compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The market's name.
    pub market: String,
    /// Levels, both sides; 0 of a pool.
    pub levels: usize,
    /// What differs; none: nothing.
    pub differs: Option<String>,
}

/// Up to which moment of the market's time states are told.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// Books: the venue's time of a change. Unit: Unix nanoseconds.
    pub venue_ns: u64,
    /// Pools: the slot.
    pub slot: u64,
    /// Everything: the receive time. Unit: Unix nanoseconds.
    pub recv_ns: u64,
}

impl Until {
    /// All of it.
    pub const END: Self = Self { venue_ns: u64::MAX, slot: u64::MAX, recv_ns: u64::MAX };
}

/// The state of every market of a run up to a moment.
///
/// # Errors
///
/// [`Failure`] naming file and offset.
pub fn told(
    dir: &Path,
    begin_seq: u64,
    markets: usize,
    until: Until,
) -> Result<Vec<Told>, Failure> {
    let blank = Told { is_doubted: true, ..Told::default() };
    let mut all = vec![blank; markets];
    let mut feed = JournalFeed::open(dir, begin_seq)?;
    let mut sink = Sink::default();
    while feed.advance(&mut sink).is_some() {
        for event in &sink.events {
            if let Some(told) = all.get_mut(event.market.index()) {
                take(told, event, until);
            }
        }
    }
    let stats = feed.into_stats();
    stats.failed.map_or(Ok(all), Err)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is no part of a book")]
fn take(told: &mut Told, event: &Event, until: Until) {
    let is_later = match event.venue {
        Venue::Solana => event.seq > until.slot,
        Venue::Coinbase | Venue::Gemini | Venue::Bitstamp => event.venue_ns > until.venue_ns,
    };
    if is_later || event.recv_ns > until.recv_ns {
        return;
    }
    match event.body {
        Body::BookClear => {
            *told = Told { events: told.events, ..Told::default() };
        }
        Body::BookDoubt { .. } | Body::Gap { .. } => told.is_doubted = true,
        Body::Level { side, price_ticks, size_lots } if !told.is_doubted => {
            told.events += 1;
            let levels = &mut told.sides[usize::from(side == Side::Ask)];
            if size_lots == 0 {
                levels.remove(&price_ticks);
            } else {
                levels.insert(price_ticks, size_lots);
            }
        }
        Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, .. } => {
            told.events += 1;
            let tick = told.pool.map_or(0, |(_, tick)| tick);
            told.pool = Some((joined([sqrt_price_lo, u64::from(sqrt_price_hi)]), tick));
        }
        Body::PoolMeta { tick_current_index, .. } => {
            let price = told.pool.map_or(0, |(price, _)| price);
            told.pool = Some((price, tick_current_index));
        }
        _ => {}
    }
}

impl Told {
    /// A hash over the state.
    #[must_use]
    pub fn digest(&self) -> blake3::Hash {
        let text = format!("{:?} {:?} {}", self.sides, self.pool, self.is_doubted);
        blake3::hash(text.as_bytes())
    }
}

/// One hash over the states of all markets.
#[must_use]
pub fn digest(all: &[Told]) -> String {
    let mut hasher = blake3::Hasher::new();
    for told in all {
        hasher.update(told.digest().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Compares each market with what its venue holds.
#[must_use]
pub fn compare(config: &Config, grids: &[Grid], all: &[Told], truth: &Value) -> Vec<Compared> {
    let each = config.markets.iter().enumerate().map(|(index, market)| {
        let told = &all[index];
        let differs = if told.is_doubted {
            Some("in doubt".to_owned())
        } else {
            match &market.kind {
                MarketKind::Book(_) => {
                    let name = |asset: engine_model::AssetId| &config.assets[asset.index()].name;
                    let product = format!("{}-{}", name(market.base), name(market.quote));
                    let book = &truth["exchanges"][market.venue.name()][&product];
                    book_differs(told, grids[index], book)
                }
                MarketKind::Pool(_) => {
                    pool_differs(told, &truth["chain"]["accounts"][&market.symbol])
                }
            }
        };
        let levels = told.sides.iter().map(BTreeMap::len).sum();
        Compared { market: market.name.clone(), levels, differs }
    });
    each.collect()
}

/// In units of 10^-8, where that is exact.
fn e8(count: u64, step: engine_model::grid::Step) -> Option<u64> {
    let scale = 10_u64.checked_pow(8_u32.checked_sub(u32::from(step.places))?)?;
    count.checked_mul(step.step)?.checked_mul(scale)
}

fn book_differs(told: &Told, grid: Grid, book: &Value) -> Option<String> {
    for (levels, side) in told.sides.iter().zip(["bids", "asks"]) {
        let Some(truth) = book[side].as_array() else {
            return Some("the venue does not say".to_owned());
        };
        let pair = |row: &Value| Some((row[0].as_u64()?, row[1].as_u64()?));
        let truth: Option<BTreeMap<u64, u64>> = truth.iter().map(pair).collect();
        let own =
            levels.iter().map(|(price, size)| Some((e8(*price, grid.tick)?, e8(*size, grid.lot)?)));
        let own: Option<BTreeMap<u64, u64>> = own.collect();
        let (Some(truth), Some(own)) = (truth, own) else {
            return Some(format!("{side}: a level that 10^-8 cannot express"));
        };
        if own != truth {
            let missing = truth.iter().filter(|(price, size)| own.get(price) != Some(size)).count();
            let more = own.keys().filter(|price| !truth.contains_key(price)).count();
            return Some(format!(
                "{side}: {missing} levels missing or of another size, {more} too many"
            ));
        }
    }
    None
}

/// Offsets of a Whirlpool account. Source: its published layout.
const SQRT_PRICE_AT: usize = 65;
const TICK_AT: usize = 81;

fn pool_differs(told: &Told, account: &Value) -> Option<String> {
    use base64::Engine as _;
    let data = account
        .as_str()
        .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    let truth = data.as_deref().and_then(|data| {
        let price = data.get(SQRT_PRICE_AT..)?.first_chunk::<16>()?;
        let tick = data.get(TICK_AT..)?.first_chunk::<4>()?;
        Some((u128::from_le_bytes(*price), i32::from_le_bytes(*tick)))
    });
    match (told.pool, truth) {
        (Some(own), Some(truth)) if own == truth => None,
        (Some(own), Some(truth)) => Some(format!("tick {} instead of {}", own.1, truth.1)),
        _ => Some("the venue does not say".to_owned()),
    }
}

/// Grids of a run's markets as its journal states them.
///
/// # Errors
///
/// [`Failure`] where the journal holds no such run.
pub fn grids_of(dir: &Path, begin_seq: u64) -> Result<Vec<Grid>, Failure> {
    let (runs, _) = crate::journal::runs::find(dir)?;
    let run = runs.iter().find(|run| run.seq == begin_seq).ok_or_else(|| {
        Failure::new(
            Exit::BadData,
            format!("{}: no run begins at record {begin_seq}", dir.display()),
            "the journal was changed meanwhile",
        )
    })?;
    let grid = |market: &engine_core::tables::MarketSpec| match market.kind {
        engine_core::tables::MarketKind::Book { grid } => grid,
        engine_core::tables::MarketKind::Pool { .. } => Grid::DEFAULT,
    };
    Ok(run.begin.tables.markets.iter().map(grid).collect())
}
