//! Subscriptions of one connection.

use serde_json::Value;
use solana_pubkey::Pubkey;

use super::answer::RpcError;
use super::params::{Config, Encoding, Filter, key, signature};
use crate::happening::Commitment;

/// What a subscription follows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Topic {
    /// One account.
    Account(Pubkey),
    /// Accounts of a program.
    Program(Pubkey, Vec<Filter>),
    /// Every slot.
    Slot,
    /// Every root.
    Root,
    /// One transaction. The flag: whether to tell that it was received, and has not been told.
    Signature([u8; 64], bool),
    /// Logs of all transactions, or of those that name an account.
    Logs(Option<Pubkey>),
}

impl Topic {
    /// Name of the method that ends it.
    pub(super) const fn ends_with(&self) -> &'static str {
        match self {
            Self::Account(_) => "accountUnsubscribe",
            Self::Program(..) => "programUnsubscribe",
            Self::Slot => "slotUnsubscribe",
            Self::Root => "rootUnsubscribe",
            Self::Signature(..) => "signatureUnsubscribe",
            Self::Logs(_) => "logsUnsubscribe",
        }
    }
}

/// One subscription.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subscription {
    pub(super) topic: Topic,
    pub(super) commitment: Commitment,
    pub(super) encoding: Encoding,
    pub(super) slice: Option<(usize, usize)>,
}

/// Reads a method that begins a subscription; `None` for any other method.
pub(super) fn subscription(
    method: &str,
    params: &[Value],
) -> Option<Result<Subscription, RpcError>> {
    let topic = match method {
        "accountSubscribe" => key(params.first()).map(Topic::Account),
        "programSubscribe" => key(params.first()).map(|key| Topic::Program(key, Vec::new())),
        "slotSubscribe" => Ok(Topic::Slot),
        "rootSubscribe" => Ok(Topic::Root),
        "signatureSubscribe" => signature(params.first()).map(|id| Topic::Signature(id, false)),
        "logsSubscribe" => logs(params.first()).map(Topic::Logs),
        _ => return None,
    };
    Some(topic.and_then(|topic| with_config(topic, params)))
}

fn with_config(topic: Topic, params: &[Value]) -> Result<Subscription, RpcError> {
    let config = Config::at(params, 1)?;
    let topic = match topic {
        Topic::Program(key, _) => Topic::Program(key, config.filters.clone()),
        Topic::Signature(id, _) => Topic::Signature(id, config.flag("enableReceivedNotification")?),
        Topic::Account(_) | Topic::Slot | Topic::Root | Topic::Logs(_) => topic,
    };
    Ok(Subscription {
        topic,
        commitment: config.commitment.unwrap_or(Commitment::Finalized),
        // The oldest form stands for no encoding at all.
        encoding: config.encoding.unwrap_or(Encoding::Binary),
        slice: config.slice,
    })
}

fn logs(filter: Option<&Value>) -> Result<Option<Pubkey>, RpcError> {
    let bad = || RpcError::invalid_params("Invalid params: `all`, `allWithVotes` or mentions.");
    match filter {
        Some(Value::String(name)) if name == "all" || name == "allWithVotes" => Ok(None),
        Some(Value::Object(object)) => {
            let list = object.get("mentions").and_then(Value::as_array).ok_or_else(bad)?;
            if list.len() != 1 {
                let message = "Invalid Request: Only 1 address supported";
                return Err(RpcError::invalid_params(message));
            }
            key(list.first()).map(Some)
        }
        _ => Err(bad()),
    }
}
