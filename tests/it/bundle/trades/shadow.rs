//! Follows the engine's decisions frame by frame and calculates what came of each.

use std::collections::BTreeMap;

use engine_core::execution::Outcome;
use engine_core::execution::plan::{Limit, Plan};
use engine_core::execution::trade::{Answer, Order, Purpose};
use engine_core::market::take::Take;
use engine_core::outbox::{Decided, Decision, TradeEnd};
use engine_core::signal::leg::LegQuote;
use engine_core::tables::{MarketKind, Tables};
use engine_model::grid::Step;
use engine_model::{AssetId, MarketId, Venue};
use rust_decimal::Decimal;

use super::super::view::{Book, Place, View};
use super::ledger::{LegResult, Open, Rate, Rates, Sums, result};
use super::pool::Chain;

/// The recording's first moment. Unit: Unix nanoseconds.
const START_NS: u64 = 1_786_316_400_000_000_000;

/// What `bundle.toml` leaves at its default: from a decision to Coinbase's, Gemini's, Bitstamp's
/// book and to a leader. Unit: milliseconds.
const LATENCY_MS: [u64; 4] = [60, 50, 85, 120];

/// Slots from a decision to the landing.
const LANDING_SLOTS: u64 = 2;

/// A market as the configuration states it.
struct Stated {
    place: Place,
    /// Share of the notional.
    taker_fee: Decimal,
}

/// A trade under way.
struct Pending {
    plan: Plan,
    rates: Rates,
    sums: [Sums; 2],
    network_lamports: i128,
    tip_lamports: i128,
    failed: bool,
    tried_again: bool,
    unwound: bool,
}

/// An order on its way.
struct Flying {
    order: Order,
    sent_ns: u64,
    /// Slot in which it lands.
    slot: u64,
}

pub(super) struct Shadow<'a> {
    tables: &'a Tables,
    markets: BTreeMap<usize, Stated>,
    view: View,
    chain: Chain,
    open: BTreeMap<u64, Pending>,
    flying: Vec<Flying>,
    /// What each venue's balance has changed by, by venue and asset. Unit: asset units.
    pub(super) changes: BTreeMap<(&'static str, u16), i128>,
}

fn decimal_of(steps: u64, step: Step) -> Decimal {
    Decimal::from(steps) * Decimal::from(step.step) / Decimal::from(10_u64.pow(step.places.into()))
}

/// Micros of an exact amount: whole ones, towards the larger or the smaller.
fn micros(amount: Decimal, up: bool) -> i128 {
    let scaled = amount * Decimal::from(1_000_000);
    let whole = if up { scaled.ceil() } else { scaled.floor() };
    whole.try_into().expect("an amount of money")
}

fn signed(amount: u128) -> i128 {
    i128::try_from(amount).expect("an amount of money")
}

