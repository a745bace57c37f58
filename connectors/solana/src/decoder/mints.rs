//! The mints that answers and notifications have shown, and what they let be traded.

use std::collections::BTreeMap;

use connector_net::{Odd, OddCounts};
use solana_pubkey::Pubkey;

use crate::address;
use crate::layout::{MintAccount, MintPowers, TOKEN_ACCOUNT_BYTES};

/// Most mints remembered: two for each of a connection's markets.
const MINTS_MAX: usize = 2_048;

/// Mints by address.
#[derive(Debug, Default)]
pub(super) struct Mints {
    shown: BTreeMap<Pubkey, MintAccount>,
    /// Powers accepted by mint; none: nobody asked for the pools to be judged by their mints.
    accepted: Option<BTreeMap<Pubkey, MintPowers>>,
    decimals: BTreeMap<Pubkey, u8>,
}

impl Mints {
    pub(super) fn accept(&mut self, accepted: impl IntoIterator<Item = (Pubkey, MintPowers)>) {
        self.accepted = Some(accepted.into_iter().collect());
    }

    pub(super) fn expect_decimals(&mut self, mint: Pubkey, decimals: u8) {
        self.decimals.insert(mint, decimals);
    }

    /// Whether pools are judged by their mints.
    pub(super) fn are_judged(&self) -> bool {
        self.accepted.is_some()
    }

    /// Whether a mint's powers are accepted; false while it was not shown.
    pub(super) fn is_accepted(&self, mint: &Pubkey) -> bool {
        let accepted = self.accepted.as_ref().and_then(|all| all.get(mint)).copied();
        self.shown.get(mint).is_some_and(|shown| {
            shown.transfer_fees.is_none()
                && shown.powers.without(accepted.unwrap_or_default()).is_empty()
                && self.decimals.get(mint).is_none_or(|decimals| *decimals == shown.decimals)
        })
    }

    pub(super) fn get(&self, mint: &Pubkey) -> Option<&MintAccount> {
        self.shown.get(mint)
    }

    /// Takes an account of a token program. True where it is a mint that says something new.
    pub(super) fn learn(
        &mut self,
        pubkey: &Pubkey,
        owner: &Pubkey,
        data: &[u8],
        counts: &mut OddCounts,
    ) -> bool {
        // Vaults and other token accounts belong to the same programs.
        let is_token_account = data.len() == TOKEN_ACCOUNT_BYTES
            || data.get(TOKEN_ACCOUNT_BYTES).is_some_and(|kind| *kind == 2);
        if !address::is_token_program(owner) || is_token_account {
            return false;
        }
        match MintAccount::parse(data) {
            Ok(mint) if self.shown.len() < MINTS_MAX || self.shown.contains_key(pubkey) => {
                self.shown.insert(*pubkey, mint) != Some(mint)
            }
            Ok(_) => {
                counts.add(Odd::BufferFull);
                false
            }
            Err(_) => {
                counts.add(Odd::BadAccount);
                // A mint that cannot be read is not the one that was accepted.
                self.shown.remove(pubkey).is_some()
            }
        }
    }
}
