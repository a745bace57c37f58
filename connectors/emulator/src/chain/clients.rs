//! Clients' transactions: from submission over a block to finality.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use solana_pubkey::Pubkey;
use solana_transaction_error::TransactionError;

use super::account::{Account, SYSTEM};
use super::blocks::{BLOCKHASH_BLOCKS, Block, Blocks};
use super::ledger::Ledger;
use super::overlay::{At, Changes, Overlay};
use super::tx::{Budget, ClientTransaction, Executed, process};
use crate::happening::{Commitment, Happening};
use crate::market::Rng;

/// Most transactions that wait for a block: a node's queue, at a scale of a few clients.
const PENDING_MAX: usize = 4_096;

/// Most transactions of clients in a block; the rest waits for the next.
const PER_BLOCK_MAX: usize = 512;

/// Transactions whose outcome is remembered.
const RECORDS_MAX: usize = 8_192;

/// What the faucet begins with. Unit: lamports.
const FAUCET_LAMPORTS: u64 = 500_000_000_000_000_000;

/// Most that one airdrop gives. Unit: lamports.
pub const AIRDROP_LAMPORTS_MAX: u64 = 1_000_000_000_000;

/// Slots without any priority fee. Unit: per 1,000.
const FREE_PERMILLE: u64 = 120;

/// A transaction that landed, and what it did.
#[derive(Clone, Debug)]
pub struct Record {
    /// As it was sent.
    pub transaction: Arc<ClientTransaction>,
    /// The slot that it landed in.
    pub slot: u64,
    /// The block's time. Unit: Unix seconds.
    pub time_s: u64,
    /// What it did.
    pub executed: Executed,
}

/// What a transaction would do.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Why it would fail, or not be taken at all.
    pub error: Option<TransactionError>,
    /// What it would do; `None` where it would not be taken.
    pub executed: Option<Executed>,
    /// Accounts afterwards that it would change; `None`: gone.
    pub changes: BTreeMap<Pubkey, Option<Arc<Account>>>,
}

/// Which blockhash a simulation goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedHash {
    /// The transaction's own, which must be good.
    Own,
    /// Any.
    Replaced,
}

/// Numbers of what became of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Taken into a queue.
    pub submitted: u64,
    /// Already waiting, or already landed.
    pub repeated: u64,
    /// Lost on the way, as the specification demands or because the queue was full.
    pub lost: u64,
    /// Landed and succeeded.
    pub succeeded: u64,
    /// Landed and failed.
    pub failed: u64,
    /// Refused by the leader: expired, or without funds for the fee.
    pub dropped: u64,
}

/// A transaction on its way.
#[derive(Clone, Debug)]
struct Pending {
    transaction: Arc<ClientTransaction>,
    due_slot: u64,
    price: u64,
    arrival: u64,
}

/// A transaction that has landed and is not final.
#[derive(Clone, Debug)]
struct Settling {
    id: [u8; 64],
    slot: u64,
    is_confirmed: bool,
    error: Option<Arc<str>>,
}

/// Every transaction of clients.
#[derive(Debug)]
pub(super) struct Clients {
    faucet: SigningKey,
    slots_max: u64,
    lost_permille: u64,
    pending: Vec<Pending>,
    records: BTreeMap<[u8; 64], Record>,
    order: VecDeque<[u8; 64]>,
    settling: VecDeque<Settling>,
    arrivals: u64,
    counts: ClientCounts,
}