impl<'a> Shadow<'a> {
    pub(super) fn new(tables: &'a Tables) -> Self {
        let path = super::super::folder().join("bundle.toml");
        let text = std::fs::read_to_string(path).expect("readable");
        let table: toml::Table = text.parse().expect("TOML");
        let list = table["markets"].as_array().expect("markets");
        let mut markets = BTreeMap::new();
        for (index, market) in list.iter().enumerate() {
            let place = match market["name"].as_str().expect("a name") {
                "coinbase:SOL-USD" => Place::Coinbase,
                "gemini:SOL-USD" => Place::Gemini,
                "bitstamp:SOL-USD" => Place::Bitstamp,
                "bitstamp:USDC-USD" => Place::Peg,
                "orca:SOL-USDC" => Place::Pool,
                _ => continue,
            };
            let bps = market.get("taker_fee_bps").and_then(toml::Value::as_integer).unwrap_or(0);
            let taker_fee = Decimal::from(bps) / Decimal::from(10_000);
            markets.insert(index, Stated { place, taker_fee });
        }
        Self {
            tables,
            markets,
            view: View::open(),
            chain: Chain::default(),
            open: BTreeMap::new(),
            flying: Vec::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Goes through the decisions; gives how each trade ended.
    pub(super) fn follow(&mut self, decisions: &[Decided]) -> Vec<&'static str> {
        let mut ended = Vec::new();
        for decided in decisions {
            let at_ns = decided.at_ns;
            if let Decision::Approved { trade, plan } = &decided.decision {
                self.approved(at_ns, *trade, plan);
            } else if let Decision::Sent(order) = &decided.decision {
                self.sent(at_ns, order);
            } else if let Decision::Answered { order, answer } = &decided.decision {
                let found = self.flying.iter().position(|it| it.order.id() == *order);
                let flying = self.flying.remove(found.expect("it was sent"));
                self.answered(at_ns, &flying, answer);
            } else if let Decision::Ended(end) = &decided.decision {
                self.ended(end);
                ended.push(end.outcome.name());
            }
        }
        assert!(self.open.is_empty() && self.flying.is_empty(), "everything came to an end");
        ended
    }

    /// Applies one frame; gives its time.
    fn step(&mut self) -> u64 {
        let (at_us, _) = self.view.step().expect("the recording goes on");
        if let Some(line) = self.view.chain_line.take() {
            self.chain.read(&line);
        }
        START_NS + at_us * 1_000
    }

    fn next_ns(&self) -> u64 {
        self.view.next_us().map_or(u64::MAX, |at_us| START_NS + at_us * 1_000)
    }

    fn place(&self, market: MarketId) -> &Stated {
        &self.markets[&market.index()]
    }

    fn approved(&mut self, at_ns: u64, trade: u64, plan: &Plan) {
        while self.next_ns() <= at_ns {
            self.step();
        }
        // The frame that announces a slot also ends the one before: a decision made on what that one
        // left knows the slot before only.
        let slots = [self.chain.slot, self.chain.slot_before];
        assert!(slots.contains(&plan.chain_slot), "trade {trade}: {slots:?}");
        let best = |place: Place| self.view.books[place as usize].best().expect("both sides");
        let peg = best(Place::Peg).map(|(price, _)| price);
        let sol_ask = best(Place::Coinbase)[1].0;
        let peg_fee = self.markets.values().find(|it| it.place == Place::Peg);
        let rates = Rates {
            usd: AssetId(0),
            peg,
            peg_fee: peg_fee.expect("configured").taker_fee,
            sol_ask,
        };
        let opened = Pending {
            plan: *plan,
            rates,
            sums: [Sums::default(); 2],
            network_lamports: 0,
            tip_lamports: 0,
            failed: false,
            tried_again: false,
            unwound: false,
        };
        assert!(self.open.insert(trade, opened).is_none(), "trade {trade} is new");
    }

    fn sent(&mut self, at_ns: u64, order: &Order) {
        let plan = &self.open[&order.id().trade].plan;
        let is_first = at_ns == plan.decided_ns;
        let slot = if is_first { plan.chain_slot } else { self.chain.slot } + LANDING_SLOTS;
        self.flying.push(Flying { order: *order, sent_ns: at_ns, slot });
    }

    fn answered(&mut self, at_ns: u64, flying: &Flying, answer: &Answer) {
        let order = &flying.order;
        let venue = order.venue();
        let arrives_ns = flying.sent_ns + LATENCY_MS[venue as usize] * 1_000_000;
        while self.next_ns() < arrives_ns {
            self.step();
        }
        let mut filled_ns = arrives_ns;
        while venue == Venue::Solana && self.chain.slot < flying.slot {
            filled_ns = self.step();
        }
        let id = order.id();
        assert_eq!(at_ns, filled_ns, "{id:?}: when it is filled");
        let trade = self.open.get(&id.trade).expect("under way");
        let plan = trade.plan;
        let expected = if venue == Venue::Solana {
            // Whether a transaction fails by chance is decided by the seed, not by the frames.
            let fails = matches!(answer, Answer::Failed { by_limit: false, .. });
            self.swapped(order, &plan, fails)
        } else {
            self.matched(order)
        };
        assert_eq!(*answer, expected, "{id:?} of trade {} at {at_ns}", id.trade);
        self.book(order, &expected);
    }

    /// What an order meets in a book: level by level within its limit, and taken out of it.
    fn matched(&mut self, order: &Order) -> Answer {
        let MarketKind::Book { grid } = self.tables.markets[order.market().index()].kind else {
            panic!("a book");
        };
        let Limit::Price { ticks } = order.limit() else { panic!("a price") };
        let stated = &self.markets[&order.market().index()];
        let limit = decimal_of(ticks, grid.tick);
        let book = &mut self.view.books[stated.place as usize];
        let is_buy = order.take() == Take::Buy;
        let wanted = decimal_of(order.steps(), grid.lot);
        let (filled, cost, last) = take(book, is_buy, limit, wanted);
        let steps = filled / decimal_of(1, grid.lot);
        let gross = micros(cost, is_buy);
        let taker_fee = micros(cost * stated.taker_fee, true);
        let total = if is_buy { gross + taker_fee } else { gross - taker_fee };
        let last_ticks = last / decimal_of(1, grid.tick);
        Answer::Done {
            steps: steps.try_into().expect("whole lots"),
            quote: LegQuote {
                gross: gross.unsigned_abs(),
                taker_fee: taker_fee.unsigned_abs(),
                pool_fee: 0,
                total: total.unsigned_abs(),
                limit_price_ticks: last_ticks.try_into().expect("whole ticks"),
            },
            network_lamports: 0,
            tip_lamports: 0,
        }
    }

    fn swapped(&mut self, order: &Order, plan: &Plan, fails: bool) -> Answer {
        let network_lamports = plan.network_lamports;
        if fails {
            return Answer::Failed { by_limit: false, network_lamports };
        }
        let Limit::Total { quote: limit } = order.limit() else { panic!("a total") };
        let is_buy = order.take() == Take::Buy;
        let swapped = self.chain.swap(is_buy, order.steps());
        assert_eq!(swapped.base, order.steps(), "whole or not at all");
        let is_within = if is_buy { swapped.quote <= limit } else { swapped.quote >= limit };
        if !is_within {
            return Answer::Failed { by_limit: true, network_lamports };
        }
        self.chain.carry(&swapped);
        let (base, quote) = (u128::from(swapped.base), u128::from(swapped.quote));
        let fee = u128::from(swapped.fee);
        // A fee in base counts at the price that the rest of it got.
        let pool_fee = if is_buy { fee } else { (quote * fee).div_ceil(base - fee) };
        let gross = if is_buy { quote - fee } else { quote + pool_fee };
        Answer::Done {
            steps: order.steps(),
            quote: LegQuote { gross, taker_fee: 0, pool_fee, total: quote, limit_price_ticks: 0 },
            network_lamports,
            tip_lamports: 10_000,
        }
    }

    fn book(&mut self, order: &Order, answer: &Answer) {
        let leg = usize::from(order.id().leg);
        let trade = self.open.get_mut(&order.id().trade).expect("under way");
        trade.tried_again |= order.purpose() == Purpose::Again;
        let (steps, quote) = match *answer {
            Answer::Done { steps, quote, network_lamports, tip_lamports } => {
                trade.network_lamports += i128::from(network_lamports);
                trade.tip_lamports += i128::from(tip_lamports);
                (steps, quote)
            }
            Answer::Failed { network_lamports, .. } => {
                trade.network_lamports += i128::from(network_lamports);
                trade.failed = true;
                return;
            }
            Answer::Expired => panic!("slots never stop in this recording"),
        };
        trade.unwound |= order.purpose() >= Purpose::Unwind && steps > 0;
        let atoms = i128::from(steps) * i128::from(trade.plan.legs[leg].atoms_per_step);
        let (total, gross) = (signed(quote.total), signed(quote.gross));
        let sums = &mut trade.sums[leg];
        let is_buy = order.take() == Take::Buy;
        if is_buy {
            sums.bought += atoms;
            sums.paid += total;
            sums.gross_paid += gross;
        } else {
            sums.sold += atoms;
            sums.received += total;
            sums.gross_received += gross;
        }
        sums.taker_fees += signed(quote.taker_fee);
        sums.pool_fees += signed(quote.pool_fee);

        let base = self.tables.markets[order.market().index()].base;
        let decimals = self.tables.assets[base.index()].decimals;
        let settles_in = self.tables.instruments[order.instrument().index()].settles_in;
        // Against us: what comes rounds down, what goes rounds up.
        let per_unit = Rate::of(
            Decimal::from(10_u64.pow(decimals.into()))
                / Decimal::from(10_u64.pow(trade.plan.atom_places.into())),
        );
        let units = if is_buy { per_unit.down(atoms) } else { -per_unit.up(atoms) };
        let venue = order.venue().name();
        *self.changes.entry((venue, base.0)).or_default() += units;
        let money = if is_buy { -total } else { total };
        *self.changes.entry((venue, settles_in.0)).or_default() += money;
    }

    fn ended(&mut self, end: &TradeEnd) {
        let trade = self.open.remove(&end.trade.id()).expect("under way");
        let [buy, sell] = &trade.sums;
        let (bought, sold) = (buy.bought + sell.bought, buy.sold + sell.sold);
        let planned = signed(trade.plan.atoms);
        let outcome = if trade.unwound {
            Outcome::MissedUnwound
        } else if trade.tried_again {
            Outcome::MissedHedged
        } else if bought == 0 && sold == 0 {
            if trade.failed { Outcome::FailedLanding } else { Outcome::NotFilled }
        } else if bought == planned && sold == planned {
            Outcome::BothFilled
        } else {
            Outcome::Partial
        };
        let id = end.trade.id();
        assert_eq!(end.outcome, outcome, "trade {id}");
        let open = (bought != sold).then(|| self.left_open(&trade.plan, bought - sold));
        let legs = [0, 1].map(|leg| {
            let instrument = trade.plan.legs[leg].instrument;
            let settles_in = self.tables.instruments[instrument.index()].settles_in;
            LegResult { settles_in, sums: &trade.sums[leg] }
        });
        let lamports = (trade.network_lamports, trade.tip_lamports);
        let expected = result(&trade.plan, &trade.rates, &legs, lamports, open.as_ref());
        assert_eq!(end.pnl, Some(expected), "trade {id}");
    }

    /// What closing an imbalance would hit on each of both markets.
    fn left_open(&self, plan: &Plan, atoms: i128) -> Open {
        let is_long = atoms > 0;
        let scale = 10_i128.pow(plan.atom_places.into());
        let values = [0, 1].map(|leg| {
            let stated = self.place(plan.legs[leg].market);
            let price = if stated.place == Place::Pool {
                // Micro-USDC for a thousand SOL are USDC for 10⁻⁹ … of one: nine places.
                Decimal::from_i128_with_scale(signed(self.chain.spot()), 9)
            } else {
                let [bid, ask] = self.view.books[stated.place as usize].best().expect("both sides");
                if is_long { bid.0 } else { ask.0 }
            };
            let amount = Decimal::from(atoms.abs()) / Decimal::from(scale);
            micros(price * amount, !is_long)
        });
        Open { is_long, values }
    }
}

/// Takes from a book; gives what was filled, what that comes to and the last price.
fn take(
    book: &mut Book,
    is_buy: bool,
    limit: Decimal,
    wanted: Decimal,
) -> (Decimal, Decimal, Decimal) {
    let (mut left, mut cost, mut last) = (wanted, Decimal::ZERO, Decimal::ZERO);
    while left > Decimal::ZERO {
        let side = if is_buy { &mut book.asks } else { &mut book.bids };
        let best = if is_buy { side.first_entry() } else { side.last_entry() };
        let Some(mut level) = best else { break };
        let price = *level.key();
        if if is_buy { price > limit } else { price < limit } {
            break;
        }
        let size = left.min(*level.get());
        cost += price * size;
        left -= size;
        last = price;
        *level.get_mut() -= size;
        if level.get().is_zero() {
            level.remove();
        }
    }
    (wanted - left, cost, last)
}
