//! One pubsub connection: subscriptions and what they bring.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use solana_pubkey::Pubkey;
use std::str::FromStr as _;

use super::answer::{RpcError, envelope};
use super::encode::account_text;
use super::node::SharedNode;
use super::rpc::{Call, read};
use super::subs::{Subscription, Topic, subscription};
use crate::chain::{Ledger, Record};
use crate::happening::{Commitment, Happening};
use crate::serve::{Dialect, Disturbance, Out};

/// Most subscriptions of a connection.
const SUBSCRIPTIONS_MAX: usize = 1_000;

/// First subscription id; a node counts over all its connections, a client cannot tell.
const FIRST_ID: u64 = 23_784;

/// A node that falls behind goes at a quarter of the speed until it is as late as asked for.
const SLOW_SLOTS: u64 = 4;

/// From one ping of the node to the next. Unit: nanoseconds of market time.
const PING_NS: u64 = 30_000_000_000;

/// Most frames that wait because a slot is split: an account of each subscription, over seconds.
const DELAYED_MAX: usize = 16_384;

/// How far each commitment has been told. Unit: slots.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    processed: u64,
    confirmed: u64,
    finalized: u64,
}

impl Told {
    fn of(&mut self, commitment: Commitment) -> &mut u64 {
        match commitment {
            Commitment::Processed => &mut self.processed,
            Commitment::Confirmed => &mut self.confirmed,
            Commitment::Finalized => &mut self.finalized,
        }
    }
}

/// A connection to a node.
pub(super) struct PubSub {
    node: SharedNode,
    subscriptions: BTreeMap<u64, Subscription>,
    next_id: u64,
    told: Told,
    /// Newest slot whose beginning was told, or would have been.
    shown_slot: u64,
    shown_root: u64,
    /// Newest slot that began on the chain.
    head: u64,
    /// Whether the node has lagged and the connection has not caught up.
    is_behind: bool,
    /// Frames that wait for their time (Unix nanoseconds), in order.
    delayed: VecDeque<(u64, String)>,
    ping_ns: u64,
}

impl PubSub {
    pub(super) fn new(node: SharedNode) -> Self {
        Self {
            node,
            subscriptions: BTreeMap::new(),
            next_id: FIRST_ID,
            told: Told::default(),
            shown_slot: 0,
            shown_root: 0,
            head: 0,
            is_behind: false,
            delayed: VecDeque::new(),
            ping_ns: 0,
        }
    }

    /// Answers a request of the client.
    fn answer(&mut self, request: &Value, out: &mut Vec<Out>) {
        let (id, call) = match read(request) {
            Ok((Some(id), call)) => (id, call),
            Ok((None, _)) => return,
            Err((id, error)) => return out.push(Out::Text(envelope(&Err(error), &id))),
        };
        let Call { method, params } = call;
        let params = match params {
            Ok(params) => params,
            Err(error) => return out.push(Out::Text(envelope(&Err(error), &id))),
        };
        let answer = match subscription(&method, &params) {
            Some(Ok(wanted)) => self.subscribe(wanted).map(Value::from),
            Some(Err(error)) => Err(error),
            None if method.ends_with("Unsubscribe") => self.unsubscribe(&method, &params),
            None => Err(RpcError::no_method()),
        };
        out.push(Out::Text(envelope(&answer, &id)));
        if method == "signatureSubscribe" {
            self.signatures(out);
        }
    }

