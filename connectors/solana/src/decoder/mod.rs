//! Frames of a node's JSON-RPC connection to batches of events.
//!
//! # What makes a batch
//!
//! The accounts of a pool (itself, its tick arrays, its oracle) come in separate frames without a
//! mark on the last one. They are held and published together once the connection shows a later
//! slot, or after the hold time by the receive time of the next input. A pool starts with the answer
//! to `getMultipleAccounts`; frames that come earlier wait for it, those older than it are dropped.
//! A slot below one already shown is another fork: the pool is in doubt until the next such answer.
//!
//! # Which account is what
//!
//! A notification carries a subscription id only, so requests and answers are followed to know its
//! address. What an account says of itself (pool, first tick) must lead back to that address, which
//! is checked once; after that the address may not change its meaning.

mod answers;
mod early;
mod hold;
mod known;
mod live;
mod mints;
mod pools;
mod tips;
mod wire;

use std::collections::BTreeMap;

use connector_net::books::{BookState, ReadPath, Refusal, frame_text};
use connector_net::{Decoder, Input, Markets, Odd, OddCounts, Sink};
use engine_model::{Body, DoubtReason, Event};
use solana_pubkey::Pubkey;

use self::early::{Early, EarlyFrame};
use self::mints::Mints;
use self::pools::{Arrival, Part, Pools, Role, Shown};
use self::wire::{AccountFrame, Frame, SlotParams, SlotResult};
use crate::address;
use crate::data::DataReader;
use crate::layout::{self, AccountKind, MintAccount, MintPowers};

pub use answers::PRIORITY_FEE_PERCENTILE;
pub use known::Missed;
pub(crate) use live::Answered;
pub(crate) use wire::AccountAnswer;

/// How long a pool's accounts wait for a later slot unless told otherwise: two slots. Unit: ms.
pub const HOLD_MS_DEFAULT: u64 = 800;

/// Most requests without an answer, and most subscriptions. Nodes allow fewer on one connection.
const SUBSCRIPTIONS_MAX: usize = 1_024;

/// What is expected of a pool, beyond its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolExpected {
    /// Address of the pool.
    pub pool: Pubkey,
    /// Programs that may own its accounts.
    pub programs: Vec<Pubkey>,
    /// Its token A.
    pub mint_a: Pubkey,
    /// Its token B.
    pub mint_b: Pubkey,
}

/// Whether a pool's own account is published before its slot is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provisional {
    /// Everything waits for the end of the slot.
    #[default]
    Off,
    /// An account that comes alone is published at once, with [`engine_model::Flags::PROVISIONAL`],
    /// where its liquidity is unchanged and no initialised tick lies between the last complete price
    /// and its own; pools with an adaptive fee, whose fee comes with another account, never.
    On,
}

/// A request that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscribed {
    Account(Pubkey),
    Slots,
    /// The end of a subscription.
    End(u64),
}

/// Decoder of one connection to a node.
#[derive(Debug)]
pub struct SolanaDecoder {
    reader: DataReader,
    path: ReadPath,
    feed: Feed,
    /// Sent and not yet answered, by request id.
    requests: BTreeMap<u64, Subscribed>,
    /// How the last input answered a request.
    answered: Option<Answered>,
}

/// Everything but the reader, whose answer is borrowed while this changes.
#[derive(Debug)]
struct Feed {
    pools: Pools,
    counts: OddCounts,
    /// By subscription id.
    subscriptions: BTreeMap<u64, Subscribed>,
    mints: Mints,
    early: Early,
    slot_highest: u64,
}

impl SolanaDecoder {
    /// A decoder for the pools in `markets`, whose symbols are pool addresses.
    ///
    /// A pool of `expected` must have one of the programs and the mints given there; a pool of an
    /// open table that is not listed may belong to either known deployment.
    #[must_use]
    pub fn new(markets: Markets, expected: Vec<PoolExpected>, hold_ms: u64) -> Self {
        Self {
            reader: DataReader::default(),
            path: ReadPath::default(),
            feed: Feed {
                pools: Pools::new(markets, expected, hold_ms),
                counts: OddCounts::default(),
                subscriptions: BTreeMap::new(),
                mints: Mints::default(),
                early: Early::default(),
                slot_highest: 0,
            },
            requests: BTreeMap::new(),
            answered: None,
        }
    }

