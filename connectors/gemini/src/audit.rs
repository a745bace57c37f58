//! Comparison of the streamed books with those of `GET /v1/book/{symbol}`.
//!
//! The answer has neither sequence nor time, so levels that changed around it do not count; see
//! `connector_net::audit`.

use connector_net::audit::{Answer, Audit};
use connector_net::books::{BookState, Books, Refusal, frame_text};
use connector_net::decimal::parse_level;
use connector_net::decode::Stamp;
use connector_net::scan::{Bounded, Text};
use connector_net::{Markets, Odd, OddCounts, Sink};
use engine_model::{Body, DoubtReason, Side};
use serde::Deserialize;

/// Levels of a side that the venue gives where the address names no number.
const LIMIT_DEFAULT: usize = 50;

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    bids: Bounded<Row<'a>>,
    #[serde(borrow)]
    asks: Bounded<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    price: Text<'a>,
    #[serde(borrow)]
    amount: Text<'a>,
}

/// Address of a market's book with so many levels of each side; `rest_url` ends without a slash.
#[must_use]
pub fn book_url(rest_url: &str, symbol: &str, levels: usize) -> String {
    let symbol = symbol.to_ascii_lowercase();
    format!("{rest_url}/v1/book/{symbol}?limit_bids={levels}&limit_asks={levels}")
}

/// The market that the address of a book names, in the venue's lower case.
fn symbol(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("/v1/book/")?;
    rest.split(['/', '?', '#']).next().map(str::to_ascii_lowercase)
}

/// Most levels of a side that the address asks for.
fn limit(url: &str) -> usize {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let named = |name: &str| {
        let mut pairs = query.split('&');
        let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map_or(LIMIT_DEFAULT, |value| value.parse().unwrap_or(LIMIT_DEFAULT))
    };
    // Nought asks for all.
    match named("limit_bids").min(named("limit_asks")) {
        0 => usize::MAX,
        limit => limit,
    }
}

/// What an audit is about: the decoder's state.
pub(crate) struct Audited<'a> {
    pub(crate) audit: &'a mut Audit,
    pub(crate) markets: &'a Markets,
    pub(crate) books: &'a mut Books,
    pub(crate) counts: &'a mut OddCounts,
}

impl Audited<'_> {
    /// Puts books in doubt that comparisons have found wrong, as one batch.
    pub(crate) fn due(&mut self, stamp: Stamp, line: u64, out: &mut Sink) {
        for finding in self.audit.due(stamp.recv_ns) {
            if finding.is_mismatch {
                self.counts.add(Odd::AuditMismatch);
            }
            let mut list = self.markets.list().iter();
            let Some(position) = list.position(|market| market.id == finding.market) else {
                continue;
            };
            if finding.is_doubt && self.books.state(position) == BookState::Live {
                // Updates were lost, whenever that was.
                self.books.doubt(position, DoubtReason::SequenceGap, self.markets, stamp, out);
            }
        }
        out.close(line);
    }

    /// Takes an answer, if it is one.
    pub(crate) fn answered(&mut self, stamp: Stamp, url: &str, body: &[u8]) {
        let Some(symbol) = symbol(url) else { return };
        let mut list = self.markets.list().iter();
        let Some(position) = list.position(|it| it.symbol.eq_ignore_ascii_case(&symbol)) else {
            return self.counts.add(Odd::UnknownMarket);
        };
        let mut levels = Sink::default();
        match read(body, self.markets, position, stamp, &mut levels) {
            Ok(()) => self.audit.answered(Answer {
                market: self.markets.get(position).id,
                recv_ns: stamp.recv_ns,
                seq: 0,
                levels: &levels.events,
                limit: limit(url),
            }),
            // The stream goes on: an answer of no use harms no book.
            Err(refusal) => self.counts.add(refusal.odd),
        }
    }
}

fn read(
    body: &[u8],
    markets: &Markets,
    position: usize,
    stamp: Stamp,
    out: &mut Sink,
) -> Result<(), Refusal> {
    let book: Book<'_> =
        serde_json::from_str(frame_text(body)?).map_err(|error| Refusal::of_json(&error))?;
    if book.bids.over || book.asks.over {
        return Err(Refusal::TOO_LARGE);
    }
    let market = markets.get(position);
    for (side, rows) in [(Side::Bid, &book.bids.list), (Side::Ask, &book.asks.list)] {
        for row in rows {
            let (price_ticks, size_lots) =
                parse_level(row.price.bytes(), row.amount.bytes(), &market.grid)
                    .map_err(Refusal::of_value)?;
            out.push(stamp, market.id, Body::Level { side, price_ticks, size_lots });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let url = book_url("https://api.gemini.com", "BTCUSD", 50);
        assert_eq!(url, "https://api.gemini.com/v1/book/btcusd?limit_bids=50&limit_asks=50");
        let rows = [
            (&*url, Some("btcusd"), 50),
            ("https://x/v1/book/ETHUSD", Some("ethusd"), LIMIT_DEFAULT),
            ("https://x/v1/book/ethusd?limit_asks=0&limit_bids=0", Some("ethusd"), usize::MAX),
            ("https://x/v1/book/ethusd?limit_asks=7&limit_bids=9", Some("ethusd"), 7),
            ("https://x/v1/trades/ethusd", None, LIMIT_DEFAULT),
        ];
        for (url, of, levels) in rows {
            assert_eq!((symbol(url).as_deref(), limit(url)), (of, levels), "{url}");
        }
    }
}
