//! A look as it is shown: waterfall, levels and segments, rates, limits. The same in text and JSON.

use engine_core::explain::{Cap, CapKind, CostLevel, LegGrounds, PieceUsed, RateUsed};
use engine_core::market::take::Take;
use engine_core::tables::PairSpec;
use serde::Serialize;

use super::names::{Namer, utc};
use super::witness::Looked;
use crate::replay::money::{bps, duration, plain, trimmed};

/// A look.
#[derive(Clone, Debug, Serialize)]
pub struct LookShown {
    /// UTC.
    pub at: String,
    /// Unix nanoseconds.
    pub at_ns: u64,
    /// From the start of the run.
    pub since_start: String,
    /// Number of the event.
    pub seq: u64,
    /// How it ended.
    pub code: &'static str,
    /// Edge of the first unit before costs, in basis points.
    pub edge_gross_bps: Option<String>,
    /// The same after costs that grow with the size.
    pub edge_net_bps: Option<String>,
    /// Size looked at; none where nothing was priced.
    pub size: Option<String>,
    /// Gross notional of the purchase.
    pub notional: Option<String>,
    /// What amounts of the waterfall are in.
    pub money: String,
    /// Gross first, then what is taken off.
    pub waterfall: Vec<(&'static str, String)>,
    /// What is left.
    pub net: Option<String>,
    /// The same in its own units.
    pub net_units: String,
    /// The same in parts of the notional.
    pub net_bps: Option<String>,
    /// Whether the size priced again from the levels and segments below gives the same.
    pub is_reproduced: Option<bool>,
    /// Whether the second after was worse and counts: the pool's fee follows the clock.
    pub is_next_second: bool,
    /// Buy leg, sell leg.
    pub legs: Vec<LegShown>,
    /// Rates between currencies.
    pub rates: Vec<String>,
    /// Levels of costs.
    pub costs: Vec<String>,
    /// What may limit the size.
    pub limits: Vec<LimitShown>,
    /// What ended the size.
    pub ended_by: Option<String>,
}

/// One leg.
#[derive(Clone, Debug, Serialize)]
pub struct LegShown {
    /// `buy` or `sell`.
    pub side: &'static str,
    /// What is traded.
    pub instrument: String,
    /// Its market: state, age, prices.
    pub market: String,
    /// What the size pays or brings, with its fees.
    pub total: Option<String>,
    /// Levels or segments.
    pub pieces: Vec<PieceShown>,
}

/// One level or segment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceShown {
    /// Of a book.
    Level {
        /// Price.
        price: String,
        /// What lies there.
        size: String,
        /// What the size takes.
        taken: String,
    },
    /// Of a pool.
    Segment {
        /// Price where it begins.
        from: String,
        /// Price where it ends.
        to: String,
        /// Liquidity.
        liquidity: String,
        /// Fee rate in basis points.
        fee_bps: String,
        /// What goes in, fee included.
        amount_in: String,
        /// What comes out.
        amount_out: String,
        /// The fee.
        fee: String,
        /// Whether it is used to its end.
        is_whole: bool,
    },
}

/// One limit of the size.
#[derive(Clone, Debug, Serialize)]
pub struct LimitShown {
    /// Which.
    pub limit: &'static str,
    /// How much of it is used.
    pub used: String,
    /// How much there is.
    pub of: String,
    /// Whether one lot more would be beyond it.
    pub binds: bool,
}

