//! What needs a key: the token of private channels, and the account's fees.
//!
//! A token holds for a minute and is looked at when a channel is subscribed, so every connection
//! asks for its own. A refusal is answered once with a new token; the second one is a problem to
//! report, and public data goes on.

use connector_net::session::{Asks, Fetched, Now};
use serde::Deserialize;

use super::{Feed, Settings, later};
use crate::sign::{Key, Stamp, nonce, post};

/// Refusals of a connection's credentials before they are given up.
const REFUSALS_MAX: u32 = 2;

/// Wait before something that failed is asked for again. Unit: milliseconds.
const AGAIN_MS: u64 = 5_000;

#[derive(Deserialize)]
struct Token {
    token: String,
    user_id: u64,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    reason: serde_json::Value,
    #[serde(default)]
    code: String,
}

/// The private side of a connection.
#[derive(Debug)]
pub(super) struct Account {
    key: Key,
    rest_url: String,
    fees_every_ms: u64,
    /// Signed requests so far: no nonce comes twice.
    number: u64,
    token_tag: Option<u64>,
    fees_tag: Option<u64>,
    token_due_ns: u64,
    fees_due_ns: u64,
    refusals: u32,
    problem: Option<String>,
}

impl Account {
    pub(super) fn new(key: Key, settings: &Settings) -> Self {
        Self {
            key,
            rest_url: settings.rest_url.clone(),
            fees_every_ms: settings.fees_every_ms,
            number: 0,
            token_tag: None,
            fees_tag: None,
            token_due_ns: u64::MAX,
            fees_due_ns: u64::MAX,
            refusals: 0,
            problem: None,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    pub(super) fn due_ns(&self) -> u64 {
        self.token_due_ns.min(self.fees_due_ns)
    }

    pub(super) fn opened(&mut self, now: Now, tag: u64, asks: &mut Asks) {
        self.refusals = 0;
        self.fees_due_ns = now.ns;
        self.ask_token(now, tag, asks);
    }

    pub(super) fn closed(&mut self) {
        (self.token_tag, self.fees_tag) = (None, None);
        (self.token_due_ns, self.fees_due_ns) = (u64::MAX, u64::MAX);
    }

    fn ask_token(&mut self, now: Now, tag: u64, asks: &mut Asks) {
        self.token_due_ns = u64::MAX;
        self.token_tag = Some(tag);
        self.ask(now, tag, "websockets_token", asks);
    }

    fn ask(&mut self, now: Now, tag: u64, what: &str, asks: &mut Asks) {
        self.number += 1;
        let nonce = nonce(&self.key, now.ns, self.number);
        let stamp = Stamp { nonce: &nonce, timestamp_ms: now.ns / 1_000_000 };
        asks.fetch(post(&self.key, tag, format!("{}/{what}/", self.rest_url), stamp));
    }

    /// One thing that is due; what else is due follows at the next call.
    pub(super) fn time(&mut self, now: Now, tag: u64, asks: &mut Asks) {
        if self.token_due_ns <= now.ns {
            self.ask_token(now, tag, asks);
        } else if self.fees_due_ns <= now.ns {
            self.fees_due_ns = later(now.ns, self.fees_every_ms);
            self.fees_tag = Some(tag);
            self.ask(now, tag, "fees/trading", asks);
        }
    }

    /// A private channel was refused.
    pub(super) fn unauthorized(&mut self, now: Now, tag: u64, asks: &mut Asks) {
        self.refusals += 1;
        if self.refusals < REFUSALS_MAX {
            self.ask_token(now, tag, asks);
        } else {
            self.problem = Some("key: the venue refuses its private channels".to_owned());
        }
    }

    pub(super) fn fetched(&mut self, now: Now, end: &Fetched<'_>, feeds: &[Feed], asks: &mut Asks) {
        let (Fetched::Answer { tag, .. } | Fetched::Failed { tag, .. }) = *end;
        let is_token = self.token_tag == Some(tag);
        if !is_token && self.fees_tag != Some(tag) {
            return;
        }
        if is_token {
            self.token_tag = None;
        } else {
            self.fees_tag = None;
        }
        match *end {
            Fetched::Answer { status: 200..=299, body, .. } => {
                self.problem = None;
                if !is_token {
                    return;
                }
                match serde_json::from_slice::<Token>(body) {
                    Ok(token) => subscribe_private(&token, feeds, asks),
                    Err(_) => self.token_due_ns = later(now.ns, AGAIN_MS),
                }
            }
            Fetched::Answer { status: 401 | 403, body, .. } => {
                self.refusals += 1;
                let refusal = serde_json::from_slice::<Refusal>(body).ok();
                let text =
                    refusal.map_or_else(String::new, |it| format!("{} {}", it.code, it.reason));
                if self.refusals < REFUSALS_MAX {
                    // Once more, with a new nonce and time.
                    let due_ns =
                        if is_token { &mut self.token_due_ns } else { &mut self.fees_due_ns };
                    *due_ns = later(now.ns, AGAIN_MS);
                } else {
                    self.problem = Some(format!("key: the venue refuses it: {}", text.trim()));
                    (self.token_due_ns, self.fees_due_ns) = (u64::MAX, u64::MAX);
                }
            }
            Fetched::Answer { .. } | Fetched::Failed { .. } => {
                let due_ns = if is_token { &mut self.token_due_ns } else { &mut self.fees_due_ns };
                *due_ns = later(now.ns, AGAIN_MS).min(*due_ns);
            }
        }
    }
}

/// Own orders and fills of every market. The token must not be written down.
fn subscribe_private(token: &Token, feeds: &[Feed], asks: &mut Asks) {
    for feed in feeds {
        for what in ["my_orders", "my_trades"] {
            let channel = format!("private-{what}_{}-{}", feed.symbol, token.user_id);
            let frame = |auth: &str| {
                format!(
                    "{{\"event\":\"bts:subscribe\",\"data\":{{\"channel\":\"{channel}\",\"auth\":{}}}}}",
                    serde_json::Value::from(auth)
                )
            };
            asks.send_secret(frame(&token.token), frame("..."));
        }
    }
}
