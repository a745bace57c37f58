//! What a demo sums up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::execution::Outcome;
use engine_model::Venue;
use serde_json::{Value, json};

use super::books::Compared;
use crate::live::report as live;
use crate::live::session::Ended;
use crate::replay::money::{count, duration, plain};

/// A demo that has ended.
pub struct Demo {
    /// The run.
    pub ended: Ended,
    /// Each market beside its venue.
    pub compared: Vec<Compared>,
    /// Hash over all books `seconds` after the market began.
    pub books_at: String,
    /// The same of each market alone.
    pub digests: Vec<String>,
    /// How long, from the moment that every market was live.
    pub seconds: u64,
    /// Seed.
    pub seed: u64,
}

/// How like life the market was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// Share of the time in which some pair had a positive net edge. Unit: parts per million.
    pub positive_ppm: u64,
    /// Median life of an opportunity. Unit: nanoseconds.
    pub median_ns: u64,
    /// Trades that ended.
    pub trades: usize,
    /// Of these, those with a leg partial or missed, or a result below the prediction.
    pub worse: usize,
}

impl Demo {
    /// Whether every market equals its venue and everything was recorded.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.ended.is_recorded && self.compared.iter().all(|it| it.differs.is_none())
    }

    /// How like life the market was.
    #[must_use]
    pub fn likeness(&self) -> Likeness {
        let collected = &self.ended.report.collected;
        let mut spans: Vec<(u64, u64)> =
            collected.opportunities.iter().map(|(it, _)| (it.opened_ns, it.closed_ns)).collect();
        spans.sort_unstable();
        let (mut covered, mut reached) = (0_u64, 0_u64);
        for (from, to) in spans {
            let from = from.max(reached);
            covered += to.saturating_sub(from);
            reached = reached.max(to);
        }
        let (first, last) = self.ended.report.span_ns;
        let mut lives = collected.durations_ns.clone();
        lives.sort_unstable();
        Likeness {
            positive_ppm: covered.saturating_mul(1_000_000) / (last - first).max(1),
            median_ns: lives.get(lives.len() / 2).copied().unwrap_or(0),
            trades: collected.trades.len(),
            worse: worse_than_predicted(&collected.trades),
        }
    }

    /// Opportunities and trades that touched each venue.
    #[must_use]
    pub fn by_venue(&self) -> [(u64, u64); Venue::ALL.len()] {
        let report = &self.ended.report;
        let mut all = [(0, 0); Venue::ALL.len()];
        let venues = |pair: engine_model::PairId| {
            let spec = &report.pairs[pair.index()];
            [spec.buy, spec.sell].map(|instrument| {
                let market = report.tables.instruments[instrument.index()].market;
                report.tables.markets[market.index()].venue
            })
        };
        for (opportunity, _) in &report.collected.opportunities {
            for venue in venues(opportunity.pair) {
                all[venue as usize].0 += 1;
            }
        }
        for end in &report.collected.trades {
            for venue in venues(end.trade.plan().pair) {
                all[venue as usize].1 += 1;
            }
        }
        all
    }
}

/// How many simulated trades did not go as predicted: a leg partial or missed, or the result worse than
/// the decision said.
fn worse_than_predicted(trades: &[engine_core::outbox::TradeEnd]) -> usize {
    let is_worse = |end: &&engine_core::outbox::TradeEnd| {
        let predicted = end.trade.plan().predicted_net;
        end.outcome != Outcome::BothFilled || end.pnl.is_none_or(|pnl| pnl.net < predicted)
    };
    trades.iter().filter(is_worse).count()
}

/// For people.
#[must_use]
pub fn text(demo: &Demo) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, demo);
    text
}

