//! `[engine]` and `[signal]`: the mode, the currency of results, and what counts.

use engine_model::AssetId;

use crate::assets::{AssetKind, AssetTable};
use crate::problem::{At, Problems, fault};
use crate::read::{bps_as_ppm, flag, integer_u32, text};
use crate::section::{Section, root_table};
use crate::tree::{Node, Table};

/// Most that `inner_steps_max` may be: the engine's pool quotes are built for as many.
pub const INNER_STEPS_MAX: u32 = 10_000;

/// What the signal reports and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// A net edge below this is refused. Unit: parts per million of the notional. Default: 0.
    pub min_edge_ppm: u32,
    /// Whether two markets of one venue are a pair. Default: false.
    pub same_venue_pairs: bool,
    /// Near misses kept for the report. Default: 10.
    pub near_misses_kept: u32,
    /// Most inner steps of a pool quote. Default: 100; the largest real success needs 78.
    pub inner_steps_max: u32,
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            min_edge_ppm: 0,
            same_venue_pairs: false,
            near_misses_kept: 10,
            inner_steps_max: 100,
        }
    }
}

/// Reads `[engine]`: the numeraire.
pub(crate) fn read_engine(
    root: &Table,
    assets: &AssetTable,
    problems: &mut Problems<'_>,
) -> Option<AssetId> {
    let Some((at, table)) = root_table(root, "engine", problems) else {
        if root.get("engine").is_none() {
            let hint = "begin with [engine], mode = \"observe\", numeraire = \"USD\"";
            problems.add(At::File(0), "engine", fault("missing table [engine]", hint));
        }
        return None;
    };
    let keys = &["mode", "numeraire"];
    let section = Section::open("[engine]".to_owned(), at, table, keys, problems);
    section.required("mode", problems, mode);
    let numeraire = assets.required(&section, "numeraire", problems)?;
    let asset = assets.get(numeraire)?;
    if asset.kind != AssetKind::Fiat || asset.name != "USD" {
        let says = format!("the numeraire is \"{}\"; limits are stated in USD", asset.name);
        let hint = "declare [assets.USD] with kind = \"fiat\" and write numeraire = \"USD\"";
        let at = section.at_key("numeraire");
        problems.add(at, section.key("numeraire"), fault(says, hint));
    }
    Some(numeraire)
}

fn mode(node: &Node) -> Result<(), crate::problem::Fault> {
    match text(16)(node)?.as_str() {
        "observe" => Ok(()),
        "paper" | "live" => Err(fault(
            "this build only observes: it can place no order",
            "write mode = \"observe\"",
        )),
        _ => Err(fault("not a mode", "write mode = \"observe\"")),
    }
}

/// Reads `[signal]`.
pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Signal {
    let default = Signal::default();
    let Some((at, table)) = root_table(root, "signal", problems) else { return default };
    let keys = &["min_edge_bps", "same_venue_pairs", "near_misses_kept", "inner_steps_max"];
    let section = Section::open("[signal]".to_owned(), at, table, keys, problems);
    Signal {
        min_edge_ppm: section.or(
            "min_edge_bps",
            default.min_edge_ppm,
            problems,
            bps_as_ppm(10_000),
        ),
        same_venue_pairs: section.or("same_venue_pairs", default.same_venue_pairs, problems, flag),
        near_misses_kept: section.or(
            "near_misses_kept",
            default.near_misses_kept,
            problems,
            integer_u32(0..=1_000),
        ),
        inner_steps_max: section.or(
            "inner_steps_max",
            default.inner_steps_max,
            problems,
            integer_u32(1..=INNER_STEPS_MAX),
        ),
    }
}