    /// From now on each bootstrap says in a [`engine_model::Body::Status`] whether the pool may be
    /// traded: only when both mints were shown, neither takes a transfer fee (the sizing does not
    /// model one), and each one's powers are among those accepted for it by name.
    pub fn judge_mints(&mut self, accepted: impl IntoIterator<Item = (Pubkey, MintPowers)>) {
        self.feed.mints.accept(accepted);
    }

    /// Reads frames this way from now on.
    pub fn set_read_path(&mut self, path: ReadPath) {
        self.path = path;
    }

    /// What others may do to holders of a mint; `None` while no answer has shown it.
    #[must_use]
    pub fn mint_powers(&self, mint: &Pubkey) -> Option<MintPowers> {
        self.feed.mints.get(mint).map(|mint| mint.powers)
    }

    /// A mint that an answer has shown.
    #[must_use]
    pub fn mint(&self, mint: &Pubkey) -> Option<&MintAccount> {
        self.feed.mints.get(mint)
    }

    fn connected(&mut self, arrival: Arrival, out: &mut Sink) {
        self.requests.clear();
        self.feed.subscriptions.clear();
        self.feed.early.clear();
        self.feed.slot_highest = 0;
        self.feed.pools.restart(arrival, out);
    }

    /// Remembers which subscription a request asks for.
    fn sent(&mut self, text: &[u8]) {
        let Some((id, method, params)) = wire::request(text) else {
            self.feed.counts.add(Odd::BadShape);
            return;
        };
        let subscribed = match &*method {
            "accountSubscribe" => match wire::first_key(params) {
                Some(key) => Subscribed::Account(key),
                None => return self.feed.counts.add(Odd::BadShape),
            },
            "slotSubscribe" => Subscribed::Slots,
            "accountUnsubscribe" => match wire::first_number(params) {
                Some(id) => Subscribed::End(id),
                None => return self.feed.counts.add(Odd::BadShape),
            },
            // Whatever else is sent has no notifications that this decoder reads.
            _ => return,
        };
        if self.requests.len() >= SUBSCRIPTIONS_MAX {
            return self.feed.counts.add(Odd::BufferFull);
        }
        self.requests.insert(id, subscribed);
    }

