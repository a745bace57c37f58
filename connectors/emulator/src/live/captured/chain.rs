//! Frames of a node: slots and accounts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use solana_pubkey::Pubkey;

use super::CapturedCounts;
use super::line::Line;
use crate::chain::{Account, Ledger};

/// Subscriptions that are remembered; a client follows some dozens of accounts.
const SUBSCRIPTIONS_MAX: usize = 4_096;

/// Largest account after decompression: far above a tick array's ten kilobytes.
const ACCOUNT_BYTES_MAX: usize = 1 << 20;

/// What is remembered between frames.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// Accounts that were asked for, by the request's id.
    asked: BTreeMap<u64, Pubkey>,
    /// Accounts by subscription.
    subscribed: BTreeMap<u64, Pubkey>,
    /// Slots that were made while the recording stood still.
    added_slots: u64,
    newest_slot: u64,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    method: String,
    params: Option<Notified>,
    id: Option<u64>,
    result: Option<Value>,
}

#[derive(Deserialize)]
struct Notified {
    result: Value,
    #[serde(default)]
    subscription: u64,
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    method: String,
    #[serde(default)]
    params: Vec<Value>,
}

#[derive(Deserialize)]
struct RawAccount {
    lamports: u64,
    data: [String; 2],
    owner: String,
    #[serde(default)]
    executable: bool,
}

impl Accounts {
    /// Plays one line. True when it was an answer with a pool's accounts.
    pub(super) fn take(
        &mut self,
        now_ns: u64,
        line: &Line,
        ledger: &mut Ledger,
        counts: &mut CapturedCounts,
    ) -> bool {
        let played = match line {
            Line::Sent(text) => self.sent(text),
            Line::Received(text) => self.received(now_ns, text, ledger, counts),
            Line::Http(_, request, answer) => {
                self.answered(now_ns, request, answer, ledger, counts)
            }
            Line::Other => Some(()),
        };
        if played.is_none() {
            counts.malformed += 1;
        }
        matches!(line, Line::Http(..)) && !ledger.pools().is_empty()
    }

    /// A slot that no recording shows.
    pub(super) fn next_slot(&mut self, now_ns: u64, ledger: &mut Ledger) {
        self.added_slots += 1;
        self.put_slot(now_ns, self.newest_slot + 1, ledger);
    }

    fn put_slot(&mut self, now_ns: u64, slot: u64, ledger: &mut Ledger) {
        self.newest_slot = self.newest_slot.max(slot);
        ledger.put_slot(now_ns, slot);
    }

    fn sent(&mut self, text: &str) -> Option<()> {
        let request: Request = serde_json::from_str(text).ok()?;
        if request.method == "accountSubscribe" && self.asked.len() < SUBSCRIPTIONS_MAX {
            let key = request.params.first()?.as_str()?.parse().ok()?;
            self.asked.insert(request.id, key);
        }
        Some(())
    }

    fn received(
        &mut self,
        now_ns: u64,
        text: &str,
        ledger: &mut Ledger,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let frame: Frame = serde_json::from_str(text).ok()?;
        match (frame.method.as_str(), frame.params) {
            ("slotNotification", Some(told)) => {
                let slot = told.result.get("slot")?.as_u64()?;
                self.put_slot(now_ns, slot + self.added_slots, ledger);
            }
            ("accountNotification", Some(told)) => {
                let slot = context(&told.result)? + self.added_slots;
                let key = *self.subscribed.get(&told.subscription)?;
                let account = account(told.result.get("value")?)?;
                self.put_slot(now_ns, slot, ledger);
                ledger.put_account(now_ns, slot, key, account);
            }
            _ => {
                let subscription = frame.result.as_ref().and_then(Value::as_u64);
                let key = frame.id.and_then(|id| self.asked.remove(&id));
                match subscription.zip(key) {
                    Some((subscription, key)) if self.subscribed.len() < SUBSCRIPTIONS_MAX => {
                        self.subscribed.insert(subscription, key);
                    }
                    _ => counts.other += 1,
                }
            }
        }
        Some(())
    }

    fn answered(
        &mut self,
        now_ns: u64,
        request: &str,
        answer: &str,
        ledger: &mut Ledger,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let request: Request = serde_json::from_str(request).ok()?;
        if request.method != "getMultipleAccounts" {
            counts.other += 1;
            return Some(());
        }
        let answer: Frame = serde_json::from_str(answer).ok()?;
        let result = answer.result?;
        let slot = context(&result)? + self.added_slots;
        let keys = request.params.first()?.as_array()?;
        let mut accounts = Vec::new();
        for (key, value) in keys.iter().zip(result.get("value")?.as_array()?) {
            let key: Pubkey = key.as_str()?.parse().ok()?;
            accounts.push((key, account(value)?));
        }
        // Mints before pools: a pool is known by its mints' decimals.
        accounts.sort_by_key(|(_, account)| account.as_ref().map_or(0, |it| it.data.len()));
        self.put_slot(now_ns, slot, ledger);
        for (key, account) in accounts {
            ledger.put_account(now_ns, slot, key, account);
        }
        Some(())
    }
}

/// The slot that a line shows.
pub(super) fn slot_of(line: &Line) -> Option<u64> {
    let text = match line {
        Line::Received(text) | Line::Http(_, _, text) => text,
        Line::Sent(_) | Line::Other => return None,
    };
    let frame: Frame = serde_json::from_str(text).ok()?;
    let result = frame.params.map(|told| told.result).or(frame.result)?;
    result.get("slot").and_then(Value::as_u64).or_else(|| context(&result))
}

fn context(result: &Value) -> Option<u64> {
    result.get("context")?.get("slot")?.as_u64()
}

/// An account as JSON; the inner `None` where the chain has none.
#[expect(clippy::option_option, reason = "unreadable, absent and present are three things")]
fn account(value: &Value) -> Option<Option<Account>> {
    if value.is_null() {
        return Some(None);
    }
    let raw: RawAccount = serde_json::from_value(value.clone()).ok()?;
    let [data, encoding] = &raw.data;
    let bytes = STANDARD.decode(data).ok()?;
    let data = match encoding.as_str() {
        "base64" => bytes,
        "base64+zstd" => zstd::bulk::decompress(&bytes, ACCOUNT_BYTES_MAX).ok()?,
        _ => return None,
    };
    Some(Some(Account {
        lamports: raw.lamports,
        owner: raw.owner.parse().ok()?,
        data,
        is_executable: raw.executable,
    }))
}
