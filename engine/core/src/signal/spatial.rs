//! One look at one ordered pair: usable? sized? worth it? Every way to say no has a code.

use engine_model::units::PPM_ONE;
use engine_model::{AssetId, InstrumentId};

use super::evaluation::{Code, Evaluation};
use super::leg::{BookLeg, Leg, LegQuote, PoolLeg, Source};
use super::pair::{Caps, PairQuote, Terms};
use super::sizing::{Sized, TouchEdge, best_size, first_cell, has_room, touch_edges};
use super::waterfall::{Priced, PricingError, price};
use crate::market::book::BookState;
use crate::market::pool::{At, PoolState};
use crate::market::rates::{self, Conversion, Touch};
use crate::market::take::Take;
use crate::market::world::{Market, World};
use crate::num::ratio::{Ratio, mul_div_floor};
use crate::tables::{COINS_PER_LAMPORT, MarketKind, PairSpec};

/// Inputs of a pair that did not come from its two markets, and the first refusal they give.
pub(crate) struct Context {
    pub(crate) buy: Conversion,
    pub(crate) sell: Conversion,
    pub(crate) terms: Terms,
    pub(crate) refusal: Option<Code>,
}

/// What one assumed execution time gives.
struct Sizing {
    atoms: u128,
    priced: Priced,
    pieces_touched: u32,
}

impl World {
    /// Looks at a pair.
    pub(crate) fn evaluate(&self, pair: &PairSpec, seq: u64, now_ns: u64) -> Evaluation {
        match self.try_evaluate(pair, seq, now_ns) {
            Ok(evaluation) => evaluation,
            Err(code) => Evaluation::unpriced(pair.id, code, seq, now_ns),
        }
    }

    fn try_evaluate(&self, pair: &PairSpec, seq: u64, now_ns: u64) -> Result<Evaluation, Code> {
        self.check_usable(pair.buy, now_ns)?;
        self.check_usable(pair.sell, now_ns)?;
        let context = self.context(pair, now_ns)?;
        let quote = self.pair_quote(pair, &context, At::Now)?;
        let other = self.depends_on_clock(pair).then(|| self.pair_quote(pair, &context, At::Next));
        let other = other.transpose()?;

        let (gross, net) = worse_edges(&quote, other.as_ref());
        if gross.ppm == TouchEdge::EMPTY.ppm {
            return Err(Code::MarketEmpty);
        }
        let mut evaluation = Evaluation::unpriced(pair.id, Code::NoEdge, seq, now_ns);
        evaluation.edge_gross_ppm = gross.ppm;
        evaluation.edge_net_ppm = net.ppm;
        if !gross.is_positive {
            return Ok(evaluation);
        }
        let sized = size_worse(&quote, other.as_ref());
        let (sizing, found) = match sized {
            Ok(Some(sizing)) => (sizing, None),
            Ok(None) => match near_miss(&quote, other.as_ref()) {
                Some(sizing) => {
                    let no_room = !has_room(&quote);
                    (sizing, no_room.then_some(Code::NoRoom))
                }
                None => return Ok(evaluation),
            },
            Err(_) => {
                evaluation.code = Code::NotPriceable;
                return Ok(evaluation);
            }
        };
        fill(&mut evaluation, &sizing);
        evaluation.code = if !evaluation.is_candidate() {
            Code::NoEdge
        } else if let Some(refusal) = context.refusal {
            refusal
        } else if let Some(code) = found {
            code
        } else {
            self.judge(pair, &evaluation, &sizing)
        };
        Ok(evaluation)
    }

    /// The code of a candidate whose inputs are all in order.
    fn judge(&self, pair: &PairSpec, evaluation: &Evaluation, sizing: &Sizing) -> Code {
        if evaluation.net <= 0 {
            return Code::NetNotPositive;
        }
        let legs = [(pair.buy, sizing.priced.buy.gross), (pair.sell, sizing.priced.sell.gross)];
        let scale = 10_u128.pow(u32::from(18 - pair.atom_places));
        let size_e18 = sizing.atoms.saturating_mul(scale);
        for (instrument, notional) in legs {
            let market = self.tables.market_of(instrument);
            // The minimum counts in units of the market's quote, the notional in the alias's.
            let power = |id: AssetId| 10_u128.pow(self.tables.assets[id.index()].decimals.into());
            let settles_in = self.tables.instruments[instrument.index()].settles_in;
            let least = market.min_order_notional.saturating_mul(power(settles_in));
            let is_small = notional.saturating_mul(power(market.quote)) < least;
            if size_e18 < market.min_order_size_e18 || is_small {
                return Code::BelowMinOrder;
            }
        }
        // net / notional ≥ min_edge, cross-multiplied; a notional of zero passes no minimum.
        let net = evaluation.net.unsigned_abs().saturating_mul(u128::from(PPM_ONE));
        let floor = u128::from(self.tables.signal.min_edge_ppm);
        if net < floor.saturating_mul(evaluation.notional) {
            return Code::BelowMinEdge;
        }
        Code::Tradable
    }

