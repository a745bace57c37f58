//! Which order of the venue has which of our names: fills carry the venue's name alone.
//!
//! Pairs that the venue has stated never change, so that nothing here goes stale; the oldest ones are
//! forgotten, which makes less known and nothing wrong.

use std::collections::{BTreeMap, VecDeque};

/// Pairs that are kept: several full lists of the minutes around one order.
const PAIRS_MAX: usize = 4_096;

/// The pairs.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_venue_id: BTreeMap<String, String>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl Names {
    /// The venue has stated this pair. Said otherwise later, the first one counts.
    pub(super) fn learn(&mut self, venue_id: &str, client_id: &str) {
        if client_id.is_empty() || self.by_venue_id.contains_key(venue_id) {
            return;
        }
        self.by_venue_id.insert(venue_id.to_owned(), client_id.to_owned());
        self.order.push_back(venue_id.to_owned());
        if self.order.len() > PAIRS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_venue_id.remove(&oldest);
        }
    }

    /// Whether an order of the venue is known to be another than that of our name.
    pub(super) fn is_another(&self, venue_id: &str, ours: &str) -> bool {
        let known = self.by_venue_id.get(venue_id);
        known.is_some_and(|known| !known.eq_ignore_ascii_case(ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pairs_are_forgotten_and_the_first_statement_counts() {
        let mut names = Names::default();
        names.learn("v", "theirs");
        names.learn("v", "ours");
        names.learn("w", "");
        assert!(names.is_another("v", "ours") && !names.is_another("v", "THEIRS"));
        assert!(!names.is_another("w", "ours"), "unknown is not another");
        for number in 0..PAIRS_MAX {
            names.learn(&number.to_string(), "x");
        }
        assert!(!names.is_another("v", "ours") && names.is_another("0", "ours"));
        assert_eq!((names.by_venue_id.len(), names.order.len()), (PAIRS_MAX, PAIRS_MAX));
    }
}
