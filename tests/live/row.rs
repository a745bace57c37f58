//! One fault at one venue, and what must come of it.

use connector_emulator::serve::{Ending, Fault, Noise, Pick};
use connector_net::Odd;
use connector_net::session::{Cause, LinkView};
use engine_model::MarketId;

use crate::harness::{MS_NS, SECOND_NS, Scene, Stage, judged, markets_of};
use crate::story::{Doubt, Story};

/// Time that a link's own looks and the journal add to a bound. Unit: milliseconds of market time.
const SLACK_MS: u64 = 1_000;

/// A fault counts as met when this has passed, if nothing is to come of it. Unit: as before.
const QUIET_MS: u64 = 3_000;

/// A fault that waits for a frame of its kind waits so long: an account of the chain changes only when
/// somebody trades. Unit: as before.
const MEETS_WITHIN_MS: u64 = 60_000;

/// Between one beginning of a fault and the next. Unit: as before.
const AGAIN_MS: u64 = 700;

/// Which markets of the venue are put in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hits {
    /// None: the fault does no harm.
    None,
    /// One, the others not.
    One,
    /// Every one.
    All,
    /// As chance has it.
    Any,
}

/// One fault at one venue.
#[derive(Clone)]
pub(crate) struct Row {
    /// Name of the test.
    pub(crate) name: &'static str,
    /// The emulated venue.
    pub(crate) venue: &'static str,
    /// What goes wrong.
    pub(crate) fault: Fault,
    /// How long everything is well before. Unit: milliseconds of market time.
    pub(crate) after_ms: u64,
    /// How long. Unit: milliseconds of market time.
    pub(crate) lasts_ms: u64,
    /// Who is put in doubt.
    pub(crate) hits: Hits,
    /// And within which time. Unit: milliseconds of market time.
    pub(crate) within_ms: u64,
    /// Ends of the venue's connection besides the one of the test's own.
    pub(crate) ends: Option<Cause>,
    /// Ends of other causes on the way back, at most.
    pub(crate) other_ends: u64,
    /// A market is asked for anew within this, without a doubt. Unit: milliseconds of market time.
    pub(crate) asks_within_ms: Option<u64>,
    /// What the decoder counts, at least once.
    pub(crate) odd: Option<Odd>,
    /// Longest from the fault's end (or, where it has none, its beginning) to every market being live.
    /// Unit: milliseconds of market time.
    pub(crate) well_within_ms: u64,
    /// Whether the connection is cut as the fault begins, so that the way back leads through it.
    pub(crate) is_cut: bool,
    /// How often the fault is begun anew until it is seen: where a reader may rightly take one for old
    /// news. [`AGAIN_MS`] lie between.
    pub(crate) times: u32,
    /// What it is played on.
    pub(crate) stage: Stage,
}

impl Row {
    /// A fault that does no harm, until said otherwise.
    pub(crate) fn new(name: &'static str, venue: &'static str, fault: Fault) -> Self {
        Self {
            name,
            venue,
            fault,
            after_ms: 1_500,
            lasts_ms: 0,
            hits: Hits::None,
            within_ms: 0,
            ends: None,
            other_ends: 0,
            asks_within_ms: None,
            odd: None,
            well_within_ms: 20_000,
            is_cut: false,
            times: 1,
            stage: Stage::default(),
        }
    }

    pub(crate) const fn after(mut self, ms: u64) -> Self {
        self.after_ms = ms;
        self
    }

    pub(crate) const fn lasts(mut self, ms: u64) -> Self {
        self.lasts_ms = ms;
        self
    }

    pub(crate) const fn hits(mut self, hits: Hits, within_ms: u64) -> Self {
        self.hits = hits;
        self.within_ms = within_ms;
        self
    }

    pub(crate) const fn ends(mut self, cause: Cause) -> Self {
        self.ends = Some(cause);
        self
    }

    pub(crate) const fn others(mut self, most: u64) -> Self {
        self.other_ends = most;
        self
    }

    pub(crate) const fn asks(mut self, within_ms: u64) -> Self {
        self.asks_within_ms = Some(within_ms);
        self
    }

    pub(crate) const fn odd(mut self, odd: Odd) -> Self {
        self.odd = Some(odd);
        self
    }

    pub(crate) const fn well(mut self, within_ms: u64) -> Self {
        self.well_within_ms = within_ms;
        self
    }

    pub(crate) const fn cut(mut self) -> Self {
        self.is_cut = true;
        self
    }

