//! Limits that contradict each other: each is in its range, but together one of them is void.

use engine_model::Venue;

use crate::assets::AssetTable;
use crate::caps::Caps;
use crate::decimal::Decimal;
use crate::execution::Execution;
use crate::journal::Journal;
use crate::markets::{MarketKind, MarketTable};
use crate::problem::{At, Place, Problems, fault};
use crate::risk::Risk;
use crate::signal::Signal;
use crate::tree::{Table, Value};

/// The tables whose limits are compared.
#[derive(Debug)]
pub(crate) struct Limits<'c> {
    pub(crate) root: &'c Table,
    pub(crate) assets: &'c AssetTable,
    pub(crate) markets: &'c MarketTable,
    pub(crate) caps: &'c Caps,
    pub(crate) signal: &'c Signal,
    pub(crate) risk: &'c Risk,
    pub(crate) execution: &'c Execution,
    pub(crate) journal: &'c Journal,
}

/// How the left value stands to the right one.
#[derive(Clone, Copy, Debug)]
enum Must {
    Below,
    NotExceed,
}

/// A value and the key it stands under.
#[derive(Clone, Debug)]
struct Limit {
    /// With its table: `risk.edge_min_bps`.
    key: String,
    at: Option<At>,
    /// In whatever unit both sides of a rule have.
    value: u128,
    /// In the key's own unit.
    shown: String,
}

