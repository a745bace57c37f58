//! What the report says of trades: outcomes, results part by part, reasons, halts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::Fate;
use engine_core::execution::{Outcome, Pnl};
use engine_core::outbox::{TradeEnd, Warning};
use engine_core::risk::halt::{Change, Scope};
use serde_json::{Map, Value, json};

use super::money::{count, duration, plain, trimmed};
use super::run::PartReport;
use super::text::route;

/// Trades shown one by one.
const SHOWN: usize = 40;

/// A fate in words.
#[must_use]
pub fn fate(fate: Fate) -> String {
    match fate {
        Fate::Traded(trade) => format!("trade {trade}"),
        Fate::Refused(check) => format!("refused: {} ({})", check.name(), check.control()),
        Fate::Halted(reason) => format!("halted: {} ({})", reason.name(), reason.control()),
        Fate::Signal(code) => format!("signal: {}", code.name()),
    }
}

/// Results of all trades of a part, added up by the money they are in.
fn sums(part: &PartReport) -> BTreeMap<usize, Pnl> {
    let mut sums: BTreeMap<usize, Pnl> = BTreeMap::new();
    for end in &part.collected.trades {
        let Some(pnl) = end.pnl else { continue };
        let sum = sums.entry(end.trade.plan().money.index()).or_default();
        sum.gross += pnl.gross;
        sum.taker_fees += pnl.taker_fees;
        sum.pool_fees += pnl.pool_fees;
        sum.network += pnl.network;
        sum.tip += pnl.tip;
        sum.conversion += pnl.conversion;
        sum.residual += pnl.residual;
        sum.rounding += pnl.rounding;
        sum.net += pnl.net;
        sum.net_numeraire += pnl.net_numeraire;
    }
    sums
}

/// Profit of all trades in the numeraire. Unit: its own units.
#[must_use]
pub fn net_numeraire(part: &PartReport) -> i128 {
    part.collected.trades.iter().filter_map(|end| end.pnl).map(|pnl| pnl.net_numeraire).sum()
}

fn histogram<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let named: Vec<String> =
        counts.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {}", count(n))).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(" · ") }
}

pub(super) fn write(text: &mut String, part: &PartReport) -> std::fmt::Result {
    let collected = &part.collected;
    let fates = collected.fates.iter().map(|(name, n)| (*name, *n));
    writeln!(text, "  what became of them: {}", histogram(fates))?;
    let refusals = collected.refusals.iter().map(|(name, n)| (name.as_str(), *n));
    writeln!(text, "  refused by risk: {}", histogram(refusals))?;
    let outcomes = Outcome::ALL.iter().map(|it| it.name()).zip(collected.outcomes);
    writeln!(
        text,
        "  simulated trades {} · {} · open at the end {} (left out of the result)",
        count(collected.trades_count),
        histogram(outcomes),
        collected.trades_open_at_end,
    )?;
    for end in collected.trades.iter().take(SHOWN) {
        write_trade(text, part, end)?;
    }
    for (money, pnl) in sums(part) {
        let decimals = part.tables.assets[money].decimals;
        write!(text, "  result in {}:", part.names.assets[money])?;
        write_pnl(text, &pnl, decimals)?;
    }
    if collected.trades_count > 0 {
        let numeraire = part.tables.numeraire.index();
        let decimals = part.tables.assets[numeraire].decimals;
        let name = &part.names.assets[numeraire];
        writeln!(text, "  result {} {name}", plain(net_numeraire(part), decimals))?;
    }
    for (at_ns, change) in &collected.halts {
        writeln!(text, "  {}", halt_line(part, *at_ns, change))?;
    }
    for (at_ns, warning) in &collected.warnings {
        writeln!(text, "  at {} warned: {}", since(part, *at_ns), warning_text(warning))?;
    }
    Ok(())
}

fn since(part: &PartReport, at_ns: u64) -> String {
    duration(at_ns.saturating_sub(part.span_ns.0))
}

fn write_trade(text: &mut String, part: &PartReport, end: &TradeEnd) -> std::fmt::Result {
    let plan = end.trade.plan();
    let (buy, sell) = route(part, &part.pairs[plan.pair.index()]);
    let [bought, sold] = end.trade.moved();
    let atoms = |a: u128, b: u128| trimmed(a + b, plan.atom_places);
    writeln!(
        text,
        "  trade {:<3} #{:<4} at {} · buy {buy} sell {sell} · {} · planned {} bought {} sold {}",
        end.trade.id(),
        plan.opportunity,
        since(part, plan.decided_ns),
        end.outcome.name(),
        trimmed(plan.atoms, plan.atom_places),
        atoms(bought.bought_atoms, sold.bought_atoms),
        atoms(bought.sold_atoms, sold.sold_atoms),
    )?;
    let money = plan.money.index();
    let (decimals, name) = (part.tables.assets[money].decimals, &part.names.assets[money]);
    write!(text, "        expected {} {name} ·", plain(plan.predicted_net, decimals))?;
    match &end.pnl {
        Some(pnl) => write_pnl(text, pnl, decimals),
        None => writeln!(text, " the result is out of range"),
    }
}