    /// Whether an instrument's market may be used at all.
    pub(crate) fn check_usable(&self, instrument: InstrumentId, now_ns: u64) -> Result<(), Code> {
        let id = self.tables.instruments[instrument.index()].market;
        let spec = &self.tables.markets[id.index()];
        if !self.tradable[id.index()] {
            return Err(Code::NotTradable);
        }
        match &self.markets[id.index()] {
            Market::Book(book) => match book.state() {
                BookState::Live => (),
                BookState::Empty => return Err(Code::MarketEmpty),
                BookState::Doubt(_) => return Err(Code::MarketInDoubt),
            },
            Market::Pool(pool) => {
                match pool.state() {
                    PoolState::Live | PoolState::Provisional => (),
                    PoolState::Empty => return Err(Code::MarketEmpty),
                    PoolState::Doubt(_) => return Err(Code::MarketInDoubt),
                }
                // Slots that its own connection saw count: silence of the account is no staleness.
                if self.chain_slot.saturating_sub(pool.slot()) > spec.stale_after_slots {
                    return Err(Code::MarketStale);
                }
            }
        }
        let heard_ns = self.heard_ns[id.index()];
        if now_ns - heard_ns > spec.stale_after_ns { Err(Code::MarketStale) } else { Ok(()) }
    }

    pub(crate) fn depends_on_clock(&self, pair: &PairSpec) -> bool {
        [pair.buy, pair.sell].into_iter().any(|instrument| {
            let id = self.tables.instruments[instrument.index()].market;
            matches!(&self.markets[id.index()], Market::Pool(pool) if pool.is_adaptive())
        })
    }

    pub(crate) fn context(&self, pair: &PairSpec, now_ns: u64) -> Result<Context, Code> {
        let mut refusal = None;
        let mut refuse = |code| refusal = refusal.or(Some(code));
        let settles = |id: InstrumentId| self.tables.instruments[id.index()].settles_in;
        let (buy, old) = self.convert(settles(pair.buy), pair.money, Take::Buy, now_ns)?;
        let (sell, older) = self.convert(settles(pair.sell), pair.money, Take::Sell, now_ns)?;
        // What risk is stated in has to be of an age too, even where both legs settle alike.
        let numeraire = self.convert(pair.money, self.tables.numeraire, Take::Sell, now_ns);
        if old || older || numeraire.is_ok_and(|(_, is_old)| is_old) {
            refuse(Code::RateStale);
        }
        let max_age = self.tables.costs.fee_tier_max_age_ns;
        for instrument in [pair.buy, pair.sell] {
            let id = self.tables.instruments[instrument.index()].market;
            if !self.taker_fee_ppm[id.index()].is_fresh(now_ns, max_age) {
                refuse(Code::FeeTierStale);
            }
        }
        let costs = &self.tables.costs;
        let mut terms = Terms {
            broken_leg_ppm: costs.broken_leg_ppm,
            latency_buffer_ppm: costs.latency_buffer_ppm,
            ..Terms::default()
        };
        if pair.chain_legs > 0 {
            // A level that was never told leaves the net unknown: no figure at all. An old one is
            // still the best there is to state the net with, but refuses the trade.
            let priority = self.priority_fee.ok_or(Code::PriorityFeeStale)?;
            let tip = self.tip.ok_or(Code::TipStale)?;
            let (coin, is_old) =
                self.lamport_value(pair.money, now_ns).ok_or(Code::CoinPriceStale)?;
            if !priority.is_fresh(now_ns, costs.priority_fee.max_age_ns) {
                refuse(Code::PriorityFeeStale);
            }
            if !tip.is_fresh(now_ns, costs.tip.max_age_ns) {
                refuse(Code::TipStale);
            }
            if is_old {
                refuse(Code::CoinPriceStale);
            }
            let legs = u128::from(pair.chain_legs);
            let lamports = legs * self.tables.network_lamports(priority.value);
            let failed =
                (lamports * u128::from(costs.landing_failure_ppm)).div_ceil(u128::from(PPM_ONE));
            let in_money = |lamports| coin.apply_ceil(lamports).ok_or(Code::NotPriceable);
            terms.network = in_money(lamports)?;
            terms.tip = in_money(legs * u128::from(tip.value))?;
            terms.failed_landing = in_money(failed)?;
        }
        Ok(Context { buy, sell, terms, refusal })
    }

