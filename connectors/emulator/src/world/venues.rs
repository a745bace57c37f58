//! The venues of a world, with their keys and choices.

use crate::chain::SharedLedger;
use crate::config::{EmulateConfig, VenueConfig};
use crate::exchange::SharedExchange;
use crate::keys::AccountKeys;
use crate::serve::{SharedVenue, TlsOptions, VenueOptions};

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
    let _ = (name, choices, parts.keys, parts.exchanges, parts.ledger);
    None
}