fn write_pnl(text: &mut String, pnl: &Pnl, decimals: u8) -> std::fmt::Result {
    for (index, (name, amount)) in pnl.parts().into_iter().enumerate() {
        if amount != 0 || index == 0 {
            let sign = match name {
                "gross" => "",
                "residual" => "+ ",
                _ => "− ",
            };
            write!(text, " {sign}{name} {}", plain(amount, decimals))?;
        }
    }
    writeln!(text, " = net {}", plain(pnl.net, decimals))
}

/// What a halt covers, by name.
#[must_use]
pub fn scope(part: &PartReport, scope: Scope) -> String {
    match scope {
        Scope::Global => "everything".to_owned(),
        Scope::Strategy => "the strategy".to_owned(),
        Scope::Venue(venue) => venue.name().to_owned(),
        Scope::Market(market) => part.names.markets[market.index()].clone(),
        Scope::Pair(pair) => {
            let (buy, sell) = route(part, &part.pairs[pair.index()]);
            format!("{buy} → {sell}")
        }
        Scope::Asset(asset) => part.names.assets[asset.index()].clone(),
    }
}

fn halt_line(part: &PartReport, at_ns: u64, change: &Change) -> String {
    let halt = &change.halt;
    format!(
        "at {} {:?} {} ({}) for {}: observed {}, limit {}",
        since(part, at_ns),
        change.kind,
        halt.reason.name(),
        halt.reason.control(),
        scope(part, halt.scope),
        halt.breach.observed,
        halt.breach.limit,
    )
}

fn warning_text(warning: &Warning) -> String {
    let (name, breach) = match warning {
        Warning::DailyLoss(breach) => ("daily loss (R09)", breach),
        Warning::FailureRate(breach) => ("failure rate (R30)", breach),
        Warning::ConsecutiveLosses(breach) => ("losses in a row (R11)", breach),
        Warning::Clock(breach) => ("clock (R32)", breach),
    };
    format!("{name}: observed {}, limit {}", breach.observed, breach.limit)
}

/// The same as an object. Amounts are strings in units of the money named beside them.
#[must_use]
pub fn object(part: &PartReport) -> Value {
    let collected = &part.collected;
    let outcomes: Map<String, Value> = Outcome::ALL
        .iter()
        .zip(collected.outcomes)
        .map(|(outcome, n)| (outcome.name().to_owned(), n.into()))
        .collect();
    let trades: Vec<Value> = collected.trades.iter().map(|end| trade_object(part, end)).collect();
    let halts: Vec<Value> = collected
        .halts
        .iter()
        .map(|(at_ns, change)| {
            json!({
                "at_ns": at_ns,
                "change": format!("{:?}", change.kind),
                "reason": change.halt.reason.name(),
                "control": change.halt.reason.control(),
                "scope": scope(part, change.halt.scope),
                "observed": change.halt.breach.observed.to_string(),
                "limit": change.halt.breach.limit.to_string(),
            })
        })
        .collect();
    json!({
        "decisions": collected.decisions,
        "fates": collected.fates,
        "refusals": collected.refusals,
        "trades": collected.trades_count,
        "outcomes": outcomes,
        "open_at_end": collected.trades_open_at_end,
        "net_numeraire": net_numeraire(part).to_string(),
        "ended": trades,
        "halts": halts,
        "warnings": collected.warnings.iter().map(|(at_ns, warning)| json!({
            "at_ns": at_ns, "warning": warning_text(warning),
        })).collect::<Vec<_>>(),
    })
}

fn trade_object(part: &PartReport, end: &TradeEnd) -> Value {
    let plan = end.trade.plan();
    let (buy, sell) = route(part, &part.pairs[plan.pair.index()]);
    let [bought, sold] = end.trade.moved();
    let pnl: Option<Map<String, Value>> = end.pnl.map(|pnl| {
        let parts = pnl.parts().into_iter().chain([("net", pnl.net)]);
        parts.map(|(name, amount)| (name.to_owned(), amount.to_string().into())).collect()
    });
    json!({
        "id": end.trade.id(),
        "opportunity": plan.opportunity,
        "buy": buy,
        "sell": sell,
        "decided_ns": plan.decided_ns,
        "outcome": end.outcome.name(),
        "money": part.names.assets[plan.money.index()],
        "planned": trimmed(plan.atoms, plan.atom_places),
        "bought": trimmed(bought.bought_atoms + sold.bought_atoms, plan.atom_places),
        "sold": trimmed(bought.sold_atoms + sold.sold_atoms, plan.atom_places),
        "predicted_net": plan.predicted_net.to_string(),
        "pnl": pnl,
        "net_numeraire": end.pnl.map(|pnl| pnl.net_numeraire.to_string()),
    })
}
