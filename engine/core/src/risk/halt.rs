//! What stops trading: a set of latched reasons, each with a scope and a class of its own.
//!
//! A halt leaves the set through [`Halts::clear`] and the two automatic resumes and through nothing
//! else: not by midnight, not by a restart (the set is part of the state that is restored), not by
//! new limits. Trading is active for a pair exactly when no halt of the set covers it.

use alloc::boxed::Box;
use alloc::vec;

use engine_model::{AssetId, MarketId, PairId, Role, Venue};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::ring::is_inside;

mod reason;
#[cfg(test)]
mod tests;

pub use reason::{CauseKind, HaltReason, HaltState, Latch};

/// Most halts of a scope smaller than global.
///
/// As many as there may be markets, each with one halt. 256 + 17 slots × 96 bytes is 26 KB.
pub const SCOPED_HALTS_MAX: usize = 256;

/// Automatic resumes of `stale_data` remembered per scope.
///
/// The third inside the window is the first that needs a person: two are enough to know.
const RESUMES_KEPT: usize = 2;

/// A measured value at or beyond its limit, both in the unit of the control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// What was seen.
    pub observed: i128,
    /// What is allowed.
    pub limit: i128,
}

/// What a halt covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Everything.
    Global,
    /// Every pair of the strategy. There is one, so this covers every pair.
    Strategy,
    /// Pairs with a leg at this venue.
    Venue(Venue),
    /// Pairs with a leg on this market.
    Market(MarketId),
    /// One ordered pair.
    Pair(PairId),
    /// Pairs that trade or settle in this asset.
    Asset(AssetId),
}

/// What is permitted. Later is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum TradingState {
    /// Everything.
    Active = 0,
    /// Cancels, and orders that shrink an exposure.
    Reducing = 1,
    /// Cancels only.
    Halted = 2,
}

impl From<HaltState> for TradingState {
    fn from(state: HaltState) -> Self {
        match state {
            HaltState::Reducing => Self::Reducing,
            HaltState::Halted => Self::Halted,
        }
    }
}

/// A pair and all that a halt may cover it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The pair; its index is its place in a list of subjects.
    pub pair: PairId,
    /// Markets of the legs.
    pub markets: [MarketId; 2],
    /// Venues of the legs.
    pub venues: [Venue; 2],
    /// The base asset and what the legs settle in.
    pub assets: [AssetId; 3],
}

impl Scope {
    /// Whether a halt of this scope covers the pair.
    #[must_use]
    pub fn covers(self, subject: &Subject) -> bool {
        match self {
            Self::Global | Self::Strategy => true,
            Self::Venue(venue) => subject.venues.contains(&venue),
            Self::Market(market) => subject.markets.contains(&market),
            Self::Pair(pair) => subject.pair == pair,
            Self::Asset(asset) => subject.assets.contains(&asset),
        }
    }
}

/// What a rule or a person wants halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Why.
    pub reason: HaltReason,
    /// What it covers.
    pub scope: Scope,
    /// What it permits.
    pub state: HaltState,
    /// The evidence, in the unit of the control.
    pub breach: Breach,
}

impl Cause {
    /// A cause with the state that its reason begins with.
    #[must_use]
    pub const fn new(reason: HaltReason, scope: Scope, breach: Breach) -> Self {
        Self { reason, scope, state: reason.state(), breach }
    }

    /// The same, permitting cancels only.
    #[must_use]
    pub const fn halted(self) -> Self {
        Self { state: HaltState::Halted, ..self }
    }
}

/// One latched halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Why.
    pub reason: HaltReason,
    /// What it covers.
    pub scope: Scope,
    /// What it permits.
    pub state: HaltState,
    /// Who may end it. At least the class of the reason.
    pub latch: Latch,
    /// When it was latched. Unit: core time in nanoseconds.
    pub since_ns: u64,
    /// The evidence, in the unit of the control.
    pub breach: Breach,
}