    /// Conversion of a settlement currency into pair money, and whether its rate is too old.
    pub(crate) fn convert(
        &self,
        from: AssetId,
        money: AssetId,
        take: Take,
        now_ns: u64,
    ) -> Result<(Conversion, bool), Code> {
        if from == money {
            return Ok((Conversion::NONE, false));
        }
        let found = rates::find(&self.tables, from, money).ok_or(Code::RateMissing)?;
        let (touch, at_ns) = self.touch(found.0.market).ok_or(Code::RateMissing)?;
        let fee = self.taker_fee_ppm[found.0.market.index()].value;
        let fee = u32::try_from(fee).map_err(|_| Code::RateMissing)?;
        let conversion = rates::conversion(&self.tables, found, touch, fee, take);
        let old = now_ns - at_ns > found.0.max_age_ns;
        Ok((conversion.ok_or(Code::NotPriceable)?, old))
    }

    /// Best prices of a book that may be used, and when it was last heard of.
    pub(crate) fn touch(&self, market: engine_model::MarketId) -> Option<(Touch, u64)> {
        match self.markets.get(market.index())? {
            Market::Book(book) if book.usable() => {
                Some((Touch::of(book.book())?, book.last_event_recv_ns()))
            }
            Market::Book(_) | Market::Pool(_) => None,
        }
    }

    /// Pair money for one lamport at the side where we would buy it, and whether the price or its
    /// rate is older than allowed; none when there is none.
    pub(crate) fn lamport_value(&self, money: AssetId, now_ns: u64) -> Option<(Ratio, bool)> {
        let (market, max_age_ns) = self.tables.costs.coin_price?;
        let (touch, at_ns) = self.touch(market)?;
        let spec = &self.tables.markets[market.index()];
        let MarketKind::Book { grid } = spec.kind else { return None };
        let decimals = i32::from(self.tables.assets[spec.quote.index()].decimals);
        let per_coin = Ratio::power_of_ten(decimals - i32::from(grid.tick.places))?
            .mul(Ratio::new(u128::from(grid.tick.step), 1))?
            .mul(Ratio::new(u128::from(touch.ask_ticks), 1))?;
        let (conversion, old) = self.convert(spec.quote, money, Take::Buy, now_ns).ok()?;
        let value = per_coin.mul(COINS_PER_LAMPORT)?.mul(conversion.hit)?;
        Some((value, old || now_ns - at_ns > max_age_ns))
    }

