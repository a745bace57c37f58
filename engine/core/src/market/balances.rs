//! What lies ready at each venue: available, reserved for trades under way, spent and received.

use alloc::vec::Vec;

use engine_model::{AssetId, InstrumentId, Venue};
use serde::{Deserialize, Serialize};

use crate::tables::Tables;

/// An asset at a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Where.
    pub venue: Venue,
    /// What.
    pub asset: AssetId,
    /// All of it, reserved or not; none where nobody has said. Unit: asset units.
    pub total: Option<u128>,
    /// Promised to trades under way. Unit: asset units.
    pub reserved: u128,
}

impl Balance {
    /// What may still be promised; none where nobody has said how much there is.
    #[must_use]
    pub fn available(&self) -> Option<u128> {
        self.total.map(|total| total.saturating_sub(self.reserved))
    }
}

/// Place of an asset at a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceId(u16);

/// Balances of all venues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    list: Vec<Balance>,
    /// By instrument: base, settlement currency.
    of: Vec<[BalanceId; 2]>,
}

impl Balances {
    /// As the tables state them. Instruments of one venue share their assets.
    #[must_use]
    pub fn new(tables: &Tables) -> Self {
        let mut list: Vec<Balance> = Vec::new();
        let mut place = |venue, asset, total: Option<u128>| {
            let found = list.iter().position(|it| it.venue == venue && it.asset == asset);
            let index = found.unwrap_or_else(|| {
                list.push(Balance { venue, asset, total, reserved: 0 });
                list.len() - 1
            });
            BalanceId(u16::try_from(index).expect("Invariant: two per instrument, of which few"))
        };
        let mut of = Vec::new();
        for spec in &tables.instruments {
            let market = &tables.markets[spec.market.index()];
            of.push([
                place(market.venue, market.base, spec.base_balance),
                place(market.venue, spec.settles_in, spec.quote_balance),
            ]);
        }
        Self { list, of }
    }

    /// Where an instrument's base lies.
    #[must_use]
    pub fn base_of(&self, instrument: InstrumentId) -> BalanceId {
        self.of[instrument.index()][0]
    }

    /// Where an instrument's settlement currency lies.
    #[must_use]
    pub fn quote_of(&self, instrument: InstrumentId) -> BalanceId {
        self.of[instrument.index()][1]
    }

    /// One balance.
    #[must_use]
    pub fn get(&self, id: BalanceId) -> &Balance {
        &self.list[usize::from(id.0)]
    }

    /// All, in the order in which the instruments first name them.
    #[must_use]
    pub fn list(&self) -> &[Balance] {
        &self.list
    }

    /// Whether these are balances of the same venues and assets as others.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        let key = |it: &Balance| (it.venue, it.asset);
        self.of == other.of && self.list.iter().map(key).eq(other.list.iter().map(key))
    }

    /// Promises an amount to a trade.
    pub fn reserve(&mut self, id: BalanceId, amount: u128) {
        let balance = &mut self.list[usize::from(id.0)];
        balance.reserved = balance.reserved.saturating_add(amount);
    }

    /// Takes a promise back.
    pub fn release(&mut self, id: BalanceId, amount: u128) {
        let balance = &mut self.list[usize::from(id.0)];
        assert!(balance.reserved >= amount, "Invariant: only what was promised is taken back");
        balance.reserved -= amount;
    }

    /// An amount has left. Returns false where it was not there: a contradiction.
    #[must_use]
    pub fn spend(&mut self, id: BalanceId, amount: u128) -> bool {
        let balance = &mut self.list[usize::from(id.0)];
        let Some(total) = &mut balance.total else { return true };
        let is_covered = *total >= amount;
        *total = total.saturating_sub(amount);
        is_covered
    }

    /// An amount has come.
    pub fn receive(&mut self, id: BalanceId, amount: u128) {
        if let Some(total) = &mut self.list[usize::from(id.0)].total {
            *total = total.saturating_add(amount);
        }
    }
}
