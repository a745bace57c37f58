//! Gathers what the checks look at.

use engine_model::units::PPM_ONE;
use engine_model::{AssetId, Side};

use super::{Desk, Hands, marks};
use crate::execution::Trade;
use crate::execution::plan::{Limit, Plan, PlannedLeg};
use crate::execution::trade::{Hedge, Order, Purpose};
use crate::execution::venue::Reference;
use crate::market::take::Take;
use crate::market::world::{Market, World};
use crate::num::ratio::{mul_div_ceil, mul_div_floor};
use crate::risk::duplicates::{ClientKey, Duplicate, OrderContent};
use crate::risk::facts::{
    ClientId, DataAge, Edge, Exposure, LastEqual, Listing, Mode, Position, PriceBand, Settlement,
    Sizing, Spend, Status, Target, Unhedged, UnwindBound,
};
use crate::risk::halt::{HaltReason, TradingState};
use crate::risk::{Facts, LegFacts, ReducingFacts};
use crate::tables::PairSpec;

/// What a leg orders, apart from where that comes from.
struct Ordered {
    take: Take,
    steps: u64,
    limit: Limit,
    /// Most that it spends, in units of the balance.
    need: u128,
    attempt: u8,
}

/// What makes two orders the same.
pub(super) fn content(order: &Order) -> OrderContent {
    content_of(order.market(), order.take(), order.limit(), order.steps())
}

fn content_of(
    market: engine_model::MarketId,
    take: Take,
    limit: Limit,
    steps: u64,
) -> OrderContent {
    let side = match take {
        Take::Buy => Side::Bid,
        Take::Sell => Side::Ask,
    };
    let price = match limit {
        Limit::Price { ticks } => u128::from(ticks),
        Limit::Total { quote } => u128::from(quote),
    };
    OrderContent { market, side, price, size: u128::from(steps) }
}

/// A limit on its market's own scale: half ticks of a book; quote per base unit of a pool, Q64.64,
/// with the pool's fee taken off, since a spot price has none.
pub(super) fn price_of(limit: Limit, steps: u64, pool_fee: u128) -> Option<u128> {
    match limit {
        Limit::Price { ticks } => u128::from(ticks).checked_mul(2),
        Limit::Total { quote } => {
            let gross = u128::from(quote).checked_add_signed(-i128::try_from(pool_fee).ok()?)?;
            mul_div_floor(gross, 1 << 64, u128::from(steps))
        }
    }
}

/// The price of an opening order on its market's own scale.
pub(super) fn own_price(leg: &PlannedLeg, order: &Order) -> Option<u128> {
    // The fee of the part that is ordered.
    let part = |fee: i128| {
        let scaled = fee.checked_mul(i128::from(order.steps()))?;
        scaled.checked_div(i128::from(leg.steps))
    };
    limit_price(order.limit(), order.steps(), part(leg_fee(leg))?)
}

/// A leg's pool fee: taken off what a buy pays, added to what a sale brings.
fn leg_fee(leg: &PlannedLeg) -> i128 {
    let fee = i128::try_from(leg.expected.pool_fee).unwrap_or(i128::MAX);
    match leg.take {
        Take::Buy => fee,
        Take::Sell => -fee,
    }
}

fn limit_price(limit: Limit, steps: u64, pool_fee: i128) -> Option<u128> {
    let fee = pool_fee.unsigned_abs();
    match limit {
        Limit::Price { .. } => price_of(limit, steps, 0),
        Limit::Total { quote } if pool_fee < 0 => {
            let gross = u64::try_from(u128::from(quote).saturating_add(fee)).ok();
            gross.and_then(|quote| price_of(Limit::Total { quote }, steps, 0))
        }
        Limit::Total { .. } => price_of(limit, steps, fee),
    }
}

/// Where the market stands, on the same scale.
fn reference_price(reference: Reference) -> Option<u128> {
    const ONE: u128 = 1 << 64;
    match reference {
        Reference::TwiceMid(twice) => Some(twice),
        Reference::SqrtPrice(sqrt_price, base) => match base {
            crate::tables::BaseToken::A => mul_div_floor(sqrt_price, sqrt_price, ONE),
            crate::tables::BaseToken::B => {
                let inverse = mul_div_floor(ONE, ONE, sqrt_price)?;
                mul_div_floor(inverse, inverse, ONE)
            }
        },
    }
}

