//! Checks and codes in words: what was seen, what is allowed, what would have had to be different.

use engine_core::execution::Plan;
use engine_core::explain::{CostLevel, LegGrounds, RateUsed};
use engine_core::risk::{Check, CheckResult, Checked, Observed};
use engine_core::signal::evaluation::Code;
use engine_core::tables::PairSpec;
use serde::Serialize;

use super::names::Namer;
use super::witness::Looked;
use crate::replay::money::{bps, count, duration, plain, trimmed};

/// On which side of its limit a value passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    AtMost,
    AtLeast,
    Above,
    Is,
}

impl Bound {
    const fn words(self) -> &'static str {
        match self {
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
            Self::Above => "more than",
            Self::Is => "must be",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::AtMost => "≤",
            Self::AtLeast => "≥",
            Self::Above => ">",
            Self::Is => "",
        }
    }

    const fn of(checked: &Checked) -> Self {
        match checked.check {
            Check::ModeGate
            | Check::TradingState
            | Check::Listed
            | Check::LimitPrice
            | Check::VenueStatus => Self::Is,
            Check::ProjectedLoss => Self::Above,
            Check::SizeMin
            | Check::NotionalMin
            | Check::EdgeMin
            | Check::MessageRate
            | Check::DuplicateOrder
            | Check::Balance => Self::AtLeast,
            // Of its two limits, the one that was stated: below par the lower.
            Check::QuoteCurrency if checked.limit < 1_000_000 => Self::AtLeast,
            Check::ReducesExposure
            | Check::SizeMax
            | Check::SizeLot
            | Check::OrderNotional
            | Check::BookAge
            | Check::PoolAge
            | Check::MetadataAge
            | Check::ReferenceCollar
            | Check::LastTradeCollar
            | Check::DriftCollar
            | Check::EdgeMax
            | Check::ReferenceAgreement
            | Check::QuoteCurrency
            | Check::PairTrades
            | Check::AllTrades
            | Check::ClientIdReuse
            | Check::VenueOpenOrders
            | Check::MarketPairsInFlight
            | Check::PairsInFlight
            | Check::BasePosition
            | Check::SettlementPosition
            | Check::UnhedgedNotional
            | Check::UnhedgedAge => Self::AtMost,
        }
    }
}

/// One check as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct CheckShown {
    /// Its reason code.
    pub check: &'static str,
    /// Its control.
    pub control: &'static str,
    /// `buy`, `sell`, or none for the whole trade.
    pub leg: Option<&'static str>,
    /// `passed`, `failed` or `not_applicable`.
    pub result: &'static str,
    /// What it saw.
    pub observed: String,
    /// On which side of the limit that passes.
    pub bound: &'static str,
    /// The limit.
    pub limit: String,
    /// What would have had to be different, when it failed.
    pub needs: Option<String>,
}

impl CheckShown {
    /// A check of a plan.
    #[must_use]
    pub fn new(namer: &Namer<'_>, plan: &Plan, checked: &Checked) -> Self {
        let bound = Bound::of(checked);
        let limit = value(namer, plan, checked, checked.limit);
        let observed = match checked.observed {
            Observed::Value(seen) => value(namer, plan, checked, seen),
            Observed::Missing if checked.result == CheckResult::NotApplicable => "-".to_owned(),
            Observed::Missing | Observed::Unusable => checked.observed.to_string(),
        };
        let failed = checked.result == CheckResult::Failed;
        let needs = match checked.observed {
            Observed::Value(_) if bound == Bound::Is => format!("needs {limit}, had {observed}"),
            Observed::Value(_) => format!("needs {} {limit}, had {observed}", bound.sign()),
            // Without it there was nothing to compare, whatever the limit.
            Observed::Missing | Observed::Unusable => format!("needs to be known, had {observed}"),
        };
        Self {
            check: checked.check.name(),
            control: checked.check.control(),
            leg: checked.leg.map(leg_name),
            result: match checked.result {
                CheckResult::Passed => "passed",
                CheckResult::NotApplicable => "not_applicable",
                CheckResult::Failed => "failed",
            },
            observed,
            bound: bound.words(),
            limit,
            needs: failed.then_some(needs),
        }
    }
}

/// Name of a leg by its index.
#[must_use]
pub const fn leg_name(leg: u8) -> &'static str {
    if leg == 0 { "buy" } else { "sell" }
}

