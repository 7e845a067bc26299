#!/usr/bin/env bash
# The console in a real browser, as a new user meets it: a broker, Chromium, kcat. Arguments go to node's test runner
# (`run.sh --test-name-pattern hostile`). BARNABAS_BIN names the binary to test; with CONSOLE_SHOTS=docs/console the pictures in
# the documents are taken anew, all others are in .cache/console/shots. Debian's chromium is taken; what npm has goes into .cache.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
place="$root/.cache/console"
export BARNABAS_BIN="${BARNABAS_BIN:-$root/target/release/barnabas}"
if [[ ! -x "$BARNABAS_BIN" ]]; then
    echo "console: no binary at $BARNABAS_BIN: run 'cargo build --release' or set BARNABAS_BIN" >&2
    exit 2
fi
missing=()
command -v chromium >/dev/null 2>&1 || missing+=(chromium)
command -v kcat >/dev/null 2>&1 || missing+=(kcat)
if ((${#missing[@]})); then
    [[ "$(id -u)" == 0 ]] || {
        echo "console: run as root once: apt-get install ${missing[*]}" >&2
        exit 2
    }
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
fi
wanted="$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)"
if [[ ! -f "$place.stamp" || "$(cat "$place.stamp")" != "$wanted" ]]; then
    echo "console: installing what drives the browser" >&2
    rm -rf "$place" "$place.stamp"
    mkdir -p "$place"
    cp "$here/package.json" "$here/package-lock.json" "$place/"
    (cd "$place" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    printf '%s' "$wanted" >"$place.stamp"
fi
export CONSOLE_MODULES="$place/"
exec node --test --test-concurrency=1 --test-reporter=spec "$@" "$here"/*.test.mjs