/// How the set changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum ChangeKind {
    /// A halt was added.
    Latched = 0,
    /// A halt that permitted reducing permits cancels only now.
    Escalated = 1,
    /// A halt no longer ends by itself.
    HandedToOperator = 2,
    /// A halt was removed by a person.
    Cleared = 3,
    /// A halt was removed by its own rule.
    Resumed = 4,
}

/// A change of the set, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// How.
    pub kind: ChangeKind,
    /// The halt as it is now, or as it was before it was removed.
    pub halt: Halt,
}

/// Whether a written reason came with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// Nothing, or nothing but blanks.
    Missing,
    /// A text; it is in the record of the command.
    Given,
}

/// Who asks to clear a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// With which rights.
    pub role: Role,
    /// Whether a reason was written down.
    pub text: Written,
}

/// Whether the cause of a halt persists, by a measurement made for the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CauseNow {
    /// The value is within its limit, or the reason is [`CauseKind::Reviewed`].
    Gone,
    /// Still beyond the limit, or not known.
    Present,
}

/// Why a halt stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClearRefused {
    /// No halt with this reason and scope is latched.
    NotActive,
    /// The role is too low.
    RoleTooLow {
        /// What it takes.
        needed: Role,
    },
    /// No reason was written down.
    TextMissing,
    /// What caused it is still the case.
    CauseStillPresent,
    /// It does not end by itself.
    NeedsPerson,
    /// It ends by itself, later.
    TooSoon,
}

/// How far the feeds of a scope have recovered from an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRecovery {
    /// Since when every feed is fresh; none while one is not.
    pub fresh_since_ns: Option<u64>,
    /// Valid updates since, of the feed with the fewest.
    pub updates_min: u32,
    /// Feeds whose book has not been rebuilt from a snapshot since its outage.
    pub unrebuilt_count: u32,
}

/// How many of each a halt or a resume may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Markets of the tables.
    pub markets: usize,
    /// Pairs of the tables.
    pub pairs: usize,
    /// Assets of the tables.
    pub assets: usize,
}

/// The halt set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halts {
    /// Latched halts first, in the order in which they were latched.
    slots: Box<[Option<Halt>]>,
    /// Scoped halts that found no slot and were latched for everything.
    widened_count: u64,
    /// Times of the last automatic resumes of `stale_data`, oldest first: global, strategy, venues,
    /// then by index markets, pairs and assets. 256 + 4,096 + 256 scopes × 32 bytes is 147 KB.
    resumes: Box<[[Option<u64>; RESUMES_KEPT]]>,
    market_count: usize,
    /// Pairs whose first trade after a resume is still to come.
    cautious: Box<[bool]>,
}

impl Halts {
    /// An empty set.
    #[must_use]
    pub fn new(counts: Counts) -> Self {
        // Global halts have a slot each, so that they are never refused; see `insert`.
        let slot_count = SCOPED_HALTS_MAX + HaltReason::ALL.len();
        let scope_count = 2 + Venue::ALL.len() + counts.markets + counts.pairs + counts.assets;
        Self {
            slots: vec![None; slot_count].into_boxed_slice(),
            widened_count: 0,
            resumes: vec![[None; RESUMES_KEPT]; scope_count].into_boxed_slice(),
            market_count: counts.markets,
            cautious: vec![false; counts.pairs].into_boxed_slice(),
        }
    }

    /// Latched halts in the order in which they were latched.
    pub fn iter(&self) -> impl Iterator<Item = &Halt> {
        self.slots.iter().map_while(Option::as_ref)
    }

    /// The halt with this reason and scope.
    #[must_use]
    pub fn find(&self, reason: HaltReason, scope: Scope) -> Option<&Halt> {
        self.iter().find(|halt| halt.reason == reason && halt.scope == scope)
    }

    /// Scoped halts that found no slot and were latched for everything, since the beginning.
    #[must_use]
    pub fn widened_count(&self) -> u64 {
        self.widened_count
    }

    /// What is permitted for a pair, and why not everything: the strictest halt, the first latched
    /// where several are equally strict.
    #[must_use]
    pub fn state_for(&self, subject: &Subject) -> (TradingState, Option<HaltReason>) {
        strictest(self.iter().filter(|halt| halt.scope.covers(subject)))
    }