    fn subscribe(&mut self, wanted: Subscription) -> Result<u64, RpcError> {
        // The same thing twice is one subscription, as on a node.
        if let Some((id, _)) = self.subscriptions.iter().find(|(_, known)| **known == wanted) {
            return Ok(*id);
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let message = "Internal Error: Subscription refused. Node subscription limit reached";
            return Err(RpcError::new(-32603, message));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.subscriptions.insert(id, wanted);
        Ok(id)
    }

    fn unsubscribe(&mut self, method: &str, params: &[Value]) -> Result<Value, RpcError> {
        let id = params.first().and_then(Value::as_u64);
        let is_right = id
            .and_then(|id| self.subscriptions.get(&id))
            .is_some_and(|known| known.topic.ends_with() == method);
        match id {
            Some(id) if is_right => {
                self.subscriptions.remove(&id);
                Ok(Value::Bool(true))
            }
            _ => Err(RpcError::invalid_params("Invalid subscription id.")),
        }
    }

    /// A slot has begun on the chain.
    fn slot_began(&mut self, slot: u64, parent: u64, root: u64, out: &mut Vec<Out>) {
        self.head = self.head.max(slot);
        let lag = self.node.trouble().lag();
        if lag == 0 && !self.is_behind {
            self.show_slot(slot, parent, root, out);
            return;
        }
        self.is_behind = true;
        let has_lag = self.head.saturating_sub(self.shown_slot) >= lag;
        if !has_lag && !slot.is_multiple_of(SLOW_SLOTS) {
            return;
        }
        let (slots, root) = {
            let ledger = self.node.ledger();
            let newest = ledger.block(Commitment::Processed, 0).slot;
            let last = if has_lag { newest.saturating_sub(lag) } else { newest };
            let mut slots = ledger.slots_between(self.shown_slot, last);
            slots.truncate(if has_lag { usize::MAX } else { 1 });
            let blocks = slots.iter().filter_map(|slot| ledger.block_of_slot(*slot));
            let slots: Vec<(u64, u64)> = blocks.map(|block| (block.slot, block.parent)).collect();
            (slots, ledger.block(Commitment::Finalized, lag).slot)
        };
        for (slot, parent) in slots {
            self.show_slot(slot, parent, root, out);
        }
        self.catch_up(Commitment::Processed, self.shown_slot, out);
        if lag == 0 {
            self.is_behind = false;
            self.show_slot(slot, parent, root, out);
        }
    }

    fn show_slot(&mut self, slot: u64, parent: u64, root: u64, out: &mut Vec<Out>) {
        self.shown_slot = slot;
        for (id, known) in &self.subscriptions {
            if known.topic == Topic::Slot {
                out.push(Out::Text(format!(
                    "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":\
                     {{\"result\":{{\"slot\":{slot},\"parent\":{parent},\"root\":{root}}},\
                     \"subscription\":{id}}}}}"
                )));
            }
            if known.topic == Topic::Root && root > self.shown_root {
                out.push(Out::Text(format!(
                    "{{\"jsonrpc\":\"2.0\",\"method\":\"rootNotification\",\"params\":\
                     {{\"result\":{root},\"subscription\":{id}}}}}"
                )));
            }
        }
        self.shown_root = self.shown_root.max(root);
    }

    /// Accounts changed, and this connection is up to date.
    fn accounts_changed(&mut self, now_ns: u64, slot: u64, keys: &[[u8; 32]], out: &mut Vec<Out>) {
        let node = SharedNode::clone(&self.node);
        let ledger = node.ledger();
        let split_ms = node.trouble().split_ms;
        let pools = ledger.pools();
        for key in keys {
            let key = Pubkey::new_from_array(*key);
            let texts = self.account_frames(&ledger, &key, slot, Commitment::Processed);
            if split_ms == 0 || pools.contains(&key) {
                out.extend(texts.into_iter().map(Out::Text));
            } else if self.delayed.len() + texts.len() <= DELAYED_MAX {
                let due_ns = now_ns.saturating_add(split_ms.saturating_mul(1_000_000));
                self.delayed.extend(texts.into_iter().map(|text| (due_ns, text)));
            }
        }
        self.told.processed = self.told.processed.max(slot);
    }

    /// Frames for everybody who follows an account at a commitment.
    fn account_frames(
        &self,
        ledger: &Ledger,
        key: &Pubkey,
        slot: u64,
        commitment: Commitment,
    ) -> Vec<String> {
        let mut frames = Vec::new();
        for (id, known) in &self.subscriptions {
            if known.commitment != commitment {
                continue;
            }
            let account = ledger.account(key, slot);
            let (method, is_wanted) = match &known.topic {
                Topic::Account(followed) => ("accountNotification", followed == key),
                Topic::Program(program, filters) => {
                    let fits = account.is_some_and(|account| {
                        account.owner == *program && filters.iter().all(|f| f.fits(account))
                    });
                    ("programNotification", fits)
                }
                Topic::Slot | Topic::Root | Topic::Signature(..) | Topic::Logs(_) => ("", false),
            };
            if !is_wanted {
                continue;
            }
            let gone = crate::chain::Account::wallet(0);
            let account = account.map_or(&gone, AsRef::as_ref);
            // Base58 of more than 128 bytes: the node has nothing to send.
            let Ok(value) = account_text(account, known.encoding, known.slice) else { continue };
            let value = if method == "programNotification" {
                format!("{{\"pubkey\":\"{key}\",\"account\":{value}}}")
            } else {
                value
            };
            frames.push(frame(method, slot, &value, *id));
        }
        frames
    }

    /// Tells what the blocks up to `last` changed that was not told at this commitment.
    fn catch_up(&mut self, commitment: Commitment, last: u64, out: &mut Vec<Out>) {
        let node = SharedNode::clone(&self.node);
        let ledger = node.ledger();
        let after = *self.told.of(commitment);
        for slot in ledger.slots_between(after, last) {
            let changed: Vec<Pubkey> = ledger.changed_in(slot).copied().collect();
            for key in changed {
                let frames = self.account_frames(&ledger, &key, slot, commitment);
                out.extend(frames.into_iter().map(Out::Text));
            }
        }
        let told = self.told.of(commitment);
        *told = (*told).max(last);
    }

    /// Tells everything that has settled.
    fn settle(&mut self, out: &mut Vec<Out>) {
        for commitment in [Commitment::Confirmed, Commitment::Finalized] {
            let lag = self.node.trouble().lag();
            let last = self.node.ledger().block(commitment, lag).slot;
            if last > *self.told.of(commitment) {
                self.catch_up(commitment, last, out);
            }
        }
    }

    /// Tells which followed transactions have got as far as was asked for.
    fn signatures(&mut self, out: &mut Vec<Out>) {
        let follows = |known: &Subscription| matches!(known.topic, Topic::Signature(..));
        if !self.subscriptions.values().any(follows) {
            return;
        }
        let node = SharedNode::clone(&self.node);
        let ledger = node.ledger();
        let lag = node.trouble().lag();
        let mut done = Vec::new();
        for (id, known) in &mut self.subscriptions {
            let Topic::Signature(signature, tells_received) = &mut known.topic else { continue };
            let bank = ledger.block(known.commitment, lag);
            if *tells_received
                && (ledger.is_waiting(signature) || ledger.record(signature, u64::MAX).is_some())
            {
                *tells_received = false;
                let value = "\"receivedSignature\"";
                out.push(Out::Text(frame("signatureNotification", bank.slot, value, *id)));
            }
            if let Some(record) = ledger.record(signature, bank.slot) {
                let value = format!("{{\"err\":{}}}", error_text(record));
                out.push(Out::Text(frame("signatureNotification", record.slot, &value, *id)));
                done.push(*id);
            }
        }
        for id in done {
            self.subscriptions.remove(&id);
        }
    }

    /// Tells the log of a transaction.
    fn logs(&self, id: &[u8; 64], commitment: Commitment, out: &mut Vec<Out>) {
        let ledger = self.node.ledger();
        let Some(record) = ledger.record(id, u64::MAX) else { return };
        for (number, known) in &self.subscriptions {
            let Topic::Logs(mentions) = &known.topic else { continue };
            let is_meant = mentions.is_none_or(|key| record.executed.accounts.contains(&key));
            if known.commitment == commitment && is_meant {
                let logs = Value::from(record.executed.logs.clone());
                let value = format!(
                    "{{\"signature\":\"{}\",\"err\":{},\"logs\":{logs}}}",
                    bs58::encode(id).into_string(),
                    error_text(record)
                );
                out.push(Out::Text(frame("logsNotification", record.slot, &value, *number)));
            }
        }
    }

    /// A notification of a followed pool, and one with an older slot and what the pool was then: without
    /// the first, a pool that nobody has traded lately would not seem to go back.
    fn fork_hint(&self, product: &str, out: &mut Vec<Out>) -> bool {
        let Ok(key) = Pubkey::from_str(product) else { return false };
        let ledger = self.node.ledger();
        let newest = self.told.processed;
        let from = out.len();
        for slot in [newest, newest.saturating_sub(2)] {
            let frames = self.account_frames(&ledger, &key, slot, Commitment::Processed);
            out.extend(frames.into_iter().map(Out::Text));
        }
        out.len() > from
    }

    /// A notification of the oldest followed account, made longer by spaces between its parts.
    fn giant(&self, bytes: usize, out: &mut Vec<Out>) -> bool {
        let followed = self.subscriptions.values().find_map(|known| match &known.topic {
            Topic::Account(key) => Some((*key, known.commitment)),
            Topic::Program(..)
            | Topic::Slot
            | Topic::Root
            | Topic::Signature(..)
            | Topic::Logs(_) => None,
        });
        let Some((key, commitment)) = followed else { return false };
        let ledger = self.node.ledger();
        let slot = ledger.block(commitment, self.node.trouble().lag()).slot;
        let frames = self.account_frames(&ledger, &key, slot, commitment);
        let Some(text) = frames.first() else { return false };
        let spaces = " ".repeat(bytes.saturating_sub(text.len()));
        out.push(Out::Text(text.replacen(",\"params\":", &format!(",{spaces}\"params\":"), 1)));
        true
    }

    /// Frames whose time has come.
    fn release(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        while self.delayed.front().is_some_and(|(due_ns, _)| *due_ns <= now_ns) {
            if let Some((_, text)) = self.delayed.pop_front() {
                out.push(Out::Text(text));
            }
        }
    }
}

fn frame(method: &str, slot: u64, value: &str, id: u64) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{{\"result\":{{\"context\":\
         {{\"slot\":{slot}}},\"value\":{value}}},\"subscription\":{id}}}}}"
    )
}

fn error_text(record: &Record) -> String {
    let error = record.executed.error.as_ref();
    error.map_or_else(
        || "null".to_owned(),
        |error| serde_json::to_string(error).unwrap_or_else(|_| "null".to_owned()),
    )
}

impl Dialect for PubSub {
    fn opened(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        let _ = out;
        let lag = self.node.trouble().lag();
        let ledger = self.node.ledger();
        let at = |commitment| ledger.block(commitment, lag).slot;
        self.told = Told {
            processed: at(Commitment::Processed),
            confirmed: at(Commitment::Confirmed),
            finalized: at(Commitment::Finalized),
        };
        self.shown_slot = self.told.processed;
        self.shown_root = self.told.finalized;
        self.head = ledger.block(Commitment::Processed, 0).slot;
        self.is_behind = lag > 0;
        self.ping_ns = now_ns.saturating_add(PING_NS);
    }

    fn text(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>) {
        let _ = now_ns;
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(batch)) => {
                for request in batch.iter().take(SUBSCRIPTIONS_MAX) {
                    self.answer(request, out);
                }
            }
            Ok(request) => self.answer(&request, out),
            Err(_) => {
                let error = Err(RpcError::new(-32700, "Parse error"));
                out.push(Out::Text(envelope(&error, "null")));
            }
        }
    }

    fn happened(&mut self, now_ns: u64, what: &Happening, out: &mut Vec<Out>) {
        self.release(now_ns, out);
        match what {
            Happening::Slot { slot, parent, root, .. } => {
                self.slot_began(*slot, *parent, *root, out);
                self.settle(out);
                self.signatures(out);
            }
            Happening::Accounts { slot, keys, .. } => {
                // Told later, with the slot that the node has got to.
                if !self.is_behind {
                    self.accounts_changed(now_ns, *slot, keys, out);
                }
            }
            Happening::Signature { signature, commitment, .. } => {
                self.settle(out);
                self.signatures(out);
                self.logs(signature, *commitment, out);
            }
            Happening::Book { .. }
            | Happening::Trade { .. }
            | Happening::Order { .. }
            | Happening::Balance { .. }
            | Happening::Status { .. } => {}
        }
    }

    fn tick(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.release(now_ns, out);
        if now_ns >= self.ping_ns {
            self.ping_ns = now_ns.saturating_add(PING_NS);
            out.push(Out::Ping(Vec::new()));
        }
        self.settle(out);
        self.signatures(out);
    }

    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => self.fork_hint(product, out),
            Disturbance::GiantFrame { bytes } => self.giant(*bytes, out),
            Disturbance::SubscriptionDropped => {
                let followed =
                    |(_, known): &(&u64, &Subscription)| matches!(known.topic, Topic::Account(_));
                let oldest = self.subscriptions.iter().find(followed).map(|(id, _)| *id);
                oldest.and_then(|id| self.subscriptions.remove(&id)).is_some()
            }
            Disturbance::Maintenance
            | Disturbance::AuthExpired
            | Disturbance::AuthRestored
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => self.node.disturb(now_ns, what),
        }
    }
}
