//! One node: what it shows of the ledger, and what is wrong with it at the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use solana_pubkey::Pubkey;

use super::answer::RpcError;
use super::params::Config;
use crate::chain::{Account, Block, LAG_SLOTS_MAX, Ledger, SharedLedger, is_tick_array};
use crate::happening::Commitment;
use crate::serve::Disturbance;

/// How long a node says that it is unhealthy once it has begun. Unit: nanoseconds of market time.
const MAINTENANCE_NS: u64 = 10_000_000_000;

/// Slots behind the cluster at which a node calls itself unhealthy.
const HEALTHY_SLOTS: u64 = 128;

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    /// As asked for; see [`Trouble::lag`].
    lag_asked: u64,
    /// Tick arrays are missing from answers.
    hides_arrays: bool,
    /// Accounts that are not pools are told so much later. Unit: milliseconds.
    pub(super) split_ms: u64,
    /// Until then nothing but an error is answered. Unit: Unix nanoseconds.
    unhealthy_until_ns: u64,
    /// The key is refused.
    pub(super) refuses_key: bool,
}

impl Trouble {
    /// Slots behind, as far as the ledger remembers.
    pub(super) fn lag(&self) -> u64 {
        self.lag_asked.min(LAG_SLOTS_MAX)
    }
}

/// A node of a ledger.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    ledger: SharedLedger,
    trouble: Mutex<Trouble>,
    /// The key that requests must carry as `api-key` in their query; `None`: nobody asks.
    api_key: Option<String>,
}

/// A node that connections share.
pub(super) type SharedNode = Arc<Node>;

impl Node {
    pub(super) fn new(name: &'static str, ledger: SharedLedger, api_key: Option<String>) -> Self {
        Self { name, ledger, trouble: Mutex::new(Trouble::default()), api_key }
    }

    /// The ledger. A panic elsewhere leaves it readable: it is changed in whole steps.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong at the moment.
    pub(super) fn trouble(&self) -> Trouble {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a disturbance over; false for one that a node does not know.
    pub(super) fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match what {
            Disturbance::SlotLag { slots } => trouble.lag_asked = *slots,
            Disturbance::SplitSlot { delay_ms } => trouble.split_ms = *delay_ms,
            Disturbance::MissingAccounts { is_on } => trouble.hides_arrays = *is_on,
            Disturbance::Maintenance => {
                trouble.unhealthy_until_ns = now_ns.saturating_add(MAINTENANCE_NS);
            }
            Disturbance::AuthExpired => trouble.refuses_key = true,
            Disturbance::AuthRestored => trouble.refuses_key = false,
            Disturbance::CrossedBook { .. }
            | Disturbance::GiantFrame { .. }
            | Disturbance::SubscriptionDropped => return false,
        }
        true
    }

    /// Whether a request's query carries a key that is good now.
    pub(super) fn lets_in(&self, query: &str) -> bool {
        if self.trouble().refuses_key {
            return false;
        }
        let Some(key) = &self.api_key else { return true };
        query.split('&').any(|pair| pair.strip_prefix("api-key=") == Some(key))
    }

    /// The node's own opinion of its health.
    pub(super) fn health(&self, now_ns: u64) -> Result<(), RpcError> {
        let trouble = self.trouble();
        let behind = trouble.lag_asked;
        if now_ns < trouble.unhealthy_until_ns {
            return Err(
                RpcError::new(-32005, "Node is unhealthy").with(json!({ "numSlotsBehind": null }))
            );
        }
        if behind > HEALTHY_SLOTS {
            let message = format!("Node is behind by {behind} slots");
            let data = json!({ "numSlotsBehind": behind });
            return Err(RpcError::new(-32005, message).with(data));
        }
        Ok(())
    }

    /// Whether the node answers nothing but errors.
    pub(super) fn is_down(&self, now_ns: u64) -> bool {
        now_ns < self.trouble().unhealthy_until_ns
    }

    /// The block that an answer is about.
    pub(super) fn bank(&self, ledger: &Ledger, config: &Config) -> Result<Block, RpcError> {
        let commitment = config.commitment.unwrap_or(Commitment::Finalized);
        let bank = ledger.block(commitment, self.trouble().lag());
        match config.min_context_slot {
            Some(least) if bank.slot < least => {
                let message = "Minimum context slot has not been reached";
                Err(RpcError::new(-32016, message).with(json!({ "contextSlot": bank.slot })))
            }
            Some(_) | None => Ok(bank),
        }
    }

    /// An account as this node shows it.
    pub(super) fn account(&self, ledger: &Ledger, key: &Pubkey, slot: u64) -> Option<Arc<Account>> {
        let account = ledger.account(key, slot)?;
        let is_hidden = self.trouble().hides_arrays && is_tick_array(account);
        (!is_hidden).then(|| Arc::clone(account))
    }
}
