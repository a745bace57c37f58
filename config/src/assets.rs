//! `[assets.NAME]` and `[[equivalences]]`: what is traded, and what counts as one.

use engine_model::AssetId;

use crate::problem::{At, Fault, Problems, fault, nearest_hint, shown};
use crate::read::{address, bps_as_ppm, integer_u32, list, text, word};
use crate::section::{Section, root_list, root_table};
use crate::tree::{Node, Table, Value};

/// Most assets. Their indices take 16 bits, and a report names each one.
pub const ASSETS_MAX: usize = 256;
/// Most equivalences: one for each asset.
pub const EQUIVALENCES_MAX: usize = ASSETS_MAX;
/// Longest asset name. Unit: bytes.
pub const ASSET_NAME_BYTES_MAX: usize = 32;
/// Most decimals of an asset. Real mints have up to 12; 18 still fits 64 bits for one unit.
pub const ASSET_DECIMALS_MAX: u32 = 18;

/// Mint of wrapped SOL, the chain's own coin as a token.
pub const WRAPPED_SOL_MINT: &str = "So11111111111111111111111111111111111111112";

/// Something that is traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Unique name, used in the configuration and in reports.
    pub name: String,
    /// What kind of thing it is.
    pub kind: AssetKind,
    /// Decimals of its base unit. For a token, those of its mint.
    pub decimals: u8,
}

/// What kind of thing an asset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// State money.
    Fiat,
    /// A coin that exchanges account for.
    Coin,
    /// A token of the chain: it is its mint, never its ticker.
    Token {
        /// Address of the mint.
        mint: [u8; 32],
        /// Powers of the mint's authorities that are accepted.
        allow: Vec<MintPower>,
    },
}

/// What a mint, or an authority over it, can do to a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MintPower {
    /// A program runs on every transfer and may refuse it.
    TransferHook,
    /// Somebody may move or burn anybody's tokens.
    PermanentDelegate,
    /// Somebody may stop all transfers.
    Pausable,
    /// Somebody may freeze an account.
    FreezeAuthority,
    /// Transfers pay a fee in the token. The sizing models none: no configuration accepts it.
    TransferFee,
    /// New accounts begin frozen.
    DefaultAccountState,
    /// Tokens do not move at all.
    NonTransferable,
    /// Shown amounts differ from base units.
    ScaledUiAmount,
}

impl MintPower {
    /// Every power that can be accepted, with its name.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("transfer_hook", Self::TransferHook),
        ("permanent_delegate", Self::PermanentDelegate),
        ("pausable", Self::Pausable),
        ("freeze_authority", Self::FreezeAuthority),
        ("default_account_state", Self::DefaultAccountState),
        ("non_transferable", Self::NonTransferable),
        ("scaled_ui_amount", Self::ScaledUiAmount),
    ];
}

/// Two assets that count as one, at a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Equivalence {
    /// The asset that is taken for the other.
    pub asset: AssetId,
    /// The other; never itself the `asset` of an equivalence.
    pub same_as: AssetId,
    /// Cost of changing one into the other. Unit: parts per million of the amount.
    pub cost_ppm: u32,
}

/// Assets by name, including those that could not be read, so that they are not called unknown.
#[derive(Debug, Default)]
pub(crate) struct AssetTable {
    pub(crate) rows: Vec<AssetRow>,
    pub(crate) equivalences: Vec<Equivalence>,
}

/// One asset as far as it was read.
#[derive(Debug)]
pub(crate) struct AssetRow {
    pub(crate) name: String,
    pub(crate) asset: Option<Asset>,
}

#[derive(Clone, Copy)]
enum KindWord {
    Fiat,
    Coin,
    Token,
}

const KINDS: &[(&str, KindWord)] =
    &[("fiat", KindWord::Fiat), ("coin", KindWord::Coin), ("token", KindWord::Token)];