impl Clients {
    pub(super) fn new(seed: u64, slots_max: u64, lost_permille: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"faucet");
        hasher.update(seed.to_le_bytes());
        Self {
            faucet: SigningKey::from_bytes(&hasher.finalize().into()),
            slots_max,
            lost_permille,
            pending: Vec::new(),
            records: BTreeMap::new(),
            order: VecDeque::new(),
            settling: VecDeque::new(),
            arrivals: 0,
            counts: ClientCounts::default(),
        }
    }

    /// The faucet's wallet.
    pub(super) fn faucet(&self) -> (Pubkey, Account) {
        let key = Pubkey::new_from_array(self.faucet.verifying_key().to_bytes());
        (key, Account::wallet(FAUCET_LAMPORTS))
    }

    /// Executes what is due in a block, dearest first. Says what landed.
    pub(super) fn execute(
        &mut self,
        overlay: &mut Overlay<'_>,
        blocks: &Blocks,
        block: &Block,
        at_ns: u64,
    ) -> Vec<Happening> {
        let (mut due, later): (Vec<_>, Vec<_>) =
            self.pending.drain(..).partition(|pending| pending.due_slot <= block.slot);
        self.pending = later;
        due.sort_by_key(|pending| (std::cmp::Reverse(pending.price), pending.arrival));
        if due.len() > PER_BLOCK_MAX {
            self.pending.extend(due.drain(PER_BLOCK_MAX..));
        }
        let mut landed = Vec::new();
        for pending in due {
            let transaction = pending.transaction;
            let is_good = self.fits(&transaction, blocks, block.slot, block.height).is_ok();
            let outcome = if is_good {
                process(overlay, &transaction, block.slot, block.time_s()).ok()
            } else {
                None
            };
            let Some(outcome) = outcome else {
                self.counts.dropped += 1;
                continue;
            };
            overlay.apply(outcome.changes);
            landed.push(self.remember(transaction, block, outcome.executed, at_ns));
        }
        landed
    }

    /// Whether a block of this slot and height may hold a transaction.
    fn fits(
        &self,
        transaction: &ClientTransaction,
        blocks: &Blocks,
        slot: u64,
        height: u64,
    ) -> Result<(), TransactionError> {
        let hash = transaction.message().recent_blockhash().to_bytes();
        let known = blocks.of_hash(&hash, slot).ok_or(TransactionError::BlockhashNotFound)?;
        if height > known.height + BLOCKHASH_BLOCKS {
            return Err(TransactionError::BlockhashNotFound);
        }
        match self.records.get(&transaction.id()) {
            Some(record) if record.slot <= slot => Err(TransactionError::AlreadyProcessed),
            Some(_) | None => Ok(()),
        }
    }

    fn remember(
        &mut self,
        transaction: Arc<ClientTransaction>,
        block: &Block,
        executed: Executed,
        at_ns: u64,
    ) -> Happening {
        let id = transaction.id();
        let error = executed.error.as_ref().map(error_json);
        match error {
            None => self.counts.succeeded += 1,
            Some(_) => self.counts.failed += 1,
        }
        if self.order.len() == RECORDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.records.remove(&oldest);
        }
        let slot = block.slot;
        self.order.push_back(id);
        self.records.insert(id, Record { transaction, slot, time_s: block.time_s(), executed });
        let settling = Settling { id, slot, is_confirmed: false, error: error.clone() };
        self.settling.push_back(settling);
        let commitment = Commitment::Processed;
        Happening::Signature { signature: id, slot, commitment, error, at_ns }
    }

    /// Says which transactions have become confirmed or final with the newest block.
    pub(super) fn settle(&mut self, blocks: &Blocks, at_ns: u64) -> Vec<Happening> {
        let confirmed = blocks.at(Commitment::Confirmed, 0).slot;
        let finalized = blocks.at(Commitment::Finalized, 0).slot;
        let mut told = Vec::new();
        let mut tell = |settling: &Settling, commitment| {
            told.push(Happening::Signature {
                signature: settling.id,
                slot: settling.slot,
                commitment,
                error: settling.error.clone(),
                at_ns,
            });
        };
        for settling in &mut self.settling {
            if settling.slot <= confirmed && !settling.is_confirmed {
                settling.is_confirmed = true;
                tell(settling, Commitment::Confirmed);
            }
            if settling.slot <= finalized {
                tell(settling, Commitment::Finalized);
            }
        }
        self.settling.retain(|settling| settling.slot > finalized);
        told
    }

    /// Puts back what landed in a slot that was abandoned.
    pub(super) fn again(&mut self, slot: u64) {
        self.settling.retain(|settling| settling.slot != slot);
        let back: Vec<[u8; 64]> =
            self.order.iter().filter(|id| self.records[*id].slot == slot).copied().collect();
        self.order.retain(|id| !back.contains(id));
        for id in back {
            let Some(record) = self.records.remove(&id) else { continue };
            match record.executed.error {
                None => self.counts.succeeded -= 1,
                Some(_) => self.counts.failed -= 1,
            }
            self.queue(record.transaction, slot + 1);
        }
    }

    /// What landed in a slot, in order.
    pub(super) fn records_in(&self, slot: u64) -> Vec<&Record> {
        // The newest are last, and slots never fall: only those of later slots are passed by.
        let known = self.order.iter().rev().filter_map(|id| self.records.get(id));
        let newest = known.skip_while(|record| record.slot > slot);
        let mut list: Vec<&Record> = newest.take_while(|record| record.slot == slot).collect();
        list.reverse();
        list
    }

    /// Whether a transaction waits for a block.
    pub(super) fn is_waiting(&self, id: &[u8; 64]) -> bool {
        self.pending.iter().any(|pending| pending.transaction.id() == *id)
    }

    fn queue(&mut self, transaction: Arc<ClientTransaction>, due_slot: u64) {
        if self.pending.len() >= PENDING_MAX {
            self.counts.lost += 1;
            return;
        }
        let budget = Budget::of(transaction.message());
        let price = budget.map_or(0, |budget| budget.price_micro_lamports);
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.pending.push(Pending { transaction, due_slot, price, arrival });
    }

    fn take(&mut self, seed: u64, transaction: ClientTransaction, next_slot: u64) {
        let id = transaction.id();
        if self.is_waiting(&id) || self.records.contains_key(&id) {
            self.counts.repeated += 1;
            return;
        }
        self.counts.submitted += 1;
        let mut name = [0; 8];
        name.copy_from_slice(&id[..8]);
        // Sent again, it gets another chance.
        let mut rng = Rng::new(seed ^ u64::from_le_bytes(name) ^ (self.counts.submitted << 32));
        if rng.chance(self.lost_permille) {
            self.counts.lost += 1;
            return;
        }
        let due_slot = next_slot + rng.between(0, self.slots_max);
        self.queue(Arc::new(transaction), due_slot);
    }
}