impl LookShown {
    /// A look with what it rested on.
    #[must_use]
    pub fn new(namer: &Namer<'_>, pair: &PairSpec, looked: &Looked) -> Self {
        let (look, grounds) = (&looked.look, &looked.grounds);
        let is_priced = look.base_atoms > 0;
        let money = pair.money;
        let shown = |text: String| is_priced.then_some(text);
        let has_edge = !look.code.is_unevaluated();
        let limits: Vec<LimitShown> =
            grounds.caps.iter().map(|cap| limit(namer, pair, cap)).collect();
        let binding: Vec<&str> = limits.iter().filter(|it| it.binds).map(|it| it.limit).collect();
        let market = || "the market: the next lot would cost more than it brings".to_owned();
        let mut waterfall = Vec::new();
        if is_priced {
            let parts = look.waterfall.parts().into_iter();
            waterfall.extend(parts.map(|(name, part)| (name, namer.bare(part, money))));
        }
        Self {
            at: utc(look.at_ns),
            at_ns: look.at_ns,
            since_start: namer.since(look.at_ns),
            seq: look.seq,
            code: look.code.name(),
            edge_gross_bps: has_edge.then(|| bps(look.edge_gross_ppm)),
            edge_net_bps: has_edge.then(|| bps(look.edge_net_ppm)),
            size: shown(namer.size(look.base_atoms, pair)),
            notional: shown(namer.amount(look.notional, money)),
            money: namer.asset(money).to_owned(),
            waterfall,
            net: shown(namer.result(look.net, money)),
            net_units: look.net.to_string(),
            net_bps: shown(Namer::edge(look)),
            is_reproduced: is_priced.then(|| {
                grounds.priced.is_some_and(|priced| {
                    priced.net == look.net && priced.waterfall == look.waterfall
                })
            }),
            is_next_second: grounds.is_next_second,
            legs: grounds.legs.iter().map(|leg| self::leg(namer, looked, leg)).collect(),
            rates: grounds.rates.iter().map(|it| rate(namer, it, look.at_ns)).collect(),
            costs: costs(namer, looked),
            limits,
            ended_by: is_priced.then(|| {
                if binding.is_empty() {
                    market()
                } else {
                    format!("the limit: {}", binding.join(", "))
                }
            }),
        }
    }
}

fn leg(namer: &Namer<'_>, looked: &Looked, leg: &LegGrounds) -> LegShown {
    let standing = &leg.standing;
    let market = standing.market;
    let age = |at_ns: u64| match at_ns {
        0 => "never heard of".to_owned(),
        _ => format!("{} old", duration(looked.look.at_ns.saturating_sub(at_ns))),
    };
    let mut words = vec![match (leg.refusal, standing.doubt) {
        (_, Some(doubt)) => format!("in doubt ({})", doubt.name()),
        (Some(code), None) => code.name().to_owned(),
        (None, None) => "live".to_owned(),
    }];
    words.push(age(standing.heard_ns));
    if let Some(touch) = standing.touch {
        let prices = [touch.bid_ticks, touch.ask_ticks].map(|it| namer.price(market, it));
        words.push(format!("bid {} ask {}", prices[0], prices[1]));
    }
    if let Some(sqrt_price) = standing.sqrt_price {
        words.push(format!("at {}", namer.pool_price(market, sqrt_price)));
    }
    if let Some(slot) = standing.slot {
        words.push(format!("slot {slot} of {}", looked.chain_slot));
    }
    if standing.slot.is_none() {
        words.push(format!("taker fee {} bps", bps(clamped(standing.taker_fee_ppm.value))));
    }
    let settles = namer.settles_in(leg.instrument);
    let total = leg.quote.map(|quote| {
        let word = match leg.take {
            Take::Buy => "pays",
            Take::Sell => "brings",
        };
        let fee = quote.taker_fee + quote.pool_fee;
        format!("{word} {}, fee {}", namer.amount(quote.total, settles), namer.amount(fee, settles))
    });
    LegShown {
        side: match leg.take {
            Take::Buy => "buy",
            Take::Sell => "sell",
        },
        instrument: namer.instrument(leg.instrument).to_owned(),
        market: words.join(" · "),
        total,
        pieces: leg.pieces.iter().map(|it| piece(namer, leg, it)).collect(),
    }
}

fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn piece(namer: &Namer<'_>, leg: &LegGrounds, piece: &PieceUsed) -> PieceShown {
    let market = leg.standing.market;
    match *piece {
        PieceUsed::Level { price_ticks, size_lots, taken_lots } => PieceShown::Level {
            price: namer.price(market, price_ticks),
            size: namer.steps(market, size_lots),
            taken: namer.steps(market, taken_lots),
        },
        PieceUsed::Segment {
            sqrt_price_start,
            sqrt_price_end,
            liquidity,
            fee_rate_ppm,
            amount_in,
            amount_out,
            fee,
            is_whole,
            ..
        } => {
            let (base, quote) = (namer.base_of(leg.instrument), namer.settles_in(leg.instrument));
            let (input, output) = match leg.take {
                Take::Buy => (quote, base),
                Take::Sell => (base, quote),
            };
            PieceShown::Segment {
                from: namer.pool_price(market, sqrt_price_start),
                to: namer.pool_price(market, sqrt_price_end),
                liquidity: liquidity.to_string(),
                fee_bps: bps(fee_rate_ppm.into()),
                amount_in: namer.amount(amount_in.into(), input),
                amount_out: namer.amount(amount_out.into(), output),
                fee: namer.amount(fee.into(), input),
                is_whole,
            }
        }
    }
}

fn rate(namer: &Namer<'_>, rate: &RateUsed, at_ns: u64) -> String {
    let prices = match rate.touch {
        Some(touch) => {
            let price = |ticks| namer.price(rate.market, ticks);
            format!("bid {} ask {}", price(touch.bid_ticks), price(touch.ask_ticks))
        }
        None => "not usable".to_owned(),
    };
    format!(
        "{}/{} from {}: {prices} · {} old, at most {}",
        namer.asset(rate.from),
        namer.asset(rate.to),
        namer.market(rate.market),
        duration(at_ns.saturating_sub(rate.at_ns)),
        duration(rate.age_max_ns),
    )
}

fn costs(namer: &Namer<'_>, looked: &Looked) -> Vec<String> {
    let (grounds, at_ns) = (&looked.grounds, looked.look.at_ns);
    let level = |name: &str, unit: &str, level: &CostLevel| {
        let most = match level.age_max_ns {
            0 => "does not age".to_owned(),
            age_max_ns => format!("at most {}", duration(age_max_ns)),
        };
        match level.level {
            Some(level) => {
                let age = duration(at_ns.saturating_sub(level.at_ns));
                format!("{name} {} {unit} · {age} old, {most}", level.value)
            }
            None => format!("{name}: nobody has told"),
        }
    };
    let mut lines = Vec::new();
    if let Some(it) = &grounds.priority_fee {
        lines.push(level("priority fee", "micro-lamports per compute unit", it));
    }
    if let Some(it) = &grounds.tip {
        lines.push(level("tip", "lamports", it));
    }
    if let Some(coin) = &grounds.coin {
        lines.push(format!("chain coin {}", rate(namer, coin, at_ns)));
    }
    lines
}

/// Name of a limit.
#[must_use]
pub const fn cap_name(kind: CapKind) -> &'static str {
    match kind {
        CapKind::BaseSize => "configured size",
        CapKind::BaseBalance => "base held at the selling venue",
        CapKind::QuoteBalance => "money held at the buying venue",
        CapKind::BuyNotional => "order notional of the purchase",
        CapKind::SellNotional => "order notional of the sale",
    }
}

fn limit(namer: &Namer<'_>, pair: &PairSpec, cap: &Cap) -> LimitShown {
    let text = |amount: u128| match cap.kind {
        CapKind::BaseSize | CapKind::BaseBalance => namer.size(amount, pair),
        CapKind::QuoteBalance | CapKind::BuyNotional => {
            namer.amount(amount, namer.settles_in(pair.buy))
        }
        CapKind::SellNotional => namer.amount(amount, namer.settles_in(pair.sell)),
    };
    LimitShown {
        limit: cap_name(cap.kind),
        used: text(cap.used),
        of: text(cap.limit),
        binds: cap.binds,
    }
}

/// What a limit that leaves no room would have had to be.
#[must_use]
pub fn cap_needs(namer: &Namer<'_>, pair: &PairSpec, cap: &Cap) -> String {
    let lot = trimmed(pair.lot_atoms, pair.atom_places);
    let shown = limit(namer, pair, cap);
    format!("{}: needs room for one lot of {lot}, had {}", shown.limit, shown.of)
}

/// A signed difference with its sign.
#[must_use]
pub fn difference(units: i128, decimals: u8) -> String {
    let sign = if units > 0 { "+" } else { "" };
    format!("{sign}{}", plain(units, decimals))
}