    pub(crate) fn pair_quote(
        &self,
        pair: &PairSpec,
        context: &Context,
        at: At,
    ) -> Result<PairQuote<'_>, Code> {
        let leg = |instrument, take, atoms_per_step, conversion| {
            self.leg(instrument, take, atoms_per_step, conversion, at).ok_or(Code::NotPriceable)
        };
        let buy = leg(pair.buy, Take::Buy, pair.buy_atoms_per_step, context.buy)?;
        let sell = leg(pair.sell, Take::Sell, pair.sell_atoms_per_step, context.sell)?;
        let caps = self.caps(pair)?;
        Ok(PairQuote { buy, sell, lot_atoms: pair.lot_atoms, terms: context.terms, caps })
    }

    fn leg(
        &self,
        instrument: InstrumentId,
        take: Take,
        atoms_per_step: u64,
        conversion: Conversion,
        at: At,
    ) -> Option<Leg<'_>> {
        let id = self.tables.instruments[instrument.index()].market;
        let spec = &self.tables.markets[id.index()];
        let source = match &self.markets[id.index()] {
            Market::Book(book) => Source::Book(BookLeg {
                book: book.book(),
                atoms_per_lot: atoms_per_step,
                quote_per_tick_lot: self.tables.quote_per_tick_lot(instrument)?,
                taker_fee_ppm: u32::try_from(self.taker_fee_ppm[id.index()].value).ok()?,
            }),
            Market::Pool(pool) => Source::Pool(PoolLeg {
                path: pool.path(take, at),
                base: pool.base(),
                atoms_per_unit: atoms_per_step,
            }),
        };
        let equivalence_ppm = self.tables.assets[spec.base.index()].equivalence_ppm;
        Some(Leg { source, conversion, equivalence_ppm })
    }

    /// Exact figures of one leg of a pair at a size.
    pub(crate) fn leg_quote(
        &self,
        pair: &PairSpec,
        take: Take,
        atoms: u128,
        at: At,
    ) -> Option<LegQuote> {
        let (instrument, atoms_per_step) = match take {
            Take::Buy => (pair.buy, pair.buy_atoms_per_step),
            Take::Sell => (pair.sell, pair.sell_atoms_per_step),
        };
        let leg = self.leg(instrument, take, atoms_per_step, Conversion::NONE, at)?;
        leg.quote(take, atoms).ok()
    }

    /// Figures of a book order that moved so many tick-lots. None for a pool, or out of range.
    pub(crate) fn book_figures(
        &self,
        instrument: InstrumentId,
        take: Take,
        tick_lots: u128,
        last_price_ticks: u64,
    ) -> Option<LegQuote> {
        match self.leg(instrument, take, 1, Conversion::NONE, At::Now)?.source {
            Source::Book(book) => book.figures(take, tick_lots, last_price_ticks).ok(),
            Source::Pool(_) => None,
        }
    }

    /// Everything that limits the size, in the units that the sizing works in.
    fn caps(&self, pair: &PairSpec) -> Result<Caps, Code> {
        let tables = &self.tables;
        let (buy, sell) =
            (&tables.instruments[pair.buy.index()], &tables.instruments[pair.sell.index()]);
        let buy_total = self.balances.get(self.balances.quote_of(pair.buy)).available();
        let [configured, held] = self.base_caps(pair);
        Ok(Caps {
            base_atoms: configured.min(held),
            buy_total: buy_total.map_or(u128::MAX, |total| self.margins.of_balance(total)),
            buy_notional: self.order_limit_in(buy.settles_in, pair)?,
            sell_notional: self.order_limit_in(sell.settles_in, pair)?,
        })
    }

    /// What limits the base: the configured size, and what lies at the selling venue. Unit: atoms,
    /// rounded down; the largest number where there is no limit.
    pub(crate) fn base_caps(&self, pair: &PairSpec) -> [u128; 2] {
        let tables = &self.tables;
        let base = tables.assets[tables.market_of(pair.buy).base.index()].counts_as;
        let mut configured = u128::MAX;
        for (asset, size_e18) in &tables.caps.base_size_e18 {
            if *asset == base {
                configured =
                    configured.min(size_e18 / 10_u128.pow(u32::from(18 - pair.atom_places)));
            }
        }
        let balance = self.balances.get(self.balances.base_of(pair.sell)).available();
        let held = balance.and_then(|balance| {
            let balance = self.margins.of_balance(balance);
            let decimals = tables.assets[tables.market_of(pair.sell).base.index()].decimals;
            let power = |places: u8| 10_u128.pow(u32::from(places));
            mul_div_floor(balance, power(pair.atom_places), power(decimals))
        });
        [configured, held.unwrap_or(u128::MAX)]
    }

    /// The notional limit of one order in units of a settlement currency, rounded down: at the
    /// middle of the currency's rate to the numeraire. Without a rate there is no trade.
    fn order_limit_in(&self, asset: AssetId, pair: &PairSpec) -> Result<u128, Code> {
        let given = self.tables.caps.order_notional.unwrap_or(u128::MAX);
        let limit = given.min(self.margins.order_notional_max);
        if limit == u128::MAX {
            return Ok(limit);
        }
        let at_limit = u128::from(PPM_ONE + u64::from(self.margins.notional_ppm));
        let scale = u128::from(self.pair_scale_ppm[pair.id.index()]);
        let limit = mul_div_floor(limit, scale, at_limit).unwrap_or(0);
        if asset == self.tables.numeraire {
            return Ok(limit);
        }
        let found = rates::find(&self.tables, asset, self.tables.numeraire);
        let found = found.ok_or(Code::RateMissing)?;
        let (touch, _) = self.touch(found.0.market).ok_or(Code::RateMissing)?;
        let worth = rates::conversion(&self.tables, found, touch, 0, Take::Sell);
        let units = worth.and_then(|worth| worth.mid.inverted()?.apply_floor(limit));
        units.ok_or(Code::NotPriceable)
    }
}

