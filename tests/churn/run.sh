#!/usr/bin/env bash
# Consumer groups of real clients under churn: tests/churn/run.sh [--short] [--seed N] [--only WORDS] ...
# The broker is $BARNABAS_BIN or target/release/barnabas; with --kafka it is Apache Kafka. Installs the clients
# first. Any violation ends with an exit code other than 0 and says how to repeat it.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
"$here/../clients/setup.sh"
if [[ " $* " == *" --kafka "* ]]; then
    "$here/../oracle/setup.sh"
else
    broker="${BARNABAS_BIN:-$root/target/release/barnabas}"
    if ! command -v "${broker%% *}" >/dev/null 2>&1; then
        echo "churn: there is no broker at ${broker%% *}: run 'cargo build --release' or set BARNABAS_BIN" >&2
        exit 2
    fi
fi
"$root/.cache/venv/bin/python" -m pytest -q -p no:cacheprovider "$here/test_checks.py"
exec "$root/.cache/venv/bin/python" "$here/conduct.py" "$@"