    /// What is permitted whatever the pair.
    #[must_use]
    pub fn global_state(&self) -> (TradingState, Option<HaltReason>) {
        strictest(self.iter().filter(|halt| matches!(halt.scope, Scope::Global | Scope::Strategy)))
    }

    /// Adds a halt, or makes the one with this reason and scope stricter. None when the set already
    /// says as much.
    ///
    /// A scoped halt that finds no slot is latched for everything and needs a person: more is
    /// halted than was asked for, never less.
    pub fn latch(&mut self, cause: &Cause, now_ns: u64) -> Option<Change> {
        let Cause { reason, scope, state, breach } = *cause;
        if let Some(index) = self.index_of(reason, scope) {
            return self.escalate(index, state, breach);
        }
        let scoped_count = self.iter().filter(|halt| halt.scope != Scope::Global).count();
        let halt = Halt { reason, scope, state, latch: reason.class(), since_ns: now_ns, breach };
        if scope == Scope::Global || scoped_count < SCOPED_HALTS_MAX {
            return Some(self.insert(halt));
        }
        self.widened_count = self.widened_count.saturating_add(1);
        let latch = halt.latch.max(Latch::Operator);
        let Some(index) = self.index_of(reason, Scope::Global) else {
            return Some(self.insert(Halt { scope: Scope::Global, latch, ..halt }));
        };
        let escalated = self.escalate(index, state, breach);
        let known = self.slots[index].as_mut().expect("Invariant: index_of names a latched halt");
        if latch <= known.latch {
            return escalated;
        }
        known.latch = latch;
        Some(Change { kind: ChangeKind::HandedToOperator, halt: *known })
    }

    /// Removes a halt at the wish of a person. The halts that remain are in [`Halts::iter`]: a
    /// manual pause is one of them, so clearing another reason never resumes past it.
    ///
    /// Each pair of `subjects` (by pair index, the whole list) that it covered is then cautious.
    ///
    /// # Errors
    ///
    /// [`ClearRefused`]: not active, role too low, text missing, cause present; in this order.
    pub fn clear(
        &mut self,
        (reason, scope): (HaltReason, Scope),
        actor: Actor,
        cause: CauseNow,
        subjects: &[Subject],
    ) -> Result<Change, ClearRefused> {
        let halt = *self.find(reason, scope).ok_or(ClearRefused::NotActive)?;
        let needed = match halt.latch {
            Latch::Auto | Latch::Operator => Role::Operator,
            Latch::Admin => Role::Admin,
        };
        if actor.role < needed {
            return Err(ClearRefused::RoleTooLow { needed });
        }
        if actor.text == Written::Missing {
            return Err(ClearRefused::TextMissing);
        }
        if cause == CauseNow::Present {
            return Err(ClearRefused::CauseStillPresent);
        }
        if let Some(index) = self.resume_index(scope)
            && reason == HaltReason::StaleData
        {
            self.resumes[index] = [None; RESUMES_KEPT];
        }
        Ok(self.remove(halt, ChangeKind::Cleared, subjects))
    }

    /// Removes every halt with this reason, as [`Self::clear`] does one. `cause_of` measures the cause
    /// of each, `each` is told what became of it. Tells nothing where no halt has the reason.
    pub fn clear_reason(
        &mut self,
        reason: HaltReason,
        actor: Actor,
        subjects: &[Subject],
        mut cause_of: impl FnMut(&Halt) -> CauseNow,
        mut each: impl FnMut(&Halt, Result<Change, ClearRefused>),
    ) {
        let mut index = 0;
        while let Some(halt) = self.slots.get(index).copied().flatten() {
            let is_meant = halt.reason == reason;
            if is_meant {
                let cause = cause_of(&halt);
                each(&halt, self.clear((reason, halt.scope), actor, cause, subjects));
            }
            // The next halt has moved into the place of a cleared one.
            let is_gone = is_meant && self.find(reason, halt.scope).is_none();
            index += usize::from(!is_gone);
        }
    }