impl Desk {
    /// The facts of a plan, and the halt in force for it.
    pub(super) fn facts(
        &self,
        hands: &Hands<'_>,
        pair: &PairSpec,
        plan: &Plan,
    ) -> (Facts, Option<HaltReason>) {
        let limits = &self.settings.limits;
        let (now_ns, state) = (hands.now_ns, &self.state);
        let (trading_state, halt) = state.halts.state_for(&self.subjects[pair.id.index()]);
        let in_flight = self.trades().count();
        let leg = |index: usize| {
            let planned = &plan.legs[index];
            let ordered = Ordered {
                take: planned.take,
                steps: planned.steps,
                limit: planned.limit,
                need: planned.need,
                attempt: 0,
            };
            let mut facts = self.leg_facts(hands, plan, index, &ordered, leg_fee(planned));
            facts.messages_needed = 1 + u32::from(plan.legs[0].venue == plan.legs[1].venue);
            facts.spend = Self::spend(hands.world, planned);
            facts
        };
        let signed = |amount: u128| i128::try_from(amount).ok();
        let facts = Facts {
            mode: Mode::Observe,
            target: Target::Simulated,
            trading_state,
            legs: [leg(0), leg(1)],
            edge: signed(plan.notional).map(|notional| Edge { net: plan.predicted_net, notional }),
            disagreement_ppm: Self::disagreement_ppm(hands.world, pair, now_ns),
            pair_trades: Some(state.repeats.pair_count(pair.id, now_ns, limits).saturating_add(1)),
            trades: Some(state.repeats.total_count(now_ns, limits).saturating_add(1)),
            pairs_in_flight: u32::try_from(in_flight + 1).ok(),
            unhedged: self.unhedged(now_ns),
            daily_pnl_usd_micros: state.daily.result(),
            worst_case_loss_usd_micros: self.worst_case_loss(hands.world, plan),
        };
        (facts, halt)
    }

    /// The facts of an order that makes an exposure smaller.
    pub(super) fn reducing_facts(
        &self,
        hands: &Hands<'_>,
        trade: &Trade,
        hedge: &Hedge,
    ) -> ReducingFacts {
        let plan = trade.plan();
        let (state, _) = self.state.halts.state_for(&self.subjects[plan.pair.index()]);
        // A halt stops new trades; what is half done is still made level, unless it was killed.
        let is_killed = self.state.halts.iter().any(|halt| halt.reason == HaltReason::KillSwitch);
        let trading_state = if is_killed { state } else { state.min(TradingState::Reducing) };
        let planned = &plan.legs[usize::from(hedge.leg)];
        let world = &hands.world;
        let (need, balance) = match hedge.take {
            Take::Buy => {
                let at_limit = world.at_limit(
                    planned.instrument,
                    hedge.take,
                    hedge.steps,
                    hedge.limit,
                    &planned.expected,
                );
                let need = at_limit.map_or(u128::MAX, |it| it.total);
                (need, world.balances.quote_of(planned.instrument))
            }
            Take::Sell => {
                let base = world.tables.market_of(planned.instrument).base;
                let decimals = world.tables.assets[base.index()].decimals;
                let atoms = u128::from(hedge.steps) * u128::from(planned.atoms_per_step);
                let need =
                    crate::execution::plan::base_units_ceil(atoms, plan.atom_places, decimals);
                (need.unwrap_or(u128::MAX), world.balances.base_of(planned.instrument))
            }
        };
        let ordered = Ordered {
            take: hedge.take,
            steps: hedge.steps,
            limit: hedge.limit,
            need,
            attempt: trade.attempts(hedge.leg),
        };
        let mut leg = self.leg_facts(hands, plan, usize::from(hedge.leg), &ordered, 0);
        let (id, attempt, now_ns) = (trade.id(), ordered.attempt, hands.now_ns);
        leg.client_id = Some(self.client_id(id, hedge.leg, attempt, &ordered, plan, now_ns));
        let own_reserved = plan
            .legs
            .iter()
            .zip([0, 1])
            .filter(|(leg, index)| leg.pays_from == balance && trade.is_reserved(*index))
            .map(|(leg, _)| leg.need)
            .sum();
        let balance = world.balances.get(balance);
        // The buffer is for openings: what makes an exposure smaller may use the last of it, so the
        // need is stated without what the check adds to it, rounded down.
        let one = u128::from(PPM_ONE);
        let buffered = one + u128::from(self.settings.limits.balance_buffer_ppm);
        let need = |total| mul_div_floor(ordered.need.min(total), one, buffered);
        // What the trade itself has put aside for this leg is its own to use.
        leg.spend = balance.total.map(|total| Spend {
            available: total,
            reserved: balance.reserved.saturating_sub(own_reserved),
            fees: 0,
            need: need(total).unwrap_or(u128::MAX),
        });
        ReducingFacts {
            mode: Mode::Observe,
            target: Target::Simulated,
            trading_state,
            leg,
            bound: match hedge.purpose {
                Purpose::UnwindHard => UnwindBound::Hard,
                Purpose::Open | Purpose::Again | Purpose::Unwind => UnwindBound::First,
            },
            exposure: i128::try_from(plan.e18_per_atom())
                .ok()
                .and_then(|scale| trade.imbalance_atoms().checked_mul(scale))
                .map(|open_e18| Exposure { open_e18, working_e18: 0 }),
        }
    }

