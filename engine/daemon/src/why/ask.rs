//! What is asked: an opportunity by its number, or a pair at a time.

use connector_net::time::parse_rfc3339;
use engine_core::tables::PairSpec;

use super::survey::{RunSurvey, Summary};
use crate::cli_output::{Exit, Failure};

/// Names that an error lists at most.
const LISTED_MAX: usize = 24;

/// Unix seconds from here on are taken for nanoseconds: the year 5138 in seconds.
const SECONDS_MAX: u64 = 100_000_000_000;

/// Numbers and names that people write.
fn wrong(says: String, hint: String) -> Failure {
    Failure::new(Exit::Usage, says, hint)
}

/// Runs that `--part` names: all of them without it.
///
/// # Errors
///
/// [`Failure`] listing the parts.
pub fn runs<'a>(all: &'a [RunSurvey], part: Option<&str>) -> Result<Vec<&'a RunSurvey>, Failure> {
    let Some(part) = part else { return Ok(all.iter().collect()) };
    let found: Vec<&RunSurvey> =
        all.iter().filter(|run| run.begin.part == part || run.name(all) == part).collect();
    if found.is_empty() {
        let names: Vec<String> = all.iter().map(|run| run.name(all)).collect();
        return Err(wrong(
            format!("the journal has no part {part}"),
            format!("its parts are {}", names.join(" · ")),
        ));
    }
    Ok(found)
}

/// An opportunity by `35`, `derived:35` or `derived@1:35`.
///
/// # Errors
///
/// [`Failure`] when there is none, or more than one.
pub fn opportunity<'a>(
    all: &'a [RunSurvey],
    part: Option<&str>,
    id: &str,
) -> Result<(&'a RunSurvey, &'a Summary), Failure> {
    let (named, number) = match id.rsplit_once(':') {
        Some((named, number)) => (Some(named), number),
        None => (None, id),
    };
    let number: u64 = number.trim_start_matches('#').parse().map_err(|_| {
        let hint = "an opportunity is named like 35 or derived:35; riptide why lists them";
        wrong(format!("{id} is not the number of an opportunity"), hint.to_owned())
    })?;
    let runs = runs(all, named.or(part))?;
    let found: Vec<(&RunSurvey, &Summary)> = runs
        .iter()
        .filter_map(|run| {
            let place = run.opportunities.binary_search_by_key(&number, |it| it.id).ok()?;
            Some((*run, &run.opportunities[place]))
        })
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let held = runs.iter().map(|run| match run.opportunities.as_slice() {
                [] => format!("{} has none", run.name(all)),
                [first, .., last] => format!("{} has {} to {}", run.name(all), first.id, last.id),
                [only] => format!("{} has {}", run.name(all), only.id),
            });
            let held: Vec<String> = held.collect();
            Err(wrong(format!("there is no opportunity {id}"), held.join(" · ")))
        }
        several => {
            let names = several.iter().map(|(run, it)| {
                let (buy, sell) = run.route(&run.pairs[it.first.pair.index()]);
                format!("{}:{} ({buy} → {sell})", run.name(all), it.id)
            });
            let names: Vec<String> = names.collect();
            Err(wrong(
                format!("there are {} opportunities {number}, one in each run", several.len()),
                format!("name one: {}", names.join(" · ")),
            ))
        }
    }
}

