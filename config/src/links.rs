//! What only the whole configuration can show: rates that are missing, a pool without a SOL price.

use engine_model::AssetId;

use crate::assets::{AssetKind, AssetTable, WRAPPED_SOL_MINT};
use crate::costs::Costs;
use crate::markets::{Market, MarketKind, MarketTable};
use crate::problem::{At, Problems, fault};
use crate::rates::RateTable;

/// Everything that the checks look at.
#[derive(Debug)]
pub(crate) struct Links<'c> {
    pub(crate) assets: &'c AssetTable,
    pub(crate) markets: &'c MarketTable,
    pub(crate) rates: &'c RateTable,
    pub(crate) costs: &'c Costs,
    /// Where the price of SOL is named, if it is.
    pub(crate) sol_price_at: Option<At>,
    pub(crate) numeraire: Option<AssetId>,
}

impl Links<'_> {
    pub(crate) fn check(&self, problems: &mut Problems<'_>) {
        self.check_conversions(problems);
        self.check_sol_price(problems);
    }

    /// Whether amounts of an asset can be stated in the numeraire.
    fn converts(&self, asset: AssetId, numeraire: AssetId) -> bool {
        let same = |a, b| self.assets.canonical(a) == self.assets.canonical(b);
        same(asset, numeraire)
            || self
                .rates
                .declared
                .iter()
                .any(|(from, to)| same(*from, asset) && same(*to, numeraire))
    }

    /// The assets in which a market settles.
    fn settlements(market: &Market) -> Vec<AssetId> {
        let mut list = vec![market.quote];
        if let MarketKind::Book(book) = &market.kind {
            list.extend(&book.settles_also_in);
        }
        list
    }

    /// Pairs that settle in two assets need a rate to the numeraire for each of them.
    fn check_conversions(&self, problems: &mut Problems<'_>) {
        let Some(numeraire) = self.numeraire else { return };
        for (index, (at, market)) in self.markets.readable().enumerate() {
            let others = self.markets.readable().enumerate().filter(|(other, _)| *other != index);
            let partners = others.map(|(_, (_, other))| other).filter(|other| {
                self.assets.canonical(other.base) == self.assets.canonical(market.base)
            });
            let elsewhere: Vec<AssetId> = partners
                .flat_map(Self::settlements)
                .map(|asset| self.assets.canonical(asset))
                .collect();
            for asset in Self::settlements(market) {
                let own = self.assets.canonical(asset);
                let is_mixed = elsewhere.iter().any(|other| *other != own);
                if !is_mixed || self.converts(asset, numeraire) {
                    continue;
                }
                let (from, to) = (self.assets.name(asset), self.assets.name(numeraire));
                let says = format!(
                    "\"{}\" settles in {from} and is compared with markets that do not, \
                     but there is no rate from {from} to {to}",
                    market.name
                );
                let hint =
                    format!("add [[rates]] with from = \"{from}\", to = \"{to}\" and a book");
                problems.add(at, "rates", fault(says, hint));
            }
        }
    }

    /// Chain costs are paid in SOL: a pool needs a book that prices it.
    fn check_sol_price(&self, problems: &mut Problems<'_>) {
        let mut pools = self
            .markets
            .readable()
            .filter(|(_, market)| matches!(market.kind, MarketKind::Pool(_)));
        let key = "costs.sol_price_market";
        let Some(id) = self.costs.sol_price_market else {
            // A name that was given and not understood has been reported.
            if let (Some((at, pool)), true) = (pools.next(), self.sol_price_at.is_none()) {
                let says = format!(
                    "\"{}\" is a pool, but \"sol_price_market\" in [costs] is missing",
                    pool.name
                );
                let hint = "name a book of SOL in [costs]: chain fees are paid in SOL";
                problems.add(at, key, fault(says, hint));
            }
            return;
        };
        let Some(market) = self.markets.get(id) else { return };
        let mut add = |says: String, hint: &str| {
            problems.add(self.sol_price_at.unwrap_or(At::File(0)), key, fault(says, hint));
        };
        if matches!(market.kind, MarketKind::Pool(_)) {
            add(format!("\"{}\" is a pool", market.name), "name an order book");
        }
        if !self.is_sol(market.base) {
            let base = self.assets.name(market.base);
            let hint = "name a book whose base is SOL (the coin \"SOL\", wrapped SOL, or an asset \
                        declared to be the same)";
            add(format!("the base of \"{}\" is {base}, not SOL", market.name), hint);
        }
        if let Some(numeraire) = self.numeraire
            && !self.converts(market.quote, numeraire)
        {
            let says = format!(
                "\"{}\" is priced in {}, for which there is no rate to {}",
                market.name,
                self.assets.name(market.quote),
                self.assets.name(numeraire)
            );
            add(says, "name a book in the numeraire, or add the rate");
        }
    }

    fn is_sol(&self, asset: AssetId) -> bool {
        let is = |id: AssetId| {
            self.assets.get(id).is_some_and(|asset| match &asset.kind {
                AssetKind::Token { mint, .. } => {
                    bs58::encode(mint).into_string() == WRAPPED_SOL_MINT
                }
                AssetKind::Coin => asset.name == "SOL",
                AssetKind::Fiat => false,
            })
        };
        let canonical = self.assets.canonical(asset);
        is(asset)
            || is(canonical)
            || self.assets.equivalences.iter().any(|it| it.same_as == canonical && is(it.asset))
    }
}