    /// Removes a `stale_data` halt when its feeds have recovered. One resume too many inside the
    /// window does not happen: the halt then waits for an operator.
    ///
    /// # Errors
    ///
    /// [`ClearRefused`]: not active, needs a person, too soon.
    pub fn resume_stale(
        &mut self,
        scope: Scope,
        recovery: FeedRecovery,
        now_ns: u64,
        limits: &Limits,
        subjects: &[Subject],
    ) -> Result<Change, ClearRefused> {
        let halt = self.automatic(HaltReason::StaleData, scope)?;
        let fresh_ns = recovery.fresh_since_ns.map(|since_ns| now_ns.saturating_sub(since_ns));
        if fresh_ns.is_none_or(|fresh_ns| fresh_ns < limits.stale_resume_fresh_ns)
            || recovery.updates_min < limits.stale_resume_updates_min
            || recovery.unrebuilt_count > 0
        {
            return Err(ClearRefused::TooSoon);
        }
        let window_ns = limits.stale_resume_window_ns;
        let resume_index = self.resume_index(scope);
        let recent = resume_index.map_or(usize::MAX, |index| {
            let times = self.resumes[index].iter().flatten();
            times.filter(|at_ns| is_inside(window_ns, **at_ns, now_ns)).count()
        });
        // More than are remembered cannot be told apart, so a higher limit counts as that many.
        let resumes_max = usize::try_from(limits.stale_resumes_max).unwrap_or(usize::MAX);
        if recent >= resumes_max.min(RESUMES_KEPT) {
            let index = self.index_of(halt.reason, scope).ok_or(ClearRefused::NotActive)?;
            let halt = Halt { latch: Latch::Operator, ..halt };
            self.slots[index] = Some(halt);
            return Ok(Change { kind: ChangeKind::HandedToOperator, halt });
        }
        if let Some(index) = resume_index {
            self.resumes[index].rotate_left(1);
            self.resumes[index][RESUMES_KEPT - 1] = Some(now_ns);
        }
        Ok(self.remove(halt, ChangeKind::Resumed, subjects))
    }

    /// Removes a `reference_disagreement` or `depeg` halt whose value has been inside half its
    /// threshold for long enough; `calm_since_ns` is none while it is not.
    ///
    /// # Errors
    ///
    /// [`ClearRefused`]: not active, needs a person (which includes every other reason), too soon.
    pub fn resume_calm(
        &mut self,
        (reason, scope): (HaltReason, Scope),
        calm_since_ns: Option<u64>,
        now_ns: u64,
        limits: &Limits,
        subjects: &[Subject],
    ) -> Result<Change, ClearRefused> {
        let halt = self.automatic(reason, scope)?;
        if reason == HaltReason::StaleData {
            return Err(ClearRefused::NeedsPerson); // it has conditions of its own
        }
        let calm_ns = calm_since_ns.map(|since_ns| now_ns.saturating_sub(since_ns));
        if calm_ns.is_none_or(|calm_ns| calm_ns < limits.agreement_resume_ns) {
            return Err(ClearRefused::TooSoon);
        }
        Ok(self.remove(halt, ChangeKind::Resumed, subjects))
    }

    /// Removes a halt that the watch of the machine says has recovered: see
    /// [`super::machine::Machine::has_recovered`].
    ///
    /// # Errors
    ///
    /// [`ClearRefused`]: not active, needs a person, which includes every reason that is not of the
    /// machine.
    pub fn resume_recovered(
        &mut self,
        (reason, scope): (HaltReason, Scope),
        subjects: &[Subject],
    ) -> Result<Change, ClearRefused> {
        let halt = self.automatic(reason, scope)?;
        if !reason.is_of_machine() {
            return Err(ClearRefused::NeedsPerson); // it has conditions of its own
        }
        Ok(self.remove(halt, ChangeKind::Resumed, subjects))
    }

