//! The report as one JSON object. Amounts are strings in whole units of the money named beside
//! them; edges are integers in parts per million; times are nanoseconds.

use engine_core::signal::evaluation::{Code, Evaluation};
use engine_core::tables::PairSpec;
use serde_json::{Map, Value, json};

use super::collect::{PairFigures, percentile};
use super::money::trimmed;
use super::run::{PartReport, Report};
use super::text::{best, break_even, journal_pace, nearest, route};

/// The whole report.
#[must_use]
pub fn object(report: &Report) -> Value {
    let events: u64 = report.parts.iter().map(|part| part.events).sum();
    let rate = u128::from(events) * 1_000_000_000 / u128::from(report.elapsed_ns.max(1));
    let stages: Vec<Value> = report
        .histograms
        .summaries()
        .map(|stage| {
            json!({
                "stage": stage.stage.name(),
                "count": stage.count,
                "p50_ns": stage.p50_ns,
                "p99_ns": stage.p99_ns,
                "p999_ns": stage.p999_ns,
                "max_ns": stage.max_ns,
            })
        })
        .collect();
    let kept = report.near_misses_kept;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "config": report.config_name,
        "parts": report.parts.iter().map(|part| part_object(part, kept)).collect::<Vec<_>>(),
        "stages": stages,
        "events": events,
        "elapsed_ns": report.elapsed_ns,
        "events_per_s": u64::try_from(rate).unwrap_or(u64::MAX),
        "threads": report.threads,
        "journal": report.journal.as_ref().map(|journal| {
            let (bytes_per_event, bytes_per_day) = journal_pace(report, journal);
            json!({
                "dir": journal.dir.display().to_string(),
                "batches": journal.written.batches,
                "events": journal.written.events,
                "decisions": journal.written.decisions,
                "anchors": journal.written.anchors,
                "bytes": journal.written.stats.bytes,
                "groups": journal.written.stats.groups,
                "syncs": journal.written.stats.syncs,
                "bytes_per_event": bytes_per_event,
                "bytes_per_day": bytes_per_day,
                "waited_ns": journal.waited_ns,
            })
        }),
        "hash": report.hash,
    })
}

fn part_object(part: &PartReport, kept: usize) -> Value {
    let collected = &part.collected;
    let odd: Map<String, Value> =
        part.odd.seen().map(|(odd, count)| (odd.name().to_owned(), count.into())).collect();
    let pairs: Vec<Value> = part
        .pairs
        .iter()
        .zip(&collected.pairs)
        .filter(|(_, figures)| figures.evaluations() > 0)
        .map(|(pair, figures)| pair_object(part, pair, figures))
        .collect();
    let opportunities: Vec<Value> = best(part)
        .map(|(it, fate)| {
            json!({
                "id": it.id,
                "fate": super::trades::fate(*fate),
                "opened_ns": it.opened_ns,
                "closed_ns": it.closed_ns,
                "duration_ns": it.duration_ns(),
                "evaluations": it.evaluations,
                "peak": evaluation_object(part, &it.peak),
            })
        })
        .collect();
    let mut lives = collected.durations_ns.clone();
    lives.sort_unstable();
    let near_misses: u64 = collected.pairs.iter().map(|pair| pair.near_misses).sum();
    let candidates: u64 = collected.pairs.iter().map(|pair| pair.candidates).sum();
    json!({
        "part": part.name,
        "captures": part.inputs.iter().map(|(name, shift_ns)| json!({
            "file": name, "shift_ns": shift_ns,
        })).collect::<Vec<_>>(),
        "records": part.records,
        "frames": part.frames,
        "events": part.events,
        "batches": part.batches,
        "evaluations": collected.evaluations,
        "candidates": candidates,
        "odd": odd,
        "fast_path_frames": part.odd.fast,
        "typed_path_frames": part.odd.typed,
        "oversized_batches": part.oversized,
        "unproven_joins": part.unproven_joins,
        "markets": markets(part),
        "opportunities": {
            "count": collected.opportunities_count,
            "open_at_end": collected.open_at_end,
            "duration_median_ns": lives.get(lives.len() / 2),
            "duration_min_ns": lives.first(),
            "duration_max_ns": lives.last(),
            "best": opportunities,
        },
        "near_misses": {
            "count": near_misses,
            "nearest": nearest(part, kept).into_iter()
                .map(|it| evaluation_object(part, it)).collect::<Vec<_>>(),
        },
        "trading": super::trades::object(part),
        "pairs": pairs,
        "hash": blake3::Hash::from_bytes(part.hash).to_hex().to_string(),
    })
}

