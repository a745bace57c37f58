//! One recording as a source of batches: its records in receive order, a decoder per connection.

use std::time::Instant;

use config::Config;
use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::GeminiDecoder;
use connector_net::capture::{Kind, Record};
use connector_net::{Decoder, Market, Markets, OddCounts, Sink};
use engine_model::{Grid, MarketId, Venue};

use super::bundle::{Input, capture_failure};
use super::tables::{grid_of, solana_decoder};
use crate::cli_output::Failure;

/// Grids that a recording's own HTTP answers state, by symbol as frames spell it.
type StatedGrids = Vec<(Box<str>, Grid)>;

/// What a source has done, for the report.
#[derive(Clone, Debug, Default)]
pub struct SourceStats {
    /// Lines that a decoder was given.
    pub records: u64,
    /// Of these, frames received.
    pub frames: u64,
    /// What was odd.
    pub odd: OddCounts,
    /// Bytes of data given to decoders.
    pub bytes: u64,
    /// Joined books whose snapshot no older diff proves.
    pub unproven_joins: Vec<String>,
}

/// A connection of the recording.
enum Link {
    Coinbase(Box<CoinbaseDecoder>),
    Gemini(Box<GeminiDecoder>),
    Bitstamp(Box<BitstampDecoder>),
    Solana(Box<connector_solana::decoder::SolanaDecoder>),
}

impl Link {
    fn decoder(&mut self) -> &mut dyn Decoder {
        match self {
            Self::Coinbase(decoder) => decoder.as_mut(),
            Self::Gemini(decoder) => decoder.as_mut(),
            Self::Bitstamp(decoder) => decoder.as_mut(),
            Self::Solana(decoder) => decoder.as_mut(),
        }
    }
}

/// A recording being decoded.
pub struct Source<'a> {
    venue: Venue,
    records: Vec<Record<'a>>,
    next: usize,
    markets: Markets,
    config: &'a Config,
    links: Vec<(u32, Link)>,
    /// HTTP answers that came before any connection: a recorder may fetch before it connects.
    early: Vec<usize>,
    /// What was done so far.
    pub stats: SourceStats,
}

/// One step of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Receive time, moved by the recording's shift. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// Line of the record.
    pub line: u64,
    /// How long it took. Unit: nanoseconds.
    pub decode_ns: u64,
}

impl<'a> Source<'a> {
    /// Reads all records of a recording and puts them in the order of (receive time, line).
    ///
    /// # Errors
    ///
    /// [`Failure`] naming file and line when the recording is damaged.
    pub fn open(input: &'a Input, config: &'a Config, markets: Markets) -> Result<Self, Failure> {
        let mut records = Vec::new();
        for record in input.capture.records() {
            let mut record = record.map_err(|error| capture_failure(&error))?;
            record.recv_ns = record.recv_ns.saturating_add_signed(input.shift_ns);
            records.push(record);
        }
        records.sort_by_key(|record| (record.recv_ns, record.line));
        Ok(Self {
            venue: input.venue,
            records,
            next: 0,
            markets,
            config,
            links: Vec::new(),
            early: Vec::new(),
            stats: SourceStats::default(),
        })
    }

