//! The messages of the current WebSocket as types: the path that takes every frame.

use connector_net::scan::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Every field by which messages are told apart. Values are read once it is known what they are.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    /// Kind of event; several payloads have none.
    #[serde(borrow)]
    pub(crate) e: Option<Text<'a>>,
    #[serde(borrow, rename = "E")]
    pub(crate) time: Option<&'a RawValue>,
    /// Market.
    #[serde(borrow)]
    pub(crate) s: Option<Text<'a>>,
    /// First update id of a difference.
    #[serde(borrow, rename = "U")]
    pub(crate) first: Option<&'a RawValue>,
    /// Last update id.
    #[serde(borrow, rename = "u")]
    pub(crate) last: Option<&'a RawValue>,
    /// Bids of a difference; best bid of a ticker.
    #[serde(borrow)]
    pub(crate) b: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) a: Option<&'a RawValue>,
    /// Size of the best bid.
    #[serde(borrow, rename = "B")]
    pub(crate) bid_size: Option<&'a RawValue>,
    #[serde(borrow, rename = "A")]
    pub(crate) ask_size: Option<&'a RawValue>,
    /// Last traded price of a ticker.
    #[serde(borrow)]
    pub(crate) c: Option<&'a RawValue>,
    /// The buyer was the maker.
    #[serde(borrow)]
    pub(crate) m: Option<&'a RawValue>,
    /// Trade id.
    #[serde(borrow)]
    pub(crate) t: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) p: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) q: Option<&'a RawValue>,
    /// Of a book that is stated whole each time.
    #[serde(borrow, rename = "lastUpdateId")]
    pub(crate) last_update_id: Option<&'a RawValue>,
    /// Of a reply.
    #[serde(borrow)]
    pub(crate) status: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
}

/// Price, size now resting there.
#[derive(Deserialize)]
pub(crate) struct Level<'a>(
    #[serde(borrow)] pub(crate) Text<'a>,
    #[serde(borrow)] pub(crate) Text<'a>,
);

/// What we ask for, as far as books begin anew by it.
#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    pub(crate) method: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) params: Vec<Text<'a>>,
}
