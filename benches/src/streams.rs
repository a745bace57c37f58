//! Streams of book updates. Each ends where it began: the second half undoes the first.

use std::collections::BTreeMap;

use engine_model::Side;

/// One level as a venue sends it.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// Side of the book.
    pub side: Side,
    /// Unit: ticks.
    pub price_ticks: u64,
    /// Unit: lots; zero deletes.
    pub size_lots: u64,
}

/// A snapshot and what came after it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// For tables.
    pub name: &'static str,
    /// Levels before the first update.
    pub snapshot: Vec<Update>,
    /// Updates and what undoes them.
    pub updates: Vec<Update>,
}

impl Stream {
    /// Adds to `updates` what leads back to the snapshot, last first, so that a pass over the
    /// stream can be repeated with the same share of inserts, replacements and deletes.
    fn closed(name: &'static str, snapshot: Vec<Update>, mut updates: Vec<Update>) -> Self {
        let mut sizes: BTreeMap<(Side, u64), u64> = BTreeMap::new();
        for level in &snapshot {
            sizes.insert((level.side, level.price_ticks), level.size_lots);
        }
        let mut undo = Vec::with_capacity(updates.len());
        for update in &updates {
            let before = sizes.insert((update.side, update.price_ticks), update.size_lots);
            undo.push(Update { size_lots: before.unwrap_or(0), ..*update });
        }
        undo.reverse();
        updates.append(&mut undo);
        Self { name, snapshot, updates }
    }
}

/// A repeatable generator: 64-bit linear congruence, high bits used.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// 46,000 levels, spaced as on the recorded BTC book: one to a few hundred ticks apart near the
/// touch, further and further away.
fn deep_snapshot() -> Vec<Update> {
    let (mut bid, mut ask) = (65_083_660_u64, 65_083_670_u64);
    let mut levels = Vec::with_capacity(46_000);
    let mut draws = Draws(3);
    for rank in 0..23_000_u64 {
        levels.push(Update { side: Side::Bid, price_ticks: bid, size_lots: 1 + draws.below(9) });
        levels.push(Update { side: Side::Ask, price_ticks: ask, size_lots: 1 + draws.below(9) });
        bid -= 1 + draws.below(220 + rank / 8);
        ask += 1 + draws.below(220 + rank / 8);
    }
    levels
}

/// Updates at the ranks of the recorded stream: p50 209, p90 1,423, p99 9,021.
#[must_use]
pub fn deep() -> Stream {
    let snapshot = deep_snapshot();
    let mut draws = Draws(5);
    let updates = (0..10_000)
        .map(|_| {
            let rank = match draws.below(100) {
                0..50 => draws.below(209),
                50..90 => 209 + draws.below(1_423 - 209),
                90..99 => 1_423 + draws.below(9_021 - 1_423),
                _ => 9_021 + draws.below(23_000 - 9_021),
            };
            let index = usize::try_from(rank * 2 + draws.below(2)).expect("46,000 levels");
            let level = snapshot[index];
            // Half replace a level, a quarter insert beside one, a quarter delete one.
            match draws.below(4) {
                0 => Update { price_ticks: level.price_ticks + 1 + draws.below(3), ..level },
                1 => Update { size_lots: 0, ..level },
                _ => Update { size_lots: 1 + draws.below(999), ..level },
            }
        })
        .collect();
    Stream::closed("deep", snapshot, updates)
}

/// Updates in the first forty ticks of a full ladder around a price that walks.
#[must_use]
pub fn near_touch() -> Stream {
    let mut centre = 1_000_000_u64;
    let mut snapshot = Vec::new();
    for offset in 1..=2_000 {
        let level = |side, price_ticks| Update { side, price_ticks, size_lots: 5 };
        snapshot.push(level(Side::Bid, centre - offset));
        snapshot.push(level(Side::Ask, centre + offset));
    }
    let mut draws = Draws(9);
    let mut updates = Vec::new();
    for _ in 0..20_000 {
        match draws.below(40) {
            0 => {
                // One tick up: the best ask goes, a bid comes where it was not.
                updates.push(Update { side: Side::Ask, price_ticks: centre + 1, size_lots: 0 });
                updates.push(Update { side: Side::Bid, price_ticks: centre, size_lots: 3 });
                centre += 1;
            }
            1 => {
                updates.push(Update { side: Side::Bid, price_ticks: centre - 1, size_lots: 0 });
                updates.push(Update { side: Side::Ask, price_ticks: centre, size_lots: 3 });
                centre -= 1;
            }
            _ => {
                let offset = 1 + draws.below(40);
                let size_lots =
                    if draws.below(4) == 0 && offset > 1 { 0 } else { draws.below(99) + 1 };
                let (side, price_ticks) = if draws.below(2) == 0 {
                    (Side::Bid, centre - offset)
                } else {
                    (Side::Ask, centre + offset)
                };
                updates.push(Update { side, price_ticks, size_lots });
            }
        }
    }
    Stream::closed("near_touch", snapshot, updates)
}

/// The recorded Coinbase BTC-USD stream: ticks of one cent, lots of 10⁻⁸.
///
/// Read here with `serde_json` alone, so that nothing of the decoder can make it easier.
#[must_use]
pub fn coinbase_btc() -> Stream {
    let packed = crate::recorded("coinbase.jsonl.zst");
    let text = zstd::stream::decode_all(packed.as_slice()).expect("the capture is whole");
    let (mut snapshot, mut updates) = (Vec::new(), Vec::new());
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).expect("recorder line");
        if line["t"] != "recv" {
            continue;
        }
        let frame: serde_json::Value =
            serde_json::from_str(line["data"].as_str().expect("frame text")).expect("frame");
        if frame["channel"] != "l2_data" {
            continue;
        }
        for event in frame["events"].as_array().expect("events") {
            if event["product_id"] != "BTC-USD" {
                continue;
            }
            let out = if event["type"] == "snapshot" { &mut snapshot } else { &mut updates };
            out.extend(event["updates"].as_array().expect("updates").iter().map(update));
        }
    }
    Stream::closed("coinbase_btc", snapshot, updates)
}

fn update(level: &serde_json::Value) -> Update {
    Update {
        side: if level["side"] == "bid" { Side::Bid } else { Side::Ask },
        price_ticks: scaled(level["price_level"].as_str().expect("price"), 2),
        size_lots: scaled(level["new_quantity"].as_str().expect("quantity"), 8),
    }
}

/// A plain decimal times `10^places`. The recording stays on that grid.
fn scaled(text: &str, places: usize) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= places, "{text} is on the grid");
    format!("{whole}{fraction:0<places$}").parse().expect("digits")
}
