//! One order: what its venue has proven of it, and what to ask next.

use std::collections::BTreeMap;

use engine_model::grid::Step;

use crate::amount::{ONE_E18, product_up};
use crate::client_id::ClientId;
use crate::report::{Contradiction, NotSent, Report, Stage};
use crate::venue::{About, FillSays, Instrument, Intent, Order, OrderSays, Reject, Side, Standing};

const MS: u64 = 1_000_000;

/// Wait before the first question about an order that is not over.
const ASK_FIRST_NS: u64 = 250 * MS;

/// Longest wait between two.
const ASK_MOST_NS: u64 = 4_000 * MS;

/// Two answers that it is not there prove nothing unless they lie this far apart.
const ABSENT_APART_NS: u64 = 2_000 * MS;

/// Fills that one order may have.
const FILLS_MAX: usize = 4_096;

/// Amounts of an order, as stated once. Unit: 10⁻¹⁸.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    filled: i128,
    quote: i128,
    fee: i128,
}

/// How near an order is to the proof that it never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Absence {
    /// Nothing speaks for it.
    #[default]
    None,
    /// The venue did not know it then. Unit: nanoseconds.
    Once(u64),
    /// And again, long enough after: its fills are asked for.
    Twice,
}

/// An order under way.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    pub(crate) intent: Intent,
    pub(crate) client_id: ClientId,
    venue_id: Option<String>,
    stage: Option<Stage>,
    /// When it was first handed to the socket, and when last. Unit: nanoseconds.
    first_sent_ns: u64,
    sent_ns: u64,
    /// As the order itself states it; the money may be missing.
    stated: (i128, Option<i128>, Option<i128>),
    /// By number of execution.
    fills: BTreeMap<String, Amounts>,
    contradiction: Option<Contradiction>,
    absence: Absence,
    asked: u32,
    /// When to ask next; none while an answer is awaited, or nothing is to be asked. Unit: nanoseconds.
    ask_ns: Option<u64>,
    pub(crate) wants_cancel: bool,
    told: Option<Report>,
}

/// Amount of so many steps. Unit: 10⁻¹⁸.
fn e18(steps: u64, step: Step) -> i128 {
    let one = 10_i128.pow(18 - u32::from(step.places.min(18)));
    i128::from(steps) * i128::from(step.step) * one
}

impl Tracked {
    pub(crate) const fn new(intent: Intent, client_id: ClientId) -> Self {
        Self {
            intent,
            client_id,
            venue_id: None,
            stage: None,
            first_sent_ns: 0,
            sent_ns: 0,
            stated: (0, None, None),
            fills: BTreeMap::new(),
            contradiction: None,
            absence: Absence::None,
            asked: 0,
            ask_ns: None,
            wants_cancel: false,
            told: None,
        }
    }

    /// An order that an earlier life of the engine has, or may have, sent.
    pub(crate) fn recovered(
        intent: Intent,
        client_id: ClientId,
        sent_ns: u64,
        now_ns: u64,
    ) -> Self {
        Self {
            stage: Some(Stage::Unknown),
            first_sent_ns: sent_ns,
            sent_ns,
            ask_ns: Some(now_ns),
            ..Self::new(intent, client_id)
        }
    }

    /// As the venue is told of it.
    pub(crate) fn order<'a>(&'a self, instrument: &'a Instrument) -> Order<'a> {
        Order {
            client_id: &self.client_id,
            venue_id: self.venue_id.as_deref(),
            instrument,
            side: self.intent.side,
            size_lots: self.intent.size_lots,
            limit_ticks: self.intent.limit_ticks,
            sent_ns: self.first_sent_ns,
        }
    }

    pub(crate) const fn stage(&self) -> Option<Stage> {
        self.stage
    }

    pub(crate) fn is_over(&self) -> bool {
        self.report().is_some_and(|report| report.is_settled())
    }

    pub(crate) fn venue_id(&self) -> Option<&str> {
        self.venue_id.as_deref()
    }