fn fill(evaluation: &mut Evaluation, sizing: &Sizing) {
    evaluation.base_atoms = sizing.atoms;
    evaluation.notional = sizing.priced.notional;
    evaluation.net = sizing.priced.net;
    evaluation.waterfall = sizing.priced.waterfall;
    evaluation.buy_limit_ticks = sizing.priced.buy.limit_price_ticks;
    evaluation.sell_limit_ticks = sizing.priced.sell.limit_price_ticks;
    evaluation.pieces_touched = sizing.pieces_touched;
}

/// Marginal gross and net edge at the touch, the worse of the assumed times.
fn worse_edges(quote: &PairQuote<'_>, other: Option<&PairQuote<'_>>) -> (TouchEdge, TouchEdge) {
    let worse = |a: TouchEdge, b: TouchEdge| TouchEdge {
        ppm: a.ppm.min(b.ppm),
        is_positive: a.is_positive && b.is_positive,
    };
    let (gross, net) = touch_edges(quote);
    match other.map(touch_edges) {
        Some((gross_next, net_next)) => (worse(gross, gross_next), worse(net, net_next)),
        None => (gross, net),
    }
}

/// The best size when the worse of both assumed times counts.
fn size_worse(
    quote: &PairQuote<'_>,
    other: Option<&PairQuote<'_>>,
) -> Result<Option<Sizing>, PricingError> {
    let sized = best_size(quote)?;
    let Some(other) = other else {
        return Ok(sized.map(Sizing::from));
    };
    let sizes = [sized, best_size(other)?];
    let mut best: Option<Sizing> = None;
    for candidate in sizes.into_iter().flatten() {
        let sizing = |atoms| {
            let priced = worse_price(quote, other, atoms)?;
            Some(Sizing { atoms, priced, pieces_touched: candidate.pieces_touched })
        };
        let meeting = match sizes {
            [Some(now), Some(next)] => meeting_atoms(quote, other, now.base_atoms, next.base_atoms),
            _ => None,
        };
        for atoms in [Some(candidate.base_atoms), meeting].into_iter().flatten() {
            let Some(sizing) = sizing(atoms) else { continue };
            if best.as_ref().is_none_or(|chosen| chosen.priced.net < sizing.priced.net) {
                best = Some(sizing);
            }
        }
    }
    Ok(best)
}

/// Between the best sizes of both times, where the one that is worse changes: the lesser of two
/// concave profits has its peak at one of theirs or there. In whole lots, on the first's side.
fn meeting_atoms(
    quote: &PairQuote<'_>,
    other: &PairQuote<'_>,
    now_atoms: u128,
    next_atoms: u128,
) -> Option<u128> {
    let lot = quote.lot_atoms;
    let is_now_worse = |lots: u128| {
        let (now, next) = (price(quote, lots * lot).ok()?, price(other, lots * lot).ok()?);
        Some(now.net < next.net)
    };
    let mut low = now_atoms.min(next_atoms) / lot;
    let mut high = now_atoms.max(next_atoms) / lot;
    let at_low = is_now_worse(low)?;
    if at_low == is_now_worse(high)? {
        return None;
    }
    // Halved at most 128 times.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_now_worse(middle)? == at_low {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low * lot)
}

fn worse_price(quote: &PairQuote<'_>, other: &PairQuote<'_>, atoms: u128) -> Option<Priced> {
    let (now, next) = (price(quote, atoms).ok()?, price(other, atoms).ok()?);
    Some(if next.net < now.net { next } else { now })
}

/// The figures of a candidate that costs take: the best gross size within the first cell.
fn near_miss(quote: &PairQuote<'_>, other: Option<&PairQuote<'_>>) -> Option<Sizing> {
    let atoms = first_cell(quote);
    if atoms == 0 {
        return None;
    }
    let priced = match other {
        Some(other) => worse_price(quote, other, atoms)?,
        None => price(quote, atoms).ok()?,
    };
    Some(Sizing { atoms, priced, pieces_touched: 1 })
}

impl From<Sized> for Sizing {
    fn from(sized: Sized) -> Self {
        Self { atoms: sized.base_atoms, priced: sized.priced, pieces_touched: sized.pieces_touched }
    }
}
