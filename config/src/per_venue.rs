//! Numbers that are stated by venue, in a table such as `{ coinbase = 60, gemini = 50 }`.

use core::ops::RangeInclusive;

use engine_model::Venue;

use crate::markets::VENUES;
use crate::problem::{Problems, fault, nearest_hint, shown};
use crate::read::integer_u32;
use crate::section::Section;

/// A number for every venue. The key that holds it states the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerVenue([u32; Venue::ALL.len()]);

impl PerVenue {
    /// The numbers in the order of [`Venue::ALL`].
    #[must_use]
    pub const fn new(numbers: [u32; Venue::ALL.len()]) -> Self {
        Self(numbers)
    }

    /// The number of a venue.
    #[must_use]
    pub const fn get(&self, venue: Venue) -> u32 {
        self.0[venue as usize]
    }

    /// All of them, in the order of [`Venue::ALL`].
    #[must_use]
    pub const fn numbers(&self) -> [u32; Venue::ALL.len()] {
        self.0
    }
}

/// A key that holds a table by venue. A venue that it does not name keeps its default.
pub(crate) fn read(
    section: &Section<'_>,
    key: &str,
    default: PerVenue,
    bounds: &RangeInclusive<u32>,
    problems: &mut Problems<'_>,
) -> PerVenue {
    let mut numbers = default;
    let example = format!("{{ coinbase = {}, gemini = {} }}", default.0[0], default.0[1]);
    let Some(table) = section.inner(key, &example, problems) else { return numbers };
    let prefix = section.key(key);
    for entry in &table.entries {
        let full = format!("{prefix}.{}", shown(&entry.key));
        let Some(venue) = Venue::from_name(&entry.key) else {
            let says = format!("in {prefix}: no venue \"{}\" is known", shown(&entry.key));
            let hint = nearest_hint(&entry.key, VENUES.iter().map(|(name, _)| *name));
            problems.add(entry.at, full, fault(says, hint));
            continue;
        };
        match integer_u32(bounds.clone())(&entry.node) {
            Ok(number) => numbers.0[venue as usize] = number,
            Err(mut fault) => {
                fault.says = format!("\"{}\" in {prefix}: {}", entry.key, fault.says);
                problems.add(entry.node.at, full, fault);
            }
        }
    }
    numbers
}
