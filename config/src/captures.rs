//! `[[captures]]`: what a bundle holds. Only in a bundle's own configuration.

use engine_model::Venue;

use crate::markets::VENUES;
use crate::problem::{Fault, Problems, fault, shown};
use crate::read::{list, name, signed_seconds_ns, text, word};
use crate::section::{Section, root_list};
use crate::tree::{Node, Table};

/// Most captures of a bundle.
pub const CAPTURES_MAX: usize = 64;
/// Most files that continue a recording: six weeks of hours.
const MORE_MAX: usize = 1_024;
/// Longest shift. Unit: seconds. Ten years.
const SHIFT_SECONDS_MAX: u32 = 315_576_000;

/// One recording of a bundle. The order of the file is the number of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureFile {
    /// The part of the bundle; reports name parts apart.
    pub part: String,
    /// Path below the bundle's directory, with `/`, without `..`.
    pub file: String,
    /// Files that continue it, in order.
    pub more: Vec<String>,
    /// Whose recording it is.
    pub venue: Venue,
    /// Added to every receive time. Unit: nanoseconds.
    pub shift_ns: i64,
}

pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Vec<CaptureFile> {
    let mut captures = Vec::new();
    for (at, table) in root_list(root, "captures", CAPTURES_MAX, problems) {
        let keys = &["part", "file", "more", "venue", "shift"];
        let section = Section::open("[[captures]]".to_owned(), at, table, keys, problems);
        let part = section.required("part", problems, name(32));
        let file = section.required("file", problems, relative_path);
        let more = section.or("more", Vec::new(), problems, list(MORE_MAX, relative_path));
        let venue = section.required("venue", problems, word(VENUES));
        let shift_ns = section.or("shift", 0, problems, signed_seconds_ns(SHIFT_SECONDS_MAX));
        if let (Some(part), Some(file), Some(venue)) = (part, file, venue) {
            captures.push(CaptureFile { part, file, more, venue, shift_ns });
        }
    }
    captures
}

/// A path that stays below the directory of its configuration.
fn relative_path(node: &Node) -> Result<String, Fault> {
    let path = text(512)(node)?;
    let is_inside = !path.contains('\\')
        && !path.contains(':')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if is_inside {
        Ok(path)
    } else {
        let says = format!("\"{}\" leaves the directory of the bundle", shown(&path));
        Err(fault(says, "write a plain path below it, with / between names"))
    }
}
