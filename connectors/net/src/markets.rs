//! From a venue's symbol to our dense id and grid.

use engine_model::{Grid, MarketId};

/// Most markets one connection may carry. Bitstamp allows 1,024 channels a connection.
pub const MARKETS_MAX: usize = 1024;

/// One market of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// As the venue spells it in its frames: `BTC-USD`, `BTCUSD`, `btcusd`, or a base58 address.
    pub symbol: Box<str>,
    /// Our index.
    pub id: MarketId,
    /// Its tick and lot.
    pub grid: Grid,
}

/// The symbols of one connection.
///
/// A *closed* table knows the configured markets only. An *open* one (used to inspect a recording)
/// takes every symbol it meets, with ids in order of appearance, up to [`MARKETS_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Markets {
    list: Vec<Market>,
    /// Grids known by symbol before the symbol was met (a recording's HTTP metadata).
    known: Vec<(Box<str>, Grid)>,
    open: bool,
    /// Where the last look-up ended: frames of one market come in runs.
    last: core::cell::Cell<usize>,
}

impl Markets {
    /// A table of just these markets.
    ///
    /// # Panics
    ///
    /// Above [`MARKETS_MAX`] markets.
    #[must_use]
    pub fn closed(list: Vec<Market>) -> Self {
        assert!(list.len() <= MARKETS_MAX, "Invariant: the configuration bounds its markets");
        Self { list, known: Vec::new(), open: false, last: core::cell::Cell::new(0) }
    }

    /// A table that takes every symbol, with the grid from `known` or [`Grid::DEFAULT`].
    #[must_use]
    pub fn open(known: Vec<(Box<str>, Grid)>) -> Self {
        Self { list: Vec::new(), known, open: true, last: core::cell::Cell::new(0) }
    }

    /// The same markets under symbols as another feed of the venue spells them.
    #[must_use]
    pub fn respelled(mut self, spell: impl Fn(&str) -> String) -> Self {
        for market in &mut self.list {
            market.symbol = spell(&market.symbol).into();
        }
        for (symbol, _) in &mut self.known {
            *symbol = spell(symbol).into();
        }
        self
    }

    /// Position of `symbol` in [`Markets::list`].
    #[must_use]
    pub fn find(&self, symbol: &[u8]) -> Option<usize> {
        let last = self.last.get();
        if self.list.get(last).is_some_and(|market| market.symbol.as_bytes() == symbol) {
            return Some(last);
        }
        let found = self.list.iter().position(|market| market.symbol.as_bytes() == symbol)?;
        self.last.set(found);
        Some(found)
    }

    /// As [`Markets::find`]; an open table adds a symbol it has not met.
    pub fn find_or_add(&mut self, symbol: &str) -> Option<usize> {
        if let Some(found) = self.find(symbol.as_bytes()) {
            return Some(found);
        }
        if !self.open || self.list.len() >= MARKETS_MAX {
            return None;
        }
        let grid = self.known.iter().find(|(name, _)| **name == *symbol).map(|(_, grid)| *grid);
        let id = MarketId(u16::try_from(self.list.len()).ok()?);
        self.list.push(Market { symbol: symbol.into(), id, grid: grid.unwrap_or(Grid::DEFAULT) });
        Some(self.list.len() - 1)
    }

    /// The market at a position that [`Markets::find`] returned.
    #[must_use]
    pub fn get(&self, position: usize) -> &Market {
        &self.list[position]
    }

    /// All markets, in the order of the table.
    #[must_use]
    pub fn list(&self) -> &[Market] {
        &self.list
    }
}