/// A pair by its instruments: `A/B`, `A→B` or `A->B`. Names of instruments hold slashes themselves,
/// so the text is compared with those of every pair.
///
/// # Errors
///
/// [`Failure`] listing the pairs.
pub fn pair<'a>(run: &'a RunSurvey, text: &str) -> Result<&'a PairSpec, Failure> {
    let asked: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_asked = |pair: &&PairSpec| {
        let (buy, sell) = run.route(pair);
        ["/", "→", "->"].iter().any(|sign| {
            asked.len() == buy.len() + sign.len() + sell.len()
                && asked.starts_with(buy)
                && asked.ends_with(sell)
                && asked[buy.len()..].starts_with(sign)
        })
    };
    let found: Vec<&PairSpec> = run.pairs.iter().filter(is_asked).collect();
    if let [one] = found.as_slice() {
        return Ok(one);
    }
    // Those that have something to do with it come first.
    let shares = |pair: &&&PairSpec| {
        let (buy, sell) = run.route(pair);
        !(asked.contains(buy) || asked.contains(sell))
    };
    let mut near: Vec<&PairSpec> = run.pairs.iter().collect();
    near.sort_by_key(|pair| shares(&pair));
    let names = near.iter().take(LISTED_MAX).map(|pair| {
        let (buy, sell) = run.route(pair);
        format!("{buy}/{sell}")
    });
    let names: Vec<String> = names.collect();
    let more = match near.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(wrong(
        format!("part {} has no pair {text}", run.begin.part),
        format!("its pairs, bought/sold: {}{more}", names.join(" · ")),
    ))
}

/// A moment as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Unit: Unix nanoseconds.
    At(u64),
    /// From the start of the run. Unit: nanoseconds.
    After(u64),
}

impl Moment {
    /// `+12.5s`, RFC 3339, Unix seconds with a fraction, or Unix nanoseconds.
    ///
    /// # Errors
    ///
    /// [`Failure`] naming the forms.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let parsed = match text.strip_prefix('+') {
            Some(after) => offset_ns(after).map(Self::After),
            None => unix_ns(text).or_else(|| parse_rfc3339(text.as_bytes())).map(Self::At),
        };
        parsed.ok_or_else(|| {
            wrong(
                format!("{text} is no time"),
                "2021-04-05T20:20:48.5Z, Unix seconds or nanoseconds, or +12.5s from the start"
                    .to_owned(),
            )
        })
    }

    /// In a run.
    #[must_use]
    pub const fn in_run(self, run: &RunSurvey) -> u64 {
        match self {
            Self::At(at_ns) => at_ns,
            Self::After(after_ns) => run.span_ns.0.saturating_add(after_ns),
        }
    }
}

fn offset_ns(text: &str) -> Option<u64> {
    if let Some(ms) = text.strip_suffix("ms") {
        return decimal_ns(ms, 6);
    }
    decimal_ns(text.strip_suffix('s').unwrap_or(text), 9)
}

fn unix_ns(text: &str) -> Option<u64> {
    match text.parse::<u64>() {
        Ok(whole) if whole >= SECONDS_MAX => Some(whole),
        _ => decimal_ns(text, 9),
    }
}

/// A decimal number times `10^places`; digits beyond are cut off.
fn decimal_ns(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || text.ends_with('.') {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000000".chars()).take(places).collect();
    let scale = 10_u64.pow(u32::try_from(places).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(fraction.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, moment) in [
            ("+12.5s", Some(Moment::After(12_500_000_000))),
            ("+12.5", Some(Moment::After(12_500_000_000))),
            ("+63ms", Some(Moment::After(63_000_000))),
            ("+0", Some(Moment::After(0))),
            ("1617654048", Some(Moment::At(1_617_654_048_000_000_000))),
            ("1617654048.1234567891", Some(Moment::At(1_617_654_048_123_456_789))),
            ("1617654048123456789", Some(Moment::At(1_617_654_048_123_456_789))),
            ("2021-04-05T20:20:48Z", Some(Moment::At(1_617_654_048_000_000_000))),
            ("2021-04-05T22:20:48.5+02:00", Some(Moment::At(1_617_654_048_500_000_000))),
            ("", None),
            ("+", None),
            ("+s", None),
            ("1.", None),
            (".5", None),
            ("-5", None),
            ("1e9", None),
            ("99999999999999999999", None),
            ("yesterday", None),
        ] {
            assert_eq!(Moment::parse(text).ok(), moment, "{text}");
        }
    }
}
