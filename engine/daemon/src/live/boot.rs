//! What must be known before anything starts: tick and lot of every market.

use std::sync::Arc;

use config::{Config, MarketKind};
use connector_link::http::Http;
use connector_link::{Clock, Net};
use connector_net::session::{Fetch, FetchFailure};
use engine_model::{Grid, Venue};

use super::wiring::{metadata, metadata_requests, venues_of};
use crate::cli_output::{Exit, Failure};

/// Attempts to learn a venue's markets.
const TRIES: u32 = 3;

/// Tells an operator how far the start has come.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// An answer that was fetched before the links were there, for a recording.
pub struct Answer {
    /// Whose.
    pub venue: Venue,
    /// When. Unit: Unix nanoseconds.
    pub at_ns: u64,
    /// Address.
    pub url: String,
    /// Body.
    pub body: Vec<u8>,
}

/// What a start has learnt.
pub struct Learnt {
    /// Grids by market, as the venues state them.
    pub grids: Vec<Option<Grid>>,
    /// The answers, in order.
    pub answers: Vec<Answer>,
}

/// Opens the door to the network.
///
/// # Errors
///
/// [`Failure`] naming the key of the configuration.
pub fn net(config: &Config) -> Result<(Net, Http), Failure> {
    let file = &config.runtime.authorities_file;
    let bad = |error: connector_link::net::TlsSetupError| {
        Failure::new(
            Exit::BadConfig,
            format!("[runtime] authorities_file: {error}"),
            "name a PEM file of certificate authorities, or leave the key out",
        )
    };
    let net = Net::new(Some(file.as_str()).filter(|file| !file.is_empty())).map_err(bad)?;
    let http = Http::new(&net).map_err(bad)?;
    Ok((net, http))
}

/// Asks the venues for tick and lot of every market that the configuration does not give both of.
///
/// # Errors
///
/// [`Failure`] naming the key of the configuration: a venue that cannot be reached at its address, or
/// that does not know a symbol.
pub async fn learn(
    config: &Config,
    http: &Http,
    clock: Clock,
    say: &Say,
) -> Result<Learnt, Failure> {
    let mut learnt = Learnt { grids: vec![None; config.markets.len()], answers: Vec::new() };
    for venue in venues_of(config) {
        let requests = metadata_requests(config, venue);
        if requests.is_empty() {
            continue;
        }
        let mut stated: Vec<(Box<str>, Grid)> = Vec::new();
        for request in &requests {
            match ask(http, clock, request).await {
                Ok((200..=299, body)) => {
                    stated.extend(metadata(venue, &request.url, &body));
                    let url = request.url.clone();
                    learnt.answers.push(Answer { venue, at_ns: clock.now_ns(), url, body });
                }
                // One symbol that is not known is told with all others below.
                Ok((404 | 400, _)) => {}
                Ok((status, _)) => return Err(refused(venue, &request.url, status)),
                Err(why) if has_own_grids(config, venue) => {
                    say(&format!(
                        "{}: markets not learnt ({why:?}); tick and lot as configured",
                        venue.name()
                    ));
                    break;
                }
                Err(why) => return Err(unreachable_at(venue, &request.url, why)),
            }
        }
        let mut known = 0;
        for (index, market) in config.markets.iter().enumerate() {
            if market.venue != venue {
                continue;
            }
            let found = stated.iter().find(|(symbol, _)| **symbol == *market.symbol);
            if let Some((_, grid)) = found {
                learnt.grids[index] = Some(*grid);
                known += 1;
            } else if !has_grid(market) {
                return Err(Failure::new(
                    Exit::BadConfig,
                    format!(
                        "{}: {} does not know its symbol \"{}\"",
                        market.name,
                        venue.name(),
                        market.symbol
                    ),
                    "check \"symbol\" of this market; the venue lists its own",
                ));
            }
        }
        say(&format!("{}: {known} markets, tick and lot as the venue states them", venue.name()));
    }
    Ok(learnt)
}

fn has_grid(market: &config::Market) -> bool {
    match &market.kind {
        MarketKind::Book(book) => book.tick.is_some() && book.lot.is_some(),
        MarketKind::Pool(_) => true,
    }
}

fn has_own_grids(config: &Config, venue: Venue) -> bool {
    config.markets.iter().filter(|market| market.venue == venue).all(has_grid)
}

async fn ask(http: &Http, clock: Clock, request: &Fetch) -> Result<(u16, Vec<u8>), FetchFailure> {
    let mut wait_ns = 500_000_000;
    let mut tries = 0;
    loop {
        tries += 1;
        let answered = http.fetch(request).await;
        let wait = match &answered {
            Ok(answer) if matches!(answer.status, 429 | 500..=599) && tries < TRIES => {
                answer.retry_after_ms.map_or(wait_ns, |ms| ms.saturating_mul(1_000_000))
            }
            Err(FetchFailure::TimedOut) if tries < TRIES => wait_ns,
            Ok(_) | Err(_) => return answered.map(|answer| (answer.status, answer.body)),
        };
        tokio::time::sleep(clock.real(wait.min(30_000_000_000))).await;
        wait_ns *= 2;
    }
}

fn refused(venue: Venue, url: &str, status: u16) -> Failure {
    let exit = if matches!(status, 429 | 500..=599) { Exit::Unavailable } else { Exit::BadConfig };
    Failure::new(
        exit,
        format!("[venues.{}] rest_url: {url} answered with {status}", venue.name()),
        "check the address; if the venue is down, start again later",
    )
}

fn unreachable_at(venue: Venue, url: &str, why: FetchFailure) -> Failure {
    let why = match why {
        FetchFailure::Unreachable => "cannot be reached (name, connection or certificate)",
        FetchFailure::TimedOut => "did not answer in time",
        FetchFailure::TooLarge => "answered with more than is read",
        FetchFailure::OverBudget | FetchFailure::QueueFull => "was not asked",
    };
    Failure::new(
        Exit::Unavailable,
        format!("[venues.{}] rest_url: {url} {why}", venue.name()),
        "check the address and the network, or give tick and lot of every market of this venue",
    )
}
