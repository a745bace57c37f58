//! The same work through other libraries and through ours, compared in one run.
//!
//! `peers` runs everything and prints ratios; `peers ITEM…` only these items. `peers list` names the
//! items and their sides. `peers count ITEM SIDE ROUNDS` does one side's work and nothing else: run
//! under callgrind (`instructions.sh`), only the calls of `turns::counted` are collected.
//!
//! Layout: [`turns`] times and counts; each of `decode`, `book`, `quote`, `sizing`, `engine` makes
//! items whose sides have been proven to give the same results before the first is timed.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

mod book;
mod decode;
mod engine;
mod quote;
mod sizing;
mod turns;
mod typed;

use std::process::ExitCode;

use turns::Item;

/// Name and maker of an item.
type Named = (&'static str, fn() -> Item);

/// All items, in the order of the report.
const ITEMS: [Named; 13] = [
    ("coinbase-updates", decode::coinbase_updates),
    ("gemini-updates", decode::gemini_updates),
    ("coinbase-snapshots", decode::coinbase_snapshots),
    ("gemini-snapshots", decode::gemini_snapshots),
    ("book-btc", book::btc),
    ("book-btc-barter", book::btc_barter),
    ("book-near-touch", book::near_touch),
    ("quote-0", || quote::item(0)),
    ("quote-1", || quote::item(1)),
    ("quote-4", || quote::item(4)),
    ("quote-17", || quote::item(17)),
    ("sizing", sizing::item),
    ("engine", engine::item),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => {
            for (name, make) in ITEMS {
                for side in make().sides() {
                    println!("{name} {side}");
                }
            }
            ExitCode::SUCCESS
        }
        ["count", item, side, rounds] => count(item, side, rounds),
        wanted => report(wanted),
    }
}

fn report(wanted: &[&str]) -> ExitCode {
    let mut missed = 0;
    for (name, make) in ITEMS {
        if wanted.is_empty() || wanted.contains(&name) {
            missed += make().report(name);
        }
    }
    println!("{missed} of the targets missed");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn count(item: &str, side: &str, rounds: &str) -> ExitCode {
    let found = ITEMS.iter().find(|(name, _)| *name == item);
    let (Some((_, make)), Ok(rounds)) = (found, rounds.parse()) else {
        println!("no such item, or no number of rounds: {item} {rounds}");
        return ExitCode::from(2);
    };
    let Some(units) = make().count(side, rounds) else {
        println!("no such side: {side}");
        return ExitCode::from(2);
    };
    println!("{units}");
    ExitCode::SUCCESS
}
