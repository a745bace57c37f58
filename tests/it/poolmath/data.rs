//! Reading the shared data files, and pools out of them.

use std::io::Read as _;
use std::path::PathBuf;

use engine_poolmath::whirlpool::{Direction, Existence, Pool, TickArraySet, required_arrays};

/// Text of a zstd file below the shared data folder; `None`, with the reason printed, where that
/// folder is not there.
pub(super) fn shared_text(path: &str) -> Option<String> {
    let folder = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let file = folder.join(path);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) => {
            println!("skipped: {}: {error} (set RIPTIDE_SHARED_DATA)", file.display());
            return None;
        }
    };
    let mut text = String::new();
    zstd::Decoder::new(bytes.as_slice())
        .expect("a zstd file")
        .read_to_string(&mut text)
        .expect("UTF-8 text");
    Some(text)
}

/// Every array that a swap in either direction may need, with these ticks; the others are empty.
/// Arrays without ticks are alternately present and absent, which must make no difference.
pub(super) fn arrays_around(pool: &Pool, ticks: &[(i32, i128)]) -> TickArraySet {
    let mut set = TickArraySet::with_capacity(8, pool.tick_spacing);
    for direction in [Direction::AToB, Direction::BToA] {
        for (i, start) in required_arrays(pool, direction).starts().iter().enumerate() {
            let holds = ticks.iter().any(|(tick, _)| pool.array_start(*tick) == *start);
            let existence =
                if holds || i % 2 == 0 { Existence::Present } else { Existence::Absent };
            set.begin(*start, existence).expect("room for the few arrays of a swap");
        }
    }
    for (tick, net) in ticks {
        // Ticks beyond the walkable arrays do not matter.
        let _ = set.set_tick(*tick, *net);
    }
    set
}

/// A number that the files write as text where it exceeds 53 bits.
pub(super) fn number<T: std::str::FromStr>(value: &serde_json::Value) -> T
where
    T::Err: std::fmt::Debug,
{
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
        .parse()
        .expect("an integer in range")
}