    /// `pool_fee` is taken off the limit's total to compare it with a spot price without a fee.
    fn leg_facts(
        &self,
        hands: &Hands<'_>,
        plan: &Plan,
        index: usize,
        ordered: &Ordered,
        pool_fee: i128,
    ) -> LegFacts {
        let (world, now_ns, limits) = (&hands.world, hands.now_ns, &self.settings.limits);
        let planned = &plan.legs[index];
        let tables = &world.tables;
        let spec = &tables.markets[planned.market.index()];
        let base = tables.assets[spec.base.index()].counts_as;
        let e18_per_step = plan.e18_per_atom() * u128::from(planned.atoms_per_step);
        let size_e18 = u128::from(ordered.steps).checked_mul(e18_per_step);
        let size_max =
            self.settings.size_max_e18.iter().find(|(asset, _)| *asset == base).map(|it| it.1);
        let settles_in = tables.instruments[planned.instrument.index()].settles_in;
        let at_limit = world.at_limit(
            planned.instrument,
            ordered.take,
            ordered.steps,
            ordered.limit,
            &planned.expected,
        );
        let power = |id: AssetId| 10_u128.pow(u32::from(tables.assets[id.index()].decimals));
        let limit_price = limit_price(ordered.limit, ordered.steps, pool_fee);
        let notional_usd = marks::units_to_micros(
            tables,
            at_limit.and_then(|it| Self::in_numeraire(world, settles_in, it.gross, now_ns)),
        );
        let last_trade = world.last_trade_ticks[planned.market.index()];
        LegFacts {
            take: ordered.take,
            listing: Some(Listing::Listed),
            status: Some(if world.tradable[planned.market.index()] {
                Status::Trading
            } else {
                Status::NotTrading
            }),
            metadata_age_ns: Some(now_ns - world.stated_ns[planned.market.index()].min(now_ns)),
            data: Self::data_age(world, planned, now_ns),
            limit_price,
            reference_price: world.reference(planned.instrument, now_ns).and_then(reference_price),
            last_trade_price: (last_trade > 0).then(|| u128::from(last_trade) * 2),
            own_prices: self.state.drift.own_prices(planned.market, now_ns, limits),
            size_e18,
            lot_e18: Some(e18_per_step),
            size_min_e18: Some(spec.min_order_size_e18),
            size_max_e18: Some(size_max.unwrap_or(i128::MAX.unsigned_abs())),
            notional_settled: at_limit.and_then(|it| it.gross.checked_mul(power(spec.quote))),
            notional_settled_min: spec.min_order_notional.checked_mul(power(settles_in)),
            notional_usd_micros: notional_usd,
            sizing: if u64::from(self.scale_of(plan.pair)) < PPM_ONE {
                Sizing::AfterResume
            } else {
                Sizing::Full
            },
            messages_left: Some(self.state.throttle.orders_left(planned.venue, now_ns, limits)),
            messages_needed: 1,
            last_equal: self.last_equal(ordered, planned, now_ns),
            client_id: Some(self.client_id(
                self.state.trades_opened + 1,
                u8::from(index == 1),
                ordered.attempt,
                ordered,
                plan,
                now_ns,
            )),
            venue_open_orders: self.open_orders(planned.venue, plan),
            market_pairs_in_flight: self.in_flight_on(planned.market),
            position: self.base_position(world, base, ordered.take, notional_usd, now_ns),
            settlement: self.settlement(world, settles_in, ordered, notional_usd, now_ns),
            spend: None,
        }
    }