/// An observed value or a limit, in the unit of its check.
fn value(namer: &Namer<'_>, plan: &Plan, checked: &Checked, value: i128) -> String {
    let planned = &plan.legs[usize::from(checked.leg.unwrap_or(0).min(1))];
    let (base, settles) = (namer.base_of(planned.instrument), namer.settles_in(planned.instrument));
    let nanoseconds = || u64::try_from(value).map_or_else(|_| format!("{value} ns"), duration);
    let numeraire = namer.asset(namer.tables().numeraire);
    let whole = |unit: &str| format!("{value} {unit}");
    let yes = |yes: &str, no: &str| if value == 0 { no.to_owned() } else { yes.to_owned() };
    match checked.check {
        Check::ModeGate => match value {
            0 => "simulated (observe)".to_owned(),
            1 => "emulator (paper)".to_owned(),
            _ => "venue (live)".to_owned(),
        },
        Check::TradingState => match value {
            0 => "active".to_owned(),
            1 => "reducing".to_owned(),
            _ => "halted".to_owned(),
        },
        Check::Listed => yes("listed", "not listed"),
        Check::VenueStatus => yes("trading", "not trading"),
        Check::LimitPrice => yes("a limit price", "no limit price"),
        Check::ClientIdReuse => whole("earlier uses"),
        Check::ReducesExposure | Check::SizeMax | Check::SizeLot | Check::SizeMin => {
            match u128::try_from(value) {
                Ok(_) if value == i128::MAX => "any size".to_owned(),
                Ok(size) => format!("{} {}", trimmed(size, 18), namer.asset(base)),
                Err(_) => whole("1e-18 base"),
            }
        }
        Check::NotionalMin => {
            let quote = namer.tables().market_of(planned.instrument).quote;
            let places = namer.decimals(settles) + namer.decimals(quote);
            let amount = u128::try_from(value)
                .map_or_else(|_| value.to_string(), |value| trimmed(value, places));
            format!("{amount} {}", namer.asset(settles))
        }
        Check::OrderNotional
        | Check::BasePosition
        | Check::SettlementPosition
        | Check::UnhedgedNotional
        | Check::QuoteCurrency
        | Check::ProjectedLoss => format!("{} {numeraire}", plain(value, 6)),
        Check::BookAge | Check::MetadataAge | Check::DuplicateOrder | Check::UnhedgedAge => {
            nanoseconds()
        }
        Check::PoolAge => whole("slots"),
        Check::EdgeMin | Check::EdgeMax => format!("{} bps", plain(value, 2)),
        Check::ReferenceCollar
        | Check::LastTradeCollar
        | Check::DriftCollar
        | Check::ReferenceAgreement => format!("{} %", plain(value, 4)),
        Check::MessageRate => whole("messages"),
        Check::PairTrades | Check::AllTrades => whole("trades"),
        Check::VenueOpenOrders => whole("orders"),
        Check::MarketPairsInFlight | Check::PairsInFlight => whole("in flight"),
        Check::Balance => namer.result(value, if checked.leg == Some(1) { base } else { settles }),
    }
}

/// What a look's code means, and what would have had to be different.
#[must_use]
pub fn needs_of_code(namer: &Namer<'_>, pair: &PairSpec, looked: &Looked) -> Vec<String> {
    let (look, grounds) = (&looked.look, &looked.grounds);
    let at_ns = look.at_ns;
    match look.code {
        Code::Tradable => Vec::new(),
        Code::NoEdge => {
            let edge = bps(look.edge_gross_ppm);
            vec![format!(
                "the first unit sold has to bring more than it costs: needs > 0 bps before costs, had {edge} bps"
            )]
        }
        Code::NetNotPositive => {
            let money = pair.money;
            let costs = namer.result(look.waterfall.costs(), money);
            let gross = namer.result(look.waterfall.gross, money);
            let edge = bps(look.edge_net_ppm);
            vec![
                format!("needs costs below the gross of {gross}, had {costs}"),
                format!("edge of the first unit after its costs: needs > 0 bps, had {edge} bps"),
            ]
        }
        Code::BelowMinEdge => {
            let least = bps(namer.tables().signal.min_edge_ppm.into());
            vec![format!("needs ≥ {least} bps net, had {} bps", Namer::edge(look))]
        }
        Code::BelowMinOrder => below_min_order(namer, pair, looked),
        Code::NoRoom => grounds
            .caps
            .iter()
            .filter(|cap| cap.binds)
            .map(|cap| super::view::cap_needs(namer, pair, cap))
            .collect(),
        Code::RateStale | Code::RateMissing => {
            grounds.rates.iter().map(|rate| rate_needs(namer, rate, at_ns)).collect()
        }
        Code::CoinPriceStale => {
            let rates = grounds.coin.iter().chain(&grounds.rates);
            rates.map(|rate| rate_needs(namer, rate, at_ns)).collect()
        }
        Code::PriorityFeeStale => level_needs("priority fee", grounds.priority_fee, at_ns),
        Code::TipStale => level_needs("tip", grounds.tip, at_ns),
        Code::FeeTierStale => {
            let age_max_ns = namer.tables().costs.fee_tier_max_age_ns;
            let of_leg = |leg: &LegGrounds| {
                let age = at_ns.saturating_sub(leg.standing.taker_fee_ppm.at_ns);
                age_needs(
                    &format!("taker fee of {}", namer.instrument(leg.instrument)),
                    Some(age),
                    age_max_ns,
                )
            };
            grounds.legs.iter().map(of_leg).collect()
        }
        Code::MarketEmpty | Code::MarketInDoubt | Code::MarketStale | Code::NotTradable => {
            let legs = grounds
                .legs
                .iter()
                .filter(|leg| leg.refusal.is_some() || look.code == Code::MarketEmpty);
            legs.map(|leg| market_needs(namer, leg, looked)).collect()
        }
        Code::NotPriceable => {
            vec!["the best size has to lie within what is known of the pool, and its figures in range".to_owned()]
        }
    }
}

