//! HTTP answers: the bootstrap of pools and mints, and recent priority fees.

use connector_net::books::{BookState, Refusal, frame_text};
use connector_net::{Odd, Sink};
use engine_model::{Body, DoubtReason, Event, ParamKey};
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use super::pools::{Arrival, Part, Role, Shown};
use super::wire::{self, Frame, InContext, RecentFee, Value};
use super::{Feed, SolanaDecoder, Subscribed};
use crate::layout::{self, AccountKind};

/// Which of the recent slots' fees becomes the level: the nearest rank at this percentile. The node
/// reports the least fee that landed in a slot, so the median would miss half of all slots.
pub const PRIORITY_FEE_PERCENTILE: usize = 75;

/// Most accounts of one answer; nodes take at most a hundred.
const KEYS_MAX: usize = 1_024;

/// An account of an answer, decoded.
struct Answered {
    pubkey: Pubkey,
    shown: Option<(Pubkey, Vec<u8>)>,
}

impl Answered {
    fn shown(&self) -> Option<Shown<'_>> {
        let (owner, data) = self.shown.as_ref()?;
        Shown::existing(*owner, data)
    }
}

impl SolanaDecoder {
    pub(super) fn http(&mut self, request: &[u8], body: &[u8], arrival: Arrival, out: &mut Sink) {
        let Some((_, method, params)) = wire::request(request) else {
            return self.feed.counts.add(Odd::BadShape);
        };
        let is_bootstrap = match &*method {
            "getMultipleAccounts" => true,
            "getRecentPrioritizationFees" => false,
            // Asked to find a pool, and to compare nodes: no event follows from them.
            "getAccountInfo" | "getSlot" => return,
            _ => return self.feed.counts.add(Odd::UnknownChannel),
        };
        let refusal = match frame_text(body).map(serde_json::from_str::<Frame<'_>>) {
            Ok(Ok(Frame { error: Some(_), .. })) => return self.feed.counts.add(Odd::VenueError),
            Ok(Ok(Frame { result: Some(result), .. })) => {
                let done = if is_bootstrap {
                    self.bootstrap(params, result, arrival, out)
                } else {
                    recent_fees(result, arrival, out)
                };
                return done.unwrap_or_else(|refusal| self.feed.counts.add(refusal.odd));
            }
            Ok(Ok(_)) => Refusal::BAD_SHAPE,
            Ok(Err(error)) => Refusal::of_json(&error),
            Err(refusal) => refusal,
        };
        // An answer that cannot be read changes no pool: what it would have replaced still holds.
        self.feed.counts.add(refusal.odd);
    }

    fn bootstrap(
        &mut self,
        params: Option<&RawValue>,
        result: &RawValue,
        arrival: Arrival,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let keys = wire::key_list(params).ok_or(Refusal::BAD_SHAPE)?;
        let answer: InContext<Vec<Option<Value<'_>>>> =
            serde_json::from_str(result.get()).map_err(|error| Refusal::of_json(&error))?;
        let slot = answer.context.slot;
        if keys.len() != answer.value.len() || keys.len() > KEYS_MAX {
            return Err(Refusal::BAD_SHAPE);
        }
        let mut answered = Vec::with_capacity(keys.len());
        let mut complete = true;
        for (pubkey, value) in keys.into_iter().zip(answer.value) {
            let shown = match value.map(|value| self.decode_value(value)) {
                Some(None) => {
                    complete = false;
                    self.feed.counts.add(Odd::BadAccount);
                    None
                }
                Some(Some(shown)) => Some(shown),
                None => None,
            };
            answered.push(Answered { pubkey, shown });
        }
        let feed = &mut self.feed;
        for Answered { pubkey, shown } in &answered {
            if let Some((owner, data)) = shown {
                feed.mints.learn(pubkey, owner, data, &mut feed.counts);
            }
        }
        for one in &answered {
            feed.judge(&one.pubkey, slot, arrival, out);
        }
        let shown: Vec<_> = answered.iter().map(|one| (one.pubkey, one.shown())).collect();
        let is_of_parts = shown
            .iter()
            .all(|(key, _)| !matches!(feed.pools.role(key), Some(Role { part: Part::Pool, .. })));
        if is_of_parts {
            feed.pools.learn_absent_of_live(&shown);
        }
        for (pubkey, account) in &shown {
            self.answered(pubkey, *account, (slot, complete), &shown, (arrival, out));
        }
        Ok(())
    }

    /// Owner and data; `None` for a value that cannot be decoded.
    fn decode_value(&mut self, value: Value<'_>) -> Option<(Pubkey, Vec<u8>)> {
        let text = value.into_text()?;
        let data = self.reader.read(&text.data, text.encoding).ok()?;
        Some((text.owner, data.to_vec()))
    }

