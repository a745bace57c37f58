//! `[caps]`: what the sizing may not exceed.

use engine_model::{AssetId, Venue};

use crate::assets::AssetTable;
use crate::decimal::Decimal;
use crate::markets::VENUES;
use crate::problem::{At, Problems, fault, nearest_hint, shown};
use crate::read::{amount, positive_amount, usd_as_micros};
use crate::section::{Section, root_table};
use crate::tree::{Table, Value};

/// Limits of the sizing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Largest order. Unit: micros (10⁻⁶) of the numeraire, which is USD.
    pub order_notional_usd_micros: u64,
    /// Largest order by base asset. Unit: base asset. Absent: the notional alone limits.
    pub order_size: Vec<(AssetId, Decimal)>,
    /// How much more of a base asset may be held. Unit: base asset. Absent: not limited.
    pub position_room: Vec<(AssetId, Decimal)>,
    /// What lies ready at a venue. Absent: not limited in observe mode.
    pub balances: Vec<Balance>,
}

/// What lies ready at a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Where.
    pub venue: Venue,
    /// What.
    pub asset: AssetId,
    /// How much. Unit: asset.
    pub amount: Decimal,
}

/// Largest order notional. Unit: USD.
const NOTIONAL_USD_MAX: u64 = 1_000_000_000;

pub(crate) fn read(root: &Table, assets: &AssetTable, problems: &mut Problems<'_>) -> Caps {
    let mut caps = Caps::default();
    let Some((at, table)) = root_table(root, "caps", problems) else {
        if root.get("caps").is_none() {
            let hint = "say how large an order may be: [caps] with order_notional_usd";
            problems.add(At::File(0), "caps", fault("missing table [caps]", hint));
        }
        return caps;
    };
    let keys = &["order_notional_usd", "order_size", "position_room", "balances"];
    let section = Section::open("[caps]".to_owned(), at, table, keys, problems);
    let notional =
        section.required("order_notional_usd", problems, usd_as_micros(NOTIONAL_USD_MAX));
    caps.order_notional_usd_micros = notional.unwrap_or_default();
    caps.order_size = by_asset(&section, "order_size", Zero::Refused, assets, problems);
    caps.position_room = by_asset(&section, "position_room", Zero::Taken, assets, problems);
    caps.balances = balances(&section, assets, problems);
    caps
}

/// Whether an amount may be zero.
#[derive(Clone, Copy)]
pub(crate) enum Zero {
    Taken,
    Refused,
}

/// Amounts of a key that holds a table by asset; empty where it is absent.
pub(crate) fn by_asset(
    section: &Section<'_>,
    key: &str,
    zero: Zero,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Vec<(AssetId, Decimal)> {
    match section.inner(key, "{ SOL = \"50\" }", problems) {
        Some(table) => amounts(table, &section.key(key), zero, assets, problems),
        None => Vec::new(),
    }
}

fn amounts(
    table: &Table,
    prefix: &str,
    zero: Zero,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Vec<(AssetId, Decimal)> {
    let mut list = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        let key = format!("{prefix}.{}", shown(&entry.key));
        let Some(asset) = assets.find(&entry.key) else {
            let mut fault = assets.unknown(&entry.key);
            fault.says = format!("in {prefix}: {}", fault.says);
            problems.add(entry.at, key, fault);
            continue;
        };
        let places = assets.decimals(Some(asset));
        let read = match zero {
            Zero::Taken => amount(places)(&entry.node),
            Zero::Refused => positive_amount(places)(&entry.node),
        };
        match read {
            Ok(decimal) => list.push((asset, decimal)),
            Err(mut fault) => {
                fault.says = format!("\"{}\" in {prefix}: {}", entry.key, fault.says);
                problems.add(entry.node.at, key, fault);
            }
        }
    }
    list
}

fn balances(
    section: &Section<'_>,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Vec<Balance> {
    let example = "[caps.balances] with a line for each venue: coinbase = { USD = \"1000\" }";
    let mut list = Vec::new();
    let Some(venues) = section.inner("balances", example, problems) else { return list };
    for entry in &venues.entries {
        let key = format!("caps.balances.{}", shown(&entry.key));
        let Some(venue) = Venue::from_name(&entry.key) else {
            let says = format!("no venue \"{}\" is known", shown(&entry.key));
            let hint = nearest_hint(&entry.key, VENUES.iter().map(|(name, _)| *name));
            problems.add(entry.at, key, fault(says, hint));
            continue;
        };
        if let Value::Table(table) = &entry.node.value {
            let amounts = amounts(table, &key, Zero::Taken, assets, problems);
            list.extend(amounts.into_iter().map(|(asset, amount)| Balance {
                venue,
                asset,
                amount,
            }));
        } else {
            let says =
                format!("\"{}\" in [caps.balances]: it is {}", entry.key, entry.node.value.kind());
            problems.add(entry.at, key, fault(says, format!("write {example}")));
        }
    }
    list
}