    pub(crate) const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    pub(crate) fn set(mut self, set: &str) -> Self {
        self.stage.sets.push(set.to_owned());
        self
    }

    pub(crate) const fn wait(mut self, wait: &'static str) -> Self {
        self.stage.wait = wait;
        self
    }

    pub(crate) const fn scale(mut self, scale: u32) -> Self {
        self.stage.scale = scale;
        self
    }

    /// The link that carries the venue's markets.
    fn link(&self) -> &'static str {
        self.venue
    }

    /// Plays it and judges.
    pub(crate) fn play(&self) {
        judged(self.name, || self.once());
    }

    fn once(&self) -> Story {
        let scene = Scene::start(&self.stage);
        scene.pass_ms(self.after_ms);
        let config = scene.config.clone();
        let at_ns = scene.fault(self.venue, self.fault.clone(), self.lasts_ms);
        if self.is_cut {
            scene.fault(self.venue, Fault::Disconnect { how: Ending::Close }, 0);
        }
        let sees = |views: &[LinkView]| {
            let view = views.iter().find(|view| view.name == self.link());
            view.is_some_and(|view| {
                let is_hit = view.streams.iter().any(|it| it.since_ns >= at_ns);
                is_hit || view.counts.doubts + view.counts.resyncs > 0 || view.counts.dials > 1
            })
        };
        for _ in 1..self.times {
            scene.pass_ms(AGAIN_MS);
            if scene.views().is_some_and(|views| sees(&views)) {
                break;
            }
            scene.fault(self.venue, self.fault.clone(), self.lasts_ms);
        }
        let mut problems = Vec::new();
        let mut met_ns = at_ns;
        if self.lasts_ms == 0 {
            met_ns = scene.meets_fault(at_ns + MEETS_WITHIN_MS * MS_NS);
        }
        if matches!(self.hits, Hits::One | Hits::All) || self.ends.is_some() {
            if !scene.comes(sees) {
                problems.push("nothing came of the fault".to_owned());
            }
        } else {
            scene.pass_ms(QUIET_MS.max(self.within_ms));
        }
        problems.extend(self.asks_within_ms.and_then(|ms| self.asks_late(&scene, at_ns, ms)));
        let over_ns = at_ns + self.lasts_ms * MS_NS;
        let now_ns = scene.now_ns();
        scene.pass_ms(over_ns.saturating_sub(now_ns) / MS_NS);
        if !scene.is_well_again() {
            problems.push("it did not come back".to_owned());
        }
        // What a late end of the fault may still do, and a look at everything at work.
        scene.pass_ms(2_500);
        let mut story = scene.end();
        self.judge(&mut story, &markets_of(&config, self.venue), (at_ns, met_ns));
        self.judge_others(&mut story, &config, at_ns);
        problems.append(&mut story.problems);
        story.problems = problems;
        story
    }

    /// What is wrong with when a market was asked for anew.
    fn asks_late(&self, scene: &Scene, at_ns: u64, within_ms: u64) -> Option<String> {
        let asked = |views: &[LinkView]| {
            let view = views.iter().find(|view| view.name == self.link());
            view.is_some_and(|view| view.counts.resyncs > 0)
        };
        if !scene.comes(asked) {
            return Some("nothing was asked for anew".to_owned());
        }
        let after_ms = (scene.now_ns() - at_ns) / MS_NS;
        (after_ms > within_ms + SLACK_MS).then(|| format!("asked for only after {after_ms} ms"))
    }

    /// The times: of the fault's beginning, and when it met something.
    fn judge(&self, story: &mut Story, own: &[MarketId], (at_ns, met_ns): (u64, u64)) {
        let doubts = story.doubts_since(own, at_ns);
        let mut problems = Vec::new();
        let mut hit: Vec<MarketId> = doubts.iter().map(|doubt| doubt.market).collect();
        hit.sort();
        hit.dedup();
        let is_right = match self.hits {
            Hits::None => hit.is_empty(),
            Hits::One => hit.len() == 1,
            Hits::All => hit.len() == own.len(),
            Hits::Any => true,
        };
        if !is_right {
            problems.push(format!("expected {:?} of {own:?} in doubt: {doubts:?}", self.hits));
        }
        if matches!(self.hits, Hits::One | Hits::All) {
            for market in hit {
                let first = doubts.iter().find(|doubt| doubt.market == market);
                let late = first
                    .filter(|doubt| doubt.from_ns > met_ns + (self.within_ms + SLACK_MS) * MS_NS);
                if let Some(late) = late {
                    let ms = (late.from_ns - met_ns) / MS_NS;
                    problems.push(format!("in doubt only after {ms} ms: {late:?}"));
                }
            }
        }
        self.judge_way_back(&doubts, met_ns, &mut problems);
        self.judge_counts(story, &mut problems);
        story.problems.append(&mut problems);
    }

    fn judge_way_back(&self, doubts: &[Doubt], met_ns: u64, problems: &mut Vec<String>) {
        let by_ns = met_ns + (self.lasts_ms + self.within_ms + self.well_within_ms) * MS_NS;
        for doubt in doubts {
            if doubt.until_ns.is_none_or(|until_ns| until_ns > by_ns) {
                let after_ms =
                    doubt.until_ns.map(|until_ns| until_ns.saturating_sub(met_ns) / MS_NS);
                let (market, reason) = (doubt.market, doubt.reason);
                problems.push(format!(
                    "{market:?} back too late, {after_ms:?} ms after the fault ({reason:?})"
                ));
            }
            // An end and an opening both say it, and so may the frame before: not each message.
            if doubt.said > 8 {
                problems.push(format!("said {} times: {doubt:?}", doubt.said));
            }
        }
    }

    fn judge_counts(&self, story: &Story, problems: &mut Vec<String>) {
        let view = story.link(self.link());
        let counts = &view.counts;
        let all: u64 = counts.ends.iter().sum::<u64>() - counts.ended(Cause::Stopped);
        let by_cause = self.ends.map_or(0, |cause| counts.ended(cause));
        if self.ends.is_some() && by_cause == 0 {
            problems.push(format!("no end of {:?}: {:?}", self.ends, counts.ends));
        }
        let others = all - by_cause;
        if others > self.other_ends || by_cause > 1 + self.other_ends {
            problems.push(format!(
                "{by_cause} ends of {:?} and {others} others: {:?}",
                self.ends, counts.ends
            ));
        }
        if counts.opens > all + 1 || counts.lost_events > 0 || counts.refused > 0 {
            problems.push(format!("counters do not fit together: {counts:?}"));
        }
        if let Some(odd) = self.odd
            && view.odd.get(odd) == 0
        {
            problems.push(format!("{} was not counted: {:?}", odd.name(), view.odd));
        }
        if story.faults.iter().all(|fault| fault.applied == 0) {
            problems.push("the fault met nothing".to_owned());
        }
    }

    /// The other venues kept their connections and their markets, and those went on changing.
    fn judge_others(&self, story: &mut Story, config: &config::Config, at_ns: u64) {
        let mut problems = Vec::new();
        for view in story.ended.links.iter().filter(|view| view.venue.name() != self.venue_name()) {
            let ended: u64 =
                view.counts.ends.iter().sum::<u64>() - view.counts.ended(Cause::Stopped);
            if view.counts.opens != 1 || ended != 0 {
                problems.push(format!("{} did not keep its connection", view.name));
            }
        }
        let until_ns = story.frozen_ns;
        for venue in ["coinbase", "gemini", "bitstamp", "solana"] {
            if venue == self.venue_name() {
                continue;
            }
            let markets = markets_of(config, venue);
            let doubts = story.doubts_since(&markets, at_ns);
            if !doubts.is_empty() {
                problems.push(format!("{venue} was put in doubt as well: {doubts:?}"));
            }
            let changes: usize =
                markets.iter().map(|market| story.changes_within(*market, at_ns, until_ns)).sum();
            if changes == 0 && until_ns > at_ns + 2 * SECOND_NS {
                problems.push(format!("{venue} stood still meanwhile"));
            }
        }
        story.problems.append(&mut problems);
    }

    fn venue_name(&self) -> &'static str {
        if self.venue.starts_with("solana") { "solana" } else { self.venue }
    }
}

/// So many frames with this text in them.
pub(crate) fn pick(count: u32, contains: &str) -> Pick {
    Pick { count, one_in: 1, contains: contains.to_owned() }
}

/// Damage that no reader can take for anything else.
pub(crate) fn garbled(contains: &str) -> Fault {
    Fault::Mutate { bytes: 200, with: Noise::Printable, pick: pick(1, contains) }
}

/// A test for each row: `name => row`.
macro_rules! rows {
    ($($name:ident => $row:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let make: fn(&'static str) -> $crate::row::Row = $row;
                make(stringify!($name)).play();
            }
        )*
    };
}
pub(crate) use rows;
