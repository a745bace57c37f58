#!/bin/sh
# Instructions per unit of every side of every item, by callgrind, and their ratio to the first,
# which is ours where it takes part.
# Usage: benches/peers/instructions.sh [ITEM…]. Needs valgrind; takes a few minutes for all items.
set -eu
cd "$(dirname "$0")"
cargo build --release --quiet
peers="${CARGO_TARGET_DIR:-target}/release/peers"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

"$peers" list | while read -r item side; do
    if [ $# -gt 0 ]; then
        case " $* " in *" $item "*) ;; *) continue ;; esac
    fi
    # Collects inside turns::counted only: loading and proving is left out. The second of two rounds
    # is warm, so the figure is the difference to one round.
    collected() {
        valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
            --toggle-collect='*turns::counted*' "$peers" count "$item" "$side" "$1" \
            >"$out" 2>"$out.err" || { cat "$out.err" >&2; exit 1; }
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out.err"
    }
    one=$(collected 1)
    units=$(cat "$out")
    two=$(collected 2)
    rm -f "$out.err"
    if [ "$item" != "${base_item:-}" ]; then
        base_item=$item base=$((two - one)) base_units=$units
    fi
    awk -v item="$item" -v side="$side" -v n=$((two - one)) -v units="$units" \
        -v base="$base" -v base_units="$base_units" 'BEGIN {
            printf "%-20s %-24s %12.1f %8.2f\n", item, side, n / units,
                (n / units) / (base / base_units) }'
done