    /// Decodes the next record into `sink`, which is cleared first; none at the end.
    pub fn advance(&mut self, sink: &mut Sink) -> Option<Decoded> {
        sink.clear();
        let index = self.next;
        let (recv_ns, line, conn) = {
            let record = self.records.get(index)?;
            (record.recv_ns, record.line, record.conn)
        };
        self.next += 1;
        self.stats.records += 1;
        let started = Instant::now();
        match self.records[index].kind {
            Kind::Http { .. } if self.links.is_empty() => self.early.push(index),
            Kind::Http { .. } => {
                for link in 0..self.links.len() {
                    self.give(link, index, recv_ns, sink);
                }
            }
            Kind::Connected { .. } | Kind::Sent | Kind::Received => {
                if matches!(self.records[index].kind, Kind::Received) {
                    self.stats.frames += 1;
                }
                let link = self.link(conn);
                self.give(link, index, recv_ns, sink);
                for early in core::mem::take(&mut self.early) {
                    self.give(link, early, recv_ns, sink);
                }
            }
        }
        let decode_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Decoded { recv_ns, line, decode_ns })
    }

    fn give(&mut self, link: usize, index: usize, recv_ns: u64, sink: &mut Sink) {
        let record = &self.records[index];
        self.stats.bytes += record.data.len() as u64;
        self.links[link].1.decoder().decode(recv_ns, record.line, record.input(), sink);
    }

    /// The decoder of a connection, made at its first record.
    fn link(&mut self, conn: u32) -> usize {
        if let Some(found) = self.links.iter().position(|(number, _)| *number == conn) {
            return found;
        }
        let markets = self.markets.clone();
        let link = match self.venue {
            Venue::Coinbase => Link::Coinbase(Box::new(CoinbaseDecoder::new(markets))),
            Venue::Gemini => Link::Gemini(Box::new(GeminiDecoder::new(markets))),
            Venue::Bitstamp => Link::Bitstamp(Box::new(BitstampDecoder::new(markets))),
            Venue::Solana => Link::Solana(Box::new(solana_decoder(self.config, markets))),
        };
        self.links.push((conn, link));
        self.links.len() - 1
    }

    /// Adds up what the decoders counted.
    #[must_use]
    pub fn into_stats(mut self) -> SourceStats {
        for (_, link) in &mut self.links {
            if let Link::Bitstamp(decoder) = link {
                let joins = decoder.unproven_joins().map(str::to_owned);
                self.stats.unproven_joins.extend(joins);
            }
            self.stats.odd.merge(link.decoder().counts());
        }
        self.stats
    }

    /// Every symbol that the connections met, with an open table.
    #[must_use]
    pub fn symbols(mut self) -> Vec<Market> {
        let mut sink = Sink::default();
        while self.advance(&mut sink).is_some() {}
        let mut all: Vec<Market> = Vec::new();
        for (_, link) in &mut self.links {
            for market in link.decoder().markets().list() {
                if !all.iter().any(|known| known.symbol == market.symbol) {
                    all.push(market.clone());
                }
            }
        }
        for (index, market) in all.iter_mut().enumerate() {
            market.id = MarketId(u16::try_from(index).unwrap_or(u16::MAX));
        }
        all
    }
}

/// Grids that a recording states in its own HTTP answers.
///
/// # Errors
///
/// [`Failure`] when the recording is damaged.
pub fn stated_grids(input: &Input) -> Result<StatedGrids, Failure> {
    let mut grids = Vec::new();
    for record in input.capture.records() {
        let record = record.map_err(|error| capture_failure(&error))?;
        if let Kind::Http { url, .. } = &record.kind {
            let body = record.data.as_bytes();
            grids.extend(match input.venue {
                Venue::Coinbase => connector_coinbase::metadata(url, body),
                Venue::Gemini => connector_gemini::metadata(url, body),
                Venue::Bitstamp => connector_bitstamp::metadata(url, body),
                Venue::Solana => Vec::new(),
            });
        }
    }
    Ok(grids)
}

/// The configured markets of a venue as a decoder's table, and the grid of each by market index.
#[must_use]
pub fn configured_markets(
    config: &Config,
    venue: Venue,
    stated: &StatedGrids,
    grids: &mut [Option<Grid>],
) -> Markets {
    let mut list = Vec::new();
    for (index, market) in config.markets.iter().enumerate() {
        if market.venue != venue {
            continue;
        }
        let own = stated.iter().find(|(symbol, _)| **symbol == *market.symbol);
        let own = own.map(|(_, grid)| *grid).or(grids[index]);
        grids[index] = own;
        list.push(Market {
            symbol: market.symbol.as_str().into(),
            id: MarketId(u16::try_from(index).expect("Invariant: markets are bounded")),
            grid: grid_of(market, own),
        });
    }
    Markets::closed(list)
}
