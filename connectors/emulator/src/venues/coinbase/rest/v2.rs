//! The older interface under `/v2`, as far as widespread clients need it to load markets.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ids::uuid_named;
use super::super::products::{is_fiat, middle_e8, name_of};
use super::super::text::{e8, quoted, rfc3339, trimmed};
use super::accounts::wallet_id;
use super::{Call, Fault, Outcome, no_such};
use crate::exchange::Exchange;
use crate::happening::E8;

/// Every call under the prefix.
pub(super) fn route(call: &Call<'_>, rest: &str) -> Outcome {
    match (call.request.method.as_str(), rest.trim_end_matches('/')) {
        ("GET", "time") => {
            let now_s = call.now_ns / 1_000_000_000;
            let iso = rfc3339(now_s * 1_000_000_000);
            Ok(format!("{{\"data\":{{\"iso\":\"{iso}\",\"epoch\":{now_s}}}}}"))
        }
        ("GET", "currencies") => Ok(fiat(&call.desk.exchange())),
        ("GET", "currencies/crypto") => Ok(crypto(&call.desk.exchange())),
        ("GET", "exchange-rates") => rates(call),
        ("GET", "accounts") => accounts(call),
        _ => Err(no_such(&call.request.path)),
    }
}

/// Every currency of every product.
fn currencies(exchange: &Exchange) -> BTreeSet<String> {
    let pairs = exchange.products().iter().flat_map(|product| [&product.base, &product.quote]);
    let mut all: BTreeSet<String> = pairs.map(ToString::to_string).collect();
    all.insert("USDC".to_owned());
    all
}

fn fiat(exchange: &Exchange) -> String {
    let rows: Vec<String> = currencies(exchange)
        .iter()
        .filter(|code| is_fiat(code))
        .map(|code| {
            let name = quoted(name_of(code));
            format!("{{\"id\":\"{code}\",\"name\":{name},\"min_size\":\"0.01\"}}")
        })
        .collect();
    format!("{{\"data\":[{}]}}", rows.join(","))
}

/// The inner part of a currency's object, from its code on.
fn coin(code: &str) -> String {
    let kind = if is_fiat(code) { "fiat" } else { "crypto" };
    let asset = if is_fiat(code) {
        String::new()
    } else {
        format!(",\"asset_id\":\"{}\"", uuid_named("asset", code))
    };
    format!(
        "\"code\":\"{code}\",\"name\":{},\"color\":\"#000000\",\"sort_index\":100,\
         \"exponent\":8,\"type\":\"{kind}\"{asset}",
        quoted(name_of(code))
    )
}

fn crypto(exchange: &Exchange) -> String {
    let rows: Vec<String> = currencies(exchange)
        .iter()
        .filter(|code| !is_fiat(code))
        .map(|code| format!("{{{},\"address_regex\":\"^[0-9A-Za-z]{{20,90}}$\"}}", coin(code)))
        .collect();
    format!("{{\"data\":[{}]}}", rows.join(","))
}

/// How much of each currency one US dollar buys, at the middle of its book; 16 places, cut.
fn rates(call: &Call<'_>) -> Outcome {
    if !matches!(call.field("currency"), None | Some("USD")) {
        return Err(Fault::invalid("only currency=USD is known"));
    }
    let exchange = call.desk.exchange();
    let mut rates = BTreeMap::from([("USD".to_owned(), "1.0".to_owned())]);
    rates.insert("USDC".to_owned(), "1.0".to_owned());
    for product in exchange.products().iter().filter(|product| &*product.quote == "USD") {
        if let Some(price_e8) = middle_e8(&exchange, &product.name).filter(|price| *price > 0) {
            let rate = u128::from(E8) * 10_u128.pow(16) / u128::from(price_e8);
            rates.insert(product.base.to_string(), trimmed(rate, 16));
        }
    }
    let rows: Vec<String> =
        rates.iter().map(|(code, rate)| format!("\"{code}\":\"{rate}\"")).collect();
    Ok(format!("{{\"data\":{{\"currency\":\"USD\",\"rates\":{{{}}}}}}}", rows.join(",")))
}

/// Wallets in the older form: the whole balance, holds included, on one page.
fn accounts(call: &Call<'_>) -> Outcome {
    let caller = call.viewer()?;
    let rows: Vec<String> = call
        .desk
        .exchange()
        .balances(&caller.account)
        .iter()
        .map(|balance| {
            let (code, id) = (&balance.currency, wallet_id(&caller.account, &balance.currency));
            let kind = if is_fiat(code) { "fiat" } else { "wallet" };
            format!(
                "{{\"id\":\"{id}\",\"name\":\"{code} Wallet\",\"primary\":false,\
                 \"type\":\"{kind}\",\"currency\":{{{}}},\"balance\":{{\"amount\":\"{}\",\
                 \"currency\":\"{code}\"}},\"created_at\":\"2023-01-01T00:00:00Z\",\
                 \"updated_at\":\"2023-01-01T00:00:00Z\",\"resource\":\"account\",\
                 \"resource_path\":\"/v2/accounts/{id}\",\"allow_deposits\":true,\
                 \"allow_withdrawals\":true}}",
                coin(code),
                e8(balance.available_e8.saturating_add(balance.held_e8))
            )
        })
        .collect();
    Ok(format!(
        "{{\"pagination\":{{\"ending_before\":null,\"starting_after\":null,\
         \"previous_ending_before\":null,\"next_starting_after\":null,\"limit\":250,\
         \"order\":\"desc\",\"previous_uri\":null,\"next_uri\":null}},\"data\":[{}]}}",
        rows.join(",")
    ))
}
