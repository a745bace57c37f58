//! From a configuration to links: one arm for each venue.

use std::path::Path;

use config::{Config, KeyRef, SecretRef};
use connector_net::Markets;
use connector_net::session::{Fetch, Link, LinkSettings, Protocol};
use engine_model::{Grid, MarketId, Venue};

use crate::cli_output::{Exit, Failure};
use crate::replay::source::configured_markets;

/// Makes a link of a name, a protocol and its number among the venue's.
type Make<'a> = dyn Fn(&str, Box<dyn Protocol>, u64) -> Link + 'a;

/// The links of a venue, not connected yet.
pub struct Wired {
    /// Whose.
    pub venue: Venue,
    /// The links with the markets that each carries.
    pub links: Vec<(Link, Vec<MarketId>)>,
}

/// Venues that the configuration has markets of, in index order.
#[must_use]
pub fn venues_of(config: &Config) -> Vec<Venue> {
    let has = |venue: &Venue| config.markets.iter().any(|market| market.venue == *venue);
    Venue::ALL.into_iter().filter(has).collect()
}

/// Requests that state tick and lot of a venue's markets.
#[must_use]
pub fn metadata_requests(config: &Config, venue: Venue) -> Vec<Fetch> {
    let symbols: Vec<&str> = symbols_of(config, venue);
    let owned = || symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    match venue {
        Venue::Coinbase => connector_coinbase::session::metadata_requests(
            &config.venues.coinbase.rest_url,
            &symbols,
        ),
        Venue::Gemini => {
            let settings = gemini_settings(config, owned(), None);
            connector_gemini::session::metadata_requests(&settings)
        }
        Venue::Bitstamp => {
            let settings = bitstamp_settings(config, owned(), None);
            connector_bitstamp::session::metadata_requests(&settings)
        }
        Venue::Solana => Vec::new(),
    }
}

/// Tick and lot that an answer states.
#[must_use]
pub fn metadata(venue: Venue, url: &str, body: &[u8]) -> Vec<(Box<str>, Grid)> {
    match venue {
        Venue::Coinbase => connector_coinbase::metadata(url, body),
        Venue::Gemini => connector_gemini::metadata(url, body),
        Venue::Bitstamp => connector_bitstamp::metadata(url, body),
        Venue::Solana => Vec::new(),
    }
}

/// Symbols of a venue's markets as its metadata spells them.
#[must_use]
pub fn symbols_of(config: &Config, venue: Venue) -> Vec<&str> {
    let own = config.markets.iter().filter(|market| market.venue == venue);
    own.map(|market| market.symbol.as_str()).collect()
}

/// The links of a venue.
///
/// # Errors
///
/// [`Failure`] naming the key of the configuration whose secret cannot be used.
pub fn wire(
    config: &Config,
    venue: Venue,
    grids: &[Option<Grid>],
    settings: LinkSettings,
    seed: u64,
) -> Result<Wired, Failure> {
    let markets = configured_markets(config, venue, grids);
    let ids: Vec<MarketId> = markets.list().iter().map(|market| market.id).collect();
    let symbols = symbols_of(config, venue).into_iter().map(str::to_owned).collect();
    let link = |name: &str, protocol: Box<dyn Protocol>, number: u64| {
        Link::new(name, venue, protocol, settings, seed.wrapping_add(number))
    };
    let links = match venue {
        Venue::Coinbase => {
            vec![(link("coinbase", Box::new(coinbase(config, markets)?), 0), ids)]
        }
        Venue::Gemini => {
            let key = secret(config.venues.gemini.key.as_ref(), "gemini")?;
            let key = key.map(|(id, secret)| connector_gemini::sign::Key { id, secret });
            let settings = gemini_settings(config, symbols, key);
            let session = connector_gemini::session::GeminiSession::new(settings, markets);
            vec![(link("gemini", Box::new(session), 0), ids)]
        }
        Venue::Bitstamp => {
            let key = secret(config.venues.bitstamp.key.as_ref(), "bitstamp")?;
            let key = key.map(|(id, secret)| connector_bitstamp::sign::Key {
                id,
                secret,
                nonce_salt: seed,
            });
            let settings = bitstamp_settings(config, symbols, key);
            let session = connector_bitstamp::session::BitstampSession::new(settings, markets);
            vec![(link("bitstamp", Box::new(session), 0), ids)]
        }
        Venue::Solana => solana(config, markets, ids, seed, &link),
    };
    Ok(Wired { venue, links })
}

fn coinbase(
    config: &Config,
    markets: Markets,
) -> Result<connector_coinbase::CoinbaseSession, Failure> {
    let access = &config.venues.coinbase;
    let key = secret(access.key.as_ref(), "coinbase")?;
    let key = key.map(|(name, secret)| connector_coinbase::Key::new(&name, &secret)).transpose();
    let settings = connector_coinbase::session::Settings {
        ws_url: access.ws_url.clone(),
        rest_url: access.rest_url.clone(),
        key: key.map_err(|error| bad_key("coinbase", &error.to_string()))?,
        trades: if access.trades {
            connector_coinbase::session::Trades::On
        } else {
            connector_coinbase::session::Trades::Off
        },
        fees_every_ns: FEES_EVERY_NS,
    };
    Ok(connector_coinbase::CoinbaseSession::new(settings, markets))
}

