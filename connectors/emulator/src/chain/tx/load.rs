//! Accounts of a message: static ones, those of lookup tables, and who may do what with them.

use std::collections::BTreeSet;

use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_transaction_error::TransactionError;

use crate::chain::account::LOOKUP_TABLE;
use crate::chain::layout::{key_at, u32_at, u64_at};
use crate::chain::overlay::View;

/// Most accounts that one transaction may lock.
const LOCKS_MAX: usize = 64;

/// Bytes of a lookup table before its addresses.
const TABLE_HEADER_BYTES: usize = 56;

/// An account of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) key: Pubkey,
    pub(crate) is_signer: bool,
    pub(crate) is_writable: bool,
}

/// Every account of a message, in the order that its instructions count in.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) metas: Vec<Meta>,
    /// How many of the last ones came from tables to be written, and to be read.
    pub(crate) from_tables: (usize, usize),
}

impl Loaded {
    /// Resolves a message against the accounts at the beginning of `slot`.
    pub(crate) fn of(
        message: &VersionedMessage,
        view: &dyn View,
        slot: u64,
    ) -> Result<Self, TransactionError> {
        let header = message.header();
        let keys = message.static_account_keys();
        let signers = usize::from(header.num_required_signatures);
        let writable_signers = signers - usize::from(header.num_readonly_signed_accounts);
        let writable_end = keys.len() - usize::from(header.num_readonly_unsigned_accounts);
        let mut metas: Vec<Meta> = keys
            .iter()
            .enumerate()
            .map(|(place, key)| Meta {
                key: *key,
                is_signer: place < signers,
                is_writable: place < writable_signers || (signers..writable_end).contains(&place),
            })
            .collect();
        let (mut written, mut read) = (Vec::new(), Vec::new());
        for lookup in message.address_table_lookups().unwrap_or_default() {
            let table = table(view, &lookup.account_key, slot)?;
            let find = |index: &u8| {
                let key = table.get(usize::from(*index)).copied();
                key.ok_or(TransactionError::InvalidAddressLookupTableIndex)
            };
            for index in &lookup.writable_indexes {
                written.push(find(index)?);
            }
            for index in &lookup.readonly_indexes {
                read.push(find(index)?);
            }
        }
        let from_tables = (written.len(), read.len());
        let looked_up = |is_writable| move |key| Meta { key, is_signer: false, is_writable };
        metas.extend(written.into_iter().map(looked_up(true)));
        metas.extend(read.into_iter().map(looked_up(false)));
        if metas.len() > LOCKS_MAX {
            return Err(TransactionError::TooManyAccountLocks);
        }
        let distinct: BTreeSet<Pubkey> = metas.iter().map(|meta| meta.key).collect();
        if distinct.len() < metas.len() {
            return Err(TransactionError::AccountLoadedTwice);
        }
        // A program that is called is not written, whatever the message says.
        for instruction in message.instructions() {
            if let Some(meta) = metas.get_mut(usize::from(instruction.program_id_index)) {
                meta.is_writable = false;
            }
        }
        Ok(Self { metas, from_tables })
    }
}

/// Addresses of a lookup table that can be used in `slot`.
fn table(view: &dyn View, key: &Pubkey, slot: u64) -> Result<Vec<Pubkey>, TransactionError> {
    let account = view.get(key).ok_or(TransactionError::AddressLookupTableNotFound)?;
    if account.owner != LOOKUP_TABLE {
        return Err(TransactionError::InvalidAddressLookupTableOwner);
    }
    let data = &account.data;
    let addresses = data.get(TABLE_HEADER_BYTES..).unwrap_or_default();
    if u32_at(data, 0) != 1 || !addresses.len().is_multiple_of(32) {
        return Err(TransactionError::InvalidAddressLookupTableData);
    }
    if u64_at(data, 4) != u64::MAX {
        // Closed, or about to be: nobody here closes tables, so this one never was usable.
        return Err(TransactionError::AddressLookupTableNotFound);
    }
    let count = addresses.len() / 32;
    // What was added in a slot can be used from the next one on.
    let usable = if slot > u64_at(data, 12) {
        count
    } else {
        data.get(20).map_or(0, |first| usize::from(*first)).min(count)
    };
    Ok((0..usable).map(|place| key_at(addresses, place * 32)).collect())
}
