//! Requests on the current WebSocket: what was sent under which number, and what a reply means.
//!
//! One bad stream makes the venue refuse a whole frame. A frame of several markets that is refused is
//! sent again market by market, so that the others are served and the bad one is named.

use serde::Deserialize;

/// Most streams of one frame. The venue closes the connection at about 100.
pub(super) const STREAMS_MAX: usize = 25;

/// Most requests whose replies are owed: more than markets can have.
pub(super) const OWED_MAX: usize = 2_048;

/// Number of liveness requests, whose replies mean nothing else. Others count from 1 and never get
/// there.
const PING_ID: u64 = 1_000_000_000;

/// What a request was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) id: u64,
    /// Places of the markets.
    pub(super) feeds: Vec<usize>,
    /// When it counts as lost. Unit: Unix nanoseconds.
    pub(super) due_ns: u64,
    /// Times that it was sent before.
    pub(super) tries: u32,
}

/// A reply of the venue.
#[derive(Deserialize)]
pub(super) struct Reply {
    pub(super) id: u64,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) error: Option<ReplyError>,
}

#[derive(Deserialize)]
pub(super) struct ReplyError {
    #[serde(default)]
    pub(super) code: i64,
    #[serde(default)]
    pub(super) msg: String,
}

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It was done.
    Done,
    /// Too many requests.
    Limited,
    /// The key is none, or may not do this.
    Unauthorized,
    /// A bad stream or parameter.
    Refused,
}

impl Reply {
    pub(super) fn meaning(&self) -> Meaning {
        match (self.status, self.error.as_ref().map(|error| error.code)) {
            (200, _) => Meaning::Done,
            (429, _) | (_, Some(-1003)) => Meaning::Limited,
            (401, _) | (_, Some(-1002)) => Meaning::Unauthorized,
            _ => Meaning::Refused,
        }
    }

    pub(super) fn text(&self) -> String {
        match &self.error {
            Some(error) => format!("{} {}", error.code, error.msg),
            None => format!("status {}", self.status),
        }
    }
}

/// A request's frame.
pub(super) fn frame(id: u64, method: &str, streams: &[String]) -> String {
    let params: Vec<String> = streams.iter().map(|stream| format!("\"{stream}\"")).collect();
    format!("{{\"id\":{id},\"method\":\"{method}\",\"params\":[{}]}}", params.join(","))
}

/// The frame that asks for a sign of life.
pub(super) fn ping_frame() -> String {
    format!("{{\"id\":{PING_ID},\"method\":\"ping\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_what_they_mean() {
        let rows = [
            (r#"{"id":1,"status":200}"#, Meaning::Done),
            (r#"{"id":1,"status":200,"result":{}}"#, Meaning::Done),
            (r#"{"id":1,"status":400,"error":{"code":-1013,"msg":"x"}}"#, Meaning::Refused),
            (r#"{"id":1,"status":400,"error":{"code":-1020,"msg":"x"}}"#, Meaning::Refused),
            (r#"{"id":1,"status":429,"error":{"code":-1003,"msg":"x"}}"#, Meaning::Limited),
            (r#"{"id":1,"status":400,"error":{"code":-1003,"msg":"x"}}"#, Meaning::Limited),
            (r#"{"id":1,"status":401,"error":{"code":-1002,"msg":"x"}}"#, Meaning::Unauthorized),
            (r#"{"id":1,"status":500}"#, Meaning::Refused),
        ];
        for (text, expected) in rows {
            let reply: Reply = serde_json::from_str(text).expect("a reply");
            assert_eq!(reply.meaning(), expected, "{text}");
        }
        let streams = ["a@trade".to_owned(), "b@depth".to_owned()];
        assert_eq!(
            frame(7, "subscribe", &streams),
            r#"{"id":7,"method":"subscribe","params":["a@trade","b@depth"]}"#
        );
        assert_eq!(ping_frame(), r#"{"id":1000000000,"method":"ping"}"#);
    }
}
