//! The journal: append-only segments of records that are the truth about a run.
