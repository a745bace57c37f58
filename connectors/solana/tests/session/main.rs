//! The live side against a node in memory: bootstrap, windows, faults of nodes, answers of every kind.
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at a few of many events")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod node;
mod pools;
