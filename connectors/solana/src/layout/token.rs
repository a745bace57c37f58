//! Mints and token accounts of SPL Token and Token-2022.

use engine_poolmath::token2022::{TransferFee, TransferFeeConfig};
use solana_pubkey::Pubkey;

use super::{LayoutError, check_range, key_at, u16_at, u32_at, u64_at};

/// Length of a mint without extensions. Unit: bytes.
pub const MINT_BYTES: usize = 82;
/// Length of a token account without extensions, and where the account type of any longer account
/// stands. Unit: bytes.
pub const TOKEN_ACCOUNT_BYTES: usize = 165;

/// A multisig has this length whatever else it says. Unit: bytes.
const MULTISIG_BYTES: usize = 355;
const TYPE_MINT: u8 = 1;
const TYPE_ACCOUNT: u8 = 2;
const EXTENSIONS_AT: usize = TOKEN_ACCOUNT_BYTES + 1;

/// Extension numbers of Token-2022 that a trader must know of.
mod extension {
    pub(super) const NONE: u16 = 0;
    pub(super) const TRANSFER_FEE_CONFIG: u16 = 1;
    pub(super) const DEFAULT_ACCOUNT_STATE: u16 = 6;
    pub(super) const NON_TRANSFERABLE: u16 = 9;
    pub(super) const PERMANENT_DELEGATE: u16 = 12;
    pub(super) const TRANSFER_HOOK: u16 = 14;
    pub(super) const SCALED_UI_AMOUNT: u16 = 25;
    pub(super) const PAUSABLE: u16 = 26;
    /// Numbers above this share one "seen twice" slot; the token program knows fewer than 64.
    pub(super) const TRACKED_MAX: u16 = 63;
}

/// What somebody else may do to holders of a token. A set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MintPowers(u8);

impl MintPowers {
    /// Nobody may do anything.
    pub const NONE: Self = Self(0);
    /// Token accounts can be frozen.
    pub const FREEZE_AUTHORITY: Self = Self(1);
    /// A program runs on every transfer, or may be set to.
    pub const TRANSFER_HOOK: Self = Self(2);
    /// Somebody may move or burn anybody's tokens.
    pub const PERMANENT_DELEGATE: Self = Self(4);
    /// All transfers can be stopped.
    pub const PAUSABLE: Self = Self(8);
    /// New token accounts begin frozen.
    pub const DEFAULT_FROZEN: Self = Self(16);
    /// Tokens cannot be transferred at all.
    pub const NON_TRANSFERABLE: Self = Self(32);
    /// Shown amounts differ from base units by a multiplier that somebody sets.
    pub const SCALED_UI_AMOUNT: Self = Self(64);

    /// Every single power with its name in configuration and reports.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::FREEZE_AUTHORITY, "freeze_authority"),
        (Self::TRANSFER_HOOK, "transfer_hook"),
        (Self::PERMANENT_DELEGATE, "permanent_delegate"),
        (Self::PAUSABLE, "pausable"),
        (Self::DEFAULT_FROZEN, "default_frozen"),
        (Self::NON_TRANSFERABLE, "non_transferable"),
        (Self::SCALED_UI_AMOUNT, "scaled_ui_amount"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other's members.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all members of `other` are in this set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no power is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Names of the members, in the order of [`Self::ALL`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(power, _)| self.has(*power)).map(|(_, name)| name)
    }
}

/// A mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintAccount {
    /// Who may create tokens.
    pub mint_authority: Option<Pubkey>,
    /// Unit: base units.
    pub supply: u64,
    /// Decimal places of one whole token.
    pub decimals: u8,
    /// Who may freeze token accounts.
    pub freeze_authority: Option<Pubkey>,
    /// Transfer fee, where the mint has that extension (even at a rate of zero).
    pub transfer_fees: Option<TransferFeeConfig>,
    /// What others may do to holders.
    pub powers: MintPowers,
}

