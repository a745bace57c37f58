//! Bounds of every key, and what has to fit together.

use std::path::Path;

use super::{AccountConfig, EmulateConfig, MarketSource, Problem, RandomFaults};
use crate::serve::{FAULT_MS_MAX, FAULTS_MAX, FaultOrder, SCALE_MAX};

/// Largest file that is read.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// Accounts and wallets in all: an exchange scans a handful, and keys are made for each.
pub const ACCOUNTS_MAX: usize = 64;

/// Recordings: one per venue and some to spare.
pub const CAPTURES_MAX: usize = 16;

/// Host names in a certificate.
pub const HOST_NAMES_MAX: usize = 32;

/// The venues there are; `solana-2` is a second node of the same chain.
pub const VENUE_NAMES: [&str; 5] = ["coinbase", "gemini", "bitstamp", "solana", "solana-2"];

/// Where accounts can be.
const ACCOUNT_VENUES: [&str; 4] = ["coinbase", "gemini", "bitstamp", "solana"];

/// Currencies that an account can hold; a wallet holds SOL, WSOL and USDC.
const CURRENCIES: [&str; 5] = ["USD", "USDC", "SOL", "BTC", "WSOL"];

/// Second of the year 2100. A later start is a slip of units (milliseconds, for instance).
const START_S_MAX: u64 = 4_102_444_800;

/// Second of the year 2015: the clocks of the venues' protocols have no meaning long before.
const START_S_MIN: u64 = 1_420_070_400;

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, says: impl Into<String>, hint: impl Into<String>) {
        let (key, says, hint) = (key.into(), says.into(), hint.into());
        self.0.push(Problem { line: None, key, says, hint });
    }

    fn within(&mut self, key: &str, value: u64, low: u64, high: u64) {
        if !(low..=high).contains(&value) {
            let hint = format!("give a number from {low} to {high}");
            self.add(key, format!("is {value}"), hint);
        }
    }
}

pub(super) fn problems(config: &EmulateConfig) -> Vec<Problem> {
    let mut found = Problems(Vec::new());
    general(config, &mut found);
    market(config, &mut found);
    venues(config, &mut found);
    for (place, account) in config.accounts.iter().enumerate() {
        self::account(config, place, account, &mut found);
    }
    if config.accounts.len() > ACCOUNTS_MAX {
        let says = format!("there are {}", config.accounts.len());
        found.add("accounts", says, format!("at most {ACCOUNTS_MAX}"));
    }
    faults(config, &mut found);
    found.0
}

fn general(config: &EmulateConfig, found: &mut Problems) {
    found.within("time_scale", u64::from(config.time_scale), 1, u64::from(SCALE_MAX));
    found.within("turn_us", u64::from(config.turn_us), 100, 1_000_000);
    if let Some(start) = config.start_unix_s {
        found.within("start_unix_s", start, START_S_MIN, START_S_MAX);
    }
    if config.host_names.len() > HOST_NAMES_MAX {
        let says = format!("there are {}", config.host_names.len());
        found.add("host_names", says, format!("at most {HOST_NAMES_MAX}"));
    }
    for name in &config.host_names {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            let hint = "a name like venue.test, in ASCII";
            found.add("host_names", format!("{name:?} is no host name"), hint);
        }
    }
    let files = [
        ("ca_file", &config.ca_file),
        ("keys_file", &config.keys_file),
        ("frame_log", &config.frame_log),
    ];
    for (key, path) in files {
        if path.as_deref().is_some_and(|path| path == Path::new("")) {
            found.add(key, "is empty", "name a file, or leave the key out");
        }
    }
}

