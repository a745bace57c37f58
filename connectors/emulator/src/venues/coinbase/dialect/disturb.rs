//! Faults that only the venue's own frames can express.

use super::{CLOSE_AWAY, Channel, Connection, Event, wire};
use crate::happening::{Change, E8, Side};
use crate::serve::{Disturbance, Out};

/// About what a row of a book takes in a frame. Unit: bytes.
const ROW_BYTES: usize = 100;

/// Where the rows of a giant frame begin: far above any book. Unit: e8.
const FAR_E8: u64 = 100_000_000 * E8;

/// Rows of a giant frame at most: a few hundred megabytes of text.
const ROWS_MAX: usize = 4_000_000;

impl Connection {
    pub(super) fn express(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => self.cross(now_ns, product, out),
            Disturbance::GiantFrame { bytes } => self.send_giant(now_ns, *bytes, out),
            Disturbance::Maintenance => {
                if self.subscriptions.has(Channel::Status) {
                    self.show_status(now_ns, Event::Update, None, out);
                }
                self.close(CLOSE_AWAY, "server is going away", out);
                true
            }
            Disturbance::AuthExpired => {
                // A token counts when it is sent; what it has opened ends only with an error.
                if self.subscriptions.has(Channel::User) {
                    self.subscriptions.remove(Channel::User, &[]);
                    self.forget_unsubscribed();
                    self.refuse(now_ns, "authentication failure", out);
                }
                true
            }
            Disturbance::AuthRestored => true,
            Disturbance::SubscriptionDropped => self.drop_one(),
            Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => false,
        }
    }

    /// A bid one tick above the best ask.
    fn cross(&mut self, now_ns: u64, product: &str, out: &mut Vec<Out>) -> bool {
        if !self.subscriptions.covers(Channel::Level2, product) {
            return false;
        }
        let price_e8 = {
            let exchange = self.desk.exchange();
            let best = exchange.levels(product, Side::Ask, 1).first().map(|level| level.0);
            let tick = exchange.product(product).map_or(1, |product| product.tick_e8);
            best.map(|ask| ask + tick)
        };
        let Some(price_e8) = price_e8 else { return false };
        let change = Change { side: Side::Bid, price_e8, size_e8: E8 };
        let event = wire::levels(Event::Update, product, now_ns, &[change]);
        self.send(now_ns, Channel::Level2, &event, out);
        true
    }

    /// Deletes of levels that no book has: as large as wanted, and nothing changes.
    fn send_giant(&mut self, now_ns: u64, bytes: usize, out: &mut Vec<Out>) -> bool {
        let Some(product) = self.subscriptions.products(Channel::Level2).first().cloned() else {
            return false;
        };
        let rows = (bytes / ROW_BYTES + 1).min(ROWS_MAX);
        let far = (FAR_E8..).step_by(1_000_000);
        let changes: Vec<Change> = far
            .take(rows)
            .map(|price_e8| Change { side: Side::Ask, price_e8, size_e8: 0 })
            .collect();
        let event = wire::levels(Event::Update, &product, now_ns, &changes);
        self.send(now_ns, Channel::Level2, &event, out);
        true
    }

    /// Ends one subscription without a word: of the channels, the one that matters most.
    fn drop_one(&mut self) -> bool {
        let order = [
            Channel::Level2,
            Channel::User,
            Channel::MarketTrades,
            Channel::Ticker,
            Channel::TickerBatch,
            Channel::Candles,
            Channel::Status,
            Channel::Heartbeats,
        ];
        let found = order.into_iter().find(|channel| self.subscriptions.has(*channel));
        let Some(channel) = found else { return false };
        let first: Vec<String> =
            self.subscriptions.products(channel).iter().take(1).cloned().collect();
        self.subscriptions.remove(channel, &first);
        self.forget_unsubscribed();
        true
    }
}