impl MintAccount {
    /// Reads a mint of either token program.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a length that is no mint's, a tag that is neither 0 nor 1, an
    /// uninitialised mint, or extensions that are cut, repeated or of a wrong length.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        let what = "mint";
        let bytes = data.len();
        if bytes < MINT_BYTES || bytes == MULTISIG_BYTES {
            return Err(LayoutError::Length { what, bytes, expected: MINT_BYTES });
        }
        if bytes > MINT_BYTES && bytes <= EXTENSIONS_AT {
            return Err(LayoutError::Length { what, bytes, expected: EXTENSIONS_AT });
        }
        match data[45] {
            1 => {}
            0 => return Err(LayoutError::Uninitialised { what }),
            tag => return Err(LayoutError::Tag { field: "mint initialised", tag }),
        }
        let mut mint = Self {
            mint_authority: optional_key(data, 0, "mint_authority")?,
            supply: u64_at(data, 36),
            decimals: data[44],
            freeze_authority: optional_key(data, 46, "freeze_authority")?,
            transfer_fees: None,
            powers: MintPowers::NONE,
        };
        if mint.freeze_authority.is_some() {
            mint.powers = mint.powers.with(MintPowers::FREEZE_AUTHORITY);
        }
        if bytes > MINT_BYTES {
            if data[MINT_BYTES..TOKEN_ACCOUNT_BYTES].iter().any(|byte| *byte != 0) {
                return Err(LayoutError::Trailing { what });
            }
            if data[TOKEN_ACCOUNT_BYTES] != TYPE_MINT {
                let tag = data[TOKEN_ACCOUNT_BYTES];
                return Err(LayoutError::Tag { field: "account type", tag });
            }
            mint.read_extensions(data)?;
        }
        Ok(mint)
    }

    fn read_extensions(&mut self, data: &[u8]) -> Result<(), LayoutError> {
        let mut offset = EXTENSIONS_AT;
        let mut seen = 0_u64;
        // Each round moves on by four bytes at least.
        while data.len() - offset >= 2 {
            let extension = u16_at(data, offset);
            if extension == extension::NONE {
                break;
            }
            let bad = LayoutError::Extension { extension, offset };
            if data.len() - offset < 4 {
                return Err(bad);
            }
            let end = offset + 4 + usize::from(u16_at(data, offset + 2));
            let value = data.get(offset + 4..end).ok_or(bad)?;
            let bit = 1 << extension.min(extension::TRACKED_MAX);
            if seen & bit != 0 && extension < extension::TRACKED_MAX {
                return Err(bad);
            }
            seen |= bit;
            self.read_extension(extension, value, bad)?;
            offset = end;
        }
        if data[offset..].iter().any(|byte| *byte != 0) {
            return Err(LayoutError::Trailing { what: "mint" });
        }
        Ok(())
    }

    fn read_extension(
        &mut self,
        extension: u16,
        value: &[u8],
        bad: LayoutError,
    ) -> Result<(), LayoutError> {
        let check_len = |len: usize| if value.len() == len { Ok(()) } else { Err(bad) };
        let mut add = |power| self.powers = self.powers.with(power);
        match extension {
            extension::TRANSFER_FEE_CONFIG => {
                check_len(108)?;
                self.transfer_fees = Some(TransferFeeConfig {
                    older: transfer_fee(value, 72)?,
                    newer: transfer_fee(value, 90)?,
                    newer_epoch: u64_at(value, 90),
                });
            }
            extension::DEFAULT_ACCOUNT_STATE => {
                check_len(1)?;
                match value[0] {
                    0 | 1 => {}
                    2 => add(MintPowers::DEFAULT_FROZEN),
                    tag => return Err(LayoutError::Tag { field: "default account state", tag }),
                }
            }
            extension::NON_TRANSFERABLE => {
                check_len(0)?;
                add(MintPowers::NON_TRANSFERABLE);
            }
            extension::PERMANENT_DELEGATE => {
                check_len(32)?;
                if value.iter().any(|byte| *byte != 0) {
                    add(MintPowers::PERMANENT_DELEGATE);
                }
            }
            extension::TRANSFER_HOOK => {
                check_len(64)?;
                // A hook that is not set but has an authority can be set between two blocks.
                if value.iter().any(|byte| *byte != 0) {
                    add(MintPowers::TRANSFER_HOOK);
                }
            }
            extension::SCALED_UI_AMOUNT => {
                check_len(56)?;
                add(MintPowers::SCALED_UI_AMOUNT);
            }
            extension::PAUSABLE => {
                check_len(33)?;
                // An authority, or a pause that nobody can lift any more.
                if value.iter().any(|byte| *byte != 0) {
                    add(MintPowers::PAUSABLE);
                }
            }
            // Metadata, interest display, confidential transfers: nothing that a transfer of ours
            // would notice.
            _ => {}
        }
        Ok(())
    }
}