fn below_min_order(namer: &Namer<'_>, pair: &PairSpec, looked: &Looked) -> Vec<String> {
    let scale = 10_u128.pow(u32::from(18 - pair.atom_places));
    let size_e18 = looked.look.base_atoms.saturating_mul(scale);
    let mut needs = Vec::new();
    for leg in &looked.grounds.legs {
        let name = namer.instrument(leg.instrument);
        let market = namer.tables().market_of(leg.instrument);
        let base = namer.asset(market.base);
        if size_e18 < market.min_order_size_e18 {
            let (least, had) = (trimmed(market.min_order_size_e18, 18), trimmed(size_e18, 18));
            needs.push(format!("size at {name}: needs ≥ {least} {base}, had {had} {base}"));
        }
        let settles = namer.settles_in(leg.instrument);
        let power = |id| 10_u128.pow(namer.decimals(id).into());
        let gross = leg.quote.map_or(0, |quote| quote.gross);
        if gross.saturating_mul(power(market.quote))
            < market.min_order_notional.saturating_mul(power(settles))
        {
            let least = namer.amount(market.min_order_notional, market.quote);
            let had = namer.amount(gross, settles);
            needs.push(format!("notional at {name}: needs ≥ {least}, had {had}"));
        }
    }
    needs
}

fn level_needs(name: &str, level: Option<CostLevel>, at_ns: u64) -> Vec<String> {
    let age = level.and_then(|it| it.level).map(|it| at_ns.saturating_sub(it.at_ns));
    vec![age_needs(name, age, level.map_or(0, |it| it.age_max_ns))]
}

fn age_needs(name: &str, age_ns: Option<u64>, age_max_ns: u64) -> String {
    match age_ns {
        None => format!("{name}: needs to be known, had nothing"),
        Some(age_ns) if age_max_ns == 0 => format!("{name}: {} old", duration(age_ns)),
        Some(age_ns) => {
            format!("age of the {name}: needs ≤ {}, had {}", duration(age_max_ns), duration(age_ns))
        }
    }
}

fn rate_needs(namer: &Namer<'_>, rate: &RateUsed, at_ns: u64) -> String {
    let name = format!("rate {}/{}", namer.asset(rate.from), namer.asset(rate.to));
    let age_ns = rate.touch.map(|_| at_ns.saturating_sub(rate.at_ns));
    age_needs(&format!("{name} of {}", namer.market(rate.market)), age_ns, rate.age_max_ns)
}

fn market_needs(namer: &Namer<'_>, leg: &LegGrounds, looked: &Looked) -> String {
    let (name, standing) = (namer.instrument(leg.instrument), &leg.standing);
    let spec = &namer.tables().markets[standing.market.index()];
    match leg.refusal {
        None => format!("{name}: needs something on the side that is taken"),
        Some(Code::MarketEmpty) => format!("{name}: needs a first snapshot, had none"),
        Some(Code::MarketInDoubt) => {
            let doubt = standing.doubt.map_or("in doubt", |doubt| doubt.name());
            format!("{name}: needs a fresh snapshot, was in doubt ({doubt})")
        }
        Some(Code::MarketStale) => {
            let behind = standing.slot.map(|slot| looked.chain_slot.saturating_sub(slot));
            if let Some(behind) = behind.filter(|behind| *behind > spec.stale_after_slots) {
                let most = count(spec.stale_after_slots);
                return format!("{name}: needs ≤ {most} slots behind, had {}", count(behind));
            }
            let age_ns = looked.look.at_ns.saturating_sub(standing.heard_ns);
            let known = (standing.heard_ns > 0).then_some(age_ns);
            age_needs(&format!("last word of {name}"), known, spec.stale_after_ns)
        }
        Some(_) => format!("{name}: needs to take orders, did not"),
    }
}
