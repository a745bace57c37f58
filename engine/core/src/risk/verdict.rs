//! What the checks found, in numbers that an operator can check by hand.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckSet};

/// What a check saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Observed {
    /// A number, in the check's unit.
    Value(i128),
    /// Nothing: an input was missing.
    Missing,
    /// An input was out of its range, or the arithmetic left the range of the integers.
    Unusable,
}

impl Observed {
    /// The number, if there is one.
    #[must_use]
    pub const fn value(self) -> Option<i128> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::Unusable => None,
        }
    }

    /// An input that may be missing.
    pub(super) fn of<T: TryInto<i128>>(input: Option<T>) -> Self {
        input.map_or(Self::Missing, |input| input.try_into().map_or(Self::Unusable, Self::Value))
    }

    /// A result that may be out of range.
    pub(super) fn computed(result: Option<u128>) -> Self {
        match Self::of(result) {
            Self::Missing => Self::Unusable,
            other @ (Self::Value(_) | Self::Unusable) => other,
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(out),
            Self::Missing => out.write_str("nothing"),
            Self::Unusable => out.write_str("something unusable"),
        }
    }
}

/// One failed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Denial {
    /// Which.
    pub check: Check,
    /// Whose order: 0 for the buy, 1 for the sell, none for what concerns the whole trade.
    pub leg: Option<u8>,
    /// What it saw. Unit: [`Check::unit`].
    pub observed: Observed,
    /// What it was held against. Same unit.
    pub limit: i128,
}

impl fmt::Display for Denial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, leg, observed, limit } = self;
        write!(out, "{} ({})", check.name(), check.control())?;
        match leg {
            Some(0) => out.write_str(", buy leg")?,
            Some(_) => out.write_str(", sell leg")?,
            None => (),
        }
        write!(out, ": observed {observed}, limit {limit}, in {}", check.unit())
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckResult {
    /// What was seen is within the limit.
    Passed,
    /// There is nothing to look at: a pool has no book to be old.
    NotApplicable,
    /// It is a reason to refuse.
    Failed,
}

/// One check as it was evaluated, passed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checked {
    /// Which.
    pub check: Check,
    /// Whose order: 0 for the buy, 1 for the sell, none for what concerns the whole trade.
    pub leg: Option<u8>,
    /// How it came out.
    pub result: CheckResult,
    /// What it saw; nothing where it does not apply. Unit: [`Check::unit`].
    pub observed: Observed,
    /// What that was held against. Same unit.
    pub limit: i128,
}

/// The result of every check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// The first failure: the reason.
    pub first: Option<Denial>,
    /// All failures.
    pub failed: CheckSet,
}

impl Verdict {
    /// Whether every check passed.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn add(&mut self, denial: Denial) {
        self.first.get_or_insert(denial);
        self.failed.insert(denial.check);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_denial_reads_as_a_sentence_of_numbers() {
        let denial = |leg, observed| Denial { check: Check::BookAge, leg, observed, limit: 5 };
        for (denial, text) in [
            (denial(Some(0), Observed::Value(7)), "book_age (R07), buy leg: observed 7, limit 5"),
            (denial(Some(1), Observed::Missing), "book_age (R07), sell leg: observed nothing"),
            (denial(None, Observed::Unusable), "book_age (R07): observed something unusable"),
        ] {
            assert!(denial.to_string().starts_with(text), "{denial}");
            assert!(denial.to_string().ends_with("limit 5, in ns"), "{denial}");
        }
    }
}