    /// Takes from a halt that it may end by itself. None when there is no such halt, or it needed a
    /// person already.
    pub fn hand_over(&mut self, reason: HaltReason, scope: Scope) -> Option<Change> {
        let index = self.index_of(reason, scope)?;
        let halt = self.slots[index].as_mut().filter(|halt| halt.latch == Latch::Auto)?;
        halt.latch = Latch::Operator;
        Some(Change { kind: ChangeKind::HandedToOperator, halt: *halt })
    }

    /// Size that the next trade of a pair may have. Unit: parts per million of its size. A pair
    /// outside the tables is cautious.
    #[must_use]
    pub fn size_ppm(&self, pair: PairId, limits: &Limits) -> u64 {
        let is_cautious = self.cautious.get(pair.index()).copied().unwrap_or(true);
        if is_cautious { limits.resume_size_ppm } else { engine_model::units::PPM_ONE }
    }

    /// A trade of the pair was made: the next may have its full size.
    pub fn note_trade(&mut self, pair: PairId) {
        if let Some(flag) = self.cautious.get_mut(pair.index()) {
            *flag = false;
        }
    }

    /// A halt that may end by itself.
    fn automatic(&self, reason: HaltReason, scope: Scope) -> Result<Halt, ClearRefused> {
        let halt = *self.find(reason, scope).ok_or(ClearRefused::NotActive)?;
        if halt.latch == Latch::Auto { Ok(halt) } else { Err(ClearRefused::NeedsPerson) }
    }

    fn index_of(&self, reason: HaltReason, scope: Scope) -> Option<usize> {
        self.iter().position(|halt| halt.reason == reason && halt.scope == scope)
    }

    fn escalate(&mut self, index: usize, state: HaltState, breach: Breach) -> Option<Change> {
        let halt = self.slots[index].as_mut().filter(|halt| halt.state < state)?;
        (halt.state, halt.breach) = (state, breach);
        Some(Change { kind: ChangeKind::Escalated, halt: *halt })
    }

    /// There is room: `latch` counts scoped halts, and global ones are at most one per reason.
    fn insert(&mut self, halt: Halt) -> Change {
        let free = self.slots.iter_mut().find(|slot| slot.is_none());
        *free.expect("Invariant: scoped halts are counted and each reason has a global slot") =
            Some(halt);
        Change { kind: ChangeKind::Latched, halt }
    }

    fn remove(&mut self, halt: Halt, kind: ChangeKind, subjects: &[Subject]) -> Change {
        let index = self.index_of(halt.reason, halt.scope).expect("Invariant: it was just found");
        self.slots[index] = None;
        let held = self.slots[index..].iter().rposition(Option::is_some).unwrap_or(0);
        self.slots[index..=index + held].rotate_left(1);
        for subject in subjects.iter().filter(|subject| halt.scope.covers(subject)) {
            if let Some(flag) = self.cautious.get_mut(subject.pair.index()) {
                *flag = true;
            }
        }
        Change { kind, halt }
    }

    /// Place of a scope in the memory of resumes; none outside the tables, where nothing resumes by
    /// itself.
    fn resume_index(&self, scope: Scope) -> Option<usize> {
        let venues = 2 + Venue::ALL.len();
        let pairs = venues + self.market_count;
        let assets = pairs + self.cautious.len();
        match scope {
            Scope::Global => Some(0),
            Scope::Strategy => Some(1),
            Scope::Venue(venue) => Some(2 + venue as usize),
            Scope::Market(market) => Some(venues + market.index()).filter(|at| *at < pairs),
            Scope::Pair(pair) => Some(pairs + pair.index()).filter(|at| *at < assets),
            Scope::Asset(asset) => {
                Some(assets + asset.index()).filter(|at| *at < self.resumes.len())
            }
        }
    }
}

fn strictest<'a>(halts: impl Iterator<Item = &'a Halt>) -> (TradingState, Option<HaltReason>) {
    let mut found = (TradingState::Active, None);
    for halt in halts {
        let state = TradingState::from(halt.state);
        if state > found.0 {
            found = (state, Some(halt.reason));
        }
    }
    found
}