    /// When to ask next.
    pub(crate) const fn ask_ns(&self) -> Option<u64> {
        self.ask_ns
    }

    /// What to ask next.
    pub(crate) const fn about(&self) -> About {
        match self.absence {
            Absence::Twice => About::Fills,
            Absence::None | Absence::Once(_) => About::State,
        }
    }

    /// Its bytes are handed to the socket.
    pub(crate) const fn sent(&mut self, now_ns: u64) {
        if self.stage.is_none() {
            self.stage = Some(Stage::Sent);
            self.first_sent_ns = now_ns;
        }
        (self.sent_ns, self.ask_ns) = (now_ns, None);
    }

    /// Its bytes did not leave after all. False: it was the same order once more, and what became of the
    /// first is as unknown as before.
    pub(crate) fn was_unsent(&mut self) -> bool {
        let is_first = self.stage == Some(Stage::Sent);
        if is_first {
            self.stage = None;
        }
        is_first
    }

    /// It never left.
    pub(crate) const fn not_sent(&mut self, why: NotSent) {
        self.stage = Some(Stage::NotSent(why));
        self.ask_ns = None;
    }

    /// A question is on its way.
    pub(crate) const fn asking(&mut self) {
        self.asked = self.asked.saturating_add(1);
        self.ask_ns = None;
    }

    /// Nothing is known from its last answer.
    pub(crate) fn unclear(&mut self, now_ns: u64) {
        if matches!(self.stage, None | Some(Stage::Sent)) {
            self.stage = Some(Stage::Unknown);
        }
        self.ask_later(now_ns);
    }

    /// An answer came; what it said of the order was taken before.
    pub(crate) fn answered(&mut self, now_ns: u64) {
        if self.stage == Some(Stage::Sent) {
            // Taken, and not a word of how it stands.
            self.stage = Some(Stage::Working);
        }
        self.ask_later(now_ns);
    }

    /// The venue refused it.
    pub(crate) fn refused(&mut self, why: Reject, now_ns: u64) {
        if self.amounts().filled > 0 || matches!(self.stage, Some(Stage::Done)) {
            self.contradicts(Contradiction::FilledAfterAll);
            self.ask_later(now_ns);
            return;
        }
        self.stage = Some(Stage::Refused(why));
        self.ask_ns = None;
    }

    /// The venue does not know it. `is_telling`: the answer can be trusted, as the private stream stands.
    pub(crate) fn not_found(&mut self, ack_within_ns: u64, is_telling: bool, now_ns: u64) {
        let is_late_enough = now_ns.saturating_sub(self.sent_ns) >= ack_within_ns;
        let is_unknown = self.stage == Some(Stage::Unknown) && self.amounts().filled == 0;
        if is_unknown && is_late_enough && is_telling {
            self.absence = match self.absence {
                Absence::None => Absence::Once(now_ns),
                Absence::Once(at_ns) if now_ns.saturating_sub(at_ns) >= ABSENT_APART_NS => {
                    Absence::Twice
                }
                known @ (Absence::Once(_) | Absence::Twice) => known,
            };
        }
        self.ask_later(now_ns);
    }

    /// The list of its fills came and holds none.
    pub(crate) fn no_fills(&mut self, is_telling: bool, now_ns: u64) {
        let is_proven = self.absence == Absence::Twice
            && is_telling
            && self.stage == Some(Stage::Unknown)
            && self.amounts().filled == 0;
        if is_proven {
            self.stage = Some(Stage::Absent);
            self.ask_ns = None;
        } else {
            self.ask_later(now_ns);
        }
    }

    fn ask_later(&mut self, now_ns: u64) {
        if self.is_over() {
            self.ask_ns = None;
            return;
        }
        let wait_ns = (ASK_FIRST_NS << self.asked.min(16)).min(ASK_MOST_NS);
        let due_ns = now_ns.saturating_add(wait_ns);
        self.ask_ns = Some(self.ask_ns.map_or(due_ns, |known| known.min(due_ns)));
    }