type Rule = (Limit, Must, Limit, &'static str);

impl Limits<'_> {
    pub(crate) fn check(&self, problems: &mut Problems<'_>) {
        let sets = [
            self.rules_of_losses_and_sizes(),
            self.rules_of_prices(),
            self.rules_of_times_and_counts(),
            self.rules_of_sizes_by_asset(),
        ];
        for (left, must, right, why) in sets.into_iter().flatten() {
            check_rule(&left, must, &right, why, problems);
        }
        self.check_around_one(problems);
        self.check_unwinds(problems);
        self.check_message_rates(problems);
        self.check_markets(problems);
    }

    fn rules_of_losses_and_sizes(&self) -> Vec<Rule> {
        use Must::{Below, NotExceed};
        let Self { risk, caps, .. } = self;
        let order = || self.usd("risk.order_notional_usd_max", risk.order_notional_usd_micros_max);
        vec![
            (
                self.usd("risk.daily_loss_warn_usd", risk.daily_loss_warn_usd_micros),
                Below,
                self.usd("risk.daily_loss_halt_usd", risk.daily_loss_halt_usd_micros),
                "a warning at the halt warns nobody",
            ),
            (
                order(),
                NotExceed,
                self.usd("risk.position_usd_max", risk.position_usd_micros_max),
                "such an order is a position above its limit",
            ),
            (
                order(),
                NotExceed,
                self.usd("risk.unhedged_usd_max", risk.unhedged_usd_micros_max),
                "the first leg of such a trade is unhedged until the second one fills",
            ),
            (
                self.usd("caps.order_notional_usd", caps.order_notional_usd_micros),
                NotExceed,
                order(),
                "what is sized above it is always refused",
            ),
        ]
    }

    fn rules_of_prices(&self) -> Vec<Rule> {
        use Must::{Below, NotExceed};
        let Self { risk, signal, execution, .. } = self;
        let edge_max = || self.bps("risk.edge_max_bps", risk.edge_ppm_max);
        vec![
            (
                self.bps("risk.edge_min_bps", risk.edge_ppm_min),
                Below,
                edge_max(),
                "no edge is between them",
            ),
            (
                self.bps("signal.min_edge_bps", signal.min_edge_ppm),
                NotExceed,
                edge_max(),
                "no opportunity is between them",
            ),
            (
                self.ratio("risk.quote_rate_min", risk.quote_rate_ppm_min),
                Below,
                self.ratio("risk.quote_rate_max", risk.quote_rate_ppm_max),
                "no rate is between them",
            ),
            (
                self.bps("execution.slippage_bps", execution.slippage_ppm),
                NotExceed,
                self.bps("risk.collar_reference_bps", risk.collar_reference_ppm),
                "a leg's limit price would lie outside the collar",
            ),
            (
                self.bps("execution.unwind_bps", execution.unwind_ppm),
                Below,
                self.bps("execution.unwind_hard_bps", execution.unwind_hard_ppm),
                "the second bound is the wider one",
            ),
            (
                self.percent("risk.failure_warn_percent", risk.failure_warn_ppm),
                Below,
                self.percent("risk.failure_halt_percent", risk.failure_halt_ppm),
                "a warning at the halt warns nobody",
            ),
        ]
    }

    fn rules_of_times_and_counts(&self) -> Vec<Rule> {
        use Must::{Below, NotExceed};
        let Self { risk, execution, journal, .. } = self;
        let flat = || self.whole("risk.unhedged_flat_ms_max", risk.unhedged_flat_ms_max);
        let count = |key, number: u32| self.whole(key, u64::from(number));
        vec![
            (
                self.whole("risk.decision_age_ms_max", risk.decision_age_ms_max),
                NotExceed,
                self.whole("risk.stale_halt_ms", risk.stale_halt_ms),
                "trading halts before a book gets as old",
            ),
            (
                self.whole("risk.clock_warn_ms", risk.machine.clock_warn_ms),
                Below,
                self.whole("risk.clock_halt_ms", risk.machine.clock_halt_ms),
                "a warning at the halt warns nobody",
            ),
            (
                self.whole("risk.unhedged_age_ms_max", risk.unhedged_age_ms_max),
                Below,
                flat(),
                "first only reducing orders are left, then trading halts",
            ),
            (
                self.whole("execution.hedge_timeout_ms", execution.hedge_timeout_ms),
                Below,
                flat(),
                "trading halts before the first leg is unwound",
            ),
            (
                count("risk.trades_per_pair_per_minute", risk.trades_per_pair_per_minute),
                NotExceed,
                count("risk.trades_per_hour", risk.trades_per_hour),
                "the hour's limit is reached first",
            ),
            (
                count("risk.trades_per_market_max", risk.trades_per_market_max),
                NotExceed,
                count("risk.trades_in_flight_max", risk.trades_in_flight_max),
                "a market has no more trades than all markets",
            ),
            (
                count("execution.landing_slots", execution.landing_slots),
                Below,
                count("execution.landing_timeout_slots", execution.landing_timeout_slots),
                "no chain leg would land in time",
            ),
            (
                count("journal.market_days", journal.market_days),
                NotExceed,
                count("journal.ledger_days", journal.ledger_days),
                "market data cannot be replayed without the ledger of its day",
            ),
        ]
    }

    fn rules_of_sizes_by_asset(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (asset, cap) in &self.caps.order_size {
            let listed = self.risk.order_size_max.iter().find(|(other, _)| other == asset);
            let Some((_, max)) = listed else { continue };
            let name = self.assets.name(*asset);
            rules.push((
                self.limit(format!("caps.order_size.{name}"), e18(*cap), cap.to_string()),
                Must::NotExceed,
                self.limit(format!("risk.order_size_max.{name}"), e18(*max), max.to_string()),
                "what is sized above it is always refused",
            ));
        }
        rules
    }

    /// A rate of one must be inside, else every currency counts as broken.
    fn check_around_one(&self, problems: &mut Problems<'_>) {
        let min = self.ratio("risk.quote_rate_min", self.risk.quote_rate_ppm_min);
        let max = self.ratio("risk.quote_rate_max", self.risk.quote_rate_ppm_max);
        let one = 1_000_000;
        if min.value >= max.value || (min.value..=max.value).contains(&one) {
            return;
        }
        let says = format!(
            "{} and {} leave out 1, at which a currency is worth what it says",
            min.named(problems),
            max.named(problems)
        );
        let hint = "write \"risk.quote_rate_min\" below 1 and \"risk.quote_rate_max\" above";
        report([&min, &max], says, hint, problems);
    }

    /// The projected loss of a trade is that of both legs unwound.
    fn check_unwinds(&self, problems: &mut Problems<'_>) {
        let unwind = self.bps("execution.unwind_bps", self.execution.unwind_ppm);
        let worst = self.bps("risk.worst_case_loss_bps", self.risk.worst_case_loss_ppm);
        if unwind.value * 2 <= worst.value {
            return;
        }
        let says = format!(
            "{} is less than twice {}: both legs may have to be unwound",
            worst.named(problems),
            unwind.named(problems)
        );
        let hint = format!(
            "write \"risk.worst_case_loss_bps\" of at least {}, or lower \"execution.unwind_bps\"",
            Decimal::of(u64::from(self.execution.unwind_ppm) * 2, 2)
        );
        report([&unwind, &worst], says, hint, problems);
    }

    /// A share below one message a second lets no order through.
    fn check_message_rates(&self, problems: &mut Problems<'_>) {
        let share = self.percent("risk.messages_share_percent", self.risk.messages_share_ppm);
        for venue in Venue::ALL {
            let key = format!("risk.messages_per_s.{}", venue.name());
            let rate = self.risk.messages_per_s.get(venue);
            let rate = self.limit(key, u128::from(rate), rate.to_string());
            if rate.value * share.value >= 1_000_000 {
                continue;
            }
            let says = format!(
                "{} leaves less than one message a second of {}",
                share.named(problems),
                rate.named(problems)
            );
            report([&share, &rate], says, "raise one of them", problems);
        }
    }

    /// A market that still counts when its age has halted trading.
    fn check_markets(&self, problems: &mut Problems<'_>) {
        let halt = self.whole("risk.stale_halt_ms", self.risk.stale_halt_ms);
        for (index, (at, market)) in self.markets.readable().enumerate() {
            let MarketKind::Book(book) = &market.kind else { continue };
            // Only what is part of a pair is watched; a book that gives a rate alone may be slow.
            let is_paired = self.markets.readable().enumerate().any(|(other_index, (_, other))| {
                other_index != index
                    && (self.signal.same_venue_pairs || other.venue != market.venue)
                    && self.assets.canonical(other.base) == self.assets.canonical(market.base)
            });
            if !is_paired {
                continue;
            }
            let stale = Limit {
                key: "markets.stale_after_ms".to_owned(),
                at: locate_in_list(self.root, "markets", at, "stale_after_ms"),
                value: u128::from(book.stale_after_ms),
                shown: format!("{} for \"{}\"", book.stale_after_ms, market.name),
            };
            let why = "trading halts before the book counts as stale";
            check_rule(&stale, Must::NotExceed, &halt, why, problems);
        }
    }

    fn limit(&self, key: impl Into<String>, value: u128, shown: String) -> Limit {
        let key = key.into();
        Limit { at: locate(self.root, &key), key, value, shown }
    }

    fn whole(&self, key: &str, value: u64) -> Limit {
        self.limit(key, u128::from(value), value.to_string())
    }

    fn usd(&self, key: &str, micros: u64) -> Limit {
        self.limit(key, u128::from(micros), Decimal::of(micros, 6).to_string())
    }

    fn bps(&self, key: &str, ppm: u32) -> Limit {
        self.limit(key, u128::from(ppm), Decimal::of(u64::from(ppm), 2).to_string())
    }

    fn percent(&self, key: &str, ppm: u32) -> Limit {
        self.limit(key, u128::from(ppm), Decimal::of(u64::from(ppm), 4).to_string())
    }

    fn ratio(&self, key: &str, ppm: u32) -> Limit {
        self.limit(key, u128::from(ppm), Decimal::of(u64::from(ppm), 6).to_string())
    }
}

