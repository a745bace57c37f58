#!/usr/bin/env bash
# Runs every fuzz target: campaign.sh RUNS [SANITIZED_RUNS [SNAPSHOTS]]
#
# RUNS executions of each target without a sanitizer, SANITIZED_RUNS (0) with the address sanitizer,
# then SNAPSHOTS (100) damaged whole snapshots of each exchange. Inputs have at most 4,096 bytes; the
# corpus begins with seeds cut from the shipped recordings and is kept in corpus/ for the next time.
# Prints one line per target: executions, edges covered, features, size of the corpus, seconds. Ends
# with 1 when a target failed; the input is then in artifacts/.
#
# The full campaign: campaign.sh 20000000 1000000 10000. TARGETS="coinbase quote" chooses targets,
# CARGO_TARGET_DIR where the builds go. Needs cargo-fuzz; works on stable (RUSTC_BOOTSTRAP).
set -euo pipefail

cd "$(dirname "$0")"
runs=${1:?usage: campaign.sh RUNS [SANITIZED_RUNS [SNAPSHOTS]]}
sanitized_runs=${2:-0}
snapshots=${3:-100}
builds=${CARGO_TARGET_DIR:-$PWD/target}
targets=${TARGETS:-coinbase gemini gemini_current bitstamp solana recorder accounts swaps configuration decimals quote journal}
triple=$(rustc -vV | sed -n 's/^host: //p')
failed=0
unset CARGO_TARGET_DIR

build() { # sanitizer
    RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir . --sanitizer "$1" --target-dir "$builds/$1"
}

run() { # sanitizer, runs, resident limit in MiB
    local target log begun line executions
    for target in $targets; do
        mkdir -p "corpus/$target" "artifacts/$target"
        log="artifacts/$target/$1.log"
        begun=$SECONDS
        "$builds/$1/$triple/release/$target" "corpus/$target" -runs="$2" -max_len=4096 \
            -timeout=20 -rss_limit_mb="$3" -print_final_stats=1 \
            -artifact_prefix="artifacts/$target/" >"$log" 2>&1 || {
            failed=1
            grep -a -m 3 -E "panicked at|ERROR: |Test unit written" "$log" || tail -n 5 "$log"
        }
        line=$({ grep -a -oE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" || true; } | tail -n 1)
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        # shellcheck disable=SC2086 # the line is split into its words
        set -- "$1" "$2" "$3" $line
        printf '%-14s %-9s %11s %7s %9s %7s %8s\n' "$target" "$1" "${executions:-failed}" \
            "${5:--}" "${7:--}" "${9:--}" "$((SECONDS - begun))"
        set -- "$1" "$2" "$3"
    done
}

echo "building the targets and their seeds" >&2
cargo build --release --locked -p fuzz-checks --target-dir "$builds"
build none
for target in $targets; do
    "$builds/release/seeds" "$target" "corpus/$target"
done
begun=$SECONDS
printf '%-14s %-9s %11s %7s %9s %7s %8s\n' target sanitizer executions edges features corpus seconds
run none "$runs" 2048
if [ "$sanitized_runs" -gt 0 ]; then
    build address >&2
    run address "$sanitized_runs" 4096
fi
if [ "$snapshots" -gt 0 ]; then
    # Twice what the program itself allows.
    (ulimit -v 2097152 && "$builds/release/snapshots" "$snapshots") || failed=1
fi
echo "the campaign took $((SECONDS - begun)) s" >&2
exit "$failed"
