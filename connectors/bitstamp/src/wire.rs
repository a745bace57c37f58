//! The venue's messages as types: the path that takes every message.

use connector_net::scan::{Bounded, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What every frame has.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) event: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) channel: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
}

/// A diff, and the answer of the REST order book.
#[derive(Deserialize)]
pub(crate) struct Book<'a> {
    #[serde(borrow)]
    pub(crate) microtimestamp: Text<'a>,
    #[serde(borrow)]
    pub(crate) bids: Bounded<Level<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Bounded<Level<'a>>,
}

/// Price, size now resting there.
#[derive(Deserialize)]
pub(crate) struct Level<'a>(
    #[serde(borrow)] pub(crate) Text<'a>,
    #[serde(borrow)] pub(crate) Text<'a>,
);

/// A trade print. The texts are exact; their float twins are not read.
#[derive(Deserialize)]
pub(crate) struct Trade<'a> {
    pub(crate) id: u64,
    #[serde(borrow)]
    pub(crate) microtimestamp: Text<'a>,
    #[serde(borrow)]
    pub(crate) amount_str: Text<'a>,
    #[serde(borrow)]
    pub(crate) price_str: Text<'a>,
    /// The taker's side: 0 buys, 1 sells.
    #[serde(rename = "type")]
    pub(crate) taker: u8,
}