fn markets(part: &PartReport) -> Vec<Value> {
    let live = part.markets.iter().enumerate().filter(|(_, market)| market.state != "empty");
    live.map(|(index, market)| {
        json!({
            "market": part.names.markets[index],
            "state": market.state,
            "bids": market.bids,
            "asks": market.asks,
            "best_bid_ticks": market.best_bid_ticks,
            "best_ask_ticks": market.best_ask_ticks,
            "sqrt_price": market.sqrt_price.map(|it| it.to_string()),
            "tick": market.tick,
            "doubts": market.doubts,
            "deletes_of_missing": market.deletes_of_missing,
            "worst_step": market.worst_step.map(|[moved, shifted, scanned]| json!({
                "levels_moved": moved, "entries_shifted": shifted, "words_scanned": scanned,
            })),
            "fee_tier": part.names.fee_tiers[index],
            "taker_fee_ppm": part.tables.markets[index].taker_fee_ppm,
        })
    })
    .collect()
}

fn pair_object(part: &PartReport, pair: &PairSpec, figures: &PairFigures) -> Value {
    let (buy, sell) = route(part, pair);
    let edges = |counts| {
        let at = |percent| percentile(counts, percent);
        json!({ "p5": at(5), "p25": at(25), "p50": at(50), "p75": at(75), "p95": at(95), "max": at(100) })
    };
    let codes: Map<String, Value> = Code::ALL
        .into_iter()
        .zip(figures.codes)
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| (code.name().to_owned(), count.into()))
        .collect();
    json!({
        "buy": buy,
        "sell": sell,
        "evaluations": figures.evaluations(),
        "candidates": figures.candidates,
        "near_misses": figures.near_misses,
        "opportunities": figures.opportunities,
        "gross_edge_ppm": edges(&figures.gross_ppm),
        "net_edge_ppm": edges(&figures.net_ppm),
        "break_even_total_fee_ppm": break_even(figures),
        "codes": codes,
    })
}

fn evaluation_object(part: &PartReport, evaluation: &Evaluation) -> Value {
    let pair = &part.pairs[evaluation.pair.index()];
    let (buy, sell) = route(part, pair);
    let money = pair.money.index();
    let waterfall: Map<String, Value> = evaluation
        .waterfall
        .parts()
        .into_iter()
        .map(|(name, amount)| (name.to_owned(), amount.to_string().into()))
        .collect();
    json!({
        "buy": buy,
        "sell": sell,
        "code": evaluation.code.name(),
        "at_ns": evaluation.at_ns,
        "seq": evaluation.seq,
        "size": trimmed(evaluation.base_atoms, pair.atom_places),
        "money": part.names.assets[money],
        "money_decimals": part.tables.assets[money].decimals,
        "notional": evaluation.notional.to_string(),
        "net": evaluation.net.to_string(),
        "waterfall": waterfall,
        "edge_gross_ppm": evaluation.edge_gross_ppm,
        "edge_net_ppm": evaluation.edge_net_ppm,
        "buy_limit_ticks": evaluation.buy_limit_ticks,
        "sell_limit_ticks": evaluation.sell_limit_ticks,
        "pieces_touched": evaluation.pieces_touched,
    })
}
