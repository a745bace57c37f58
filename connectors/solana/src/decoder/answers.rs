//! HTTP answers: the bootstrap of pools and mints, and recent priority fees.

use connector_net::books::{BookState, Refusal, frame_text};
use connector_net::{Odd, Sink};
use engine_model::{Body, DoubtReason, Event, ParamKey};
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use super::SolanaDecoder;
use super::pools::{Arrival, Part, Role, Shown};
use super::wire::{self, Frame, InContext, RecentFee, Value};
use crate::address;
use crate::layout::{self, AccountKind, MintAccount, TOKEN_ACCOUNT_BYTES};

/// Which of the recent slots' fees becomes the level: the nearest rank at this percentile. The node
/// reports the least fee that landed in a slot, so the median would miss half of all slots.
pub const PRIORITY_FEE_PERCENTILE: usize = 75;

/// Most accounts of one answer; nodes take at most a hundred.
const KEYS_MAX: usize = 1_024;

/// Most mints remembered: two for each of a connection's markets.
const MINTS_MAX: usize = 2_048;

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
        for account in &answered {
            self.learn_mint(account);
        }
        self.judge(&answered, slot, arrival, out);
        let shown: Vec<_> = answered.iter().map(|one| (one.pubkey, one.shown())).collect();
        for (pubkey, account) in &shown {
            self.answered(pubkey, *account, (slot, complete), &shown, (arrival, out));
        }
        Ok(())
    }

    /// Says of each pool in the answer whether its mints let it be traded.
    fn judge(&self, answered: &[Answered], slot: u64, arrival: Arrival, out: &mut Sink) {
        if self.accepted.is_none() {
            return;
        }
        for one in answered {
            let Some((market, mints)) = self.feed.pools.market_and_mints(&one.pubkey) else {
                continue;
            };
            let is_tradable = mints.iter().all(|mint| self.is_mint_accepted(mint));
            out.push(arrival.stamp(slot), market, Body::Status { tradable: u8::from(is_tradable) });
            out.close(arrival.line);
        }
    }

    /// Owner and data; `None` for a value that cannot be decoded.
    fn decode_value(&mut self, value: Value<'_>) -> Option<(Pubkey, Vec<u8>)> {
        let text = value.into_text()?;
        let data = self.reader.read(&text.data, text.encoding).ok()?;
        Some((text.owner, data.to_vec()))
    }

    fn learn_mint(&mut self, account: &Answered) {
        let Some((owner, data)) = &account.shown else { return };
        // Vaults and other token accounts belong to the same programs.
        let is_token_account = data.len() == TOKEN_ACCOUNT_BYTES
            || data.get(TOKEN_ACCOUNT_BYTES).is_some_and(|kind| *kind == 2);
        if !address::is_token_program(owner) || is_token_account {
            return;
        }
        match MintAccount::parse(data) {
            Ok(mint) if self.mints.len() < MINTS_MAX => {
                self.mints.insert(account.pubkey, mint);
            }
            Ok(_) => self.feed.counts.add(Odd::BufferFull),
            Err(_) => self.feed.counts.add(Odd::BadAccount),
        }
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
            let Some(pool) = layout::pool_of(data) else { return };
            if shown.iter().any(|(key, _)| *key == pool) {
                return; // Applied with its pool.
            }
            match feed.role_of(pubkey, account) {
                Some(role) if feed.pools.state(role.pool) == BookState::Live => {
                    feed.pools.hold(role, pubkey, slot, account, (arrival, &mut feed.counts, out));
                }
                Some(_) => feed.counts.add(Odd::BeforeSnapshot),
                None => feed.counts.add(Odd::UnknownMarket),
            }
            return;
        }
        let Some(position) = feed.pools.find_pool(pubkey) else {
            return feed.counts.add(Odd::UnknownMarket);
        };
        if feed.pools.state(position) == BookState::Live {
            if slot < feed.pools.newest_slot(position) {
                return feed.counts.add(Odd::StaleUpdate);
            }
            feed.counts.add(Odd::RepeatSnapshot);
        }
        let done = if complete {
            feed.pools.bootstrap((position, pubkey), slot, shown, arrival, out)
        } else {
            Err(super::pools::Refused::Bad)
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
