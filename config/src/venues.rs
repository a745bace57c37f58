//! `[venues.*]`: where the venues are, and with which keys. Secrets are only referred to.

use engine_model::Venue;

use crate::problem::{Fault, Problems, fault, shown};
use crate::read::{flag, integer_u32, list, text, word};
use crate::section::{Section, root_table};
use crate::tree::{Node, Table};

/// Longest address.
const URL_BYTES_MAX: usize = 512;
/// Most nodes of a chain.
const NODES_MAX: usize = 8;

/// Which of Gemini's feeds is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GeminiFeed {
    /// The current WebSocket, in sequence.
    #[default]
    Current,
    /// Market data v2: archived by the venue, without sequence.
    V2,
}

/// A key of a venue. Its secret stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// What the venue calls it. No secret.
    pub name: String,
    /// File with the secret and nothing else, or the name of a systemd credential.
    pub secret: SecretRef,
}

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A file that only its owner may read.
    File(String),
    /// A credential of systemd.
    Credential(String),
}

/// An exchange's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeAccess {
    /// Market data.
    pub ws_url: String,
    /// Requests, without their path.
    pub rest_url: String,
    /// A key, where there is one.
    pub key: Option<KeyRef>,
    /// Whether trade prints are subscribed to. Default: true.
    pub trades: bool,
    /// How often each streamed book is compared with the one that requests give. Gemini and Bitstamp.
    /// Unit: milliseconds. 1,000 to 3,600,000, default 60,000.
    pub audit_every_ms: u32,
}

/// A node of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainNode {
    /// Requests.
    pub rpc_url: String,
    /// Subscriptions.
    pub ws_url: String,
}

/// Where the venues are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venues {
    /// Coinbase Advanced Trade.
    pub coinbase: ExchangeAccess,
    /// Gemini.
    pub gemini: ExchangeAccess,
    /// Its feed.
    pub gemini_feed: GeminiFeed,
    /// Bitstamp.
    pub bitstamp: ExchangeAccess,
    /// Nodes of Solana, the preferred one first.
    pub nodes: Vec<ChainNode>,
    /// Levels of tips; empty: as configured in `[costs]`.
    pub tip_url: String,
    /// How long a pool's accounts wait for a later slot. Unit: milliseconds. 100 to 5,000, default 800.
    pub hold_ms: u32,
    /// Whether a pool account may be used before its slot is over, inside its range. Default: true.
    pub provisional: bool,
}

impl Default for Venues {
    fn default() -> Self {
        let at = |ws_url: &str, rest_url: &str| ExchangeAccess {
            ws_url: ws_url.to_owned(),
            rest_url: rest_url.to_owned(),
            key: None,
            trades: true,
            audit_every_ms: 60_000,
        };
        Self {
            coinbase: at("wss://advanced-trade-ws.coinbase.com", "https://api.coinbase.com"),
            gemini: at("wss://ws.gemini.com", "https://api.gemini.com"),
            gemini_feed: GeminiFeed::Current,
            bitstamp: at("wss://ws.bitstamp.net", "https://www.bitstamp.net"),
            nodes: vec![ChainNode {
                rpc_url: "https://api.mainnet-beta.solana.com".to_owned(),
                ws_url: "wss://api.mainnet-beta.solana.com".to_owned(),
            }],
            tip_url: String::new(),
            hold_ms: 800,
            provisional: true,
        }
    }
}

impl Venues {
    /// An exchange's addresses; none for a chain.
    #[must_use]
    pub const fn exchange(&self, venue: Venue) -> Option<&ExchangeAccess> {
        match venue {
            Venue::Coinbase => Some(&self.coinbase),
            Venue::Gemini => Some(&self.gemini),
            Venue::Bitstamp => Some(&self.bitstamp),
            Venue::Solana => None,
        }
    }
}

const VENUE_KEYS: &[&str] = &["coinbase", "gemini", "bitstamp", "solana"];
/// Keys of an exchange; those without numbers in their feed have one more, Gemini's two.
pub(crate) const EXCHANGE_KEYS: &[&str] =
    &["ws_url", "rest_url", "key_name", "key_file", "key_credential", "trades"];
pub(crate) const BITSTAMP_KEYS: &[&str] =
    &["ws_url", "rest_url", "key_name", "key_file", "key_credential", "trades", "audit_every_ms"];
pub(crate) const GEMINI_KEYS: &[&str] = &[
    "ws_url",
    "rest_url",
    "key_name",
    "key_file",
    "key_credential",
    "trades",
    "audit_every_ms",
    "feed",
];
pub(crate) const SOLANA_KEYS: &[&str] =
    &["rpc_urls", "ws_urls", "tip_url", "hold_ms", "provisional"];

const FEEDS: &[(&str, GeminiFeed)] = &[("current", GeminiFeed::Current), ("v2", GeminiFeed::V2)];

pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Venues {
    let mut venues = Venues::default();
    let Some((at, table)) = root_table(root, "venues", problems) else { return venues };
    let section = Section::open("[venues]".to_owned(), at, table, VENUE_KEYS, problems);
    for name in VENUE_KEYS {
        let Some(inner) = section.inner(name, "[venues.coinbase] with its keys", problems) else {
            continue;
        };
        let label = format!("[venues.{name}]");
        let at = section.at_key(name);
        match *name {
            "coinbase" => {
                let section = Section::open(label, at, inner, EXCHANGE_KEYS, problems);
                exchange(&section, &mut venues.coinbase, problems);
            }
            "gemini" => {
                let section = Section::open(label, at, inner, GEMINI_KEYS, problems);
                let feed = section.or("feed", venues.gemini_feed, problems, word(FEEDS));
                venues.gemini_feed = feed;
                if feed == GeminiFeed::V2 {
                    "wss://api.gemini.com".clone_into(&mut venues.gemini.ws_url);
                }
                exchange(&section, &mut venues.gemini, problems);
                audit(&section, &mut venues.gemini, problems);
            }
            "bitstamp" => {
                let section = Section::open(label, at, inner, BITSTAMP_KEYS, problems);
                exchange(&section, &mut venues.bitstamp, problems);
                audit(&section, &mut venues.bitstamp, problems);
            }
            _ => {
                let section = Section::open(label, at, inner, SOLANA_KEYS, problems);
                chain(&section, &mut venues, problems);
            }
        }
    }
    venues
}

fn exchange(section: &Section<'_>, access: &mut ExchangeAccess, problems: &mut Problems<'_>) {
    access.ws_url = section.or("ws_url", access.ws_url.clone(), problems, url(WS));
    access.rest_url = section.or("rest_url", access.rest_url.clone(), problems, url(HTTP));
    access.trades = section.or("trades", access.trades, problems, flag);
    let name = section.optional("key_name", problems, text(256));
    let file = section.optional("key_file", problems, text(1_024)).map(SecretRef::File);
    let credential = section.optional("key_credential", problems, text(256));
    let secret = match (file, credential.map(SecretRef::Credential)) {
        (Some(_), Some(_)) => {
            section.refuse("key_credential", "key_file names the secret already", problems);
            return;
        }
        (file, credential) => file.or(credential),
    };
    match (name, secret) {
        (Some(name), Some(secret)) => access.key = Some(KeyRef { name, secret }),
        (Some(_), None) => section.missing("key_file", problems),
        (None, Some(_)) => section.missing("key_name", problems),
        (None, None) => {}
    }
}

fn audit(section: &Section<'_>, access: &mut ExchangeAccess, problems: &mut Problems<'_>) {
    let every = integer_u32(1_000..=3_600_000);
    access.audit_every_ms = section.or("audit_every_ms", access.audit_every_ms, problems, every);
}

fn chain(section: &Section<'_>, venues: &mut Venues, problems: &mut Problems<'_>) {
    let rpc = section.optional("rpc_urls", problems, list(NODES_MAX, url(HTTP)));
    let ws = section.optional("ws_urls", problems, list(NODES_MAX, url(WS)));
    venues.hold_ms = section.or("hold_ms", venues.hold_ms, problems, integer_u32(100..=5_000));
    venues.provisional = section.or("provisional", venues.provisional, problems, flag);
    venues.tip_url = section.or("tip_url", String::new(), problems, url(HTTP));
    match (rpc, ws) {
        (None, None) => {}
        (Some(rpc), Some(ws)) if rpc.len() == ws.len() && !rpc.is_empty() => {
            let nodes = rpc.into_iter().zip(ws);
            venues.nodes = nodes.map(|(rpc_url, ws_url)| ChainNode { rpc_url, ws_url }).collect();
        }
        (None, Some(_)) => section.missing("rpc_urls", problems),
        (Some(_), None) => section.missing("ws_urls", problems),
        (Some(rpc), Some(ws)) => {
            let says = format!(
                "{} of rpc_urls and {} of ws_urls in {}",
                rpc.len(),
                ws.len(),
                section.label
            );
            let hint = "name both addresses of each node, in the same order";
            problems.add(section.at_key("ws_urls"), section.key("ws_urls"), fault(says, hint));
        }
    }
}

/// Schemes of an address: the encrypted one, and the plain one for this machine only.
type Schemes = (&'static str, &'static str);
const WS: Schemes = ("wss://", "ws://");
const HTTP: Schemes = ("https://", "http://");

/// An address without credentials in it, encrypted unless it leads to this machine.
fn url((secure, plain): Schemes) -> impl Fn(&Node) -> Result<String, Fault> {
    let read = text(URL_BYTES_MAX);
    move |node| {
        let url = read(node)?;
        let hint = format!("write {secure}HOST, or {plain}127.0.0.1:PORT for this machine");
        let rest = url.strip_prefix(secure);
        let plain_rest = url.strip_prefix(plain);
        let Some(rest) = rest.or(plain_rest) else {
            return Err(fault(format!("\"{}\" has another scheme", shown(&url)), hint));
        };
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(fault("an address with credentials in it", hint));
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if name.is_empty() || url.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(fault(format!("\"{}\" names no host", shown(&url)), hint));
        }
        let is_here = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
        if plain_rest.is_some() && !is_here {
            return Err(fault(
                format!("\"{}\" is not encrypted and leads elsewhere", shown(&url)),
                hint,
            ));
        }
        Ok(url.trim_end_matches('/').to_owned())
    }
}
