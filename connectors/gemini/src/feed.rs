//! The venue's feeds, and a decoder of either.

use connector_net::audit::{AuditCounts, AuditSettings};
use connector_net::{Decoder, Input, Markets, OddCounts, Sink};
use engine_model::MarketId;

use crate::{CurrentDecoder, GeminiDecoder};

/// Which of the venue's market data feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// The WebSocket of 2026: a chain of update ids.
    #[default]
    Current,
    /// Market data v2: archived by the venue, without any sequence.
    V2,
}

impl Feed {
    /// The feed that an address of the venue serves.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        if url.contains("/v2/marketdata") { Self::V2 } else { Self::Current }
    }

    /// The feed that a frame of a book is of; `None` for any other frame.
    #[must_use]
    pub fn of_frame(frame: &str) -> Option<Self> {
        if frame.contains("\"l2_updates\"") {
            Some(Self::V2)
        } else if frame.contains("\"depthUpdate\"") {
            Some(Self::Current)
        } else {
            None
        }
    }

    /// A symbol as the frames of the feed spell it.
    #[must_use]
    pub fn spelled(self, symbol: &str) -> String {
        match self {
            Self::Current => symbol.to_ascii_lowercase(),
            Self::V2 => symbol.to_ascii_uppercase(),
        }
    }
}

/// The decoder of either feed.
#[derive(Clone, Debug)]
pub enum FeedDecoder {
    /// Of the current one.
    Current(Box<CurrentDecoder>),
    /// Of market data v2.
    V2(Box<GeminiDecoder>),
}

impl FeedDecoder {
    /// A decoder for a connection with these markets, spelled in any case. With `audit` every HTTP
    /// book is compared; a recording gives the events of the connection that it was made of if both
    /// compare in the same way.
    #[must_use]
    pub fn new(feed: Feed, markets: Markets, audit: Option<AuditSettings>) -> Self {
        let markets = markets.respelled(|symbol| feed.spelled(symbol));
        match feed {
            Feed::Current => {
                let decoder = CurrentDecoder::new(markets);
                Self::Current(Box::new(match audit {
                    Some(audit) => decoder.with_audit(audit),
                    None => decoder,
                }))
            }
            Feed::V2 => {
                let decoder = GeminiDecoder::new(markets);
                Self::V2(Box::new(match audit {
                    Some(audit) => decoder.with_audit(audit),
                    None => decoder,
                }))
            }
        }
    }

    /// How comparisons ended; all zero where nothing is compared.
    #[must_use]
    pub fn audit_counts(&self) -> AuditCounts {
        match self {
            Self::Current(decoder) => decoder.audit_counts(),
            Self::V2(decoder) => decoder.audit_counts(),
        }
    }

    /// Comparisons of a market that failed in a row.
    #[must_use]
    pub fn audit_strikes(&self, market: MarketId) -> u32 {
        match self {
            Self::Current(decoder) => decoder.audit_strikes(market),
            Self::V2(decoder) => decoder.audit_strikes(market),
        }
    }

    /// Does the work for comparisons that frames have put off. Events do not depend on it.
    pub fn catch_up(&mut self) {
        match self {
            Self::Current(decoder) => decoder.catch_up(),
            Self::V2(decoder) => decoder.catch_up(),
        }
    }
}

impl Decoder for FeedDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        match self {
            Self::Current(decoder) => decoder.decode(recv_ns, line, input, out),
            Self::V2(decoder) => decoder.decode(recv_ns, line, input, out),
        }
    }

    fn counts(&self) -> &OddCounts {
        match self {
            Self::Current(decoder) => decoder.counts(),
            Self::V2(decoder) => decoder.counts(),
        }
    }

    fn markets(&self) -> &Markets {
        match self {
            Self::Current(decoder) => decoder.markets(),
            Self::V2(decoder) => decoder.markets(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_known_by_its_frames_and_address() {
        let rows = [
            (r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[]}"#, Some(Feed::V2)),
            (r#"{"e":"depthUpdate","E":1,"s":"btcusd"}"#, Some(Feed::Current)),
            (r#"{"type":"heartbeat"}"#, None),
            (r#"{"id":1,"status":200}"#, None),
        ];
        for (frame, feed) in rows {
            assert_eq!(Feed::of_frame(frame), feed, "{frame}");
        }
        assert_eq!(Feed::of_url("wss://api.gemini.com/v2/marketdata"), Feed::V2);
        assert_eq!(Feed::of_url("ws://127.0.0.1:9/"), Feed::Current);
    }
}
