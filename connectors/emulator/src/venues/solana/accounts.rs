//! Methods about accounts and tokens.

use serde_json::{Value, json};

use super::answer::{Answer, RpcError, with_context};
use super::encode::{account, token_amount};
use super::node::Node;
use super::params::{Config, Encoding, key, list};
use crate::chain::TOKEN;

/// Most accounts of one question.
const KEYS_MAX: usize = 100;

/// Most accounts of one answer about a program: more than a ledger of a few pools has.
const PROGRAM_ACCOUNTS_MAX: usize = 20_000;

pub(super) fn get_account_info(node: &Node, params: &[Value]) -> Answer {
    let key = key(params.first())?;
    let config = Config::at(params, 1)?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &config)?;
    let encoding = config.encoding.unwrap_or(Encoding::Binary);
    let value = match node.account(&ledger, &key, bank.slot) {
        Some(found) => account(&found, encoding, config.slice)?,
        None => Value::Null,
    };
    Ok(with_context(&bank, value))
}

pub(super) fn get_multiple_accounts(node: &Node, params: &[Value]) -> Answer {
    let keys = list(params.first(), KEYS_MAX)?;
    let keys = keys.iter().map(|text| key(Some(text))).collect::<Result<Vec<_>, _>>()?;
    let config = Config::at(params, 1)?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &config)?;
    let encoding = config.encoding.unwrap_or(Encoding::Base64);
    let values = keys.iter().map(|key| match node.account(&ledger, key, bank.slot) {
        Some(found) => account(&found, encoding, config.slice),
        None => Ok(Value::Null),
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(with_context(&bank, Value::Array(values)))
}

pub(super) fn get_program_accounts(node: &Node, params: &[Value]) -> Answer {
    let program = key(params.first())?;
    let config = Config::at(params, 1)?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &config)?;
    let encoding = config.encoding.unwrap_or(Encoding::Binary);
    let mut values = Vec::new();
    for (key, _) in ledger.owned_by(program, bank.slot).take(PROGRAM_ACCOUNTS_MAX) {
        let Some(found) = node.account(&ledger, key, bank.slot) else { continue };
        if !config.filters.iter().all(|filter| filter.fits(&found)) {
            continue;
        }
        let account = account(&found, encoding, config.slice)?;
        values.push(json!({ "account": account, "pubkey": key.to_string() }));
    }
    if config.flag("withContext")? {
        return Ok(with_context(&bank, Value::Array(values)));
    }
    Ok(Value::Array(values))
}

pub(super) fn get_balance(node: &Node, params: &[Value]) -> Answer {
    let key = key(params.first())?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &Config::at(params, 1)?)?;
    let lamports = ledger.account(&key, bank.slot).map_or(0, |account| account.lamports);
    Ok(with_context(&bank, json!(lamports)))
}

pub(super) fn get_token_account_balance(node: &Node, params: &[Value]) -> Answer {
    let key = key(params.first())?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &Config::at(params, 1)?)?;
    if ledger.account(&key, bank.slot).is_none() {
        return Err(RpcError::invalid_params("Invalid param: could not find account"));
    }
    let Some(tokens) = ledger.tokens(&key, bank.slot) else {
        return Err(RpcError::invalid_params("Invalid param: not a Token account"));
    };
    Ok(with_context(&bank, token_amount(tokens.amount, tokens.decimals)))
}

pub(super) fn get_token_accounts_by_owner(node: &Node, params: &[Value]) -> Answer {
    let owner = key(params.first())?;
    let by = params.get(1).unwrap_or(&Value::Null);
    let mint = if by["mint"].is_null() { None } else { Some(key(by.get("mint"))?) };
    let program = if mint.is_some() { TOKEN } else { key(by.get("programId"))? };
    let config = Config::at(params, 2)?;
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &config)?;
    let encoding = config.encoding.unwrap_or(Encoding::Binary);
    let mut values = Vec::new();
    for (key, found) in ledger.owned_by(program, bank.slot) {
        let Some(tokens) = ledger.tokens(key, bank.slot) else { continue };
        if tokens.owner == owner && mint.is_none_or(|mint| tokens.mint == mint) {
            let account = account(found, encoding, config.slice)?;
            values.push(json!({ "account": account, "pubkey": key.to_string() }));
        }
    }
    Ok(with_context(&bank, Value::Array(values)))
}