/// Whether a token account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAccountState {
    /// Usable.
    Initialised,
    /// The freeze authority has stopped it.
    Frozen,
}

/// A token account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAccount {
    /// Which token.
    pub mint: Pubkey,
    /// Whose.
    pub owner: Pubkey,
    /// Unit: base units.
    pub amount: u64,
    /// Who may move part of it.
    pub delegate: Option<Pubkey>,
    /// Usable or frozen.
    pub state: TokenAccountState,
    /// For wrapped SOL: the rent reserve. Unit: lamports.
    pub native_reserve_lamports: Option<u64>,
    /// Unit: base units.
    pub delegated_amount: u64,
    /// Who may close it, where not the owner.
    pub close_authority: Option<Pubkey>,
}

impl TokenAccount {
    /// Reads a token account of either token program; extensions are not read.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a length that is no token account's, a tag without a meaning or an
    /// uninitialised account.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        let what = "token account";
        let bytes = data.len();
        if bytes < TOKEN_ACCOUNT_BYTES || bytes == MULTISIG_BYTES {
            return Err(LayoutError::Length { what, bytes, expected: TOKEN_ACCOUNT_BYTES });
        }
        if bytes > TOKEN_ACCOUNT_BYTES && data[TOKEN_ACCOUNT_BYTES] != TYPE_ACCOUNT {
            let tag = data[TOKEN_ACCOUNT_BYTES];
            return Err(LayoutError::Tag { field: "account type", tag });
        }
        let state = match data[108] {
            0 => return Err(LayoutError::Uninitialised { what }),
            1 => TokenAccountState::Initialised,
            2 => TokenAccountState::Frozen,
            tag => return Err(LayoutError::Tag { field: "token account state", tag }),
        };
        let is_native = optional_tag(data, 109, "is_native")?;
        Ok(Self {
            mint: key_at(data, 0),
            owner: key_at(data, 32),
            amount: u64_at(data, 64),
            delegate: optional_key(data, 72, "delegate")?,
            state,
            native_reserve_lamports: is_native.then(|| u64_at(data, 113)),
            delegated_amount: u64_at(data, 121),
            close_authority: optional_key(data, 129, "close_authority")?,
        })
    }
}

/// The token programs' optional value: a four-byte tag of 0 or 1.
fn optional_tag(data: &[u8], offset: usize, field: &'static str) -> Result<bool, LayoutError> {
    match u32_at(data, offset) {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(LayoutError::Tag { field, tag: data[offset] }),
    }
}

fn optional_key(
    data: &[u8],
    offset: usize,
    field: &'static str,
) -> Result<Option<Pubkey>, LayoutError> {
    Ok(optional_tag(data, offset, field)?.then(|| key_at(data, offset + 4)))
}

/// One of the two fees: epoch, maximum, rate.
fn transfer_fee(value: &[u8], offset: usize) -> Result<TransferFee, LayoutError> {
    Ok(TransferFee {
        bps: check_range("transfer_fee_basis_points", u16_at(value, offset + 16), 0, 10_000)?,
        maximum: u64_at(value, offset + 8),
    })
}
