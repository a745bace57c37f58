//! Recordings, recorded swaps, configurations and texts of numbers.

use super::SEED_BYTES_MAX;
use crate::data;

/// Longest line that a seed takes from a recording. Unit: bytes.
const LINE_BYTES_MAX: usize = 900;

/// The text in pieces of whole short lines, behind its first lines.
fn pieces(text: &str, head: usize, count: usize) -> Vec<Vec<u8>> {
    let lines: Vec<&str> = text.lines().filter(|line| line.len() <= LINE_BYTES_MAX).collect();
    let step = (lines.len() / count).max(1);
    (0..lines.len())
        .step_by(step)
        .map(|begin| {
            let mut piece = String::new();
            for line in lines.iter().take(head).chain(lines.iter().skip(begin.max(head))) {
                if piece.len() + line.len() >= SEED_BYTES_MAX {
                    break;
                }
                piece.push_str(line);
                piece.push('\n');
            }
            piece.into_bytes()
        })
        .collect()
}

pub(super) fn recorder() -> Vec<Vec<u8>> {
    let names = [
        "bundle/recorded/coinbase.jsonl.zst",
        "bundle/recorded/gemini.jsonl.zst",
        "bundle/derived/bitstamp.jsonl.zst",
        "bundle/derived/solana.jsonl.zst",
        "bitstamp/ws_20210417_btcusd_10sym.raw.zst",
    ];
    let mut seeds = Vec::new();
    for name in names {
        let text = data::text(name);
        seeds.push(text[..text.len().min(SEED_BYTES_MAX)].to_vec());
        seeds.extend(pieces(&String::from_utf8_lossy(&text), 1, 20));
    }
    // Short enough to be tried packed.
    for name in names {
        let text = data::text(name);
        let head = String::from_utf8_lossy(&text[..text.len().min(300)]).into_owned();
        seeds.push(zstd::bulk::compress(head.as_bytes(), 19).unwrap_or_default());
    }
    seeds
}

pub(super) fn swaps() -> Vec<Vec<u8>> {
    let text = data::text("solana/whirlpool_real_swaps_20220406_sol_usdc_ts64.jsonl.zst");
    let text = String::from_utf8_lossy(&text);
    let mut seeds = pieces(&text, 1, 20);
    // States in the middle of the day, without ticks: swaps that cross none agree.
    let lines: Vec<serde_json::Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for begin in (1..lines.len().saturating_sub(12)).step_by((lines.len() / 40).max(1)) {
        let state = |line: &serde_json::Value| {
            serde_json::json!({
                "sqrt_price": line["derived_sqrt_price"],
                "tick_current_index": line["derived_tick"],
                "liquidity": line["derived_liquidity"],
            })
        };
        let part = &lines[begin + 1..begin + 8];
        let mut start = state(&lines[begin]);
        start["ticks"] = serde_json::json!([[-22_528, "5", "5"], [-19_968, -5, 5]]);
        let header = serde_json::json!({
            "t": "header",
            "tick_spacing": 64,
            "fee_rate": 2000,
            "protocol_fee_rate": 300,
            "start": start,
            "recorded_end": state(&part[part.len() - 1]),
        });
        let mut seed = header.to_string();
        for line in part {
            seed.push('\n');
            seed.push_str(&line.to_string());
        }
        if seed.len() <= SEED_BYTES_MAX {
            seeds.push(seed.into_bytes());
        }
    }
    seeds
}

/// Without comments and blank lines.
fn bare(text: &str) -> String {
    let lines = text.lines().map(|line| line.split(" # ").next().unwrap_or(line).trim_end());
    let kept: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    kept.join("\n") + "\n"
}

pub(super) fn configuration() -> Vec<Vec<u8>> {
    let example = bare(config::EXAMPLE);
    let bundle = std::fs::read_to_string(data::path("bundle/bundle.toml")).unwrap_or_default();
    let bundle = bare(&bundle);
    let mut seeds = vec![example.clone().into_bytes(), bundle.into_bytes()];
    // One table left out each, and a piece of each table alone.
    let tables: Vec<&str> = example.split_inclusive('\n').collect();
    for (begin, line) in tables.iter().enumerate() {
        if !line.starts_with('[') {
            continue;
        }
        let end = tables[begin + 1..]
            .iter()
            .position(|line| line.starts_with('['))
            .map_or(tables.len(), |length| begin + 1 + length);
        seeds.push(tables[begin..end].concat().into_bytes());
        seeds.push([&tables[..begin], &tables[end..]].concat().concat().into_bytes());
    }
    for sets in [
        "signal.min_edge_bps=4\nsignal.inner_steps_max=12",
        "markets.coinbase:SOL-USD.taker_fee_bps=12.34\nmarkets.1.tick=\"0.5\"",
        "caps.order_size={ BTC = 0.1 }\nrates.USDC-USD.max_age_ms=5",
        "risk.order_notional_usd_max=600\nexecution.latency_ms.solana=7\njournal.sync=always",
        "risk.daily_loss_warn_usd=500\nexecution.unwind_bps=60\nrisk.quote_rate_max=0.999",
        "engine.mode=live\nsignal.min_edge_bp=4\n=1\na.b.c=1\nsignal.\"x=4",
    ] {
        seeds.push(format!("{example}\0{sets}").into_bytes());
    }
    seeds
}

pub(super) fn decimals() -> Vec<Vec<u8>> {
    let texts = [
        "65086.18\n0.00000001\n12345678912.34\n1\n0\n0.0\n00012.500\n4611686018427387904",
        "4611686018427387905\n18446744073709551615\n18446744073709551616\n0.000000000000000001",
        "340282366920938463463374607431768211455\n340282366920938463463374607431768211456.5",
        "1e-8\n5E-1\n10\n0.01\n1e18\n25\n0.25\n1e19\n0e5\n1E+2\n1e-18\n1e-19",
        "2026-08-09T21:05:48.228568804Z\n1970-01-01T00:00:00Z\n2554-07-21T23:34:33.709551615Z",
        "2026-08-09T23:05:48+02:00\n2000-02-29T00:00:00z\n2100-02-29T00:00:00Z\n2026-12-31T23:59:60Z",
        "1786309548.026294\n1786309548\n18446744073.709551615\n18446744073.709551616\n1.0000000009",
        "1617654352436435\n18446744073709551\n18446744073709552\n9999999999999999999",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0022.5Z\n1970-01-01T00:00:22Z",
        "3.6196500000000005e-05\n0.0050\n40\n2.501\n1E+3\n-1\n1e400\n0e999\n99999999999999999999e-3",
        "-0\n+1\n-1.5\n.5\n5.\n1.2.3\n1_000\n\n 1\n1 \n1e\n0x10\ninf\nNaN",
    ];
    let mut seeds = Vec::new();
    for text in texts {
        for (step, places) in [(0, 2), (0, 8), (4, 1), (6, 0), (8, 18), (10, 9), (11, 18)] {
            seeds.push([&[step, places], text.as_bytes()].concat());
        }
    }
    seeds
}
