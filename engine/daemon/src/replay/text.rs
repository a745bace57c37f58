//! The report for people.

use std::fmt::Write as _;

use engine_core::Fate;
use engine_core::signal::evaluation::{Code, Evaluation};
use engine_core::signal::opportunity::Opportunity;
use engine_core::tables::{MarketKind, PairSpec};

use super::collect::{PairFigures, percentile};
use super::money::{bps, count, duration, plain, ratio_ppm, trimmed};
use super::run::{JournalReport, PartReport, Report};

/// Opportunities shown with their waterfall.
const SHOWN: usize = 5;

/// The whole report.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(text: &mut String, report: &Report) -> std::fmt::Result {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        text,
        "riptide {version} · replay with {} · observe: nothing is sent anywhere",
        report.config_name
    )?;
    for part in &report.parts {
        write_part(text, part, report.near_misses_kept)?;
    }
    writeln!(text, "\nStages                    count       p50       p99     p99.9       max")?;
    for stage in report.histograms.summaries() {
        writeln!(
            text,
            "  {:<20} {:>10} {:>9} {:>9} {:>9} {:>9}",
            stage.stage.name(),
            count(stage.count),
            duration(stage.p50_ns),
            duration(stage.p99_ns),
            duration(stage.p999_ns),
            duration(stage.max_ns),
        )?;
    }
    if let Some(journal) = &report.journal {
        write_journal(text, report, journal)?;
    }
    let events: u64 = report.parts.iter().map(|part| part.events).sum();
    let rate = u128::from(events) * 1_000_000_000 / u128::from(report.elapsed_ns.max(1));
    writeln!(
        text,
        "\n{} events in {} · {} events/s · {} thread(s)\nresults blake3 {}",
        count(events),
        duration(report.elapsed_ns),
        count(u64::try_from(rate).unwrap_or(u64::MAX)),
        report.threads,
        report.hash,
    )
}

/// Bytes of a journal for each event and, at the pace of the recordings, for each day.
#[must_use]
pub(super) fn journal_pace(report: &Report, journal: &JournalReport) -> (u64, u64) {
    let span_ns: u64 = report.parts.iter().map(|part| part.span_ns.1 - part.span_ns.0).sum();
    let bytes = journal.written.stats.bytes;
    let per_event = bytes.div_ceil(journal.written.events.max(1));
    let per_day = u128::from(bytes) * 86_400_000_000_000 / u128::from(span_ns.max(1));
    (per_event, u64::try_from(per_day).unwrap_or(u64::MAX))
}

fn write_journal(text: &mut String, report: &Report, journal: &JournalReport) -> std::fmt::Result {
    let written = &journal.written;
    let (per_event, per_day) = journal_pace(report, journal);
    writeln!(
        text,
        "\nJournal {}\n  {} batches · {} events · {} decisions · {} anchors · {} bytes in {} groups, \
         {} syncs",
        journal.dir.display(),
        count(written.batches),
        count(written.events),
        count(written.decisions),
        written.anchors,
        count(written.stats.bytes),
        count(written.stats.groups),
        count(written.stats.syncs),
    )?;
    writeln!(
        text,
        "  {} bytes an event · {} bytes a day at this pace · the core waited {} for room",
        count(per_event),
        count(per_day),
        duration(journal.waited_ns),
    )?;
    writeln!(
        text,
        "  next: riptide verify {0} · riptide why 1 --journal {0}",
        journal.dir.display()
    )
}

fn write_part(text: &mut String, part: &PartReport, near_misses_kept: usize) -> std::fmt::Result {
    let span_ns = part.span_ns.1 - part.span_ns.0;
    writeln!(text, "\nPart {} · {} of market time", part.name, duration(span_ns))?;
    for (name, shift_ns) in &part.inputs {
        match shift_ns {
            0 => writeln!(text, "  {name}")?,
            _ => writeln!(text, "  {name}  moved by {} s", plain((*shift_ns).into(), 9))?,
        }
    }
    writeln!(
        text,
        "  frames {} of {} records · events {} · batches {} · evaluations {}",
        count(part.frames),
        count(part.records),
        count(part.events),
        count(part.batches),
        count(part.collected.evaluations),
    )?;
    let odd: Vec<String> =
        part.odd.seen().map(|(odd, seen)| format!("{} {}", odd.name(), count(seen))).collect();
    let odd = if odd.is_empty() { "nothing".to_owned() } else { odd.join(" · ") };
    writeln!(
        text,
        "  odd: {odd} · batches too large {} · update frames on the fast path {} of {}",
        part.oversized,
        count(part.odd.fast),
        count(part.odd.fast + part.odd.typed),
    )?;
    for symbol in &part.unproven_joins {
        writeln!(text, "  {symbol}: join not proven by an older diff")?;
    }
    write_markets(text, part)?;
    write_opportunities(text, part)?;
    write_near_misses(text, part, near_misses_kept)?;
    write_pairs(text, part)?;
    writeln!(text, "  part hash {}", blake3::Hash::from_bytes(part.hash).to_hex())
}

