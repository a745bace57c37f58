//! What a live run leaves on the screen.

use std::fmt::Write as _;

use connector_net::session::Cause;
use engine_model::Venue;
use engine_telemetry::{StageHistograms, StageSummary};
use serde_json::{Value, json};

use super::core_loop::Latencies;
use super::session::Ended;
use crate::replay::money::{count, duration};

/// The table of latencies.
#[must_use]
pub fn latencies(latencies: &Latencies) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Latency                   count       p50       p90       p99     p99.9       max"
    );
    for venue in Venue::ALL {
        rows(&mut text, venue.name(), &latencies.venues[venue as usize]);
    }
    rows(&mut text, "core", &latencies.core);
    text
}

fn rows(text: &mut String, name: &str, histograms: &StageHistograms) {
    for StageSummary { stage, count: n, p50_ns, p90_ns, p99_ns, p999_ns, max_ns } in
        histograms.summaries()
    {
        let label = format!("{name} {}", stage.name());
        let _ = writeln!(
            text,
            "  {label:<18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
            count(n),
            duration(p50_ns),
            duration(p90_ns),
            duration(p99_ns),
            duration(p999_ns),
            duration(max_ns),
        );
    }
}

/// The same as JSON.
#[must_use]
pub fn latencies_object(latencies: &Latencies) -> Value {
    let of = |histograms: &StageHistograms| {
        let rows = histograms.summaries().map(|it| {
            json!({
                "stage": it.stage.name(), "count": it.count, "p50_ns": it.p50_ns,
                "p90_ns": it.p90_ns, "p99_ns": it.p99_ns, "p999_ns": it.p999_ns, "max_ns": it.max_ns,
            })
        });
        Value::Array(rows.collect())
    };
    let mut object = serde_json::Map::new();
    for venue in Venue::ALL {
        object.insert(venue.name().to_owned(), of(&latencies.venues[venue as usize]));
    }
    object.insert("core".to_owned(), of(&latencies.core));
    Value::Object(object)
}

/// The report for people.
#[must_use]
pub fn text(ended: &Ended) -> String {
    let mut text = String::new();
    let report = &ended.report;
    let _ = writeln!(
        text,
        "\n{} batches · {} events · {} evaluations · {} opportunities · {} trades",
        count(report.batches),
        count(report.events),
        count(report.collected.evaluations),
        count(report.collected.opportunities_count),
        count(report.collected.trades_count),
    );
    for link in &ended.links {
        let counts = &link.counts;
        let ends: Vec<String> = Cause::ALL
            .into_iter()
            .filter(|cause| counts.ended(*cause) > 0 && *cause != Cause::Stopped)
            .map(|cause| format!("{} {}", cause.name(), counts.ended(cause)))
            .collect();
        let _ = writeln!(
            text,
            "  {:<14} {} frames · {} connections · {} doubts · {} resyncs · {} lost events{}{}",
            link.name,
            count(counts.frames),
            counts.opens,
            counts.doubts,
            counts.resyncs,
            counts.lost_events,
            if ends.is_empty() { "" } else { " · ended: " },
            ends.join(", "),
        );
    }
    text.push('\n');
    text.push_str(&latencies(&ended.latencies));
    let _ = writeln!(
        text,
        "\njournal {} · {} records · riptide verify {}",
        ended.journal_dir.display(),
        count(ended.written.batches + ended.written.decisions),
        ended.journal_dir.display(),
    );
    text
}

/// The same as JSON.
#[must_use]
pub fn object(ended: &Ended) -> Value {
    let report = &ended.report;
    let links: Vec<Value> = ended
        .links
        .iter()
        .map(|link| {
            let counts = &link.counts;
            let mut ends = serde_json::Map::new();
            for cause in Cause::ALL {
                ends.insert(cause.name().to_owned(), json!(counts.ended(cause)));
            }
            json!({
                "name": link.name, "frames": counts.frames, "opens": counts.opens,
                "doubts": counts.doubts, "resyncs": counts.resyncs,
                "lost_events": counts.lost_events, "ends": ends, "problems": link.problems,
            })
        })
        .collect();
    json!({
        "events": report.events,
        "batches": report.batches,
        "opportunities": report.collected.opportunities_count,
        "trades": report.collected.trades_count,
        "links": links,
        "latency": latencies_object(&ended.latencies),
        "journal": ended.journal_dir.display().to_string(),
        "hash": blake3::Hash::from_bytes(report.hash).to_hex().to_string(),
    })
}
