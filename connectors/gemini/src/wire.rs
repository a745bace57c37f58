//! The venue's messages as types: the path that takes every frame.

use connector_net::scan::Text;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields by which messages are told apart, and those of `l2_updates`.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) symbol: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) result: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) changes: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) trades: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) auction_events: Option<&'a RawValue>,
}

/// A key that is there, even when its value is `null`: its presence is what marks a snapshot.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Side, price, size now resting there.
#[derive(Deserialize)]
pub(crate) struct Change<'a>(
    #[serde(borrow)] pub(crate) Text<'a>,
    #[serde(borrow)] pub(crate) Text<'a>,
    #[serde(borrow)] pub(crate) Text<'a>,
);

/// A trade print; `side` is the taker's.
#[derive(Deserialize)]
pub(crate) struct Trade<'a> {
    pub(crate) event_id: u64,
    /// Unit: Unix milliseconds.
    pub(crate) timestamp: u64,
    #[serde(borrow)]
    pub(crate) symbol: Text<'a>,
    #[serde(borrow)]
    pub(crate) price: Text<'a>,
    #[serde(borrow)]
    pub(crate) quantity: Text<'a>,
    #[serde(borrow)]
    pub(crate) side: Text<'a>,
}

/// A sign of life every five seconds.
#[derive(Deserialize)]
pub(crate) struct Heartbeat {
    /// Unit: Unix milliseconds.
    pub(crate) timestamp: Option<u64>,
}