    /// The venue says something of it.
    pub(crate) fn order_says(
        &mut self,
        says: &OrderSays,
        instrument: &Instrument,
        quote_step_e18: i128,
        now_ns: u64,
    ) {
        self.check(&says.symbol, says.side, instrument);
        if self.venue_id.is_none() {
            self.venue_id = Some(says.venue_id.clone());
        }
        self.absence = Absence::None;
        let was_filled = self.stated.0;
        if let Some(filled) = says.filled_e18
            && filled >= was_filled
        {
            // Old news says less than is known already; of the same, the money may come later.
            let is_more = filled > was_filled;
            self.stated.0 = filled;
            self.stated.1 = says.quote_e18.or(self.stated.1.filter(|_| !is_more));
            self.stated.2 = says.fee_e18.or(self.stated.2.filter(|_| !is_more));
        }
        self.stands(says.standing);
        self.judge(instrument, quote_step_e18);
        self.ask_later(now_ns);
    }

    fn stands(&mut self, standing: Standing) {
        let filled = self.amounts().filled;
        match (self.stage, standing) {
            (Some(Stage::Done), _) => {}
            (Some(Stage::Refused(_) | Stage::Absent | Stage::NotSent(_)), _) => {
                // What was taken for over is alive, or was.
                if standing == Standing::Refused && filled == 0 {
                    return;
                }
                self.contradicts(Contradiction::FilledAfterAll);
                self.stage =
                    Some(if standing == Standing::Open { Stage::Working } else { Stage::Done });
            }
            (_, Standing::Open) => self.stage = Some(Stage::Working),
            (_, Standing::Done) => self.stage = Some(Stage::Done),
            (_, Standing::Refused) if filled > 0 => {
                self.contradicts(Contradiction::FilledAfterAll);
                self.stage = Some(Stage::Done);
            }
            (_, Standing::Refused) => self.stage = Some(Stage::Refused(Reject::Other)),
        }
    }

    /// The venue says something of one of its fills.
    pub(crate) fn fill_says(
        &mut self,
        says: &FillSays,
        instrument: &Instrument,
        quote_step_e18: i128,
        now_ns: u64,
    ) {
        self.check(&says.symbol, says.side, instrument);
        if !says.fee_asset.is_empty() && says.fee_asset != instrument.quote && says.fee_e18 != 0 {
            self.contradicts(Contradiction::FeeAsset);
        }
        if self.venue_id.is_none() {
            self.venue_id = Some(says.venue_id.clone());
        }
        self.absence = Absence::None;
        if self.fills.len() >= FILLS_MAX && !self.fills.contains_key(&says.exec_id) {
            self.contradicts(Contradiction::TooManyFills);
            return;
        }
        let amounts = Amounts { filled: says.size_e18, quote: says.quote_e18, fee: says.fee_e18 };
        // Said again it is the same one, whatever it says now.
        let known = self.fills.entry(says.exec_id.clone()).or_insert(amounts);
        if *known != amounts {
            self.contradicts(Contradiction::FillsDisagree);
        }
        match self.stage {
            Some(Stage::Refused(_) | Stage::Absent | Stage::NotSent(_)) => {
                self.contradicts(Contradiction::FilledAfterAll);
                self.stage = Some(Stage::Working);
            }
            None | Some(Stage::Sent | Stage::Unknown) => self.stage = Some(Stage::Working),
            Some(Stage::Working | Stage::Done) => {}
        }
        if self.amounts().filled >= e18(self.intent.size_lots, instrument.grid.lot) {
            // Nothing of it is left, whatever the order says.
            self.stage = Some(Stage::Done);
        }
        self.judge(instrument, quote_step_e18);
        self.ask_later(now_ns);
    }

