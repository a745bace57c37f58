//! One recording as a source of batches: its records in receive order, a decoder per connection.

use std::time::Instant;

use config::Config;
use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::{Feed, FeedDecoder};
use connector_net::audit::AuditSettings;
use connector_net::capture::{Kind, Record};
use connector_net::session::Alive;
use connector_net::{Decoder, Market, Markets, OddCounts, Sink};
use engine_model::{Body, Grid, MarketId, Venue};

use super::bundle::{Input, capture_failure};
use super::tables::{grid_of, solana_decoder};
use crate::cli_output::{Exit, Failure};

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
    /// Why it ended early, where it did.
    pub failed: Option<Failure>,
}

/// A connection of the recording.
enum Link {
    Coinbase(Box<CoinbaseDecoder>),
    Gemini(Box<FeedDecoder>),
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

/// A connection and what it carries.
struct Connection {
    /// Number of its name.
    number: u32,
    link: Link,
    /// By position in the market table: whether the connection asked for the market. HTTP answers
    /// carry no connection, so they count only where the market was asked for.
    asked: Vec<bool>,
    /// Says that the markets it carries are alive.
    alive: Alive,
}

/// A recording being decoded.
pub struct Source<'a> {
    venue: Venue,
    records: Vec<Record<'a>>,
    next: usize,
    markets: Markets,
    config: &'a Config,
    links: Vec<Connection>,
    /// HTTP answers that came before any connection: a recorder may fetch before it connects.
    early: Vec<usize>,
    http: Sink,
    /// Whether the recording is of one connection.
    is_single: bool,
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
        let mut sockets = records.iter().filter(|it| !matches!(it.kind, Kind::Http { .. }));
        let first = sockets.next().map(|it| it.conn);
        let is_single = sockets.all(|it| Some(it.conn) == first);
        Ok(Self {
            venue: input.venue,
            records,
            next: 0,
            markets,
            config,
            links: Vec::new(),
            early: Vec::new(),
            http: Sink::default(),
            is_single,
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
            Kind::Http { .. } => {
                if self.links.is_empty() {
                    self.early.push(index);
                }
                for link in 0..self.links.len() {
                    self.give_http(link, index, recv_ns, sink);
                }
            }
            Kind::Connected { .. } | Kind::Closed | Kind::Sent | Kind::Received => {
                let is_frame = matches!(self.records[index].kind, Kind::Received);
                self.stats.frames += u64::from(is_frame);
                let (link, is_new) = self.link(conn);
                let from = sink.events.len();
                self.give(link, index, recv_ns, sink);
                self.links[link].alive.note(&sink.events[from..]);
                if is_new {
                    for early in self.early.clone() {
                        self.give_http(link, early, recv_ns, sink);
                    }
                }
                if is_frame {
                    self.links[link].alive.tell(self.venue, recv_ns, line, sink);
                }
            }
        }
        let decode_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Decoded { recv_ns, line, decode_ns })
    }

    fn give(&mut self, link: usize, index: usize, recv_ns: u64, sink: &mut Sink) {
        let record = &self.records[index];
        self.stats.bytes += record.data.len() as u64;
        let decoder = self.links[link].link.decoder();
        decoder.decode(recv_ns, record.line, record.input(), sink);
    }

    /// An HTTP answer on one connection: only what is about markets that it asked for counts.
    fn give_http(&mut self, link: usize, index: usize, recv_ns: u64, sink: &mut Sink) {
        let mut answer = core::mem::take(&mut self.http);
        answer.clear();
        self.give(link, index, recv_ns, &mut answer);
        let connection = &self.links[link];
        for (line, events) in answer.iter() {
            let is_own = events.iter().all(|event| {
                // Fees are an account's, whichever connection they are learned beside.
                let is_level = matches!(event.body, Body::Param { .. });
                let position = self.position(event.market).filter(|_| !is_level);
                position.is_none_or(|position| connection.asked[position])
            });
            if is_own {
                sink.events.extend_from_slice(events);
                sink.close(line);
            }
        }
        self.http = answer;
    }

    fn position(&self, market: MarketId) -> Option<usize> {
        self.markets.list().iter().position(|known| known.id == market)
    }

    /// The decoder of a connection, made at its first record, and whether it is new.
    fn link(&mut self, conn: u32) -> (usize, bool) {
        if let Some(found) = self.links.iter().position(|it| it.number == conn) {
            return (found, false);
        }
        let markets = self.markets.clone();
        let link = match self.venue {
            Venue::Coinbase => Link::Coinbase(Box::new(CoinbaseDecoder::new(markets))),
            Venue::Gemini => {
                let (feed, audit) = (self.gemini_feed(conn), self.audit("/v1/book/"));
                Link::Gemini(Box::new(FeedDecoder::new(feed, markets, audit)))
            }
            Venue::Bitstamp => {
                let decoder = BitstampDecoder::new(markets);
                Link::Bitstamp(Box::new(match self.audit("_=audit-") {
                    Some(audit) => decoder.with_audit(audit),
                    None => decoder,
                }))
            }
            Venue::Solana => Link::Solana(Box::new(solana_decoder(self.config, markets))),
        };
        let alive = Alive::new(&self.markets);
        let asked = self.asked(conn);
        self.links.push(Connection { number: conn, link, asked, alive });
        (self.links.len() - 1, true)
    }

    /// Gemini's feed on a connection, by its frames; by its address where it has no book.
    fn gemini_feed(&self, conn: u32) -> Feed {
        let own = || self.records.iter().filter(|it| it.conn == conn);
        let frames = own().filter(|it| it.kind == Kind::Received);
        let address = own().find_map(|it| match &it.kind {
            Kind::Connected { addr } => Some(Feed::of_url(addr)),
            Kind::Closed | Kind::Sent | Kind::Received | Kind::Http { .. } => None,
        });
        let seen = frames.into_iter().find_map(|it| Feed::of_frame(&it.data));
        seen.or(address).unwrap_or(Feed::V2)
    }

    /// How books are compared: as live, where the recording holds books to compare with.
    fn audit(&self, sign: &str) -> Option<AuditSettings> {
        let is_audit = |record: &Record<'_>| match &record.kind {
            Kind::Http { url, .. } => url.contains(sign),
            Kind::Connected { .. } | Kind::Closed | Kind::Sent | Kind::Received => false,
        };
        self.records.iter().any(is_audit).then(AuditSettings::default)
    }

    /// Which markets a connection asks for: its requests name their symbols. Where no request was
    /// recorded its frames do, and the only connection of a recording may have asked for any.
    fn asked(&self, conn: u32) -> Vec<bool> {
        let texts = |kind: &Kind<'_>| -> Vec<&str> {
            let own = self.records.iter().filter(|it| it.conn == conn && it.kind == *kind);
            own.map(|it| &*it.data).collect()
        };
        let mut texts_of_conn = texts(&Kind::Sent);
        if texts_of_conn.is_empty() && !self.is_single {
            texts_of_conn = texts(&Kind::Received);
        }
        // The feeds of one venue spell symbols in upper or in lower case.
        let names = |symbol: &str| {
            let spellings = match self.venue {
                Venue::Gemini => [Feed::V2.spelled(symbol), Feed::Current.spelled(symbol)],
                Venue::Coinbase | Venue::Bitstamp | Venue::Solana => {
                    [symbol.to_owned(), symbol.to_owned()]
                }
            };
            texts_of_conn.iter().any(|text| spellings.iter().any(|symbol| text.contains(symbol)))
        };
        let any = texts_of_conn.is_empty() && self.is_single;
        self.markets.list().iter().map(|market| any || names(&market.symbol)).collect()
    }

    /// Adds up what the decoders counted.
    #[must_use]
    pub fn into_stats(mut self) -> SourceStats {
        for Connection { link, .. } in &mut self.links {
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
        for Connection { link, .. } in &mut self.links {
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

/// Largest step that a recording may state for a market: a thousand whole units. Real ones are
/// fractions.
const STATED_STEP_MAX: u64 = 1_000;

/// Takes the grids that a recording states for the configured markets. All recordings of a part
/// share one book per market, so they must not state different ones.
///
/// # Errors
///
/// [`Failure`] naming the recording and the market.
pub fn take_stated(
    config: &Config,
    input: &Input,
    grids: &mut [Option<Grid>],
) -> Result<(), Failure> {
    let stated = stated_grids(input)?;
    for (index, market) in config.markets.iter().enumerate() {
        let own = stated.iter().find(|(symbol, _)| **symbol == *market.symbol);
        let Some((_, grid)) = own.filter(|_| market.venue == input.venue) else { continue };
        let is_sound = [grid.tick, grid.lot].iter().all(|step| {
            let one = 10_u64.checked_pow(u32::from(step.places));
            step.is_valid() && one.is_some_and(|one| step.step / one < STATED_STEP_MAX)
        });
        let problem = if !is_sound {
            "states a tick or lot that no market has"
        } else if grids[index].is_some_and(|known| known != *grid) {
            "states another tick or lot than the recording before it"
        } else {
            grids[index] = Some(*grid);
            continue;
        };
        return Err(Failure::new(
            Exit::BadData,
            format!("{}: {problem}, for {}", input.name, market.name),
            "recordings with different grids of one market belong in different parts",
        ));
    }
    Ok(())
}

/// The configured markets of a venue as a decoder's table, with the grids that all recordings of
/// the part agreed on.
#[must_use]
pub fn configured_markets(config: &Config, venue: Venue, grids: &[Option<Grid>]) -> Markets {
    let of_venue = config.markets.iter().enumerate().filter(|(_, it)| it.venue == venue);
    let list = of_venue.map(|(index, market)| Market {
        symbol: market.symbol.as_str().into(),
        id: MarketId(u16::try_from(index).expect("Invariant: markets are bounded")),
        grid: grid_of(market, grids[index]),
    });
    Markets::closed(list.collect())
}
