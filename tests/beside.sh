#!/usr/bin/env bash
# Runs commands beside each other and shows what each has printed when it is over: tests/beside.sh COMMAND...
# For suites that mostly wait, for brokers and clients that start and for sessions that run out. Ends with
# an exit code other than 0 if one of them does; whoever ends it ends them all.
set -euo pipefail

scratch="$(mktemp -d)"
declare -A running=()

# shellcheck disable=SC2329 # It is called by the traps.
end() {
    for pid in "${!running[@]}"; do
        kill -TERM -- "-$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$scratch"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Each gets a process group, so that what it has started ends with it. Patterns are the commands' own.
set -mf
for command; do
    $command >"$scratch/${command//\//_}" 2>&1 </dev/null &
    running[$!]="$command"
done
echo "beside each other: $*"

code=0
while ((${#running[@]})); do
    result=0
    wait -n -p pid "${!running[@]}" || result=$?
    command="${running[$pid]}"
    unset "running[$pid]"
    cat "$scratch/${command//\//_}"
    if ((result)); then
        echo "$command: FAILED with exit code $result" >&2
        code=1
    fi
done
exit "$code"
