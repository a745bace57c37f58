//! The venues of a world, with their keys and choices.

use std::sync::Arc;

use crate::chain::SharedLedger;
use crate::config::{EmulateConfig, VenueConfig};
use crate::exchange::SharedExchange;
use crate::keys::{AccountKeys, Credentials};
use crate::serve::{SharedVenue, TlsOptions, VenueOptions};
use crate::venues::{bitstamp, gemini};

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
    let [_, gemini, bitstamp] = parts.exchanges;
    let _ = parts.ledger;
    Some(match name {
        "gemini" => {
            let settings = gemini_settings(choices, parts.keys);
            Arc::new(gemini::Gemini::new(gemini.clone(), settings))
        }
        "bitstamp" => {
            let settings = bitstamp_settings(choices, parts.keys);
            Arc::new(bitstamp::Bitstamp::new(bitstamp.clone(), settings))
        }
        _ => return None,
    })
}

/// Keys with time-based nonces: the only ones that every endpoint takes.
fn gemini_settings(choices: &VenueConfig, keys: &[AccountKeys]) -> gemini::Settings {
    let key = |account: &AccountKeys| match &account.credentials {
        Credentials::Gemini { key, secret } => Some(gemini::Key {
            key: key.clone(),
            secret: secret.clone(),
            account: account.account.as_str().into(),
            nonce: gemini::NonceKind::TimeBased,
            ..gemini::Key::default()
        }),
        Credentials::Coinbase { .. }
        | Credentials::Bitstamp { .. }
        | Credentials::Solana { .. } => None,
    };
    let details = if choices.omits_contract_currency {
        gemini::Details::WithoutContractCurrency
    } else {
        gemini::Details::Full
    };
    gemini::Settings {
        keys: keys.iter().filter_map(key).collect(),
        details,
        unsigned_events: choices.unsigned_events.as_deref().map(Into::into),
    }
}

fn bitstamp_settings(choices: &VenueConfig, keys: &[AccountKeys]) -> bitstamp::Settings {
    let key = |account: &AccountKeys| match &account.credentials {
        Credentials::Bitstamp { key, secret, user_id } => Some(bitstamp::Key {
            key: key.clone(),
            secret: secret.clone(),
            account: account.account.as_str().into(),
            user_id: *user_id,
        }),
        Credentials::Coinbase { .. } | Credentials::Gemini { .. } | Credentials::Solana { .. } => {
            None
        }
    };
    let keys = keys.iter().filter_map(key).collect();
    bitstamp::Settings { keys, hosts: choices.hosts.clone() }
}