    fn check(&mut self, symbol: &str, side: Option<Side>, instrument: &Instrument) {
        if side.is_some_and(|side| side != self.intent.side) {
            self.contradicts(Contradiction::WrongSide);
        }
        if !symbol.is_empty() && !symbol.eq_ignore_ascii_case(&instrument.symbol) {
            self.contradicts(Contradiction::WrongInstrument);
        }
    }

    /// Whether the amounts can be.
    fn judge(&mut self, instrument: &Instrument, quote_step_e18: i128) {
        let amounts = self.amounts();
        if amounts.filled > e18(self.intent.size_lots, instrument.grid.lot) {
            self.contradicts(Contradiction::Overfill);
        }
        let limit = e18(self.intent.limit_ticks, instrument.grid.tick);
        if let (Some(quote), true) = (self.quote(), amounts.filled > 0) {
            let at_limit = product_up(amounts.filled, limit);
            // Each fill may have been rounded by the venue, either way. A unit more: the product was
            // rounded up.
            let fills = i128::try_from(self.fills.len().max(1)).unwrap_or(i128::MAX);
            let slack = fills.saturating_mul(quote_step_e18).saturating_add(1);
            let is_worse = match (self.intent.side, at_limit) {
                (Side::Buy, Some(at_limit)) => quote > at_limit.saturating_add(slack),
                (Side::Sell, Some(at_limit)) => quote < at_limit - slack,
                (_, None) => true,
            };
            if is_worse {
                self.contradicts(Contradiction::WorseThanLimit);
            }
        }
        let sum = self.sum_of_fills();
        if self.stage == Some(Stage::Done) && sum.filled == self.stated.0 && sum.filled > 0 {
            let differs = |stated: Option<i128>, of_fills: i128, slack: i128| {
                stated.is_some_and(|stated| (stated - of_fills).abs() > slack)
            };
            // Order totals are computed by the venue from rounded averages: a unit of its money is its own.
            let slack = ONE_E18 / 100;
            if differs(self.stated.1, sum.quote, slack) || differs(self.stated.2, sum.fee, slack) {
                self.contradicts(Contradiction::FillsDisagree);
            }
        }
    }

    fn contradicts(&mut self, what: Contradiction) {
        self.contradiction = self.contradiction.or(Some(what));
    }

    fn sum_of_fills(&self) -> Amounts {
        self.fills.values().fold(Amounts::default(), |sum, it| Amounts {
            filled: sum.filled.saturating_add(it.filled),
            quote: sum.quote.saturating_add(it.quote),
            fee: sum.fee.saturating_add(it.fee),
        })
    }

    /// What is known to have filled: the larger of what the order and its fills state.
    fn amounts(&self) -> Amounts {
        let sum = self.sum_of_fills();
        Amounts { filled: sum.filled.max(self.stated.0), ..sum }
    }

    /// Money of all that is known to have filled: as the order states it, which holds the venue's own
    /// rounding, else the sum over its fills where these are complete.
    fn money(&self, of_fills: impl Fn(&Amounts) -> i128, stated: Option<i128>) -> Option<i128> {
        let sum = self.sum_of_fills();
        if self.stated.0 >= sum.filled && stated.is_some() {
            return stated;
        }
        (sum.filled >= self.stated.0).then(|| of_fills(&sum))
    }

    fn quote(&self) -> Option<i128> {
        self.money(|it| it.quote, self.stated.1)
    }

    /// How it stands.
    pub(crate) fn report(&self) -> Option<Report> {
        let stage = self.stage?;
        Some(Report {
            key: self.intent.key,
            stage,
            filled_e18: self.amounts().filled,
            quote_e18: self.quote(),
            fee_e18: self.money(|it| it.fee, self.stated.2),
            contradiction: self.contradiction,
        })
    }

    /// How it stands, where that has not been told.
    pub(crate) fn news(&mut self) -> Option<Report> {
        let report = self.report()?;
        (self.told.replace(report) != Some(report)).then_some(report)
    }
}