    fn data_age(world: &World, leg: &PlannedLeg, now_ns: u64) -> DataAge {
        let proved_ns = world.proved_ns[leg.market.index()];
        match &world.markets[leg.market.index()] {
            Market::Book(_) => {
                DataAge::Book { age_ns: (proved_ns > 0).then(|| now_ns.saturating_sub(proved_ns)) }
            }
            Market::Pool(pool) => DataAge::Pool {
                age_slots: (pool.slot() > 0).then(|| world.chain_slot.saturating_sub(pool.slot())),
            },
        }
    }

    fn last_equal(
        &self,
        ordered: &Ordered,
        planned: &PlannedLeg,
        now_ns: u64,
    ) -> Option<LastEqual> {
        let content = content_of(planned.market, ordered.take, ordered.limit, ordered.steps);
        // Asked with an id that is free for certain: only the content counts here.
        let key = ClientKey { trade: u64::MAX, leg: 0, attempt: 0 };
        match self.state.duplicates.check(&content, key, now_ns, &self.settings.limits) {
            Ok(()) => Some(LastEqual::Never),
            Err(Duplicate::Content { age_ns }) => Some(LastEqual::AgeNs(age_ns)),
            Err(Duplicate::ClientId | Duplicate::TooMany) => None,
        }
    }

    fn client_id(
        &self,
        trade: u64,
        leg: u8,
        attempt: u8,
        ordered: &Ordered,
        plan: &Plan,
        now_ns: u64,
    ) -> ClientId {
        let market = plan.legs[usize::from(leg)].market;
        let content = content_of(market, ordered.take, ordered.limit, ordered.steps);
        let key = ClientKey { trade, leg, attempt };
        let checked = self.state.duplicates.check(&content, key, now_ns, &self.settings.limits);
        match checked {
            Err(Duplicate::ClientId) => ClientId::Used,
            Ok(()) | Err(Duplicate::Content { .. } | Duplicate::TooMany) => ClientId::Fresh,
        }
    }

    fn open_orders(&self, venue: engine_model::Venue, plan: &Plan) -> Option<u32> {
        let open = self.state.flights.list().filter(|it| it.order.venue() == venue).count();
        let ours = plan.legs.iter().filter(|leg| leg.venue == venue).count();
        u32::try_from(open + ours).ok()
    }

    fn in_flight_on(&self, market: engine_model::MarketId) -> Option<u32> {
        let is_on = |trade: &&Trade| trade.plan().legs.iter().any(|leg| leg.market == market);
        u32::try_from(self.trades().filter(is_on).count() + 1).ok()
    }

    fn spend(world: &World, leg: &PlannedLeg) -> Option<Spend> {
        let balance = world.balances.get(leg.pays_from);
        Some(Spend {
            available: balance.total?,
            reserved: balance.reserved,
            fees: 0,
            need: leg.need,
        })
    }

    fn unhedged(&self, now_ns: u64) -> Option<Unhedged> {
        let since_ns = self.trades().filter_map(Trade::open_since_ns).min();
        Some(Unhedged {
            usd_micros: self.state.unhedged.notional_usd_micros()?,
            age_ns: since_ns.map_or(0, |since_ns| now_ns - since_ns),
        })
    }

    /// Both unwind bounds, every fee twice, and the transactions. Rounded up.
    fn worst_case_loss(&self, world: &World, plan: &Plan) -> Option<i128> {
        let spec = &self.settings.execution;
        let one = u128::from(PPM_ONE);
        let larger = plan.legs[0].notional_numeraire.max(plan.legs[1].notional_numeraire);
        // Never less than what the last rung of an unwind may cost.
        let bound_ppm = spec.worst_case_loss_ppm.max(spec.unwind_hard_ppm);
        let mut units = mul_div_ceil(larger, bound_ppm.into(), one)?;
        for leg in &plan.legs {
            let fees = leg.expected.taker_fee.checked_add(leg.expected.pool_fee)?;
            let fees = leg.worth.acquire.apply_ceil(fees.checked_mul(2)?)?;
            units = units.checked_add(plan.numeraire.acquire.apply_ceil(fees)?)?;
        }
        let lamports = u128::from(plan.network_lamports).checked_mul(2)?;
        let network = plan.lamport.apply_ceil(lamports + u128::from(plan.tip_lamports))?;
        units = units.checked_add(plan.numeraire.acquire.apply_ceil(network)?)?;
        marks::units_to_micros(&world.tables, Some(units))
    }

