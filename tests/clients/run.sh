#!/usr/bin/env bash
# Runs other people's clients against the emulated venues, over real sockets.
#
#   tests/clients/run.sh               every script
#   tests/clients/run.sh coinbase      those of some venues
#
# Makes virtualenvs below the target folder, starts `riptide emulate`, gives each script the
# addresses, and ends with 1 if any of them failed. RIPTIDE names a binary to use instead of a debug
# build; CLIENTS_VENV a virtualenv to keep elsewhere (the name of others begins with it).
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

# The virtualenv of a venue's scripts: the common one, or its own where it has requirements of its own.
environment() {
    if [ -f "$1/requirements.txt" ]; then echo "$venv-$1"; else echo "$venv"; fi
}

# Makes a virtualenv, unless it holds what is required already.
install() {
    local wanted
    wanted=$(sha256sum <"$2")
    if [ ! -x "$1/bin/python" ] || [ "$(cat "$1/installed" 2>/dev/null)" != "$wanted" ]; then
        python3 -m venv "$1"
        "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
        printf '%s\n' "$wanted" >"$1/installed"
    fi
}

for folder in */; do
    venue=${folder%/}
    [ $# -eq 0 ] || [[ " $* " == *" $venue "* ]] || continue
    [[ $venue != __* ]] || continue
    if [ -f "$venue/requirements.txt" ]; then
        install "$(environment "$venue")" "$venue/requirements.txt"
    else
        install "$venv" requirements.txt
    fi
done

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
# The authority of the emulators, and no other, for every library that asks the environment.
export REQUESTS_CA_BUNDLE="$scratch/ca.pem" SSL_CERT_FILE="$scratch/ca.pem"
unset SSL_CERT_DIR CURL_CA_BUNDLE
failed=0
ran=0
for script in "$here"/*/*.py; do
    venue=$(basename "$(dirname "$script")")
    [ $# -eq 0 ] || [[ " $* " == *" $venue "* ]] || continue
    name="$venue/$(basename "$script" .py)"
    ran=$((ran + 1))
    from=$SECONDS
    python=$(environment "$venue")/bin/python
    if timeout "$script_s_max" "$python" -W ignore "$script" >"$scratch/log" 2>&1; then
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
