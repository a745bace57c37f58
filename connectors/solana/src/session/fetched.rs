//! What the ends of requests mean for a session.

use connector_net::session::{Asks, Cause, Fetched};
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use super::pool::Stage;
use super::rpc::{self, Outcome};
use super::settings::SECOND_NS;
use super::{About, Pending, SolanaSession, What};
use crate::decoder::AccountAnswer;

/// Wait after a node said that we ask too much without saying for how long.
const LIMITED_NS: u64 = SECOND_NS;

/// A node that wants more quiet than this is left, if there is another: four slots.
const QUIET_BEARABLE_NS: u64 = 2 * SECOND_NS;

/// Least accounts of one request that a node is asked for, however it complains.
const KEYS_LEAST: usize = 8;

impl SolanaSession {
    /// Takes the end of a request.
    pub(super) fn take_end(&mut self, now_ns: u64, end: &Fetched<'_>, asks: &mut Asks) {
        let (Fetched::Answer { tag, .. } | Fetched::Failed { tag, .. }) = *end;
        // Of a connection that is gone, or of a read that was given up.
        let Some(pending) = self.pending.remove(&tag) else { return };
        match (&pending.what, rpc::outcome(end)) {
            (What::Tip, outcome) => self.take_tip(end, &outcome),
            (What::Slot, Outcome::Result(result)) => {
                self.take_slot(&pending, result, now_ns, asks);
            }
            (What::Slot, Outcome::Forbidden(status)) => {
                self.forbidden(&pending, status, now_ns, asks);
            }
            (What::Slot, outcome) => {
                self.counts.failed += 1;
                // Too many questions are our fault, not the node's.
                if !matches!(outcome, Outcome::Limited(_)) {
                    self.nodes.fault(pending.node, now_ns);
                }
            }
            (_, Outcome::Result(result)) => {
                self.note_latency(&pending, now_ns, asks);
                self.take_result(tag, &pending, result, now_ns, asks);
            }
            (_, outcome) => {
                self.counts.failed += 1;
                self.take_failure(tag, &pending, &outcome, now_ns, asks);
            }
        }
    }

    /// A slow node is as bad as one that fails.
    fn note_latency(&mut self, pending: &Pending, now_ns: u64, asks: &mut Asks) {
        if now_ns.saturating_sub(pending.asked_ns) > self.settings.bounds.latency_max_ns {
            self.note_fault(pending.node, now_ns, asks);
        } else {
            self.nodes.good(pending.node, now_ns);
        }
    }

    /// A request of a node failed; with enough in a row the node is left.
    fn note_fault(&mut self, node: usize, now_ns: u64, asks: &mut Asks) {
        let faults = self.nodes.request_failed(node);
        let is_current = node == self.nodes.current();
        if faults >= self.settings.bounds.faults_max && is_current && self.nodes.has_others() {
            self.leave(Cause::VenueError, now_ns, asks);
        }
    }

    /// A node's slot: one of both may lie behind.
    fn take_slot(&mut self, pending: &Pending, result: &RawValue, now_ns: u64, asks: &mut Asks) {
        let Ok(slot) = serde_json::from_str::<u64>(result.get()) else {
            self.counts.failed += 1;
            return self.nodes.fault(pending.node, now_ns);
        };
        let lag_max = self.settings.bounds.lag_slots_max;
        self.problems.remove(&About::Node(pending.node));
        if self.slot > slot.saturating_add(lag_max) {
            self.nodes.fault(pending.node, now_ns);
        } else {
            self.nodes.good(pending.node, now_ns);
            if self.slot > 0 && slot > self.slot.saturating_add(lag_max) {
                self.leave(Cause::Lagging, now_ns, asks);
            }
        }
    }

    fn take_tip(&mut self, end: &Fetched<'_>, outcome: &Outcome<'_>) {
        // The answer is a list, no JSON-RPC; the decoder has read it.
        let is_taken = matches!(end, Fetched::Answer { status: 200..=299, .. });
        if is_taken {
            self.problems.remove(&About::Tip);
            return;
        }
        self.counts.failed += 1;
        if let Outcome::Forbidden(status) = outcome {
            self.clocks.tip_ns = u64::MAX;
            let text = format!("the level of tips is refused with status {status}");
            self.problems.insert(About::Tip, text);
        }
    }

