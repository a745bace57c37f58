//! The query store: a projection of the journal in SQLite, rebuilt from it at will.
