//! All opportunities of a journal, one line each, most profitable first.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::names::{Namer, utc};
use super::story::fate_name;
use super::survey::{RunSurvey, Summary};
use crate::replay::money::duration;

/// One line: the run and the opportunity.
pub type Row<'a> = (&'a RunSurvey, &'a Summary);

/// Every opportunity of these runs, most profitable first: by the best net in whole units of its
/// money, of one that is open by its first.
#[must_use]
pub fn rows<'a>(runs: &[&'a RunSurvey]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> =
        runs.iter().flat_map(|run| run.opportunities.iter().map(|it| (*run, it))).collect();
    rows.sort_by_cached_key(|(run, it)| (core::cmp::Reverse(net_e18(run, it)), run.seq, it.id));
    rows
}

/// Monies of other decimals compare in 10⁻¹⁸ of their whole unit.
fn net_e18(run: &RunSurvey, it: &Summary) -> i128 {
    let money = run.pairs[it.first.pair.index()].money;
    let decimals = run.begin.tables.assets[money.index()].decimals.min(18);
    let scale = 10_i128.pow(18 - u32::from(decimals));
    it.peak.unwrap_or(it.first).net.saturating_mul(scale)
}

fn lived(run: &RunSurvey, it: &Summary) -> u64 {
    it.closed_ns.unwrap_or(run.span_ns.1).saturating_sub(it.first.at_ns)
}

/// For people.
#[must_use]
pub fn text(all: &[RunSurvey], rows: &[Row<'_>], journal: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, all, rows, journal);
    text
}

fn write(
    text: &mut String,
    all: &[RunSurvey],
    rows: &[Row<'_>],
    journal: &str,
) -> std::fmt::Result {
    if rows.is_empty() {
        return writeln!(text, "no opportunities in {journal}");
    }
    writeln!(
        text,
        "{:<16} {:>16} {:>10} {:>20} {:>8}  {:<36} buy → sell",
        "opportunity", "opened", "lived", "best net", "bps", "what became of it"
    )?;
    for (run, it) in rows {
        let namer = Namer::new(run);
        let pair = &run.pairs[it.first.pair.index()];
        let (buy, sell) = run.route(pair);
        let best = it.peak.unwrap_or(it.first);
        let open = if it.is_open() { " (open at the end)" } else { "" };
        writeln!(
            text,
            "{:<16} {:>16} {:>10} {:>20} {:>8}  {:<36} {buy} → {sell}",
            format!("{}:{}", run.name(all), it.id),
            namer.since(it.first.at_ns),
            duration(lived(run, it)),
            namer.result(best.net, pair.money),
            Namer::edge(&best),
            format!("{}{open}", fate_name(it.fate)),
        )?;
    }
    writeln!(text, "riptide why ID explains one · riptide why --pair BUY/SELL --at TIME any moment")
}

/// As an object.
#[must_use]
pub fn object(all: &[RunSurvey], rows: &[Row<'_>], journal: &str) -> Value {
    let row = |(run, it): &Row<'_>| {
        let namer = Namer::new(run);
        let pair = &run.pairs[it.first.pair.index()];
        let (buy, sell) = run.route(pair);
        let best = it.peak.unwrap_or(it.first);
        json!({
            "part": run.name(all),
            "id": it.id,
            "buy": buy,
            "sell": sell,
            "opened": utc(it.first.at_ns),
            "since_start": namer.since(it.first.at_ns),
            "lived_ns": lived(run, it),
            "is_open": it.is_open(),
            "looks": it.looks,
            "net": namer.result(best.net, pair.money),
            "net_units": best.net.to_string(),
            "net_bps": Namer::edge(&best),
            "fate": fate_name(it.fate),
            "fate_code": it.fate.name(),
            "trades": it.trades,
        })
    };
    json!({ "journal": journal, "opportunities": rows.iter().map(row).collect::<Vec<_>>() })
}