    fn take_result(
        &mut self,
        tag: u64,
        pending: &Pending,
        result: &RawValue,
        now_ns: u64,
        asks: &mut Asks,
    ) {
        self.problems.remove(&About::Node(pending.node));
        match pending.what {
            What::Locate(index) if self.tasks[index].tag == Some(tag) => {
                self.tasks[index].tag = None;
                self.take_location(index, result, now_ns, asks);
            }
            What::Read(index) if self.tasks[index].tag == Some(tag) => {
                self.tasks[index].tag = None;
                self.suspect(now_ns);
                self.take_read(index, now_ns, asks);
            }
            What::Check => {
                self.counts.checks += 1;
                self.suspect(now_ns);
            }
            What::Locate(_) | What::Read(_) | What::Slot | What::Fees | What::Tip => {
                self.problems.remove(&About::Fees);
            }
        }
    }

    /// A pool's account: what else it needs, or what is wrong with it.
    fn take_location(&mut self, index: usize, result: &RawValue, now_ns: u64, asks: &mut Asks) {
        let bounds = self.settings.bounds;
        let Some(AccountAnswer { slot, account }) = AccountAnswer::read(result, &mut self.reader)
        else {
            return self.try_again(index, now_ns);
        };
        let task = &mut self.tasks[index];
        match task.locate(slot, account) {
            Ok(()) => {
                self.problems.remove(&About::Pool(index));
                task.aim_at_account(&bounds);
                task.enter(Stage::Subscribe, now_ns);
                self.advance(index, now_ns, asks);
            }
            Err(problem) => {
                task.retry_ns = now_ns.saturating_add(bounds.refused_retry_ns);
                self.problems.insert(About::Pool(index), problem);
            }
        }
    }

    /// Everything that a pool needs; the decoder has had it.
    fn take_read(&mut self, index: usize, now_ns: u64, asks: &mut Asks) {
        let pool = *self.tasks[index].pool();
        if self.decoder.is_live(&pool) {
            self.problems.remove(&About::Pool(index));
            self.tasks[index].enter(Stage::Live, now_ns);
            // The price may have left the window meanwhile: then the same again.
            self.follow(index, &pool, now_ns, asks);
            if self.tasks[index].stage == Stage::Live {
                self.release(asks);
            }
            return;
        }
        self.counts.failed += 1;
        let text = format!("pool {pool}: the accounts read for it contradict each other");
        self.problems.insert(About::Pool(index), text);
        self.try_again(index, now_ns);
        let tries = self.tasks[index].tries;
        if tries >= self.settings.bounds.faults_max && self.nodes.has_others() {
            self.leave(Cause::VenueError, now_ns, asks);
        }
    }

    fn try_again(&mut self, index: usize, now_ns: u64) {
        let tries = self.tasks[index].tries;
        let wait_ns = self.retry_in_ns(tries);
        let task = &mut self.tasks[index];
        task.tries = tries.saturating_add(1);
        task.retry_ns = now_ns.saturating_add(wait_ns);
    }

    fn take_failure(
        &mut self,
        tag: u64,
        pending: &Pending,
        outcome: &Outcome<'_>,
        now_ns: u64,
        asks: &mut Asks,
    ) {
        let index = match pending.what {
            What::Locate(index) | What::Read(index) if self.tasks[index].tag == Some(tag) => {
                self.tasks[index].tag = None;
                self.try_again(index, now_ns);
                Some(index)
            }
            What::Locate(_) | What::Read(_) | What::Check | What::Slot | What::Fees | What::Tip => {
                None
            }
        };
        match outcome {
            Outcome::Failed => self.note_fault(pending.node, now_ns, asks),
            Outcome::Unhealthy if self.nodes.has_others() => {
                self.leave(Cause::Lagging, now_ns, asks);
            }
            Outcome::Unhealthy | Outcome::Result(_) => {}
            Outcome::Behind => {
                let tries = index.map_or(0, |index| self.tasks[index].tries);
                let is_too_far = tries >= self.settings.bounds.behind_tries_max;
                // A comparison asks for a slot far back: a node that is not even there lags.
                let lags = is_too_far || pending.what == What::Check;
                if lags && self.nodes.has_others() {
                    self.leave(Cause::Lagging, now_ns, asks);
                }
            }
            Outcome::Limited(wait_ms) => self.limited(*wait_ms, now_ns, asks),
            Outcome::Forbidden(status) if pending.what == What::Fees => {
                self.no_fees(&format!("with status {status}"));
            }
            Outcome::Forbidden(status) => self.forbidden(pending, *status, now_ns, asks),
            Outcome::TooLarge => self.too_large(index, now_ns),
            Outcome::Refused(code) if pending.what == What::Fees => {
                self.no_fees(&format!("with error {code}"));
            }
            Outcome::Refused(code) => {
                if let Some(index) = index {
                    self.refuse(index, &format!("the read with error {code}"), now_ns);
                }
            }
        }
    }

