#!/usr/bin/env bash
# Asks the REST endpoints of a broker whatever their own OpenAPI document allows, and much that it does not: none
# may fail, and answers must be what the document says. Arguments go to schemathesis (`run.sh --seed 7`).
# BARNABAS_BIN names the binary to test; Python's packages go into .cache.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="$root/.cache/rest-venv"
binary="${BARNABAS_BIN:-$root/target/release/barnabas}"
if [[ ! -x "$binary" ]]; then
    echo "rest: no binary at $binary: run 'cargo build --release' or set BARNABAS_BIN" >&2
    exit 2
fi
wanted="$(sha256sum <"$here/requirements.txt")"
if [[ ! -f "$venv.stamp" || "$(cat "$venv.stamp")" != "$wanted" ]]; then
    echo "rest: making the Python environment" >&2
    rm -rf "$venv" "$venv.stamp"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" >&2
    printf '%s' "$wanted" >"$venv.stamp"
fi

data="$(mktemp -d)"
mkfifo "$data/out"
"$binary" --port 0 --data-dir "$data/kept" --set barnabas.http.listener=127.0.0.1:0 \
    --set offsets.topic.num.partitions=1 >"$data/out" 2>"$data/err" &
broker=$!
trap 'kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; rm -rf "$data"' EXIT
exec 3<"$data/out"
line=""
read -r line <&3 || true
address="http:${line##*, http:}"
if [[ "$line" != *", http:"* ]]; then
    echo "rest: the broker serves no pages: $line" >&2
    cat "$data/err" >&2
    exit 1
fi

# Something to find: the names that a document's examples have.
python3 - "$address" <<'PY'
import json, sys, urllib.request
def post(path, body):
    fields = {"Content-Type": "application/json"}
    request = urllib.request.Request(sys.argv[1] + path, json.dumps(body).encode(), fields)
    urllib.request.urlopen(request).read()
post("/v1/topics", {"name": "orders", "partitions": 3})
post("/v1/topics/orders/messages", {"messages": [{"key": "k", "value": "v"}] * 20})
post("/v1/groups/orders/offsets", {"offsets": [{"topic": "orders", "partition": 0, "to": "earliest"}]})
PY

# A tail has no end. No state is kept between runs, and the same seed asks the same.
code=0
(cd "$data" && "$venv/bin/schemathesis" run "$address/v1/openapi.json" --exclude-path-regex '/tail$' \
    --phases examples,coverage,fuzzing --max-examples 30 --seed 1 --generation-database none \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method,allow_header_conformance \
    --request-timeout 30 --no-color "$@") || code=$?
if ! kill -0 "$broker" 2>/dev/null || grep -q panicked "$data/err"; then
    echo "rest: the broker did not survive it" >&2
    cat "$data/err" >&2
    exit 1
fi
exit "$code"
