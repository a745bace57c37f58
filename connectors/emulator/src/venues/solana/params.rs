//! Parameters of methods and subscriptions.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use solana_pubkey::Pubkey;

use super::answer::RpcError;
use crate::chain::Account;
use crate::happening::Commitment;

/// Most filters of a query over a program's accounts.
const FILTERS_MAX: usize = 4;

/// Most bytes that one filter compares.
const MEMCMP_BYTES_MAX: usize = 128;

/// How an account's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Base58 without the name of the encoding beside it: the oldest form.
    Binary,
    /// Base58.
    Base58,
    /// Base64.
    Base64,
    /// Base64 of a zstd frame.
    Base64Zstd,
    /// For people, where the program is known; base64 where it is not.
    JsonParsed,
}

/// A condition on an account's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// So many bytes.
    DataSize(u64),
    /// These bytes at this place.
    Memcmp(usize, Vec<u8>),
    /// An account of the token program.
    TokenAccountState,
}

impl Filter {
    pub(super) fn fits(&self, account: &Account) -> bool {
        match self {
            Self::DataSize(size) => u64::try_from(account.data.len()) == Ok(*size),
            Self::Memcmp(at, bytes) => {
                account.data.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
            }
            Self::TokenAccountState => account.data.len() == 165 && account.data[108] != 0,
        }
    }
}

/// The object of options that most methods take last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Config {
    pub(super) commitment: Option<Commitment>,
    pub(super) encoding: Option<Encoding>,
    /// Offset and length.
    pub(super) slice: Option<(usize, usize)>,
    pub(super) min_context_slot: Option<u64>,
    pub(super) filters: Vec<Filter>,
    /// Everything, for options of one method only.
    pub(super) all: Value,
}

fn invalid(why: impl std::fmt::Display) -> RpcError {
    RpcError::invalid_params(format!("Invalid params: {why}."))
}

impl Config {
    /// Reads the parameter at a place; what is absent or null leaves everything open.
    pub(super) fn at(params: &[Value], place: usize) -> Result<Self, RpcError> {
        let all = match params.get(place) {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(all @ Value::Object(_)) => all.clone(),
            Some(other) => return Err(invalid(format!("expected an object, found {other}"))),
        };
        let commitment = given(&all, "commitment").map(commitment).transpose()?;
        let encoding = given(&all, "encoding").map(encoding).transpose()?;
        let slice = given(&all, "dataSlice").map(slice).transpose()?;
        let least = given(&all, "minContextSlot").map(|value| number(Some(value)));
        let min_context_slot = least.transpose()?;
        let filters = given(&all, "filters").map(filters).transpose()?.unwrap_or_default();
        Ok(Self { commitment, encoding, slice, min_context_slot, filters, all })
    }

    /// A flag; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, RpcError> {
        given(&self.all, name).map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| invalid(format!("`{name}` is true or false")))
        })
    }
}

/// A field that is there and not null.
pub(super) fn given<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Offset and length.
fn slice(value: &Value) -> Result<(usize, usize), RpcError> {
    let number = |name: &str| {
        let number = value[name].as_u64().and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| invalid(format!("missing field `{name}`")))
    };
    Ok((number("offset")?, number("length")?))
}

fn filters(value: &Value) -> Result<Vec<Filter>, RpcError> {
    let list = value.as_array().ok_or_else(|| invalid("filters are a list"))?;
    if list.len() > FILTERS_MAX {
        let text = format!("Too many filters provided; max {FILTERS_MAX}");
        return Err(RpcError::invalid_params(text));
    }
    list.iter().map(filter).collect()
}

/// A commitment by name, today's and yesterday's.
pub(super) fn commitment(value: &Value) -> Result<Commitment, RpcError> {
    match value.as_str() {
        Some("processed" | "recent") => Ok(Commitment::Processed),
        Some("confirmed" | "single" | "singleGossip") => Ok(Commitment::Confirmed),
        Some("finalized" | "max" | "root") => Ok(Commitment::Finalized),
        _ => Err(invalid(format!(
            "unknown variant `{value}`, expected one of `processed`, `confirmed`, `finalized`"
        ))),
    }
}

fn encoding(value: &Value) -> Result<Encoding, RpcError> {
    match value.as_str() {
        Some("binary") => Ok(Encoding::Binary),
        Some("base58") => Ok(Encoding::Base58),
        Some("base64") => Ok(Encoding::Base64),
        Some("base64+zstd") => Ok(Encoding::Base64Zstd),
        Some("jsonParsed" | "json") => Ok(Encoding::JsonParsed),
        _ => Err(invalid(format!(
            "unknown variant `{value}`, expected one of `binary`, `base58`, `base64`, \
             `jsonParsed`, `base64+zstd`"
        ))),
    }
}

fn filter(value: &Value) -> Result<Filter, RpcError> {
    if value.as_str() == Some("tokenAccountState") {
        return Ok(Filter::TokenAccountState);
    }
    if let Some(size) = value["dataSize"].as_u64() {
        return Ok(Filter::DataSize(size));
    }
    let memcmp = &value["memcmp"];
    let at = memcmp["offset"].as_u64().and_then(|at| usize::try_from(at).ok());
    let bytes = match (&memcmp["bytes"], memcmp["encoding"].as_str()) {
        (Value::String(text), None | Some("base58" | "binary")) => {
            bs58::decode(text).into_vec().ok()
        }
        (Value::String(text), Some("base64")) => STANDARD.decode(text).ok(),
        (Value::Array(list), _) => {
            list.iter().map(|byte| byte.as_u64().and_then(|n| u8::try_from(n).ok())).collect()
        }
        _ => None,
    };
    match (at, bytes) {
        (Some(at), Some(bytes)) if bytes.len() <= MEMCMP_BYTES_MAX => Ok(Filter::Memcmp(at, bytes)),
        _ => Err(invalid("a filter is dataSize, memcmp or tokenAccountState")),
    }
}

/// A public key in base58.
pub(super) fn key(value: Option<&Value>) -> Result<Pubkey, RpcError> {
    let text = text(value)?;
    Pubkey::from_str(text).map_err(|error| {
        let why = if text.len() > 44 || text.is_empty() { "WrongSize" } else { "Invalid" };
        let _ = error;
        RpcError::invalid_params(format!("Invalid param: {why}"))
    })
}

/// A signature in base58.
pub(super) fn signature(value: Option<&Value>) -> Result<[u8; 64], RpcError> {
    let bytes = bs58::decode(text(value)?).into_vec().ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| RpcError::invalid_params("Invalid param: Invalid"))
}

/// A text.
pub(super) fn text(value: Option<&Value>) -> Result<&str, RpcError> {
    let missing = || invalid("missing or not a string");
    value.and_then(Value::as_str).ok_or_else(missing)
}

/// A number that is not negative.
pub(super) fn number(value: Option<&Value>) -> Result<u64, RpcError> {
    value.and_then(Value::as_u64).ok_or_else(|| invalid("missing or not a number"))
}

/// A list, of at most so many.
pub(super) fn list(value: Option<&Value>, most: usize) -> Result<&[Value], RpcError> {
    let list = value.and_then(Value::as_array).ok_or_else(|| invalid("missing or not a list"))?;
    if list.len() > most {
        let text = format!("Too many inputs provided; max {most}");
        return Err(RpcError::invalid_params(text));
    }
    Ok(list)
}