    /// The node cannot say what transactions pay: it is not asked again on this connection.
    fn no_fees(&mut self, how: &str) {
        self.clocks.fees_ns = u64::MAX;
        let host = self.host(self.nodes.current());
        let text = format!("node {host} refuses recent priority fees {how}");
        self.problems.insert(About::Fees, text);
    }

    /// Too many requests: quiet for as long as the node asks, or another node.
    fn limited(&mut self, wait_ms: Option<u64>, now_ns: u64, asks: &mut Asks) {
        self.counts.limited += 1;
        let wait_ns = wait_ms.map_or(LIMITED_NS, |ms| ms.saturating_mul(1_000_000));
        let until_ns = now_ns.saturating_add(wait_ns);
        let clocks = &mut self.clocks;
        clocks.quiet_until_ns = clocks.quiet_until_ns.max(until_ns);
        // What is asked for again and again is what can wait.
        let later = until_ns.saturating_add(self.settings.bounds.check_every_ns);
        if clocks.check_ns < later {
            clocks.check_ns = later;
        }
        if clocks.fees_ns < later {
            clocks.fees_ns = later;
        }
        let is_waiting = self.tasks.iter().any(|task| task.stage != Stage::Live);
        if is_waiting && wait_ns > QUIET_BEARABLE_NS && self.nodes.has_others() {
            self.clocks.quiet_until_ns = 0;
            self.nodes.block(self.nodes.current(), until_ns);
            self.leave(Cause::Limited, now_ns, asks);
        }
    }

    /// A node that does not want us.
    fn forbidden(&mut self, pending: &Pending, status: u16, now_ns: u64, asks: &mut Asks) {
        let bounds = self.settings.bounds;
        let host = self.host(pending.node);
        let text = format!("node {host} refuses requests with status {status}: is its key right?");
        self.problems.insert(About::Node(pending.node), text);
        self.nodes.block(pending.node, now_ns.saturating_add(bounds.blocked_ns));
        if pending.node != self.nodes.current() {
            return;
        }
        if self.nodes.has_others() {
            return self.leave(Cause::Unauthorized, now_ns, asks);
        }
        let until_ns = now_ns.saturating_add(bounds.refused_retry_ns);
        self.clocks.quiet_until_ns = self.clocks.quiet_until_ns.max(until_ns);
    }

    /// The answer, or the request, is too large for the node or for us.
    fn too_large(&mut self, index: Option<usize>, now_ns: u64) {
        match index {
            // What belongs to one pool must come in one answer.
            Some(index) => self.refuse(index, "so many accounts at once", now_ns),
            None => self.keys_max = (self.keys_max / 2).max(KEYS_LEAST),
        }
    }

    fn refuse(&mut self, index: usize, what: &str, now_ns: u64) {
        let (pool, host) = (*self.tasks[index].pool(), self.host(self.nodes.current()));
        let text = format!("pool {pool}: node {host} refuses {what}");
        self.problems.insert(About::Pool(index), text);
        let task = &mut self.tasks[index];
        task.retry_ns = now_ns.saturating_add(self.settings.bounds.refused_retry_ns);
    }

    /// The node refuses to tell of an account.
    pub(super) fn refused(&mut self, key: &Pubkey, code: i64, now_ns: u64, asks: &mut Asks) {
        self.counts.failed += 1;
        let owner = self.tasks.iter().position(|task| task.keys.contains(key));
        if let Some(index) = owner {
            let (pool, host) = (*self.tasks[index].pool(), self.host(self.nodes.current()));
            let text =
                format!("pool {pool}: node {host} refuses the subscription to {key}, error {code}");
            self.problems.insert(About::Pool(index), text);
        }
        self.leave(Cause::VenueError, now_ns, asks);
    }
}