    fn received(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Sink) {
        if self.path == ReadPath::FastThenTyped && self.scanned(bytes, arrival, out) {
            return;
        }
        let text = match frame_text(bytes) {
            Ok(text) => text,
            Err(refusal) => return self.feed.unreadable(refusal, arrival, out),
        };
        match serde_json::from_str::<Frame<'_>>(text) {
            Ok(frame) => self.typed(&frame, arrival, out),
            Err(error) => self.feed.unreadable(Refusal::of_json(&error), arrival, out),
        }
    }

    /// The allocation-free readers. False: neither takes the frame.
    fn scanned(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Sink) -> bool {
        if let Some(frame) = wire::scan_account(bytes)
            && let Some(account) = &frame.account
            // Text that is no base64 may still be JSON with escapes.
            && let Ok(data) = self.reader.read(&account.data, account.encoding)
        {
            self.feed.counts.fast += 1;
            let shown = Shown::existing(account.owner, data);
            self.feed.account(frame.subscription, frame.slot, shown, arrival, out);
            return true;
        }
        let slot = wire::scan_slot(bytes);
        if let Some(slot) = &slot {
            self.feed.slot(slot, arrival, out);
        }
        slot.is_some()
    }

    fn typed(&mut self, frame: &Frame<'_>, arrival: Arrival, out: &mut Sink) {
        let params = frame.params.map_or("null", |params| params.get());
        match frame.method.as_ref().map(|method| &*method.0) {
            Some("accountNotification") => {
                self.feed.counts.typed += 1;
                match wire::typed_account(params) {
                    Some(frame) => self.typed_account(&frame, arrival, out),
                    None => self.feed.unreadable(Refusal::BAD_SHAPE, arrival, out),
                }
            }
            Some("slotNotification") => match serde_json::from_str::<SlotParams>(params) {
                Ok(params) => self.feed.slot(&params.result, arrival, out),
                Err(_) => self.feed.counts.add(Odd::BadShape),
            },
            Some(_) => self.feed.counts.add(Odd::UnknownChannel),
            None => self.answer(frame, arrival, out),
        }
    }

    fn typed_account(&mut self, frame: &AccountFrame<'_>, arrival: Arrival, out: &mut Sink) {
        let AccountFrame { subscription, slot, account } = frame;
        let shown = match account {
            None => None,
            Some(account) => match self.reader.read(&account.data, account.encoding) {
                Ok(data) => Shown::existing(account.owner, data),
                Err(_) => return self.feed.undecodable(*subscription, *slot, arrival, out),
            },
        };
        self.feed.account(*subscription, *slot, shown, arrival, out);
    }

    /// The answer to a request on the connection.
    fn answer(&mut self, frame: &Frame<'_>, arrival: Arrival, out: &mut Sink) {
        if let Some(error) = frame.error {
            if let Some(id) = frame.id() {
                // A subscription that cannot be ended is none.
                if let Some(Subscribed::End(subscription)) = self.requests.remove(&id) {
                    self.feed.unsubscribed(subscription, arrival, out);
                }
                self.answered = Some(Answered { id, outcome: Err(wire::error_code(error)) });
            }
            return self.feed.counts.add(Odd::VenueError);
        }
        let (Some(id), Some(result)) = (frame.id(), frame.result) else {
            return self.feed.counts.add(Odd::BadShape);
        };
        self.answered = Some(Answered { id, outcome: Ok(()) });
        // Others than subscriptions are answered too; what is not asked for here is left alone.
        let Some(subscribed) = self.requests.remove(&id) else { return };
        if let Subscribed::End(subscription) = subscribed {
            return self.feed.unsubscribed(subscription, arrival, out);
        }
        match serde_json::from_str::<u64>(result.get()) {
            Ok(_) if self.feed.subscriptions.len() >= SUBSCRIPTIONS_MAX => {
                self.feed.counts.add(Odd::BufferFull);
            }
            Ok(subscription) => drop(self.feed.subscriptions.insert(subscription, subscribed)),
            Err(_) => self.feed.counts.add(Odd::BadShape),
        }
    }
}

impl Feed {
    /// A frame that may have been any pool's.
    fn unreadable(&mut self, refusal: Refusal, arrival: Arrival, out: &mut Sink) {
        self.counts.add(refusal.odd);
        self.pools.doubt_all(refusal.doubt, arrival, out);
    }

    /// A notification whose data text is no data.
    fn undecodable(&mut self, subscription: u64, slot: u64, arrival: Arrival, out: &mut Sink) {
        self.counts.add(Odd::BadAccount);
        if let Some(Subscribed::Account(pubkey)) = self.subscriptions.get(&subscription)
            && let Some(role) = self.pools.role(pubkey)
        {
            self.pools.doubt(role.pool, DoubtReason::BadAccount, slot, arrival, out);
        }
    }

    fn account(
        &mut self,
        subscription: u64,
        slot: u64,
        shown: Option<Shown<'_>>,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        let Some(Subscribed::Account(pubkey)) = self.subscriptions.get(&subscription).copied()
        else {
            return self.counts.add(Odd::UnknownMarket);
        };
        self.pools.publish_before(slot, arrival.recv_ns, out);
        let Some(role) = self.role_of(&pubkey, shown) else {
            return self.other_account(&pubkey, slot, shown, arrival, out);
        };
        self.pools.note_streamed(role, &pubkey, arrival.recv_ns);
        if self.pools.state(role.pool) == BookState::Live {
            self.pools.hold(role, &pubkey, slot, shown, (arrival, &mut self.counts, out));
        } else if !self.early.keep(EarlyFrame::of(role, pubkey, slot, shown)) {
            self.counts.add(Odd::BufferFull);
        }
    }

