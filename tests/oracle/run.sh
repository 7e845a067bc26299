#!/usr/bin/env bash
# The side-by-side oracle: Apache Kafka and Barnabas get the same requests, their answers are compared.
# Arguments go to pytest (`run.sh test_fetch.py -k session`). BARNABAS_BIN names the binary to test;
# --kafka-twice (first) compares Kafka with itself, which must always pass.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if [[ "${1:-}" == --kafka-twice ]]; then
    export ORACLE_SUBJECT=kafka
    shift
fi
"$here/setup.sh"
binary="${BARNABAS_BIN:-$here/../../target/release/barnabas}"
if [[ "${ORACLE_SUBJECT:-barnabas}" == barnabas && ! -x "$binary" ]]; then
    echo "oracle: no binary at $binary: run 'cargo build --release' or set BARNABAS_BIN" >&2
    exit 2
fi
cd "$here"
exec ../../.cache/oracle-venv/bin/python -m pytest "$@"
