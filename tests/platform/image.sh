#!/usr/bin/env bash
# The container image: that it is built, starts as the user that it names, with the settings that it brings, is well
# by its own health check, and has its data where it says. With buildah, which needs no daemon; run as root.
#
# `make image-test` makes the binary and calls this. It is no part of `make test`: the image holds a static binary, which
# is a second release build, of minutes, with a target that not every machine has. tests/platform/run.sh says so.
# --ready only looks whether all is there that it needs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed() {
    echo "image: $*" >&2
    exit 1
}
lacking=()
[[ "$(id -u)" == 0 ]] || lacking+=("root (sudo make image-test)")
command -v buildah >/dev/null || lacking+=("buildah (apt-get install buildah)")
command -v musl-gcc >/dev/null || lacking+=("musl-gcc (apt-get install musl-tools)")
target="$(uname -m)-unknown-linux-musl"
[[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]] || lacking+=("Rust's $target (rustup target add $target)")
if ((${#lacking[@]})); then
    printf 'image: cannot run here without %s\n' "${lacking[@]}" >&2
    exit 1
fi
[[ "${1:-}" != --ready ]] || exit 0
[[ -x "${CARGO_TARGET_DIR:-target}/image/barnabas" ]] || failed "there is nothing to make it of: make image DOCKER="

work="$(mktemp -d)"
buildah() { command buildah --storage-driver vfs --root "$work/root" --runroot "$work/runroot" "$@"; }
runner=
# A process and all below it: buildah does not hand a signal on.
family() {
    local child
    for child in $(pgrep -P "$1"); do family "$child"; done
    echo "$1"
}
cleanup() {
    if [[ -n "$runner" ]]; then
        local one
        for one in $(family "$runner"); do
            kill "$one" 2>/dev/null || true
            tail --pid="$one" -f /dev/null
        done
    fi
    rm -rf "$work"
}
trap cleanup EXIT

image="$(buildah build --quiet --isolation chroot --format docker "${CARGO_TARGET_DIR:-target}/image")"
container="$(buildah from "$image")"
# Its network is this machine's, whose ports may be taken.
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
# Whoever brings a settings file and flags of their own: both stand above what the image brings, and its health check, which
# knows of neither, finds the broker.
echo 'listeners=PLAINTEXT://:0' >"$work/server.properties"
chmod 644 "$work/server.properties"
buildah copy --quiet "$container" "$work/server.properties" /server.properties >/dev/null
inside() {
    buildah run --isolation chroot "$container" -- /usr/bin/barnabas "$@"
}
inside --config /server.properties --http-port "$port" >"$work/line" 2>"$work/log" &
runner=$!
until grep -q 'is ready' "$work/line"; do
    kill -0 "$runner" 2>/dev/null || failed "it does not start: $(cat "$work/log")"
done
! grep -q ':9092' "$work/line" || failed "the settings file has no effect: $(cat "$work/line")"
grep -q ":$port" "$work/line" || failed "the flag has no effect: $(cat "$work/line")"
said="$(inside healthcheck)" ||
    failed "it is not well: $said"
# A volume of its own, wherever buildah keeps that.
owners="$(find "$work/root" -name meta.properties -printf '%u %p\n')"
[[ "$owners" == "65532 "*meta.properties ]] || failed "its data is not its user's, or not in the volume: $owners"
buildah inspect --type image "$image" | grep -q '"Healthcheck"' || failed "the image has no health check"
echo "image: starts, is well ($said), and is no root"
