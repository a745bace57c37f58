//! The subscriptions of one connection: what was asked for, and what the node confirmed.

use std::collections::BTreeMap;

use connector_net::session::Asks;
use solana_pubkey::Pubkey;

use super::rpc;
use super::settings::{Encoding, SECOND_NS};
use crate::decoder::Answered;

/// Times that a subscription is asked for before the connection is given up.
const TRIES_MAX: u32 = 2;

/// One account.
#[derive(Clone, Copy, Debug)]
struct Sub {
    /// Id of the newest request.
    id: u64,
    is_confirmed: bool,
    /// When the request can have left. Unit: Unix nanoseconds.
    asked_ns: u64,
    tries: u32,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Slots,
    Account(Pubkey),
    End,
}

/// What the answer to a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// One more subscription holds.
    Confirmed,
    /// The node refuses to tell of this account.
    Refused(Pubkey, i64),
    /// The node refuses to tell its slots: without them nothing can be judged.
    NoSlots(i64),
    /// Nothing of interest.
    Nothing,
}

/// All of a connection.
#[derive(Debug)]
pub(super) struct Subs {
    encoding: Encoding,
    sends_per_s: u32,
    within_ns: u64,
    list: BTreeMap<Pubkey, Sub>,
    slots: Option<Sub>,
    requests: BTreeMap<u64, Request>,
    /// Ids never come again, so that a late answer is never taken for another.
    last_id: u64,
}

impl Subs {
    pub(super) fn new(encoding: Encoding, sends_per_s: u32, within_ns: u64) -> Self {
        Self {
            encoding,
            sends_per_s,
            within_ns,
            list: BTreeMap::new(),
            slots: None,
            requests: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// The connection ended, and every subscription with it.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.slots = None;
        self.requests.clear();
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// When a frame asked for now can leave: behind those that wait for the budget.
    fn leaves_ns(&self, now_ns: u64) -> u64 {
        let waiting = self.requests.len() as u64;
        now_ns.saturating_add(waiting * SECOND_NS / u64::from(self.sends_per_s.max(1)))
    }

    /// Asks for slots.
    pub(super) fn want_slots(&mut self, now_ns: u64, asks: &mut Asks) {
        let tries = self.slots.map_or(0, |slots| slots.tries) + 1;
        let asked_ns = self.leaves_ns(now_ns);
        let id = self.next_id();
        self.slots = Some(Sub { id, is_confirmed: false, asked_ns, tries });
        self.requests.insert(id, Request::Slots);
        asks.send(rpc::subscribe_slots(id));
    }

    /// Asks for an account, unless that was done.
    pub(super) fn want(&mut self, key: &Pubkey, now_ns: u64, asks: &mut Asks) {
        if !self.list.contains_key(key) {
            self.ask(key, 1, now_ns, asks);
        }
    }

    fn ask(&mut self, key: &Pubkey, tries: u32, now_ns: u64, asks: &mut Asks) {
        let asked_ns = self.leaves_ns(now_ns);
        let id = self.next_id();
        self.list.insert(*key, Sub { id, is_confirmed: false, asked_ns, tries });
        self.requests.insert(id, Request::Account(*key));
        asks.send(rpc::subscribe(id, key, self.encoding));
    }

    /// Ends a subscription, whose number the node gave.
    pub(super) fn end(&mut self, key: &Pubkey, subscription: Option<u64>, asks: &mut Asks) {
        self.list.remove(key);
        if let Some(subscription) = subscription {
            let id = self.next_id();
            self.requests.insert(id, Request::End);
            asks.send(rpc::unsubscribe(id, subscription));
        }
    }

    /// Ends a subscription that tells nothing any more and makes it anew. In this order: a node may
    /// give the same number to the same request, and would end the new one with the old.
    pub(super) fn again(
        &mut self,
        key: &Pubkey,
        subscription: Option<u64>,
        now_ns: u64,
        asks: &mut Asks,
    ) {
        self.end(key, subscription, asks);
        self.ask(key, 1, now_ns, asks);
    }

    pub(super) fn is_asked(&self, key: &Pubkey) -> bool {
        self.list.contains_key(key)
    }

    pub(super) fn is_confirmed(&self, key: &Pubkey) -> bool {
        self.list.get(key).is_some_and(|sub| sub.is_confirmed)
    }

    /// Addresses that were asked for.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Pubkey> {
        self.list.keys()
    }

    /// Takes the answer to a request.
    pub(super) fn answered(&mut self, answered: Answered) -> Told {
        let Answered { id, outcome } = answered;
        match (self.requests.remove(&id), outcome) {
            (Some(Request::Slots), Ok(())) => {
                if let Some(slots) = &mut self.slots {
                    slots.is_confirmed = true;
                }
                Told::Confirmed
            }
            (Some(Request::Slots), Err(code)) => Told::NoSlots(code),
            (Some(Request::Account(key)), outcome) => {
                let Some(sub) = self.list.get_mut(&key).filter(|sub| sub.id == id) else {
                    return Told::Nothing;
                };
                match outcome {
                    Ok(()) => {
                        sub.is_confirmed = true;
                        Told::Confirmed
                    }
                    Err(code) => Told::Refused(key, code),
                }
            }
            (Some(Request::End) | None, _) => Told::Nothing,
        }
    }

    /// When the first request is late; `u64::MAX` where none is open.
    pub(super) fn due_ns(&self) -> u64 {
        let open = self.list.values().chain(&self.slots).filter(|sub| !sub.is_confirmed);
        open.map(|sub| sub.asked_ns.saturating_add(self.within_ns)).min().unwrap_or(u64::MAX)
    }

    /// Asks again for what was not answered in time. False: that was done before.
    pub(super) fn ask_late(&mut self, now_ns: u64, asks: &mut Asks) -> bool {
        if now_ns < self.due_ns() {
            return true;
        }
        let within_ns = self.within_ns;
        let is_late =
            |sub: &Sub| !sub.is_confirmed && now_ns >= sub.asked_ns.saturating_add(within_ns);
        let late: Vec<_> = self.list.iter().filter(|(_, sub)| is_late(sub)).collect();
        let late: Vec<_> = late.into_iter().map(|(key, sub)| (*key, sub.tries)).collect();
        let slots = self.slots.filter(is_late);
        if late.iter().map(|(_, tries)| *tries).chain(slots.map(|sub| sub.tries)).any(is_last) {
            return false;
        }
        for (key, tries) in late {
            self.ask(&key, tries + 1, now_ns, asks);
        }
        if slots.is_some() {
            self.want_slots(now_ns, asks);
        }
        true
    }
}

const fn is_last(tries: u32) -> bool {
    tries >= TRIES_MAX
}
