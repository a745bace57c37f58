//! The answer for people.

use std::fmt::Write as _;

use super::story::{DecisionShown, Story};
use super::trade::TradeShown;
use super::view::{LegShown, LookShown, PieceShown};

type Written = std::fmt::Result;

/// The whole answer.
#[must_use]
pub fn render(story: &Story) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_story(&mut text, story);
    text
}

fn write_story(text: &mut String, story: &Story) -> Written {
    let (buy, sell) = (&story.buy, &story.sell);
    let part = &story.part;
    match (&story.asked_at, &story.opportunity) {
        (None, Some(life)) => {
            writeln!(text, "Opportunity {part}:{} · buy {buy} sell {sell}", life.id)?;
            let ended = match life.ended_by {
                Some(code) => format!("ended by {code}"),
                None => "open at the end".to_owned(),
            };
            writeln!(
                text,
                "  opened {} ({}) · lived {} · {} looks · {ended}",
                life.opened, life.since_start, life.lived, life.looks
            )?;
        }
        (Some(at), life) => {
            writeln!(text, "Pair buy {buy} sell {sell} · part {part} · at {at}")?;
            match life {
                Some(life) => writeln!(
                    text,
                    "  belongs to opportunity {part}:{} · opened {} · lived {}",
                    life.id, life.since_start, life.lived
                )?,
                None => writeln!(text, "  belongs to no opportunity")?,
            }
        }
        (None, None) => (),
    }
    writeln!(text, "  what became of it: {}", story.fate)?;
    if let Some(build) = &story.other_build {
        writeln!(text, "  the journal was written by {build}; this is another build")?;
    }
    if let (Some(first), Some(peak)) = (&story.first, &story.peak) {
        if first.seq == peak.seq && first.net_units == peak.net_units {
            write_look(text, "First look, which is its best", first)?;
        } else {
            write_head(text, "First look", first)?;
            write_look(text, "Best look", peak)?;
        }
    }
    if let (Some(last), Some(_)) = (&story.last, &story.asked_at) {
        write_look(text, "Last look until then", last)?;
    }
    if let Some(decision) = &story.decision {
        write_decision(text, story, decision)?;
    }
    if !story.needs.is_empty() {
        writeln!(text, "\nWhat would have had to be different")?;
        for need in &story.needs {
            writeln!(text, "  {need}")?;
        }
    }
    for trade in &story.trades {
        write_trade(text, trade)?;
    }
    if let (Some(last), None) = (&story.last, &story.asked_at) {
        write_head(text, "The look that ended it", last)?;
    }
    writeln!(text)?;
    if story.differences.is_empty() {
        let compared = match story.compared {
            0 => String::new(),
            compared => format!(", {compared} decisions compared"),
        };
        return writeln!(text, "Replayed from {}: as recorded{compared}", story.journal);
    }
    writeln!(text, "Replayed from {}: NOT as recorded", story.journal)?;
    for difference in &story.differences {
        writeln!(text, "  {difference}")?;
    }
    Ok(())
}

fn write_head(text: &mut String, title: &str, look: &LookShown) -> Written {
    writeln!(
        text,
        "\n{title} · {} ({}) · event {} · {}",
        look.at, look.since_start, look.seq, look.code
    )?;
    if let (Some(gross), Some(net)) = (&look.edge_gross_bps, &look.edge_net_bps) {
        writeln!(
            text,
            "  edge of the first unit {gross} bps before costs, {net} bps after those that grow with the size"
        )?;
    }
    let (Some(size), Some(notional), Some(net), Some(net_bps)) =
        (&look.size, &look.notional, &look.net, &look.net_bps)
    else {
        return Ok(());
    };
    writeln!(text, "  size {size} · notional {notional}")?;
    write!(text, "  ")?;
    for (index, (name, amount)) in look.waterfall.iter().enumerate() {
        match amount.strip_prefix('-') {
            _ if index == 0 => write!(text, "{name} {amount}")?,
            _ if is_nothing(amount) => (),
            Some(gained) => write!(text, " + {name} {gained}")?,
            None => write!(text, " − {name} {amount}")?,
        }
    }
    writeln!(text, " = net {net} ({net_bps} bps)")
}

fn write_look(text: &mut String, title: &str, look: &LookShown) -> Written {
    write_head(text, title, look)?;
    for leg in &look.legs {
        write_leg(text, leg)?;
    }
    for rate in &look.rates {
        writeln!(text, "  rate {rate}")?;
    }
    for cost in &look.costs {
        writeln!(text, "  {cost}")?;
    }
    if look.is_next_second {
        writeln!(text, "  priced for the second after: the pool's fee follows the clock")?;
    }
    if !look.limits.is_empty() {
        writeln!(text, "  limits of the size")?;
    }
    for limit in &look.limits {
        let binds = if limit.binds { "  ← binds" } else { "" };
        writeln!(text, "    {:<32} {} of {}{binds}", limit.limit, limit.used, limit.of)?;
    }
    if let Some(ended_by) = &look.ended_by {
        writeln!(text, "  the size was ended by {ended_by}")?;
    }
    Ok(())
}

