#!/usr/bin/env bash
# The alerts and the dashboard in platform/grafana under Prometheus itself: promtool takes the rules and they fire when
# they should (alerts_test.yml), a Prometheus reads a broker's metrics, and every panel shows something.
# Prometheus is the one that is installed, or Debian's, taken out of its package into .cache. BARNABAS_BIN names the binary to test.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
tools="$root/.cache/prometheus"
binary="${BARNABAS_BIN:-$root/target/release/barnabas}"
if [[ ! -x "$binary" ]]; then
    echo "prometheus: no binary at $binary: run 'cargo build --release' or set BARNABAS_BIN" >&2
    exit 2
fi

# fetch: the package as it is; apt downloads into the directory that it is called in.
fetch() {
    rm -rf "$tools"
    mkdir -p "$tools/package"
    (cd "$tools/package" && apt-get download -q -o APT::Sandbox::User=root prometheus >&2)
}

if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
    if [[ ! -x "$tools/usr/bin/promtool" ]]; then
        echo "prometheus: taking Prometheus out of Debian's package" >&2
        fetch || { apt-get update -q >&2 && fetch; }
        dpkg-deb -x "$tools"/package/*.deb "$tools"
        rm -rf "$tools/package"
    fi
    PATH="$tools/usr/bin:$PATH"
fi

promtool check rules "$root/platform/grafana/alerts.yml"
promtool test rules "$here/alerts_test.yml"
python3 "$here/prometheus.py" "$binary" prometheus "$root/platform/grafana"
