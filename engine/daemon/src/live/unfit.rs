//! What only an operator can mend, before anything runs: an address, a certificate, a key, a symbol.
//!
//! The start ends with an error that names the key of the configuration. Once every market has been live,
//! the same is a fault of the venue, and the links go on trying. Where nobody listens at an address the venue
//! may be down: it is waited for, and every line about it names the key ([`url_key`]).

use config::Market;
use connector_net::session::{Cause, LinkView};
use engine_model::Venue;

use crate::cli_output::{Exit, Failure};

/// What a problem with a symbol has in it; refused streams and channels are of one symbol each.
const SYMBOL_WORDS: [&str; 5] = ["symbol", "market", "pool", "product", "refuses its"];

/// What stands in the way of a link for good: named by the key of the configuration.
pub(super) fn permanent(view: &LinkView, nodes: usize) -> Option<Failure> {
    let venue = view.venue.name();
    let url_key = url_key(view.venue);
    let mut exit = Exit::BadConfig;
    let (key, hint) = match view.last_end? {
        Cause::Dns => {
            exit = Exit::Unavailable;
            (url_key, "check the host's name, or the network")
        }
        Cause::Tls => (
            url_key,
            "the certificate is not trusted: check the address, the clock, authorities_file",
        ),
        Cause::Unauthorized => {
            ("key_name", "the venue refuses the key: check key_name and key_file")
        }
        Cause::Handshake => (url_key, "nothing there speaks WebSocket: check the address"),
        Cause::Refused
        | Cause::Closed
        | Cause::Broken
        | Cause::Limited
        | Cause::Silent
        | Cause::PongLate
        | Cause::BadFrame
        | Cause::SnapshotLate
        | Cause::TooManyDoubts
        | Cause::VenueAsked
        | Cause::VenueError
        | Cause::Lagging
        | Cause::Overrun
        | Cause::Stopped
        | Cause::Preferred => return None,
    };
    // A chain has several nodes: the session walks them, and says what is wrong with each.
    if view.counts.opens > 0 || view.venue == Venue::Solana && nodes > 1 {
        return None;
    }
    let says = format!("[venues.{venue}] {key}: {}", view.last_error);
    Some(Failure::new(exit, says, hint))
}

/// The key of a venue's address for streams.
pub(super) const fn url_key(venue: Venue) -> &'static str {
    match venue {
        Venue::Solana => "ws_urls",
        Venue::Coinbase | Venue::Gemini | Venue::Bitstamp => "ws_url",
    }
}

/// A key that the venue refuses, or a market that it does not know.
pub(super) fn misconfigured(view: &LinkView, markets: &[Market]) -> Option<Failure> {
    let venue = view.venue.name();
    view.problems.iter().find_map(|problem| {
        let text = problem.to_ascii_lowercase();
        if text.contains("key") || text.contains("authenticat") {
            let says = format!("[venues.{venue}] key_name and key_file: {venue}: {problem}");
            return Some(Failure::new(Exit::BadConfig, says, "check the key and its permissions"));
        }
        if !SYMBOL_WORDS.iter().any(|word| text.contains(word)) {
            return None;
        }
        // The venue speaks of symbols, in letters of its own; the file may name the market otherwise.
        let is_meant = |market: &&Market| text.contains(&market.symbol.to_ascii_lowercase());
        let own = markets.iter().filter(|market| market.venue == view.venue);
        let named = own.filter(is_meant).map(|market| &market.name);
        let name = named.max_by_key(|name| name.len()).map_or(venue, |name| &**name);
        let says = format!("[[markets]] symbol: {name}: {problem}");
        Some(Failure::new(Exit::BadConfig, says, "check the market's symbol or address"))
    })
}