fn write_leg(text: &mut String, leg: &LegShown) -> Written {
    writeln!(text, "  {} {} · {}", leg.side, leg.instrument, leg.market)?;
    for piece in &leg.pieces {
        match piece {
            PieceShown::Level { price, size, taken } => {
                writeln!(text, "    {price:>16} × {size:<20} takes {taken}")?;
            }
            PieceShown::Segment {
                from,
                to,
                liquidity,
                fee_bps,
                amount_in,
                amount_out,
                fee,
                is_whole,
            } => {
                let part = match (*is_whole, is_nothing(amount_in)) {
                    (true, _) => "all",
                    (false, true) => "not used",
                    (false, false) => "part",
                };
                writeln!(
                    text,
                    "    {from} → {to} · liquidity {liquidity} · {fee_bps} bps · {part}: in {amount_in} (fee {fee}) out {amount_out}"
                )?;
            }
        }
    }
    match &leg.total {
        Some(total) => writeln!(text, "    {total}"),
        None => Ok(()),
    }
}

fn write_decision(text: &mut String, story: &Story, decision: &DecisionShown) -> Written {
    writeln!(text, "\nRisk {} at {}", decision.verdict, decision.since_start)?;
    for refusal in &story.refusals {
        let reason = &refusal.reason;
        let leg = reason.leg.map_or(String::new(), |leg| format!(", {leg} leg"));
        let halt = refusal.halt.map_or(String::new(), |halt| format!(" by the halt {halt}"));
        writeln!(
            text,
            "  refused at {}: {} ({}){leg}{halt}: observed {}, {} {}",
            refusal.since_start,
            reason.check,
            reason.control,
            reason.observed,
            reason.bound,
            reason.limit
        )?;
    }
    // The best look was shown with its levels already.
    let shown = story.peak.as_ref().or(story.last.as_ref()).map(|it| (it.seq, &it.net_units));
    if let Some(look) = decision.look.as_ref().filter(|it| shown != Some((it.seq, &it.net_units))) {
        write_look(text, "The look that was decided on", look)?;
    }
    if decision.halts.is_empty() {
        writeln!(text, "  halts in force: none")?;
    }
    for halt in &decision.halts {
        writeln!(
            text,
            "  halt {} ({}) for {} since {} ({}): observed {}, limit {} · ends {}",
            halt.reason,
            halt.control,
            halt.scope,
            halt.since,
            halt.since_start,
            halt.observed,
            halt.limit,
            halt.ends
        )?;
    }
    let failed = decision.checks.iter().filter(|it| it.result == "failed").count();
    let passed = decision.checks.iter().filter(|it| it.result == "passed").count();
    writeln!(text, "  checks: {passed} passed, {failed} failed")?;
    for check in &decision.checks {
        let sign = match check.result {
            "failed" => '✗',
            "passed" => '✓',
            _ => continue,
        };
        writeln!(
            text,
            "    {sign} {} {:<24} {:<5} {:<24} {} {}",
            check.control,
            check.check,
            check.leg.unwrap_or(""),
            check.observed,
            check.bound,
            check.limit
        )?;
    }
    Ok(())
}

fn write_trade(text: &mut String, trade: &TradeShown) -> Written {
    let outcome = trade.outcome.unwrap_or("under way at the end");
    writeln!(text, "\nTrade {} · {outcome}", trade.id)?;
    for step in &trade.steps {
        writeln!(text, "  {:<16} {:<13} {}", step.since_start, step.decision, step.says)?;
    }
    if trade.parts.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "  {:<18} {:>18} {:>18} {:>18}  {}",
        "part", "expected", "made", "changes net by", trade.money
    )?;
    for part in &trade.parts {
        writeln!(
            text,
            "  {:<18} {:>18} {:>18} {:>18}",
            part.part,
            part.expected.as_deref().unwrap_or("-"),
            part.made.as_deref().unwrap_or("-"),
            part.changes_net
        )?;
    }
    match &trade.net_numeraire {
        Some(net) => writeln!(text, "  result {net}"),
        None => Ok(()),
    }
}

/// Whether an amount is nothing.
fn is_nothing(amount: &str) -> bool {
    let digits = amount.split(' ').next().unwrap_or_default();
    digits.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}
