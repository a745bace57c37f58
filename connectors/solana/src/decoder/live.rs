//! What a live connection asks its decoder: where pools stand, which frames are due, what was
//! answered.

use connector_net::books::BookState;
use connector_net::decode::Sink;
use solana_pubkey::Pubkey;

use super::known::Missed;
use super::pools::Arrival;
use super::{Provisional, SolanaDecoder, Subscribed};

/// How a request on the connection was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Id of the request.
    pub(crate) id: u64,
    /// Error code of the node; 0 where it names none.
    pub(crate) outcome: Result<(), i64>,
}

impl SolanaDecoder {
    /// Whether a pool's price may be told before its slot is over. Off unless set: a recording is
    /// read as its connection was.
    pub fn set_provisional(&mut self, provisional: Provisional) {
        self.feed.pools.provisional = provisional;
    }

    /// A mint of other decimals than these lets no pool be traded; takes effect with
    /// [`Self::judge_mints`].
    pub fn expect_decimals(&mut self, mint: Pubkey, decimals: u8) {
        self.feed.mints.expect_decimals(mint, decimals);
    }

    /// When [`Self::publish_due`] has something to publish; `u64::MAX` for never. Unit: Unix
    /// nanoseconds.
    #[must_use]
    pub fn next_due_ns(&self) -> u64 {
        self.feed.pools.next_due_ns()
    }

    /// Publishes the accounts that have been held for the hold time, as the next input would.
    pub fn publish_due(&mut self, now_ns: u64, out: &mut Sink) {
        self.feed.pools.publish_overdue(now_ns, out);
    }

    /// Highest slot that this connection has shown; 0 before the first.
    #[must_use]
    pub const fn slot(&self) -> u64 {
        self.feed.slot_highest
    }

    /// Whether the pool at this address has a state that is not in doubt.
    #[must_use]
    pub fn is_live(&self, pool: &Pubkey) -> bool {
        self.feed.pools.live_market(pool).is_some()
    }

    /// Tick of a live pool, of the newest account that was told.
    #[must_use]
    pub fn tick(&self, pool: &Pubkey) -> Option<i32> {
        let state = self.live_state(pool)?;
        Some(state.held_account.or(state.complete)?.tick_current_index)
    }

    /// Whether the state of a pool includes what stands at this address, if only that nothing does.
    #[must_use]
    pub fn knows(&self, pool: &Pubkey, part: &Pubkey) -> bool {
        self.live_state(pool).is_some_and(|state| state.known.contains_key(part))
    }

    /// When a notification last told this part of a live pool; 0 for never. Unit: Unix nanoseconds.
    #[must_use]
    pub fn streamed_ns(&self, part: &Pubkey) -> u64 {
        let role = self.feed.pools.role(part);
        role.and_then(|role| self.feed.pools.states.get(role.pool)?.known.get(part))
            .map_or(0, |known| known.streamed_ns)
    }

    /// Takes the accounts of which answers have shown more than the stream.
    pub fn take_missed(&mut self) -> Vec<Missed> {
        core::mem::take(&mut self.feed.pools.missed)
    }

    /// Answers agreeing with what was streamed, so far.
    #[must_use]
    pub const fn agreed(&self) -> u64 {
        self.feed.pools.agreed
    }

    /// What the decoder holds of a pool is not what the reader of its events holds: the next answer
    /// with the pool is published whatever it says.
    pub fn distrust(&mut self, pool: &Pubkey) {
        if let Some(role) = self.feed.pools.role(pool)
            && let Some(state) = self.feed.pools.states.get_mut(role.pool)
            && state.state == BookState::Live
        {
            state.forget();
            state.state = BookState::Doubted;
        }
    }

    /// The subscription that the node gave for an address; the newest where there are several.
    #[must_use]
    pub fn subscription(&self, pubkey: &Pubkey) -> Option<u64> {
        let wanted = Subscribed::Account(*pubkey);
        let of_key =
            self.feed.subscriptions.iter().filter(|(_, subscribed)| **subscribed == wanted);
        of_key.map(|(id, _)| *id).next_back()
    }

    /// Whether a live pool's own account has come since this was last asked, published or held.
    pub(crate) fn take_moved(&mut self) -> bool {
        core::mem::take(&mut self.feed.pools.moved)
    }

    /// How the last input answered a request on the connection, if it did.
    pub(crate) fn take_answered(&mut self) -> Option<Answered> {
        self.answered.take()
    }

    fn live_state(&self, pool: &Pubkey) -> Option<&super::pools::PoolState> {
        self.feed.pools.live_market(pool)?;
        let role = self.feed.pools.role(pool)?;
        self.feed.pools.states.get(role.pool)
    }
}

impl super::Feed {
    /// A subscription has ended; what it told of a pool is no longer kept current.
    pub(super) fn unsubscribed(&mut self, id: u64, arrival: Arrival, out: &mut Sink) {
        let Some(Subscribed::Account(pubkey)) = self.subscriptions.remove(&id) else { return };
        let still = Subscribed::Account(pubkey);
        if !self.subscriptions.values().any(|other| *other == still) {
            self.pools.forget_part(&pubkey, arrival, out);
        }
    }
}