/// How often an account's fee tier is asked for: venues recompute it hourly. Unit: nanoseconds.
const FEES_EVERY_NS: u64 = 3_600_000_000_000;

fn bad_key(venue: &str, says: &str) -> Failure {
    Failure::new(
        Exit::BadConfig,
        format!("[venues.{venue}] key_name and key_file: {says}"),
        "put the key's name into key_name and its secret, alone, into the file",
    )
}

/// Name and secret of a key. The secret is read from a file that only its owner may read.
fn secret(key: Option<&KeyRef>, venue: &str) -> Result<Option<(String, String)>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let (path, name) = match &key.secret {
        SecretRef::File(path) => (Path::new(path).to_owned(), "key_file"),
        SecretRef::Credential(credential) => {
            let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
                return Err(Failure::new(
                    Exit::BadConfig,
                    format!("[venues.{venue}] key_credential: no credentials were handed over"),
                    "start it by systemd with LoadCredential=, or use key_file",
                ));
            };
            (Path::new(&dir).join(credential), "key_credential")
        }
    };
    let fail = |says: String, hint: &str| {
        Failure::new(Exit::BadConfig, format!("[venues.{venue}] {name}: {says}"), hint)
    };
    let shown = path.display();
    let file = std::fs::metadata(&path);
    let file = file.map_err(|error| fail(format!("{shown}: {error}"), "check the path"))?;
    if std::os::unix::fs::MetadataExt::mode(&file) & 0o077 != 0 {
        return Err(fail(
            format!("{shown} may be read by others"),
            "chmod 600, owned by the user that runs the daemon",
        ));
    }
    if file.len() > SECRET_BYTES_MAX {
        return Err(fail(format!("{shown} is larger than any secret"), "name the right file"));
    }
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| fail(format!("{shown}: {error}"), "check the file"))?;
    Ok(Some((key.name.clone(), text.trim_end().to_owned())))
}

/// Largest file of a secret. Unit: bytes.
const SECRET_BYTES_MAX: u64 = 16 << 10;

fn gemini_settings(
    config: &Config,
    symbols: Vec<String>,
    key: Option<connector_gemini::sign::Key>,
) -> connector_gemini::session::Settings {
    use connector_gemini::session::{Feed, Settings};
    let access = &config.venues.gemini;
    let feed = match config.venues.gemini_feed {
        config::GeminiFeed::Current => Feed::Current,
        config::GeminiFeed::V2 => Feed::V2,
    };
    let mut settings = Settings::new(feed, symbols);
    settings.ws_url = match feed {
        Feed::Current => access.ws_url.clone(),
        Feed::V2 => format!("{}/v2/marketdata", access.ws_url),
    };
    settings.rest_url.clone_from(&access.rest_url);
    settings.key = key;
    settings.audit_every_ms = access.audit_every_ms.into();
    if !access.trades {
        settings.streams.clear();
    }
    settings
}

fn bitstamp_settings(
    config: &Config,
    symbols: Vec<String>,
    key: Option<connector_bitstamp::sign::Key>,
) -> connector_bitstamp::session::Settings {
    let access = &config.venues.bitstamp;
    let mut settings = connector_bitstamp::session::Settings::new(symbols);
    settings.ws_url.clone_from(&access.ws_url);
    settings.rest_url = format!("{}/api/v2", access.rest_url);
    settings.key = key;
    settings.audit_every_ms = access.audit_every_ms.into();
    settings
}

fn solana(
    config: &Config,
    markets: Markets,
    ids: Vec<MarketId>,
    seed: u64,
    link: &Make<'_>,
) -> Vec<(Link, Vec<MarketId>)> {
    let pools =
        connector_solana::session::SolanaSession::new(solana_settings(config, seed), markets);
    let slots = pools.slots();
    let mut links = vec![(link("solana", Box::new(pools), 0), ids)];
    if let Some(slots) = slots {
        links.push((link("solana-slots", Box::new(slots), 1), Vec::new()));
    }
    links
}

/// What a session of the configured pools is told.
#[must_use]
pub fn solana_settings(config: &Config, seed: u64) -> connector_solana::session::Settings {
    use connector_solana::decoder::Provisional;
    use connector_solana::session::{Node, Settings, WantedPool};
    let nodes = config
        .venues
        .nodes
        .iter()
        .map(|node| Node { rpc_url: node.rpc_url.clone(), ws_url: node.ws_url.clone() });
    let expected = crate::replay::tables::expected_pools(config);
    let pools = expected
        .pools
        .into_iter()
        .map(|(expected, decimals)| WantedPool { expected, decimals: Some(decimals) });
    let mut settings = Settings::new(nodes.collect(), pools.collect());
    settings.accepted = expected.accepted;
    settings.bounds.hold_ms = config.venues.hold_ms.into();
    settings.provisional =
        if config.venues.provisional { Provisional::On } else { Provisional::Off };
    settings.tip_url = Some(config.venues.tip_url.clone()).filter(|url| !url.is_empty());
    settings.seed = seed;
    settings
}
