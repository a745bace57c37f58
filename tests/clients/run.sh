#!/usr/bin/env bash
# Runs other people's clients against the emulated venues, over real sockets.
#
#   tests/clients/run.sh               every script
#   tests/clients/run.sh coinbase      those of some venues
#
# Makes a virtualenv below the target folder, starts `riptide emulate`, gives each script the
# addresses, and ends with 1 if any of them failed. RIPTIDE names a binary to use instead of a debug
# build; CLIENTS_VENV a virtualenv to keep elsewhere.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=${CLIENTS_VENV:-$target/clients/venv}

# How long the emulators may take to start. Unit: seconds.
start_s_max=60
# How long one script may take. Unit: seconds.
script_s_max=180

scratch=$(mktemp -d)
emulator=
finish() {
    if [ -n "$emulator" ]; then
        kill "$emulator" 2>/dev/null || true
        wait "$emulator" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

wanted=$(sha256sum <requirements.txt)
if [ ! -x "$venv/bin/python" ] || [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
    printf '%s\n' "$wanted" >"$venv/installed"
fi

if [ -z "${RIPTIDE:-}" ]; then
    (cd "$root" && cargo build --quiet --locked --package engine-daemon)
    RIPTIDE=$target/debug/riptide
fi

sed -e "s#@scratch@#$scratch#" emulate.toml >"$scratch/emulate.toml"
"$RIPTIDE" emulate --config "$scratch/emulate.toml" --json >"$scratch/addresses.json" \
    2>"$scratch/errors" &
emulator=$!
for ((tenths = 0; tenths < start_s_max * 10; tenths++)); do
    [ ! -s "$scratch/addresses.json" ] || break
    if ! kill -0 "$emulator" 2>/dev/null; then
        cat "$scratch/errors" >&2
        exit 1
    fi
    sleep 0.1
done
[ -s "$scratch/addresses.json" ] || { echo "error: the emulators do not start" >&2; exit 1; }

export EMULATOR="$scratch/addresses.json" PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
failed=0
ran=0
for script in "$here"/*/*.py; do
    venue=$(basename "$(dirname "$script")")
    [ $# -eq 0 ] || [[ " $* " == *" $venue "* ]] || continue
    name="$venue/$(basename "$script" .py)"
    ran=$((ran + 1))
    from=$SECONDS
    if timeout "$script_s_max" "$venv/bin/python" -W ignore "$script" >"$scratch/log" 2>&1; then
        printf 'ok      %3d s  %s\n' $((SECONDS - from)) "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %3d s  %s\n' $((SECONDS - from)) "$name"
        cat "$scratch/log"
    fi
done
if ! kill -0 "$emulator" 2>/dev/null; then
    echo "error: the emulators have ended before the clients" >&2
    cat "$scratch/errors" >&2
    failed=$((failed + 1))
fi
[ "$ran" -gt 0 ] || { echo "error: no script ran" >&2; exit 1; }
[ "$failed" -eq 0 ] || exit 1
