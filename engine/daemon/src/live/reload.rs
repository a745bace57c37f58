//! Another configuration for a run that goes on: what differs, and whether it may.
//!
//! In two phases. The first reads and checks the whole new configuration and compares it with the
//! running one; it changes nothing, and refuses all of it when one key cannot change. The second is one
//! record: the run ends and the next goes on from its state ([`next_begin`], and
//! [`crate::replay::drive::Driver::reconfigure`]), so that every change takes effect at one place in
//! the order.

use std::collections::BTreeMap;
use std::fmt;

use config::{Config, EXAMPLE, Problem, written};
use engine_core::tables::MarketKind;
use engine_journal::records::Begin;
use engine_model::Grid;
use tokio::sync::mpsc;

use super::reload_rules::{Direction, Rule, default_of, rule_of, scaled};
use crate::journal::runs::build;
use crate::replay::drive::CannotGoOn;
use crate::replay::tables::{from_config, settings_from};

/// What the core's thread is told to go on with.
#[derive(Clone, Debug)]
pub struct Reload {
    /// What the next run begins with.
    pub begin: Begin,
    /// Whether a new day has an anchor.
    pub anchor_daily: bool,
    /// Told once whether it was done; where not, everything is as it was.
    pub answer: mpsc::Sender<Result<(), CannotGoOn>>,
}

/// A configuration with the texts that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// As it was checked.
    pub config: Config,
    /// Where it comes from.
    pub name: String,
    /// As it was read.
    pub text: String,
    /// What was set over it.
    pub sets: Vec<String>,
    /// Every value that it states, by key.
    written: BTreeMap<String, String>,
}

impl Loaded {
    /// Checks a configuration as strictly as a start does.
    ///
    /// # Errors
    ///
    /// Every problem at once.
    pub fn parse(name: &str, text: &str, sets: &[String]) -> Result<Self, Vec<Problem>> {
        let config = Config::parse_with(name, text, sets)?;
        let written = written(name, text, sets)?;
        let (name, text, sets) = (name.to_owned(), text.to_owned(), sets.to_vec());
        Ok(Self { config, name, text, sets, written })
    }

    fn effective<'a>(
        &'a self,
        key: &str,
        defaults: &'a BTreeMap<String, String>,
    ) -> Option<&'a str> {
        self.written.get(key).map(String::as_str).or_else(|| default_of(key, defaults))
    }
}

/// Whether a change may happen while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes effect with the next run.
    Taken,
    /// The engine is built on it.
    NeedsRestart,
    /// It makes a limit looser.
    NeedsAdmin,
}

impl Verdict {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::NeedsRestart => "needs_restart",
            Self::NeedsAdmin => "needs_admin",
        }
    }

    /// What to do about a change that is not taken.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Taken => "",
            Self::NeedsRestart => "put it back, or stop the engine and start it again",
            Self::NeedsAdmin => {
                "put it back: a reload only makes limits stricter; looser ones are for an \
                 administrator, at a start"
            }
        }
    }
}

/// One key whose value is another now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, as an override names it.
    pub key: String,
    /// Value in force; none where it is not set and has no default.
    pub old: Option<String>,
    /// Value asked for; likewise.
    pub new: Option<String>,
    /// Whether it may be.
    pub verdict: Verdict,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        write!(out, "{}: {} → {}", self.key, shown(&self.old), shown(&self.new))?;
        if self.verdict != Verdict::Taken {
            write!(out, " ({})", self.verdict.remedy())?;
        }
        Ok(())
    }
}

/// A reload that is not taken, and nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The file is not right.
    Problems(Vec<Problem>),
    /// Keys that cannot change, or not so; the others are listed with them.
    Changes(Vec<Change>),
}