fn market(config: &EmulateConfig, found: &mut Problems) {
    let market = &config.market;
    let captures = market.captures.len();
    match market.source {
        MarketSource::Stochastic if captures > 0 => {
            let hint = "set source = \"captures\", or leave them out";
            found.add("market.captures", "a stochastic market plays no recordings", hint);
        }
        MarketSource::Captures if captures == 0 => {
            found.add("market.captures", "is empty", "name a recording for each venue");
        }
        MarketSource::Captures if captures > CAPTURES_MAX => {
            let says = format!("there are {captures}");
            found.add("market.captures", says, format!("at most {CAPTURES_MAX}"));
        }
        MarketSource::Stochastic | MarketSource::Captures => {}
    }
    let prices = [
        ("market.sol_usd", market.sol_usd, 1_000_000, 100_000_000_000),
        ("market.btc_usd", market.btc_usd, 1_000_000_000, 10_000_000_000_000),
        ("market.usdc_usd", market.usdc_usd, 500_000, 2_000_000),
    ];
    for (key, price, low, high) in prices {
        let Some(price) = price else { continue };
        match price.units(6) {
            None => found.add(key, "is finer than a millionth", "give at most six decimals"),
            Some(micros) if !(low..=high).contains(&micros) => {
                let hint = format!("between {} and {}", low / 1_000_000, high / 1_000_000);
                found.add(key, "is far from any real price", hint);
            }
            Some(_) => {}
        }
    }
    let chain = &config.chain;
    found.within("chain.skip_permille", chain.skip_permille, 0, 500);
    found.within("chain.fork_permille", chain.fork_permille, 0, 500);
    found.within("chain.lost_permille", chain.lost_permille, 0, 1_000);
    found.within("chain.landing_slots_max", chain.landing_slots_max, 0, 32);
    let fee = chain.priority_fee_micro_lamports;
    found.within("chain.priority_fee_micro_lamports", fee, 0, 1_000_000_000);
    found.within("chain.tip_lamports", chain.tip_lamports, 0, 1_000_000_000);
}

