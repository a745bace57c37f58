//! One update and both best prices: our book, ordered maps and the books of three libraries.

use std::collections::BTreeMap;

use barter_data::books::{Level, OrderBook as BarterBook};
use barter_data::subscription::book::OrderBookEvent;
use benches::streams::{self, Stream, Update};
use engine_core::market::book::Book;
use engine_model::Side;
use hftbacktest::depth::{L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use nautilus_model::data::{BookOrder, OrderBookDelta};
use nautilus_model::enums::{BookAction, BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::OrderBook as NautilusBook;
use nautilus_model::types::{Price, Quantity};
use rust_decimal::Decimal;

use crate::turns::{Item, Target, Work};

/// Updates in one turn. The slowest side needs some microseconds for each.
const UPDATES: usize = 100;

/// A book fed with its own form of the updates. That form is made beforehand.
trait Reader {
    type Form;
    fn form(update: &Update) -> Self::Form;
    /// Applies one update; the sum of both best prices in ticks, so that they are read.
    fn apply(&mut self, update: &Self::Form) -> u64;
}

struct Fed<B: Reader> {
    book: B,
    updates: Vec<B::Form>,
}

impl<B: Reader> Fed<B> {
    fn new(mut book: B, stream: &Stream) -> Self {
        for update in &stream.snapshot {
            book.apply(&B::form(update));
        }
        Self { book, updates: stream.updates.iter().map(B::form).collect() }
    }
}

impl<B: Reader> Work for Fed<B> {
    fn prepare(&mut self, _turn: usize) {}

    fn run(&mut self, turn: usize) -> u64 {
        let end = self.updates.len().min((turn + 1) * UPDATES);
        let mut sum = 0_u64;
        for update in &self.updates[turn * UPDATES..end] {
            sum = sum.wrapping_add(self.book.apply(update));
        }
        sum
    }
}

impl Reader for Book {
    type Form = Update;

    fn form(update: &Update) -> Update {
        *update
    }

    #[inline]
    fn apply(&mut self, update: &Update) -> u64 {
        let changed = self.set(update.side, update.price_ticks, update.size_lots);
        assert!(changed.is_ok(), "streams stay in range");
        let bid = self.best(Side::Bid).map_or(0, |level| level.price_ticks);
        let ask = self.best(Side::Ask).map_or(0, |level| level.price_ticks);
        bid.wrapping_add(ask)
    }
}

/// What one writes first.
#[derive(Default)]
struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Reader for Maps {
    type Form = Update;

    fn form(update: &Update) -> Update {
        *update
    }

    #[inline]
    fn apply(&mut self, update: &Update) -> u64 {
        let side = if update.side == Side::Bid { &mut self.bids } else { &mut self.asks };
        if update.size_lots == 0 {
            side.remove(&update.price_ticks.cast_signed());
        } else {
            side.insert(update.price_ticks.cast_signed(), update.size_lots.cast_signed());
        }
        let bid = self.bids.last_key_value().map_or(0, |(price, _)| *price);
        let ask = self.asks.first_key_value().map_or(0, |(price, _)| *price);
        bid.wrapping_add(ask).cast_unsigned()
    }
}

/// Raw nautilus units in a tick of one cent and a lot of 10⁻⁸: it keeps nine places.
const NAUTILUS_TICK: i64 = 10_000_000;
const NAUTILUS_LOT: u64 = 10;

impl Reader for NautilusBook {
    type Form = OrderBookDelta;

    fn form(update: &Update) -> OrderBookDelta {
        let side = if update.side == Side::Bid { OrderSide::Buy } else { OrderSide::Sell };
        let price = Price::from_raw(update.price_ticks.cast_signed() * NAUTILUS_TICK, 2);
        let size = Quantity::from_raw(update.size_lots * NAUTILUS_LOT, 8);
        let action = if update.size_lots == 0 { BookAction::Delete } else { BookAction::Update };
        let order = BookOrder::new(side, price, size, 0);
        let now = 0.into();
        OrderBookDelta::new(nautilus_id(), action, order, 0, 0, now, now)
    }

    #[inline]
    fn apply(&mut self, update: &OrderBookDelta) -> u64 {
        let applied = self.apply_delta(update);
        assert!(applied.is_ok(), "a delta of this book");
        let bid = self.best_bid_price().map_or(0, |price| price.raw / NAUTILUS_TICK);
        let ask = self.best_ask_price().map_or(0, |price| price.raw / NAUTILUS_TICK);
        bid.wrapping_add(ask).cast_unsigned()
    }
}

fn nautilus_id() -> InstrumentId {
    InstrumentId::from("BTC-USD.COINBASE")
}

impl Reader for BarterBook {
    type Form = OrderBookEvent;

    fn form(update: &Update) -> OrderBookEvent {
        let decimal = |units: u64, places| Decimal::from_i128_with_scale(i128::from(units), places);
        let level = Level::new(decimal(update.price_ticks, 2), decimal(update.size_lots, 8));
        let (bids, asks) = match update.side {
            Side::Bid => (vec![level], vec![]),
            Side::Ask => (vec![], vec![level]),
        };
        OrderBookEvent::Update(BarterBook::new(0, None, bids, asks))
    }

    #[inline]
    fn apply(&mut self, update: &OrderBookEvent) -> u64 {
        self.update(update);
        // Prices keep the scale of two places, so that the mantissa is the ticks.
        let ticks = |level: Option<&Level>| level.map_or(0, |level| level.price.mantissa());
        let sum = ticks(self.bids().best()) + ticks(self.asks().best());
        u64::try_from(sum).unwrap_or(u64::MAX)
    }
}

/// As its interface takes it: numbers with a point, and a method for each side.
struct FloatUpdate {
    side: Side,
    price: f64,
    size: f64,
}

const TICK: f64 = 0.01;
const LOT: f64 = 1e-8;

impl Reader for ROIVectorMarketDepth {
    type Form = FloatUpdate;

    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    fn form(update: &Update) -> FloatUpdate {
        let (price, size) = (update.price_ticks as f64 * TICK, update.size_lots as f64 * LOT);
        FloatUpdate { side: update.side, price, size }
    }

    #[inline]
    fn apply(&mut self, update: &FloatUpdate) -> u64 {
        match update.side {
            Side::Bid => self.update_bid_depth(update.price, update.size, 0),
            Side::Ask => self.update_ask_depth(update.price, update.size, 0),
        };
        self.best_bid_tick().wrapping_add(self.best_ask_tick()).cast_unsigned()
    }
}

/// Every side sees the same best prices after every update, there and back again.
fn prove(item: &mut Item) {
    for turn in 0..item.turn_units.len() {
        let mut seen = None;
        for (name, work) in &mut item.sides {
            work.prepare(turn);
            let sum = work.run(turn);
            assert_eq!(*seen.get_or_insert(sum), sum, "{name}, turn {turn}");
        }
    }
}

fn item(stream: &Stream, peers: Vec<(&'static str, Box<dyn Work>)>) -> Item {
    let turn_units = stream.updates.chunks(UPDATES).map(<[Update]>::len).collect();
    let ours: Box<dyn Work> = Box::new(Fed::new(Book::new(), stream));
    let sides = std::iter::once(("ours", ours)).chain(peers).collect();
    let mut item = Item {
        unit: "update",
        turn_units,
        sides,
        targets: vec![],
        less: None,
        notes: vec![format!(
            "{} levels, {} updates and what undoes them; best prices equal after each",
            stream.snapshot.len(),
            stream.updates.len() / 2
        )],
    };
    prove(&mut item);
    item
}

fn maps_and_nautilus(stream: &Stream) -> Vec<(&'static str, Box<dyn Work>)> {
    let nautilus = NautilusBook::new(nautilus_id(), BookType::L2_MBP);
    vec![
        ("BTreeMap", Box::new(Fed::new(Maps::default(), stream))),
        ("nautilus-model", Box::new(Fed::new(nautilus, stream))),
    ]
}

pub(crate) fn btc() -> Item {
    let stream = streams::coinbase_btc();
    let mut item = item(&stream, maps_and_nautilus(&stream));
    item.targets = vec![
        Target { peer: "BTreeMap", at_least: 2.0 },
        Target { peer: "nautilus-model", at_least: 10.0 },
    ];
    item
}

/// Apart from the others: it moves megabytes per insertion, and whoever comes next finds no cache.
pub(crate) fn btc_barter() -> Item {
    let stream = streams::coinbase_btc();
    item(&stream, vec![("barter-data", Box::new(Fed::new(BarterBook::default(), &stream)))])
}

pub(crate) fn near_touch() -> Item {
    let stream = streams::near_touch();
    let mut peers = maps_and_nautilus(&stream);
    // The range of interest holds every price of the stream.
    let depth = ROIVectorMarketDepth::new(TICK, LOT, 9_000.0, 11_000.0);
    peers.push(("hftbacktest", Box::new(Fed::new(depth, &stream))));
    peers.push(("barter-data", Box::new(Fed::new(BarterBook::default(), &stream))));
    let mut item = item(&stream, peers);
    item.targets = vec![Target { peer: "hftbacktest", at_least: 1.0 / 0.6 }];
    item
}
