#!/bin/sh
# Installs the clients and runs all client tests against one broker:
#   tests/clients/run.sh [pytest arguments]
# The broker is $BARNABAS_BIN, or target/release/barnabas. Any failure, and any
# client that cannot be installed or was left out, ends with an exit code other
# than 0.
set -u

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)

"$here/setup.sh" || {
    echo "clients: FAILED: a client could not be installed" >&2
    exit 1
}
broker=${BARNABAS_BIN:-$root/target/release/barnabas}
command -v "${broker%% *}" >/dev/null 2>&1 || {
    echo "clients: FAILED: there is no broker at ${broker%% *}: cargo build --release, or set BARNABAS_BIN" >&2
    exit 1
}
report=$root/.cache/clients.xml
"$root/.cache/venv/bin/python" -m pytest -c "$here/pytest.ini" --rootdir "$here" \
    --junit-xml "$report" "$here" "$@"
code=$?
"$root/.cache/venv/bin/python" "$here/summary.py" "$report" "$broker" || code=1
exit "$code"