impl Limit {
    /// Key, value and place, as a message says it.
    fn named(&self, problems: &Problems<'_>) -> String {
        let place = match self.at.map(|at| problems.place_of(at)) {
            None => "the default".to_owned(),
            Some(Place::File { name, line, .. }) => format!("{name}:{line}"),
            Some(Place::Set { text }) => format!("--set {text}"),
        };
        format!("\"{}\" = {} ({place})", self.key, self.shown)
    }
}

fn check_rule(left: &Limit, must: Must, right: &Limit, why: &str, problems: &mut Problems<'_>) {
    let (is_kept, must) = match must {
        Must::Below => (left.value < right.value, "must be below"),
        Must::NotExceed => (left.value <= right.value, "must not exceed"),
    };
    if is_kept {
        return;
    }
    let says = format!("{} {must} {}", left.named(problems), right.named(problems));
    let hint = format!("lower \"{}\" or raise \"{}\": {why}", left.key, right.key);
    report([left, right], says, hint, problems);
}

/// At the key that was written last; one at least was, as the defaults agree.
fn report(limits: [&Limit; 2], says: String, hint: impl Into<String>, problems: &mut Problems<'_>) {
    // A value that could not be read contradicts nothing.
    let is_known = |key: &str| {
        let tables = key.match_indices('.').map(|(end, _)| &key[..end]);
        !tables.chain([key]).any(|key| problems.concern(key))
    };
    if !limits.iter().all(|limit| is_known(&limit.key)) {
        return;
    }
    let written = limits.into_iter().filter(|limit| limit.at.is_some());
    let last = written.max_by_key(|limit| match limit.at {
        Some(At::Set(index)) => (2, index),
        Some(At::File(offset)) => (1, offset),
        None => (0, 0),
    });
    let Some(last) = last else {
        debug_assert!(false, "the defaults contradict each other: {says}");
        return;
    };
    problems.add(last.at.unwrap_or(At::File(0)), last.key.clone(), fault(says, hint));
}

/// Where a key was written, if it was.
fn locate(root: &Table, key: &str) -> Option<At> {
    let mut table = root;
    let mut names = key.split('.').peekable();
    while let Some(name) = names.next() {
        let entry = table.get(name)?;
        match (&entry.node.value, names.peek()) {
            (_, None) => return Some(entry.node.at),
            (Value::Table(inner), Some(_)) => table = inner,
            (
                Value::Text(_)
                | Value::Number(_)
                | Value::Bool(_)
                | Value::List(_)
                | Value::Other(_),
                Some(_),
            ) => return None,
        }
    }
    None
}

/// Where a key of a list's table was written, if it was. The table is known by its place.
fn locate_in_list(root: &Table, list: &str, table_at: At, key: &str) -> Option<At> {
    let Value::List(items) = &root.get(list)?.node.value else { return None };
    let Value::Table(table) = &items.iter().find(|item| item.at == table_at)?.value else {
        return None;
    };
    Some(table.get(key)?.node.at)
}

/// In units of 10⁻¹⁸, exactly: no decimal has more places, and 64 bits times 10¹⁸ fit 128.
fn e18(decimal: Decimal) -> u128 {
    u128::from(decimal.mantissa) * 10_u128.pow(18_u32.saturating_sub(u32::from(decimal.places)))
}