    /// Applies one account of an answer: a pool starts anew with all of its accounts in the answer,
    /// an array or oracle without its pool is an update.
    fn answered(
        &mut self,
        pubkey: &Pubkey,
        account: Option<Shown<'_>>,
        (slot, complete): (u64, bool),
        shown: &[(Pubkey, Option<Shown<'_>>)],
        (arrival, out): (Arrival, &mut Sink),
    ) {
        let feed = &mut self.feed;
        let data = account.map_or(&[][..], |shown| shown.data);
        let is_known_pool = matches!(feed.pools.role(pubkey), Some(Role { part: Part::Pool, .. }))
            || feed.pools.expects(pubkey);
        if !is_known_pool && AccountKind::of(data) != Some(AccountKind::Pool) {
            return feed.answered_part(pubkey, account, slot, shown, (arrival, out));
        }
        let Some(position) = feed.pools.find_pool(pubkey) else {
            return feed.counts.add(Odd::UnknownMarket);
        };
        let is_live = feed.pools.state(position) == BookState::Live;
        let done = if !complete {
            Err(super::pools::Refused::Bad)
        } else if is_live {
            let subscriptions = &feed.subscriptions;
            let subscribed =
                |key: &Pubkey| subscriptions.values().any(|one| *one == Subscribed::Account(*key));
            let merged = (arrival, &mut feed.counts, &mut *out);
            feed.pools.merge((position, pubkey), slot, shown, &subscribed, merged)
        } else {
            feed.pools.bootstrap((position, pubkey), slot, shown, arrival, out)
        };
        if done.is_err() {
            feed.counts.add(Odd::BadAccount);
            return feed.pools.doubt(position, DoubtReason::BadAccount, slot, arrival, out);
        }
        self.apply_early(position, slot, arrival, out);
    }

    /// Applies the frames that came before the bootstrap and are not older than it, as one batch:
    /// only the newest of each account was kept, so only all of them together are a state.
    fn apply_early(&mut self, position: usize, slot: u64, arrival: Arrival, out: &mut Sink) {
        let feed = &mut self.feed;
        let frames = feed.early.take(position);
        let newest = frames.iter().map(|frame| frame.slot).max().unwrap_or(0);
        for frame in frames {
            if frame.slot < slot {
                feed.counts.add(Odd::StaleUpdate);
            } else {
                let held = (arrival, &mut feed.counts, &mut *out);
                feed.pools.hold(frame.role, &frame.pubkey, newest, frame.shown(), held);
            }
        }
    }
}

impl Feed {
    /// Applies an array or oracle of an answer that may lack its pool.
    fn answered_part(
        &mut self,
        pubkey: &Pubkey,
        account: Option<Shown<'_>>,
        slot: u64,
        shown: &[(Pubkey, Option<Shown<'_>>)],
        (arrival, out): (Arrival, &mut Sink),
    ) {
        let named = account.and_then(|account| layout::pool_of(account.data));
        let known = self.pools.role(pubkey).filter(|role| role.part != Part::Pool);
        let pool = named.or_else(|| known.map(|role| self.pools.states[role.pool].pubkey));
        let Some(pool) = pool else { return };
        if shown.iter().any(|(key, _)| *key == pool) {
            return; // Applied with its pool.
        }
        match self.role_of(pubkey, account) {
            Some(role) if self.pools.state(role.pool) == BookState::Live => {
                let merged = (arrival, &mut self.counts, out);
                self.pools.merge_part(role, pubkey, slot, account, merged);
            }
            Some(_) => self.counts.add(Odd::BeforeSnapshot),
            None => self.counts.add(Odd::UnknownMarket),
        }
    }

    /// Says of a configured pool whether its mints let it be traded.
    fn judge(&self, pool: &Pubkey, slot: u64, arrival: Arrival, out: &mut Sink) {
        if !self.mints.are_judged() {
            return;
        }
        let Some((market, mints)) = self.pools.market_and_mints(pool) else { return };
        let is_tradable = mints.iter().all(|mint| self.mints.is_accepted(mint));
        out.push(arrival.stamp(slot), market, Body::Status { tradable: u8::from(is_tradable) });
        out.close(arrival.line);
    }

    /// The same of every configured pool with this mint.
    pub(super) fn judge_pools_of(
        &self,
        mint: &Pubkey,
        slot: u64,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        for pool in self.pools.expected_with(mint) {
            self.judge(pool, slot, arrival, out);
        }
    }
}

/// Publishes the level that the recent slots' fees stand for.
fn recent_fees(result: &RawValue, arrival: Arrival, out: &mut Sink) -> Result<(), Refusal> {
    let slots: Vec<RecentFee> =
        serde_json::from_str(result.get()).map_err(|error| Refusal::of_json(&error))?;
    let Some(newest) = slots.iter().map(|fee| fee.slot).max() else { return Ok(()) };
    let mut fees: Vec<u64> = slots.iter().map(|fee| fee.prioritization_fee).collect();
    fees.sort_unstable();
    // Nearest rank, rounded up: at least that share of the slots asked for no more.
    let rank = (fees.len() * PRIORITY_FEE_PERCENTILE).div_ceil(100);
    let body = Body::Param { key: ParamKey::PriorityFee, value: fees[rank - 1] };
    out.push(arrival.stamp(newest), Event::NO_MARKET, body);
    out.close(arrival.line);
    Ok(())
}
