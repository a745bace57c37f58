//! The venue's messages as types: the path that takes every frame.

use connector_net::scan::{Bounded, Integer, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What every message has. Error messages have a `type` and no `channel`.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) channel: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) timestamp: Option<Text<'a>>,
    pub(crate) sequence_num: Option<u64>,
    #[serde(borrow)]
    pub(crate) events: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Text<'a>>,
}

/// One event of `l2_data`.
#[derive(Deserialize)]
pub(crate) struct BookEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) updates: Bounded<BookLevel<'a>>,
}

/// One level: the size now resting at a price.
#[derive(Deserialize)]
pub(crate) struct BookLevel<'a> {
    #[serde(borrow)]
    pub(crate) side: Text<'a>,
    #[serde(borrow)]
    pub(crate) event_time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) price_level: Text<'a>,
    #[serde(borrow)]
    pub(crate) new_quantity: Text<'a>,
}

/// One event of `market_trades`.
#[derive(Deserialize)]
pub(crate) struct TradesEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) trades: Bounded<Trade<'a>>,
}

/// A trade print; `side` is the maker's.
#[derive(Deserialize)]
pub(crate) struct Trade<'a> {
    #[serde(rename = "trade_id")]
    pub(crate) id: Integer,
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) price: Text<'a>,
    #[serde(borrow)]
    pub(crate) size: Text<'a>,
    #[serde(borrow)]
    pub(crate) side: Text<'a>,
    #[serde(borrow)]
    pub(crate) time: Text<'a>,
}

/// One event of `ticker` or `ticker_batch`.
#[derive(Deserialize)]
pub(crate) struct TickersEvent<'a> {
    #[serde(borrow)]
    pub(crate) tickers: Bounded<Ticker<'a>>,
}

/// Last price and, outside `ticker_batch`, best prices.
#[derive(Deserialize)]
pub(crate) struct Ticker<'a> {
    #[serde(borrow)]
    pub(crate) product_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) price: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) best_bid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) best_ask: Option<Text<'a>>,
}

/// One event of `status`.
#[derive(Deserialize)]
pub(crate) struct StatusEvent<'a> {
    #[serde(borrow)]
    pub(crate) products: Bounded<Status<'a>>,
}

/// Whether a product trades.
#[derive(Deserialize)]
pub(crate) struct Status<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) status: Text<'a>,
}

/// One event of `heartbeats`. Its `current_time` is a Go runtime string, not read.
#[derive(Deserialize)]
pub(crate) struct Heartbeat {
    pub(crate) heartbeat_counter: Integer,
}