impl AssetTable {
    pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Self {
        let Some((at, table)) = root_table(root, "assets", problems) else {
            if root.get("assets").is_none() {
                let hint = "declare every asset: [assets.USD] with kind and decimals";
                problems.add(At::File(0), "assets", fault("missing table [assets]", hint));
            }
            return Self::default();
        };
        if table.entries.len() > ASSETS_MAX {
            let says = format!("{} assets, above {ASSETS_MAX}", table.entries.len());
            problems.add(at, "assets", fault(says, "remove those that no market uses"));
            return Self::default();
        }
        let mut rows: Vec<AssetRow> = Vec::with_capacity(table.entries.len());
        for entry in &table.entries {
            let key = format!("assets.{}", shown(&entry.key));
            let name = entry.key.clone();
            let Value::Table(inner) = &entry.node.value else {
                let says =
                    format!("\"{}\" in [assets] is {}", shown(&name), entry.node.value.kind());
                problems.add(entry.at, key, fault(says, "write [assets.NAME] and its keys below"));
                continue;
            };
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c));
            if !is_name || name.is_empty() || name.len() > ASSET_NAME_BYTES_MAX {
                let says = format!("\"{}\" is no name of an asset", shown(&name));
                let hint = "use 1 to 32 letters, digits and _ - +";
                problems.add(entry.at, key.clone(), fault(says, hint));
            }
            let asset = read_asset(&name, entry.at, inner, problems);
            let mint = asset.as_ref().and_then(mint_of);
            if let Some(same) = rows
                .iter()
                .find(|row| mint.is_some() && row.asset.as_ref().and_then(mint_of) == mint)
            {
                let says = format!("\"{name}\" and \"{}\" have the same mint", same.name);
                let hint = "a mint is one asset: keep one name and use it everywhere";
                problems.add(entry.at, format!("{key}.mint"), fault(says, hint));
            }
            rows.push(AssetRow { name, asset });
        }
        let mut assets = Self { rows, equivalences: Vec::new() };
        assets.read_equivalences(root, problems);
        assets
    }

    fn read_equivalences(&mut self, root: &Table, problems: &mut Problems<'_>) {
        for (at, table) in root_list(root, "equivalences", EQUIVALENCES_MAX, problems) {
            let keys = &["asset", "same_as", "cost_bps"];
            let section = Section::open("[[equivalences]]".to_owned(), at, table, keys, problems);
            let asset = self.required(&section, "asset", problems);
            let same_as = self.required(&section, "same_as", problems);
            let cost_ppm = section.required("cost_bps", problems, bps_as_ppm(1_000));
            let (Some(asset), Some(same_as)) = (asset, same_as) else { continue };
            let name = &self.rows[asset.index()].name;
            let hint = "declare each asset once, always as the same as one other";
            let says = if asset == same_as {
                Some(format!("\"{name}\" is declared to be the same as itself"))
            } else if self.equivalences.iter().any(|it| it.asset == asset) {
                Some(format!("\"{name}\" is declared twice"))
            } else if self.equivalences.iter().any(|it| it.asset == same_as || it.same_as == asset)
            {
                Some(format!("\"{name}\" is part of a chain of equivalences"))
            } else {
                None
            };
            if let Some(says) = says {
                problems.add(section.at_key("asset"), section.key("asset"), fault(says, hint));
                continue;
            }
            // A missing cost was reported; zero only keeps the further checks going.
            let cost_ppm = cost_ppm.unwrap_or(0);
            self.equivalences.push(Equivalence { asset, same_as, cost_ppm });
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<AssetId> {
        let index = self.rows.iter().position(|row| row.name == name)?;
        u16::try_from(index).ok().map(AssetId)
    }

    pub(crate) fn get(&self, id: AssetId) -> Option<&Asset> {
        self.rows.get(id.index())?.asset.as_ref()
    }

    pub(crate) fn name(&self, id: AssetId) -> &str {
        self.rows.get(id.index()).map_or("", |row| &row.name)
    }

    /// Decimals, or the largest number where the asset could not be read.
    pub(crate) fn decimals(&self, id: Option<AssetId>) -> u8 {
        id.and_then(|id| self.get(id)).map_or(18, |asset| asset.decimals)
    }

    /// The asset that stands for all that count as one with it.
    pub(crate) fn canonical(&self, id: AssetId) -> AssetId {
        self.equivalences.iter().find(|it| it.asset == id).map_or(id, |it| it.same_as)
    }

    /// A required key that names an asset.
    pub(crate) fn required(
        &self,
        section: &Section<'_>,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<AssetId> {
        section.required(key, problems, |node| self.reference(node))
    }

    pub(crate) fn reference(&self, node: &Node) -> Result<AssetId, Fault> {
        let name = text(ASSET_NAME_BYTES_MAX)(node)?;
        self.find(&name).ok_or_else(|| self.unknown(&name))
    }

    pub(crate) fn unknown(&self, name: &str) -> Fault {
        let names = self.rows.iter().map(|row| row.name.as_str());
        fault(format!("no asset \"{}\" is declared", shown(name)), nearest_hint(name, names))
    }
}

fn mint_of(asset: &Asset) -> Option<[u8; 32]> {
    match &asset.kind {
        AssetKind::Token { mint, .. } => Some(*mint),
        AssetKind::Fiat | AssetKind::Coin => None,
    }
}

fn read_asset(name: &str, at: At, table: &Table, problems: &mut Problems<'_>) -> Option<Asset> {
    let keys = &["kind", "decimals", "mint", "allow"];
    let section = Section::open(format!("[assets.{}]", shown(name)), at, table, keys, problems);
    let kind = section.required("kind", problems, word(KINDS));
    let decimals = section.required("decimals", problems, integer_u32(0..=ASSET_DECIMALS_MAX));
    let kind = match kind? {
        KindWord::Token => {
            let mint = section.required("mint", problems, address);
            let powers = list(MintPower::NAMES.len(), power);
            let allow = section.or("allow", Vec::new(), problems, powers);
            AssetKind::Token { mint: mint?, allow }
        }
        kind @ (KindWord::Fiat | KindWord::Coin) => {
            for key in ["mint", "allow"] {
                section.refuse(key, "only an asset of kind \"token\" has it", problems);
            }
            if matches!(kind, KindWord::Fiat) { AssetKind::Fiat } else { AssetKind::Coin }
        }
    };
    Some(Asset { name: name.to_owned(), kind, decimals: u8::try_from(decimals?).ok()? })
}

fn power(node: &Node) -> Result<MintPower, Fault> {
    if matches!(&node.value, Value::Text(text) if text == "transfer_fee") {
        return Err(fault(
            "\"transfer_fee\" cannot be allowed: a mint that takes a fee from transfers is never \
             traded",
            "remove it, and the markets of this token",
        ));
    }
    word(MintPower::NAMES)(node)
}