    fn base_position(
        &self,
        world: &World,
        base: AssetId,
        take: Take,
        order_usd_micros: Option<i128>,
        now_ns: u64,
    ) -> Option<Position> {
        let mark = Self::marks_of(world, base, None, now_ns);
        let held = self.state.positions.position_e18(base)?;
        let value = |amount: u128| {
            if amount == 0 {
                return Some(0);
            }
            let micros = crate::risk::exposure::value_usd_micros(amount, mark.as_slice())?;
            i128::try_from(micros).ok()
        };
        let (mut up, mut down) = (0_u128, 0_u128);
        for trade in self.trades() {
            let plan = trade.plan();
            let trades_base = world.tables.market_of(plan.legs[0].instrument).base;
            if world.tables.assets[trades_base.index()].counts_as != base {
                continue;
            }
            let [buy, sell] = trade.moved();
            let scale = plan.e18_per_atom();
            let left = |done: u128| plan.atoms.saturating_sub(done).checked_mul(scale);
            up = up.checked_add(left(buy.bought_atoms + sell.bought_atoms)?)?;
            down = down.checked_add(left(buy.sold_atoms + sell.sold_atoms)?)?;
        }
        let magnitude = value(held.unsigned_abs())?;
        let order = order_usd_micros?;
        Some(Position {
            held_usd_micros: if held < 0 { -magnitude } else { magnitude },
            reserve_up_usd_micros: value(up)?,
            reserve_down_usd_micros: value(down)?,
            order_usd_micros: match take {
                Take::Buy => order,
                Take::Sell => -order,
            },
        })
    }

    fn settlement(
        &self,
        world: &World,
        asset: AssetId,
        ordered: &Ordered,
        order_usd_micros: Option<i128>,
        now_ns: u64,
    ) -> Settlement {
        if asset == world.tables.numeraire {
            return Settlement::Numeraire;
        }
        let band = marks::price_band(world, asset);
        let price = band.map(|(low_ppm, high_ppm)| PriceBand { low_ppm, high_ppm });
        let position = || {
            let held = self.state.positions.position_e18(asset)?;
            let decimals = world.tables.assets[asset.index()].decimals;
            let units = held.unsigned_abs() / 10_u128.pow(u32::from(18 - decimals));
            let worth = world.worth(asset, world.tables.numeraire, now_ns).ok()?;
            let value = worth.acquire.apply_ceil(units);
            let value = marks::units_to_micros(&world.tables, value)?;
            let order = order_usd_micros?;
            // What trades under way may still bring (their sales) or take (their purchases).
            let reserve = |take: Take| {
                let mut micros = 0_i128;
                for trade in self.trades() {
                    for (planned, moved) in trade.plan().legs.iter().zip(trade.moved()) {
                        let settles_in =
                            world.tables.instruments[planned.instrument.index()].settles_in;
                        let is_begun = moved.bought_atoms > 0 || moved.sold_atoms > 0;
                        if planned.take == take && settles_in == asset && !is_begun {
                            let units = Some(planned.notional_numeraire);
                            let more = marks::units_to_micros(&world.tables, units)?;
                            micros = micros.checked_add(more)?;
                        }
                    }
                }
                Some(micros)
            };
            Some(Position {
                held_usd_micros: if held < 0 { -value } else { value },
                reserve_up_usd_micros: reserve(Take::Sell)?,
                reserve_down_usd_micros: reserve(Take::Buy)?,
                // Buying base spends the currency.
                order_usd_micros: match ordered.take {
                    Take::Buy => -order,
                    Take::Sell => order,
                },
            })
        };
        Settlement::Other { price, position: position() }
    }

    /// An amount in the numeraire at the middle, rounded up.
    fn in_numeraire(world: &World, asset: AssetId, amount: u128, now_ns: u64) -> Option<u128> {
        let worth = world.worth(asset, world.tables.numeraire, now_ns).ok()?;
        worth.mid.apply_ceil(amount)
    }
}
