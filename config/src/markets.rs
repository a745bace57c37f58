//! `[[markets]]`: order books and pools.

use engine_model::grid::{GRID_PLACES_MAX, Step};
use engine_model::{AssetId, MarketId, Venue};

use crate::assets::{AssetKind, AssetTable};
use crate::decimal::Decimal;
use crate::problem::{At, Fault, Place, Problems, fault, nearest_hint, shown};
use crate::read::{address, bps_as_ppm, integer, list, name, positive_amount, text, word};
use crate::section::{Section, root_list};
use crate::tree::{Node, Table};

/// Most markets. The pairs of one base asset grow with the square.
pub const MARKETS_MAX: usize = 256;
/// Most alias settlement assets of a book.
pub const SETTLEMENTS_MAX: usize = 8;
/// Longest name of a market. Unit: bytes.
pub const MARKET_NAME_BYTES_MAX: usize = 64;
/// Default of `stale_after_ms`: five heartbeats of the slowest venue that sends them each second.
pub const STALE_AFTER_MS_DEFAULT: u64 = 5_000;
/// Default of `stale_after_slots`: about 3.2 s.
pub const STALE_AFTER_SLOTS_DEFAULT: u64 = 8;
/// Highest taker fee. Unit: basis points.
const TAKER_FEE_BPS_MAX: u32 = 1_000;
// A fee of the whole notional leaves nothing to compute with.
const _: () = assert!(TAKER_FEE_BPS_MAX < 10_000);

/// Coinbase's books in USDC. Every other -USDC product of it is the -USD book under a second name.
const COINBASE_USDC_BOOKS: [&str; 2] = ["USDT-USDC", "EURC-USDC"];

/// Programs whose pools can be priced: Orca Whirlpool, both deployments.
pub const POOL_PROGRAMS: [&str; 2] =
    ["whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc", "iwhrLHdsgrvmnwU8GF2FSmyabSMjfHwFGJAX2ufJ3ZN"];

/// A stream of market data and what is traded there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// Unique name.
    pub name: String,
    /// Where.
    pub venue: Venue,
    /// As the venue spells it in its frames; for a pool its address.
    pub symbol: String,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid in.
    pub quote: AssetId,
    /// What a book has and a pool has not, or the other way round.
    pub kind: MarketKind,
    /// Where it is declared, for messages.
    pub place: Place,
}

/// Book or pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketKind {
    /// An order book.
    Book(BookTerms),
    /// A pool.
    Pool(PoolTerms),
}

/// Terms of an order book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookTerms {
    /// Price step, used where the recording names none. `None`: 10⁻⁸.
    pub tick: Option<Step>,
    /// Size step, used where the recording names none. `None`: 10⁻⁸.
    pub lot: Option<Step>,
    /// Name of the published fee tier.
    pub fee_tier: String,
    /// Taker fee. Unit: parts per million of the notional.
    pub taker_fee_ppm: u32,
    /// Further assets in which the same book settles, without the quote asset.
    pub settles_also_in: Vec<AssetId>,
    /// The book is not used when its connection gave nothing for longer. Unit: milliseconds.
    pub stale_after_ms: u64,
    /// Smallest order. Unit: base asset.
    pub min_order_size: Option<Decimal>,
    /// Smallest order. Unit: quote asset.
    pub min_order_notional: Option<Decimal>,
}

/// Terms of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTerms {
    /// Address of the pool.
    pub pool: [u8; 32],
    /// Program that owns it.
    pub program: [u8; 32],
    /// The pool is not used when the chain moved on for longer. Unit: slots.
    pub stale_after_slots: u64,
}

/// Markets by name, including those that could not be read.
#[derive(Debug, Default)]
pub(crate) struct MarketTable {
    pub(crate) rows: Vec<MarketRow>,
}

/// One market as far as it was read.
#[derive(Debug)]
pub(crate) struct MarketRow {
    pub(crate) name: Option<String>,
    pub(crate) at: At,
    pub(crate) market: Option<Market>,
}

const KEYS: &[&str] = &[
    "name",
    "venue",
    "symbol",
    "base",
    "quote",
    "tick",
    "lot",
    "fee_tier",
    "taker_fee_bps",
    "settles_also_in",
    "stale_after_ms",
    "min_order_size",
    "min_order_notional",
    "program",
    "stale_after_slots",
];
const BOOK_KEYS: &[&str] = &[
    "tick",
    "lot",
    "fee_tier",
    "taker_fee_bps",
    "settles_also_in",
    "stale_after_ms",
    "min_order_size",
    "min_order_notional",
];
const POOL_KEYS: &[&str] = &["program", "stale_after_slots"];

