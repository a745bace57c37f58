//! Solana: a node's JSON-RPC and pubsub over the ledger, and the block engine's tip floor.
//!
//! Any path takes requests by POST and WebSocket upgrades; `GET /health` and
//! `GET /api/v1/bundles/tip_floor` are the exceptions. Several nodes can show one ledger, each with
//! its own name and its own troubles. Methods, codes and frames are those of a real node; what no
//! arbitrageur needs is not there and says so with -32601.
//! Start reading at [`SolanaVenue`].

mod accounts;
mod answer;
mod chain;
mod dialect;
mod encode;
mod node;
mod params;
mod rpc;
mod subs;
#[cfg(test)]
mod tests;
mod tips;
mod transactions;

use std::sync::Arc;

use crate::chain::SharedLedger;
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, LimitKind, Venue};
use dialect::PubSub;
use node::{Node, SharedNode};

/// How a node is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SolanaSettings {
    /// The key that requests must carry in their query (`?api-key=`); `None`: nobody asks.
    pub api_key: Option<String>,
}

/// A node of the chain.
#[derive(Debug)]
pub struct SolanaVenue {
    node: SharedNode,
}

impl SolanaVenue {
    /// A node that shows a ledger. `name` is what configuration and control endpoint call it:
    /// `solana`, `solana-2`.
    #[must_use]
    pub fn new(name: &'static str, ledger: SharedLedger, settings: SolanaSettings) -> Self {
        Self { node: Arc::new(Node::new(name, ledger, settings.api_key)) }
    }
}

fn refused_key() -> HttpAnswer {
    let text = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32401,\"message\":\"Unauthorized\"},\
                \"id\":null}";
    HttpAnswer::json(401, text)
}

impl Venue for SolanaVenue {
    fn name(&self) -> &'static str {
        self.node.name
    }

    fn upgrade(&self, now_ns: u64, request: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer> {
        let _ = now_ns;
        if !self.node.lets_in(&request.query) {
            return Err(refused_key());
        }
        Ok(Box::new(PubSub::new(SharedNode::clone(&self.node))))
    }

    fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        self.node.disturb(now_ns, what)
    }

    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", tips::PATH) => HttpAnswer::json(200, tips::floor(&self.node.ledger(), now_ns)),
            ("GET", "/health") => {
                let text = if self.node.health(now_ns).is_ok() { "ok" } else { "behind" };
                HttpAnswer::text(200, text)
            }
            ("POST", _) if !self.node.lets_in(&request.query) => refused_key(),
            ("POST", _) => rpc::post(&self.node, now_ns, request),
            _ => {
                let text = "Used HTTP Method is not allowed. POST or OPTIONS is required\n";
                HttpAnswer::text(405, text)
            }
        }
    }

    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        let message = match kind {
            LimitKind::Connections => "Connection rate limits exceeded",
            LimitKind::Requests => "Too many requests for a specific RPC call",
        };
        let text = format!(
            "{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":429,\"message\":\"{message}\"}},\"id\":null}}"
        );
        let mut answer = HttpAnswer::json(429, text);
        answer.headers.push(("retry-after".to_owned(), "1".to_owned()));
        answer
    }
}
