//! Solana JSON-RPC: subscriptions, notifications and answers.

use std::collections::VecDeque;
use std::fmt::Write as _;

use solana_pubkey::Pubkey;

use super::accounts::{PROGRAM, TOKEN_PROGRAM, account_json, mint_bytes};
use super::pool::Account;

/// Wrapped SOL: token A of the pool.
const WSOL: Pubkey = Pubkey::from_str_const("So11111111111111111111111111111111111111112");

/// USDC: token B of the pool.
const USDC: Pubkey = Pubkey::from_str_const("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");

/// Keys that may mint and freeze USDC. Only that there are such keys matters here.
const USDC_MINTER: Pubkey = Pubkey::from_str_const("BJE5MMbqXjVwjAF7oxwPYXnTXDyspzZyt4vwenNw5ruG");
const USDC_FREEZER: Pubkey = Pubkey::from_str_const("7dGbd2QZcCKcTndnHcTL8q7SMVXAkp688NTQYwrRCrar");

/// USDC in existence. Unit: micro-USDC. Illustrative.
const USDC_SUPPLY: u64 = 9_214_337_402_118_506;

/// First subscription id of a connection; account subscriptions count up from it.
const FIRST_SUBSCRIPTION: u64 = 23_784;

/// Slots that an answer about fees covers.
const FEE_SLOTS: usize = 150;

/// One connection, with the subscriptions it holds.
#[derive(Clone, Debug)]
pub(super) struct Solana {
    keys: Vec<Pubkey>,
    fees: VecDeque<(u64, u64)>,
    request_id: u64,
}

impl Solana {
    pub(super) const ADDRESS: &'static str = "wss://api.mainnet-beta.solana.com/";
    pub(super) const HTTP_URL: &'static str = "https://api.mainnet-beta.solana.com";

    /// A connection that follows these accounts.
    pub(super) const fn new(keys: Vec<Pubkey>) -> Self {
        Self { keys, fees: VecDeque::new(), request_id: 1_000 }
    }

    /// What the client sends: one request per account, then one for slots.
    pub(super) fn subscribe(&self) -> Vec<String> {
        let mut list: Vec<String> = (1..)
            .zip(&self.keys)
            .map(|(id, key): (u64, _)| {
                format!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"accountSubscribe\",\
                     \"params\":[\"{key}\",{{\"encoding\":\"base64\",\
                     \"commitment\":\"processed\"}}]}}"
                )
            })
            .collect();
        let id = self.keys.len() + 1;
        list.push(format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"slotSubscribe\",\"params\":[]}}"
        ));
        list
    }

    /// The answers: subscription ids, in the order of the requests.
    pub(super) fn subscribed(&self) -> Vec<String> {
        (0..=self.keys.len())
            .map(|offset| {
                let id = offset + 1;
                let subscription = subscription(offset);
                format!("{{\"jsonrpc\":\"2.0\",\"result\":{subscription},\"id\":{id}}}")
            })
            .collect()
    }

    /// An account as it is at the end of a slot; `None` for one that nobody subscribed to or that
    /// does not exist.
    pub(super) fn notification(&self, slot: u64, account: &Account) -> Option<String> {
        let offset = self.keys.iter().position(|key| *key == account.address)?;
        let value = account_json(&PROGRAM.to_string(), account.bytes.as_ref()?);
        Some(format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{{\"result\":\
             {{\"context\":{{\"slot\":{slot}}},\"value\":{value}}},\"subscription\":{}}}}}",
            subscription(offset)
        ))
    }

    /// A new slot.
    pub(super) fn slot(&self, slot: u64, parent: u64) -> String {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{{\"result\":\
             {{\"slot\":{slot},\"parent\":{parent},\"root\":{}}},\"subscription\":{}}}}}",
            slot - 32,
            subscription(self.keys.len())
        )
    }

    /// Request and answer of `getMultipleAccounts` over these accounts and both mints.
    pub(super) fn bootstrap(&mut self, slot: u64, accounts: &[Account]) -> (String, String) {
        let mut keys: Vec<String> =
            accounts.iter().map(|account| format!("\"{}\"", account.address)).collect();
        let program = PROGRAM.to_string();
        let mut values: Vec<String> = accounts
            .iter()
            .map(|account| {
                account
                    .bytes
                    .as_ref()
                    .map_or_else(|| "null".to_owned(), |bytes| account_json(&program, bytes))
            })
            .collect();
        keys.push(format!("\"{WSOL}\""));
        values.push(account_json(TOKEN_PROGRAM, &mint_bytes(None, None, 0, 9)));
        keys.push(format!("\"{USDC}\""));
        let usdc = mint_bytes(Some(USDC_MINTER), Some(USDC_FREEZER), USDC_SUPPLY, 6);
        values.push(account_json(TOKEN_PROGRAM, &usdc));
        let id = self.next_id();
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"getMultipleAccounts\",\"params\":\
             [[{}],{{\"encoding\":\"base64\",\"commitment\":\"processed\",\
             \"minContextSlot\":{slot}}}]}}",
            keys.join(",")
        );
        let answer = format!(
            "{{\"jsonrpc\":\"2.0\",\"result\":{{\"context\":{{\"apiVersion\":\"3.0.11\",\
             \"slot\":{slot}}},\"value\":[{}]}},\"id\":{id}}}",
            values.join(",")
        );
        (request, answer)
    }

    /// Remembers the least priority fee of a slot. Unit: micro-lamports per compute unit.
    pub(super) fn fee(&mut self, slot: u64, fee: u64) {
        if self.fees.len() == FEE_SLOTS {
            self.fees.pop_front();
        }
        self.fees.push_back((slot, fee));
    }

    /// Request and answer of `getRecentPrioritizationFees`.
    pub(super) fn recent_fees(&mut self) -> (String, String) {
        let id = self.next_id();
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"getRecentPrioritizationFees\",\
             \"params\":[[\"{}\"]]}}",
            self.keys[0]
        );
        let mut list = String::new();
        for (slot, fee) in &self.fees {
            let comma = if list.is_empty() { "" } else { "," };
            let _ = write!(list, "{comma}{{\"prioritizationFee\":{fee},\"slot\":{slot}}}");
        }
        (request, format!("{{\"jsonrpc\":\"2.0\",\"result\":[{list}],\"id\":{id}}}"))
    }

    const fn next_id(&mut self) -> u64 {
        self.request_id += 1;
        self.request_id
    }
}

fn subscription(offset: usize) -> u64 {
    FIRST_SUBSCRIPTION + u64::try_from(offset).expect("Invariant: a connection has few of them")
}