fn venues(config: &EmulateConfig, found: &mut Problems) {
    if config.venues.is_empty() {
        let hint = "add a table, like [venues.coinbase]";
        found.add("venues", "none is served", hint);
    }
    let mut taken = config.control_port.map(|port| (port, "control_port".to_owned()));
    let mut ports: Vec<(u16, String)> = taken.take().into_iter().collect();
    for (name, venue) in &config.venues {
        let key = |last: &str| format!("venues.{name}.{last}");
        if !VENUE_NAMES.contains(&name.as_str()) {
            let hint = format!("there are {}", VENUE_NAMES.join(", "));
            found.add(format!("venues.{name}"), "there is no such venue", hint);
            continue;
        }
        if venue.port.is_none() && venue.tls_port.is_none() {
            let hint = "give port or tls_port; 0 takes any";
            found.add(key("port"), "the venue listens nowhere", hint);
        }
        for (last, port) in [("port", venue.port), ("tls_port", venue.tls_port)] {
            ports.extend(port.map(|port| (port, key(last))));
        }
        let per_s = [
            ("limits.connections_per_s", venue.limits.connections_per_s),
            ("limits.messages_per_s", venue.limits.messages_per_s),
            ("limits.requests_per_s", venue.limits.requests_per_s),
            ("limits.queue_batches_max", venue.limits.queue_batches_max),
        ];
        for (last, value) in per_s {
            found.within(&key(last), u64::from(value), 0, 1_000_000);
        }
        let is_exchange = !name.starts_with("solana");
        for (last, fee) in
            [("maker_fee_ppm", venue.maker_fee_ppm), ("taker_fee_ppm", venue.taker_fee_ppm)]
        {
            let Some(fee) = fee else { continue };
            found.within(&key(last), u64::from(fee), 0, 100_000);
            if !is_exchange {
                found.add(key(last), "a chain has no such fee", "leave it out");
            }
        }
        let own = [
            ("hosts", "bitstamp", !venue.hosts.is_empty()),
            ("omits_contract_currency", "gemini", venue.omits_contract_currency),
            ("unsigned_events", "gemini", venue.unsigned_events.is_some()),
            ("api_key", "solana", venue.api_key.is_some()),
        ];
        for (last, owner, is_set) in own {
            if is_set && name.trim_end_matches("-2") != owner {
                let hint = format!("it belongs into [venues.{owner}]");
                found.add(key(last), format!("{name} has no such choice"), hint);
            }
        }
        let is_word = |key: &String| {
            (1..=100).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if venue.api_key.as_ref().is_some_and(|key| !is_word(key)) {
            let hint = "1 to 100 letters and digits; it is no secret";
            found.add(key("api_key"), "would not stand in an address as it is", hint);
        }
        if let Some(account) = &venue.unsigned_events
            && !config.accounts.iter().any(|it| it.venue == *name && it.name == *account)
        {
            let hint = "name one of [[accounts]] with this venue";
            found.add(key("unsigned_events"), format!("{account:?} is no account"), hint);
        }
    }
    ports.retain(|(port, _)| *port != 0);
    ports.sort();
    for pair in ports.windows(2) {
        if pair[0].0 == pair[1].0 {
            let says = format!("{} is also {}", pair[1].0, pair[0].1);
            found.add(pair[1].1.clone(), says, "give each its own port, or 0 for any");
        }
    }
}

fn account(config: &EmulateConfig, place: usize, account: &AccountConfig, found: &mut Problems) {
    let key = |last: &str| format!("accounts[{place}].{last}");
    if !ACCOUNT_VENUES.contains(&account.venue.as_str()) {
        let says = format!("{:?} keeps no accounts", account.venue);
        found.add(key("venue"), says, format!("one of {}", ACCOUNT_VENUES.join(", ")));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=64).contains(&account.name.len()) || !account.name.bytes().all(is_name) {
        let hint = "1 to 64 letters, digits, hyphens and underscores";
        found.add(key("name"), format!("{:?} is no name", account.name), hint);
    }
    let same = |other: &&AccountConfig| other.venue == account.venue && other.name == account.name;
    if config.accounts.iter().take(place).any(|other| same(&other)) {
        found.add(key("name"), "the venue has it already", "give each account its own name");
    }
    for (currency, amount) in &account.balances {
        let key = key(&format!("balances.{currency}"));
        if !CURRENCIES.contains(&currency.as_str()) {
            let hint = format!("there are {}", CURRENCIES.join(", "));
            found.add(key, "no venue knows this currency", hint);
            continue;
        }
        let is_wallet = account.venue == "solana";
        if is_wallet && !["SOL", "WSOL", "USDC"].contains(&currency.as_str()) {
            found.add(key, "a wallet holds no such currency", "SOL, WSOL or USDC");
        } else if !is_wallet && currency == "WSOL" {
            found.add(key, "an exchange has no wrapped SOL", "give SOL");
        } else {
            let places = match (is_wallet, currency.as_str()) {
                (true, "USDC") => 6,
                (true, _) => 9,
                (false, _) => 8,
            };
            if amount.units(places).is_none() {
                let hint = format!("at most {places} decimals, and below 10^10");
                found.add(key, "is too fine or too large", hint);
            }
        }
    }
}

fn faults(config: &EmulateConfig, found: &mut Problems) {
    let random = config.random_faults.map_or(0, |random| random.count);
    let count = config.faults.len().saturating_add(random);
    if count > FAULTS_MAX {
        found.add("faults", format!("there are {count}"), format!("at most {FAULTS_MAX}"));
    }
    for (place, fault) in config.faults.iter().enumerate() {
        let key = |last: &str| format!("faults[{place}].{last}");
        if !config.venues.contains_key(&fault.venue) {
            let names: Vec<&str> = config.venues.keys().map(String::as_str).collect();
            let says = format!("{:?} is not served", fault.venue);
            found.add(key("venue"), says, format!("one of {}", names.join(", ")));
        }
        found.within(&key("at_ms"), fault.at_ms, 0, 1_000_000_000_000);
        let order = FaultOrder::new(&fault.venue, fault.fault.clone(), fault.duration_ms);
        if let Err(says) = order.check() {
            found.add(key("fault"), says, "give a number within these bounds");
        }
    }
    if let Some(RandomFaults { from_ms, until_ms, longest_ms, .. }) = config.random_faults {
        found.within("random_faults.longest_ms", longest_ms, 1, FAULT_MS_MAX);
        found.within("random_faults.until_ms", until_ms, 1, 1_000_000_000_000);
        if from_ms >= until_ms {
            let says = format!("is {from_ms}, and until_ms is {until_ms}");
            found.add("random_faults.from_ms", says, "begin before the end");
        }
    }
}