/// An error as the RPC states it.
fn error_json(error: &TransactionError) -> Arc<str> {
    serde_json::to_string(error).map_or_else(|_| "\"SanitizeFailure\"".into(), Into::into)
}

impl Ledger {
    /// Sends a transaction to the leaders. It lands with one of the next blocks, or not at all; the
    /// same one again changes nothing.
    pub fn submit(&mut self, transaction: ClientTransaction) {
        let next_slot = self.blocks.newest().slot + u64::from(self.blocks.freeze_ns().is_none());
        self.clients.take(self.seed, transaction, next_slot);
    }

    /// What became of transactions so far.
    #[must_use]
    pub const fn client_counts(&self) -> ClientCounts {
        self.clients.counts
    }

    /// A transaction that landed at or before `slot`.
    #[must_use]
    pub fn record(&self, id: &[u8; 64], slot: u64) -> Option<&Record> {
        self.clients.records.get(id).filter(|record| record.slot <= slot)
    }

    /// What a transaction would do on top of the block of `slot`. Signatures are not looked at.
    #[must_use]
    pub fn simulate(
        &self,
        transaction: &ClientTransaction,
        slot: u64,
        hash: SimulatedHash,
    ) -> Simulated {
        let block = self.blocks.of_slot(slot).copied();
        let block = block.unwrap_or_else(|| self.block(Commitment::Processed, 0));
        let view = At { versions: &self.versions, slot };
        let fits = match hash {
            SimulatedHash::Own => {
                self.clients.fits(transaction, &self.blocks, slot, block.height + 1)
            }
            SimulatedHash::Replaced => Ok(()),
        };
        let outcome =
            fits.and_then(|()| process(&view, transaction, block.slot + 1, block.time_s()));
        match outcome {
            Ok(outcome) => Simulated {
                error: outcome.executed.error.clone(),
                executed: Some(outcome.executed),
                changes: outcome.changes,
            },
            Err(error) => Simulated { error: Some(error), executed: None, changes: Changes::new() },
        }
    }

    /// Gives test funds: a transfer from the faucet, which lands with the next block. Its signature,
    /// or `None` for more than is given at once.
    pub fn airdrop(&mut self, to: &Pubkey, lamports: u64) -> Option<[u8; 64]> {
        if lamports > AIRDROP_LAMPORTS_MAX {
            return None;
        }
        let (faucet, _) = self.clients.faucet();
        let hash = self.block(Commitment::Confirmed, 0).hash;
        // One signer, one program to be read; faucet, receiver, program; one instruction.
        let mut message = vec![1, 0, 1, 3];
        for key in [&faucet, to, &SYSTEM] {
            message.extend(key.to_bytes());
        }
        message.extend(hash);
        message.extend([1, 2, 2, 0, 1, 12]);
        message.extend(2_u32.to_le_bytes());
        message.extend(lamports.to_le_bytes());
        let signature = self.clients.faucet.sign(&message).to_bytes();
        let mut bytes = vec![1];
        bytes.extend(signature);
        bytes.extend(message);
        let transaction = ClientTransaction::decode(&bytes).ok()?;
        let known = self.clients.records.contains_key(&signature);
        if !known {
            let slot = self.blocks.newest().slot;
            self.clients.queue(Arc::new(transaction), slot);
        }
        Some(signature)
    }

    /// Least priority fee of a slot. Unit: micro-lamports per compute unit.
    #[must_use]
    pub fn priority_fee(&self, slot: u64) -> u64 {
        let mut rng = Rng::new(self.seed.rotate_left(29) ^ slot);
        if rng.chance(FREE_PERMILLE) {
            return 0;
        }
        self.priority_fee_micro_lamports * rng.between(60, 140) / 100
    }

    /// Median of tips that landed lately. Unit: lamports.
    #[must_use]
    pub fn tip_lamports(&self) -> u64 {
        let slot = self.block(Commitment::Processed, 0).slot;
        // Changes every few seconds.
        let mut rng = Rng::new(self.seed.rotate_left(41) ^ (slot / 16));
        self.tip_median_lamports * rng.between(80, 130) / 100
    }
}