/// The venues by name.
pub(crate) const VENUES: &[(&str, Venue)] = &[
    (Venue::Coinbase.name(), Venue::Coinbase),
    (Venue::Gemini.name(), Venue::Gemini),
    (Venue::Bitstamp.name(), Venue::Bitstamp),
    (Venue::Solana.name(), Venue::Solana),
];
const _: () = assert!(VENUES.len() == Venue::ALL.len());

impl MarketTable {
    pub(crate) fn read(root: &Table, assets: &AssetTable, problems: &mut Problems<'_>) -> Self {
        if root.get("markets").is_none() {
            let hint = "declare every book and pool as [[markets]]";
            problems.add(At::File(0), "markets", fault("missing [[markets]]", hint));
        }
        let mut markets = Self::default();
        for (at, table) in root_list(root, "markets", MARKETS_MAX, problems) {
            let row = read_market(at, table, assets, problems);
            markets.check_unique(&row, problems);
            markets.rows.push(row);
        }
        markets
    }

    fn check_unique(&self, row: &MarketRow, problems: &mut Problems<'_>) {
        if let Some(name) = &row.name
            && self.rows.iter().any(|other| other.name.as_ref() == Some(name))
        {
            let says = format!("two markets have the name \"{name}\"");
            problems.add(row.at, "markets.name", fault(says, "give each its own name"));
        }
        let Some(market) = &row.market else { return };
        let same = self
            .rows
            .iter()
            .filter_map(|other| other.market.as_ref())
            .find(|other| other.venue == market.venue && other.symbol == market.symbol);
        if let Some(same) = same {
            let says = format!(
                "\"{}\" and \"{}\" are the same symbol \"{}\" of {}",
                same.name,
                market.name,
                market.symbol,
                market.venue.name()
            );
            let hint = "one book is one market; further settlement assets go into settles_also_in";
            problems.add(row.at, "markets.symbol", fault(says, hint));
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<MarketId> {
        let index = self.rows.iter().position(|row| row.name.as_deref() == Some(name))?;
        u16::try_from(index).ok().map(MarketId)
    }

    pub(crate) fn get(&self, id: MarketId) -> Option<&Market> {
        self.rows.get(id.index())?.market.as_ref()
    }

    /// The markets that could be read, with their ids and places.
    pub(crate) fn readable(&self) -> impl Iterator<Item = (At, &Market)> + Clone {
        self.rows.iter().filter_map(|row| row.market.as_ref().map(|market| (row.at, market)))
    }

    pub(crate) fn reference(&self, node: &Node) -> Result<MarketId, Fault> {
        let wanted = text(MARKET_NAME_BYTES_MAX)(node)?;
        self.find(&wanted).ok_or_else(|| {
            let names = self.rows.iter().filter_map(|row| row.name.as_deref());
            fault(
                format!("no market \"{}\" is declared", shown(&wanted)),
                nearest_hint(&wanted, names),
            )
        })
    }
}

fn read_market(
    at: At,
    table: &Table,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> MarketRow {
    let section = Section::open("[[markets]]".to_owned(), at, table, KEYS, problems);
    let own_name = section.required("name", problems, name(MARKET_NAME_BYTES_MAX));
    let venue = section.required("venue", problems, word(VENUES));
    let symbol = section.required("symbol", problems, name(MARKET_NAME_BYTES_MAX));
    if venue == Some(Venue::Coinbase)
        && let Some(symbol) = &symbol
    {
        check_alias(symbol, &section, problems);
    }
    let base = assets.required(&section, "base", problems);
    let quote = assets.required(&section, "quote", problems);
    if let (Some(base), Some(quote)) = (base, quote)
        && assets.canonical(base) == assets.canonical(quote)
    {
        let says = "\"base\" and \"quote\" are the same asset, or count as one";
        let hint = "base is what is traded, quote what it is paid in";
        problems.add(section.at_key("quote"), section.key("quote"), fault(says, hint));
    }
    let kind = match venue {
        Some(Venue::Solana) => read_pool(&section, base, quote, assets, problems),
        Some(Venue::Coinbase | Venue::Gemini | Venue::Bitstamp) => {
            read_book(&section, base, quote, assets, problems)
        }
        None => None,
    };
    let market = own_name.clone().zip(venue).zip(symbol).zip(base.zip(quote)).zip(kind).map(
        |((((name, venue), symbol), (base, quote)), kind)| Market {
            name,
            venue,
            symbol,
            base,
            quote,
            kind,
            place: problems.place_of(at),
        },
    );
    MarketRow { name: own_name, at, market }
}

/// Coinbase's -USDC products are aliases: their frames carry the -USD symbol.
fn check_alias(symbol: &str, section: &Section<'_>, problems: &mut Problems<'_>) {
    let Some(pair) = symbol.strip_suffix("-USDC") else { return };
    if COINBASE_USDC_BOOKS.contains(&symbol) {
        return;
    }
    let says =
        format!("\"{symbol}\" of coinbase is no book of its own, but that of \"{pair}-USD\"");
    let hint = format!("declare \"{pair}-USD\" and write settles_also_in = [\"USDC\"] there");
    problems.add(section.at_key("symbol"), section.key("symbol"), fault(says, hint));
}

fn read_book(
    section: &Section<'_>,
    base: Option<AssetId>,
    quote: Option<AssetId>,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Option<MarketKind> {
    for key in POOL_KEYS {
        section.refuse(key, "it belongs to a pool, and this is an order book", problems);
    }
    let fee_tier = section.required("fee_tier", problems, text(MARKET_NAME_BYTES_MAX));
    let taker_fee_ppm = section.required("taker_fee_bps", problems, bps_as_ppm(TAKER_FEE_BPS_MAX));
    let aliases = list(SETTLEMENTS_MAX, |node: &Node| assets.reference(node));
    let settles_also_in = section.or("settles_also_in", Vec::new(), problems, aliases);
    for alias in &settles_also_in {
        if [base, quote].contains(&Some(*alias)) {
            let says = format!("\"{}\" is already base or quote of the book", assets.name(*alias));
            let key = "settles_also_in";
            problems.add(section.at_key(key), section.key(key), fault(says, "remove it"));
        }
    }
    let size = positive_amount(assets.decimals(base));
    let notional = positive_amount(assets.decimals(quote));
    let book = BookTerms {
        tick: section.optional("tick", problems, step),
        lot: section.optional("lot", problems, step),
        fee_tier: fee_tier?,
        taker_fee_ppm: taker_fee_ppm?,
        settles_also_in,
        stale_after_ms: section.or(
            "stale_after_ms",
            STALE_AFTER_MS_DEFAULT,
            problems,
            integer(1..=3_600_000),
        ),
        min_order_size: section.optional("min_order_size", problems, size),
        min_order_notional: section.optional("min_order_notional", problems, notional),
    };
    Some(MarketKind::Book(book))
}

fn read_pool(
    section: &Section<'_>,
    base: Option<AssetId>,
    quote: Option<AssetId>,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Option<MarketKind> {
    for key in BOOK_KEYS {
        section.refuse(key, "it belongs to an order book, and this is a pool", problems);
    }
    for (key, asset) in [("base", base), ("quote", quote)] {
        let Some(asset) = asset.and_then(|id| assets.get(id)) else { continue };
        if !matches!(asset.kind, AssetKind::Token { .. }) {
            let says = format!("\"{}\" of a pool is no token", asset.name);
            let hint = "a pool holds tokens: declare the asset with kind = \"token\" and its mint, \
                        and an equivalence where it counts as a coin";
            problems.add(section.at_key(key), section.key(key), fault(says, hint));
        }
    }
    let pool = section.optional("symbol", problems, address);
    let program = section.required("program", problems, program);
    let stale = integer(1..=100_000);
    let stale_after_slots =
        section.or("stale_after_slots", STALE_AFTER_SLOTS_DEFAULT, problems, stale);
    Some(MarketKind::Pool(PoolTerms { pool: pool?, program: program?, stale_after_slots }))
}

/// A program whose pools can be priced.
fn program(node: &Node) -> Result<[u8; 32], Fault> {
    let bytes = address(node)?;
    let written = text(MARKET_NAME_BYTES_MAX)(node)?;
    if POOL_PROGRAMS.contains(&written.as_str()) {
        Ok(bytes)
    } else {
        let says = format!("\"{}\" is no pool program that can be priced", shown(&written));
        Err(fault(says, nearest_hint(&written, POOL_PROGRAMS.into_iter())))
    }
}

/// A price or size step.
fn step(node: &Node) -> Result<Step, Fault> {
    let decimal = positive_amount(GRID_PLACES_MAX)(node)?;
    Ok(Step { step: decimal.mantissa, places: decimal.places })
}