    /// An account that is no part of a pool: a mint, or what fees are set by.
    fn other_account(
        &mut self,
        pubkey: &Pubkey,
        slot: u64,
        shown: Option<Shown<'_>>,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        match shown {
            Some(shown) if address::is_token_program(&shown.owner) => {
                if self.mints.learn(pubkey, &shown.owner, shown.data, &mut self.counts) {
                    self.judge_pools_of(pubkey, slot, arrival, out);
                }
            }
            // What a pool's fee is stands in the pool; these say what new pools begin with.
            Some(shown) if known::is_fee_account(shown.data) => {}
            Some(_) | None => self.counts.add(Odd::UnknownMarket),
        }
    }

    /// What an address stands for: as learned, else as its account says.
    fn role_of(&mut self, pubkey: &Pubkey, shown: Option<Shown<'_>>) -> Option<Role> {
        if let Some(role) = self.pools.role(pubkey) {
            return Some(role);
        }
        let data = shown?.data;
        let part = match AccountKind::of(data)? {
            AccountKind::Pool => {
                let pool = self.pools.find_pool(pubkey)?;
                return Some(Role { pool, part: Part::Pool });
            }
            AccountKind::FixedTickArray | AccountKind::DynamicTickArray => {
                let start = data.get(8..)?.first_chunk::<4>()?;
                Part::Array { start_tick_index: i32::from_le_bytes(*start) }
            }
            AccountKind::Oracle => Part::Oracle,
            AccountKind::FeeTier | AccountKind::AdaptiveFeeTier | AccountKind::Config => {
                return None;
            }
        };
        // Believed for now; whether address and content fit is checked before it is applied.
        let pool = self.pools.find_pool(&layout::pool_of(data)?)?;
        Some(Role { pool, part })
    }

    fn slot(&mut self, result: &SlotResult, arrival: Arrival, out: &mut Sink) {
        let slot = result.slot;
        self.pools.publish_before(slot, arrival.recv_ns, out);
        if slot < self.slot_highest {
            self.counts.add(Odd::SlotBackwards);
        }
        self.slot_highest = self.slot_highest.max(slot);
        let body = Body::Slot { parent: result.parent, root: result.root };
        out.push(arrival.stamp(slot), Event::NO_MARKET, body);
        // Whatever this connection watches holds at that slot. A pool whose subscription the node
        // did not confirm could have changed unseen.
        for subscribed in self.subscriptions.values() {
            if let Subscribed::Account(pubkey) = subscribed
                && let Some(market) = self.pools.live_market(pubkey)
            {
                out.push(arrival.stamp(slot), market, body);
            }
        }
        out.close(arrival.line);
    }
}

impl Decoder for SolanaDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        let arrival = Arrival { recv_ns, line };
        self.answered = None;
        // What we say ourselves shows nothing of the chain, and what it is decoded for is not read.
        if !matches!(input, Input::Sent(_)) {
            self.feed.pools.publish_overdue(recv_ns, out);
        }
        match input {
            Input::Connected | Input::Closed => self.connected(arrival, out),
            Input::Sent(text) => self.sent(text),
            Input::Received(bytes) => {
                self.feed.counts.frames += 1;
                self.received(bytes, arrival, out);
            }
            Input::Http { url, body, .. } if tips::is_tip_floor(url) => {
                self.feed.counts.frames += 1;
                tips::publish(body, arrival, &mut self.feed.counts, out);
            }
            Input::Http { request, body, .. } => {
                self.feed.counts.frames += 1;
                self.http(request, body, arrival, out);
            }
        }
        assert_eq!(out.open_len(), 0, "every event belongs to a closed batch");
    }

    fn counts(&self) -> &OddCounts {
        &self.feed.counts
    }

    fn markets(&self) -> &Markets {
        &self.feed.pools.markets
    }
}
