//! The venues of a world, with their keys and choices.

use std::sync::Arc;

use crate::chain::SharedLedger;
use crate::config::{EmulateConfig, VenueConfig};
use crate::exchange::SharedExchange;
use crate::keys::{AccountKeys, Credentials};
use crate::serve::{SharedVenue, TlsOptions, VenueOptions};
use crate::venues::bitstamp::{self, Bitstamp};
use crate::venues::coinbase::{self, ApiKey, Coinbase, Scopes};
use crate::venues::gemini::{self, Details, Gemini};
use crate::venues::solana::{SolanaSettings, SolanaVenue};

use super::WorldError;

/// What venues are made of.
pub(super) struct Parts<'a> {
    pub(super) keys: &'a [AccountKeys],
    pub(super) exchanges: &'a [SharedExchange; 3],
    pub(super) ledger: &'a SharedLedger,
}

/// The venues that are configured, in the order of their names.
pub(super) fn venues(
    config: &EmulateConfig,
    parts: &Parts<'_>,
) -> Result<Vec<VenueOptions>, WorldError> {
    let one = |(name, choices): (&String, &VenueConfig)| {
        let venue = venue(name, choices, parts).ok_or_else(|| WorldError::NoVenue(name.clone()))?;
        let tls =
            choices.tls_port.map(|port| TlsOptions { port, certificate: choices.certificate });
        Ok(VenueOptions { venue, port: choices.port, tls, limits: choices.limits })
    };
    config.venues.iter().map(one).collect()
}

fn venue(name: &str, choices: &VenueConfig, parts: &Parts<'_>) -> Option<SharedVenue> {
    let Parts { keys, exchanges, ledger } = parts;
    let node = |name| {
        let settings = SolanaSettings { api_key: choices.api_key.clone() };
        Arc::new(SolanaVenue::new(name, Arc::clone(ledger), settings))
    };
    let [at_coinbase, at_gemini, at_bitstamp] = (*exchanges).clone();
    Some(match name {
        "coinbase" => Arc::new(coinbase(at_coinbase, keys)),
        "gemini" => Arc::new(gemini(at_gemini, choices, keys)),
        "bitstamp" => Arc::new(bitstamp(at_bitstamp, choices, keys)),
        "solana" => node("solana"),
        "solana-2" => node("solana-2"),
        _ => return None,
    })
}

fn coinbase(exchange: SharedExchange, keys: &[AccountKeys]) -> Coinbase {
    let mut settings = coinbase::Settings::default();
    for AccountKeys { account, credentials, .. } in keys {
        if let Credentials::Coinbase { es256_name, es256_pem, ed25519_name, ed25519_base64 } =
            credentials
        {
            for (name, secret) in [(es256_name, es256_pem), (ed25519_name, ed25519_base64)] {
                let key = ApiKey::from_secret(name, secret, account, Scopes::Trade);
                settings.keys.push(key.expect("Invariant: keys are made in the venue's form"));
            }
        }
    }
    Coinbase::new(exchange, settings)
}

fn gemini(exchange: SharedExchange, choices: &VenueConfig, keys: &[AccountKeys]) -> Gemini {
    let mut settings = gemini::Settings::default();
    for AccountKeys { account, credentials, .. } in keys {
        if let Credentials::Gemini { key, secret } = credentials {
            settings.keys.push(gemini::Key {
                key: key.clone(),
                secret: secret.clone(),
                account: Arc::from(account.as_str()),
                // The only nonces that every endpoint takes.
                nonce: gemini::NonceKind::TimeBased,
                ..gemini::Key::default()
            });
        }
    }
    if choices.omits_contract_currency {
        settings.details = Details::WithoutContractCurrency;
    }
    settings.unsigned_events = choices.unsigned_events.as_deref().map(Arc::from);
    Gemini::new(exchange, settings)
}

fn bitstamp(exchange: SharedExchange, choices: &VenueConfig, keys: &[AccountKeys]) -> Bitstamp {
    let mut settings = bitstamp::Settings { keys: Vec::new(), hosts: choices.hosts.clone() };
    for AccountKeys { account, credentials, .. } in keys {
        if let Credentials::Bitstamp { key, secret, user_id } = credentials {
            settings.keys.push(bitstamp::Key {
                key: key.clone(),
                secret: secret.clone(),
                account: Arc::from(account.as_str()),
                user_id: *user_id,
            });
        }
    }
    Bitstamp::new(exchange, settings)
}