/// Every key whose value in force differs, in key order. A value that is left out and the default
/// written down are the same, and so are two spellings of one number.
#[must_use]
pub fn changes(old: &Loaded, new: &Loaded) -> Vec<Change> {
    // The example shows the defaults.
    let defaults = written("the example", EXAMPLE, &[]).unwrap_or_default();
    let keys: std::collections::BTreeSet<&String> =
        old.written.keys().chain(new.written.keys()).collect();
    let mut found: Vec<Change> = Vec::new();
    for key in keys {
        let values = [old, new].map(|it| it.effective(key, &defaults));
        let is_same = match values.map(|it| it.and_then(scaled)) {
            [Some(old), Some(new)] => old == new,
            _ => values[0] == values[1],
        };
        if is_same {
            continue;
        }
        let [old, new] = values.map(|it| it.map(str::to_owned));
        let verdict = judge(key, old.as_deref(), new.as_deref());
        found.push(Change { key: key.clone(), old, new, verdict });
    }
    let names = |it: &Loaded| -> Vec<String> {
        it.config.markets.iter().map(|market| market.name.clone()).collect()
    };
    let assets = |it: &Loaded| -> Vec<String> {
        it.config.assets.iter().map(|asset| asset.name.clone()).collect()
    };
    for (key, lists) in
        [("markets", [names(old), names(new)]), ("assets", [assets(old), assets(new)])]
    {
        if lists[0] != lists[1] {
            let [old, new] = lists.map(|list| Some(list.join(", ")));
            found.push(Change { key: key.to_owned(), old, new, verdict: Verdict::NeedsRestart });
        }
    }
    found
}

fn judge(key: &str, old: Option<&str>, new: Option<&str>) -> Verdict {
    let direction = match rule_of(key) {
        Rule::Free => return Verdict::Taken,
        Rule::Restart => return Verdict::NeedsRestart,
        Rule::Limit(direction) => direction,
    };
    let is_stricter = match direction {
        Direction::LowerIsStricter => match (old, new) {
            // What is not limited at all is the loosest.
            (None, Some(_)) => true,
            (_, None) => false,
            (Some(old), Some(new)) => scaled(new).zip(scaled(old)).is_some_and(|(n, o)| n <= o),
        },
        Direction::HigherIsStricter => {
            new.and_then(scaled).zip(old.and_then(scaled)).is_some_and(|(n, o)| n >= o)
        }
        Direction::LowerIsStricterZeroIsNone => {
            let [old, new] = [old, new].map(|it| it.and_then(scaled).filter(|it| *it > 0));
            match (old, new) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(old), Some(new)) => new <= old,
            }
        }
        Direction::Is(strict) => new == Some(strict),
        Direction::Neither => false,
    };
    if is_stricter { Verdict::Taken } else { Verdict::NeedsAdmin }
}

/// The first phase: what a new configuration changes. Empty: nothing does.
///
/// # Errors
///
/// [`Refused`]: what is wrong with it, or which of its changes cannot be. Then nothing changes.
pub fn check(
    running: &Loaded,
    name: &str,
    text: &str,
    sets: &[String],
) -> Result<(Loaded, Vec<Change>), Refused> {
    let new = Loaded::parse(name, text, sets).map_err(Refused::Problems)?;
    let found = changes(running, &new);
    if found.iter().any(|change| change.verdict != Verdict::Taken) {
        return Err(Refused::Changes(found));
    }
    Ok((new, found))
}

/// The second phase: what the next run begins with. Grids are those of the running markets, as their
/// venues stated them. Number, clock and anchor are for whoever ends the run.
#[must_use]
pub fn next_begin(new: &Loaded, running: &Begin) -> Begin {
    let grids: Vec<Option<Grid>> = running
        .tables
        .markets
        .iter()
        .map(|market| match market.kind {
            MarketKind::Book { grid } => Some(grid),
            MarketKind::Pool { .. } => None,
        })
        .collect();
    let (tables, names) = from_config(&new.config, &grids);
    Begin {
        build: build().to_owned(),
        part: running.part.clone(),
        mode: running.mode.clone(),
        config_name: new.name.clone(),
        config_text: new.text.clone(),
        config_sets: new.sets.clone(),
        inputs: running.inputs.clone(),
        tables,
        settings: settings_from(&new.config),
        names,
        clock: (0, 0),
        from_anchor: None,
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