fn write(text: &mut String, demo: &Demo) -> std::fmt::Result {
    let report = &demo.ended.report;
    let collected = &report.collected;
    let likeness = demo.likeness();
    writeln!(text, "\nReport, seed {} · {} s", demo.seed, demo.seconds)?;
    writeln!(
        text,
        "  opportunities     {} · median life {} · net edge positive in {} % of the time",
        count(collected.opportunities_count),
        duration(likeness.median_ns),
        plain(i128::from(likeness.positive_ppm), 4),
    )?;
    let fates: Vec<String> =
        collected.fates.iter().map(|(name, n)| format!("{name} {n}")).collect();
    writeln!(text, "  what became       {}", fates.join(" · "))?;
    let by_venue = demo.by_venue();
    let venues: Vec<String> = Venue::ALL
        .into_iter()
        .map(|venue| {
            let (opportunities, trades) = by_venue[venue as usize];
            format!("{} {opportunities}/{trades}", venue.name())
        })
        .collect();
    writeln!(text, "  per venue         {} (opportunities/trades)", venues.join(" · "))?;
    let outcomes: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|outcome| collected.outcomes[*outcome as usize] > 0)
        .map(|outcome| format!("{} {}", outcome.name(), collected.outcomes[outcome as usize]))
        .collect();
    writeln!(
        text,
        "  simulated trades  {} · {} with a leg partial, missed or worse than predicted{}{}",
        likeness.trades,
        likeness.worse,
        if outcomes.is_empty() { "" } else { " · " },
        outcomes.join(" · "),
    )?;
    write_results(text, demo)?;
    for it in &demo.compared {
        let state = it.differs.as_deref().unwrap_or("equals the venue's");
        writeln!(text, "  {:<17} {state}, {} levels", it.market, count(it.levels as u64))?;
    }
    writeln!(text, "  books at {} s     blake3 {}", demo.seconds, demo.books_at)?;
    for link in &demo.ended.links {
        let counts = &link.counts;
        writeln!(
            text,
            "  {:<17} {} frames · {} bytes · {} connections · {} resyncs · {} events lost",
            link.name,
            count(counts.frames),
            count(counts.bytes),
            counts.opens,
            counts.resyncs,
            counts.lost_events,
        )?;
    }
    writeln!(text)?;
    text.push_str(&live::latencies(&demo.ended.latencies));
    let dir = demo.ended.journal_dir.display();
    writeln!(
        text,
        "\ndecisions blake3 {}\njournal {dir} · {} batches · {} decisions · {} bytes",
        blake3::Hash::from_bytes(report.hash).to_hex(),
        count(demo.ended.written.batches),
        count(demo.ended.written.decisions),
        count(demo.ended.written.stats.bytes),
    )?;
    writeln!(
        text,
        "next: riptide verify {dir} · riptide why 1 --journal {dir} · riptide latency {dir}"
    )
}

fn write_results(text: &mut String, demo: &Demo) -> std::fmt::Result {
    let report = &demo.ended.report;
    let mut sums: BTreeMap<usize, BTreeMap<&'static str, i128>> = BTreeMap::new();
    for end in &report.collected.trades {
        let Some(pnl) = end.pnl else { continue };
        let sum = sums.entry(end.trade.plan().money.index()).or_default();
        for (name, value) in pnl.parts() {
            *sum.entry(name).or_default() += value;
        }
        *sum.entry("net").or_default() += pnl.net;
    }
    for (money, parts) in sums {
        let decimals = report.tables.assets[money].decimals;
        let each: Vec<String> = parts
            .iter()
            .filter(|(name, value)| **name != "net" && **value != 0)
            .map(|(name, value)| format!("{name} {}", plain(*value, decimals)))
            .collect();
        let net = parts.get("net").copied().unwrap_or(0);
        writeln!(
            text,
            "  simulated result  net {} {} · {}",
            plain(net, decimals),
            report.names.assets[money],
            each.join(" · "),
        )?;
    }
    Ok(())
}

/// The same as JSON.
#[must_use]
pub fn object(demo: &Demo) -> Value {
    let likeness = demo.likeness();
    let by_venue = demo.by_venue();
    let mut venues = serde_json::Map::new();
    for venue in Venue::ALL {
        let (opportunities, trades) = by_venue[venue as usize];
        let row = json!({ "opportunities": opportunities, "trades": trades });
        venues.insert(venue.name().to_owned(), row);
    }
    let markets: Vec<Value> = demo
        .compared
        .iter()
        .zip(&demo.digests)
        .map(|(it, at)| {
            json!({ "market": it.market, "levels": it.levels, "differs": it.differs, "book_at": at })
        })
        .collect();
    let mut object = live::object(&demo.ended);
    if let Some(object) = object.as_object_mut() {
        object.insert("seed".to_owned(), json!(demo.seed));
        object.insert("seconds".to_owned(), json!(demo.seconds));
        object.insert("venues".to_owned(), Value::Object(venues));
        object.insert("markets".to_owned(), Value::Array(markets));
        object.insert("books_at".to_owned(), json!(demo.books_at));
        let like = json!({
            "positive_ppm": likeness.positive_ppm,
            "median_life_ns": likeness.median_ns,
            "trades": likeness.trades,
            "worse_than_predicted": likeness.worse,
        });
        object.insert("likeness".to_owned(), like);
    }
    object
}