fn write_markets(text: &mut String, part: &PartReport) -> std::fmt::Result {
    for (index, market) in part.markets.iter().enumerate() {
        if market.state == "empty" {
            continue;
        }
        let spec = &part.tables.markets[index];
        write!(text, "  {:<22} {:<6}", part.names.markets[index], market.state)?;
        match spec.kind {
            MarketKind::Book { grid } => {
                let price = |ticks: Option<u64>| match ticks {
                    Some(ticks) => {
                        trimmed(u128::from(ticks) * u128::from(grid.tick.step), grid.tick.places)
                    }
                    None => "-".to_owned(),
                };
                write!(
                    text,
                    " {:>6} bids {:>6} asks  {} / {}",
                    market.bids,
                    market.asks,
                    price(market.best_bid_ticks),
                    price(market.best_ask_ticks)
                )?;
            }
            MarketKind::Pool { .. } => {
                write!(text, " tick {}", market.tick.unwrap_or(0))?;
            }
        }
        if market.doubts > 0 {
            write!(text, "  doubts {}", market.doubts)?;
        }
        if market.deletes_of_missing > 0 {
            write!(text, "  deletes of missing levels {}", count(market.deletes_of_missing))?;
        }
        if let Some([moved, shifted, scanned]) = market.worst_step {
            write!(text, "  worst step {moved} moved {shifted} shifted {scanned} scanned")?;
        }
        let tier = &part.names.fee_tiers[index];
        if !tier.is_empty() {
            write!(text, "  taker {} bps ({tier})", bps(spec.taker_fee_ppm.into()))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// Buying and selling instrument of a pair.
pub(super) fn route(part: &PartReport, pair: &PairSpec) -> (String, String) {
    let name = |index: usize| part.names.instruments[index].clone();
    (name(pair.buy.index()), name(pair.sell.index()))
}

fn write_opportunities(text: &mut String, part: &PartReport) -> std::fmt::Result {
    let collected = &part.collected;
    if collected.opportunities_count == 0 {
        return writeln!(text, "  opportunities 0");
    }
    let mut lives = collected.durations_ns.clone();
    lives.sort_unstable();
    let life = |rank: usize| lives.get(rank).copied().unwrap_or(0);
    writeln!(
        text,
        "  opportunities {} · life median {} · shortest {} · longest {} · open at the end {}",
        count(collected.opportunities_count),
        duration(life(lives.len() / 2)),
        duration(life(0)),
        duration(life(lives.len().saturating_sub(1))),
        collected.open_at_end,
    )?;
    for (opportunity, fate) in best(part) {
        let pair = &part.pairs[opportunity.pair.index()];
        let (buy, sell) = route(part, pair);
        writeln!(
            text,
            "  #{:<4} buy {buy} sell {sell} · lived {} · {} looks · {}",
            opportunity.id,
            duration(opportunity.duration_ns()),
            count(opportunity.evaluations),
            super::trades::fate(*fate),
        )?;
        write_waterfall(text, part, pair, &opportunity.peak)?;
    }
    super::trades::write(text, part)
}

/// The opportunities with the highest peak, best first, whole units of whatever money they are in.
pub(super) fn best(part: &PartReport) -> impl Iterator<Item = &(Opportunity, Fate)> {
    let mut all: Vec<_> = part.collected.opportunities.iter().collect();
    all.sort_by_key(|(it, _)| (core::cmp::Reverse(net_e18(part, &it.peak)), it.id));
    all.into_iter().take(SHOWN)
}

/// Net profit in 10^-18 of a whole unit of its money, so that monies of other decimals compare.
fn net_e18(part: &PartReport, evaluation: &Evaluation) -> i128 {
    let money = part.pairs[evaluation.pair.index()].money;
    let places = 18 - u32::from(part.tables.assets[money.index()].decimals.min(18));
    evaluation.net.saturating_mul(10_i128.pow(places))
}

fn write_waterfall(
    text: &mut String,
    part: &PartReport,
    pair: &PairSpec,
    evaluation: &Evaluation,
) -> std::fmt::Result {
    let money = pair.money.index();
    let (decimals, name) = (part.tables.assets[money].decimals, &part.names.assets[money]);
    let size = trimmed(evaluation.base_atoms, pair.atom_places);
    let notional = plain(i128::try_from(evaluation.notional).unwrap_or(i128::MAX), decimals);
    let share = |amount| ratio_ppm(amount, evaluation.notional).map_or(String::new(), bps);
    write!(text, "        size {size} · notional {notional} {name} ·")?;
    for (index, (part_name, amount)) in evaluation.waterfall.parts().into_iter().enumerate() {
        if amount != 0 || index == 0 {
            let sign = if index == 0 { "" } else { "− " };
            write!(text, " {sign}{part_name} {}", plain(amount, decimals))?;
        }
    }
    writeln!(
        text,
        " = net {} {name} ({} bps)",
        plain(evaluation.net, decimals),
        share(evaluation.net)
    )
}

/// The nearest near miss of each pair, least loss first.
pub(super) fn nearest(part: &PartReport, kept: usize) -> Vec<&Evaluation> {
    let mut all: Vec<&Evaluation> =
        part.collected.pairs.iter().filter_map(|pair| pair.nearest.as_ref()).collect();
    all.sort_by_key(|it| (core::cmp::Reverse(net_e18(part, it)), it.pair));
    all.truncate(kept);
    all
}

fn write_near_misses(text: &mut String, part: &PartReport, kept: usize) -> std::fmt::Result {
    let total: u64 = part.collected.pairs.iter().map(|pair| pair.near_misses).sum();
    writeln!(text, "  near misses {} (gross above zero, costs take it all)", count(total))?;
    for evaluation in nearest(part, kept) {
        let pair = &part.pairs[evaluation.pair.index()];
        let (buy, sell) = route(part, pair);
        writeln!(text, "        buy {buy} sell {sell} · {}", evaluation.code.name())?;
        write_waterfall(text, part, pair, evaluation)?;
    }
    Ok(())
}

fn write_pairs(text: &mut String, part: &PartReport) -> std::fmt::Result {
    if part.collected.evaluations == 0 {
        return writeln!(text, "  no pair of markets on one base asset");
    }
    writeln!(
        text,
        "  edge at the touch, bps                              looks    gross p5     p50     p95     max |  net p50     max  | break-even  opps"
    )?;
    for (pair, figures) in part.pairs.iter().zip(&part.collected.pairs) {
        if figures.gross_ppm.is_empty() {
            continue;
        }
        let (buy, sell) = route(part, pair);
        let of = |counts, percent| percentile(counts, percent).map_or(String::new(), bps);
        let most = |figures: &PairFigures| figures.gross_ppm.keys().next_back().copied();
        writeln!(
            text,
            "  {:<47} {:>9} {:>11} {:>7} {:>7} {:>7} | {:>8} {:>7}  | {:>10} {:>5}",
            format!("{buy} → {sell}"),
            count(figures.evaluations()),
            of(&figures.gross_ppm, 5),
            of(&figures.gross_ppm, 50),
            of(&figures.gross_ppm, 95),
            most(figures).map_or(String::new(), bps),
            of(&figures.net_ppm, 50),
            figures.net_ppm.keys().next_back().copied().map_or(String::new(), bps),
            break_even(figures).map_or_else(|| "none".to_owned(), bps),
            count(figures.opportunities),
        )?;
    }
    let mut codes = [0_u64; Code::ALL.len()];
    for figures in &part.collected.pairs {
        for (total, seen) in codes.iter_mut().zip(figures.codes) {
            *total += seen;
        }
    }
    let named = Code::ALL.into_iter().zip(codes).filter(|(_, seen)| *seen > 0);
    let named: Vec<String> =
        named.map(|(code, seen)| format!("{} {}", code.name(), count(seen))).collect();
    writeln!(text, "  evaluations by code: {}", named.join(" · "))
}

/// The total fee at which the pair's best moment would just break even: its highest gross edge.
pub(super) fn break_even(figures: &PairFigures) -> Option<i64> {
    figures.gross_ppm.keys().next_back().copied().filter(|ppm| *ppm > 0)
}
