#!/usr/bin/env bash
# Installs what the oracle needs into .cache/ at the repository root: Apache Kafka's jars (by
# Maven), its message schemas (out of those jars), a Python environment, the compiled launcher.
# Needs java and javac 17 or newer, mvn, python3. Idempotent: a second run does nothing.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="$(cd "$here/../.." && pwd)/.cache"
version="${KAFKA_VERSION:-4.3.1}"
home="$cache/kafka/$version"
venv="$cache/oracle-venv"

# Runs "$@" unless the stamp file already holds the given text.
once() {
    local stamp="$1" text="$2"
    shift 2
    if [[ -f "$stamp" && "$(cat "$stamp")" == "$text" ]]; then return; fi
    rm -f "$stamp"
    "$@"
    printf '%s' "$text" >"$stamp"
}

kafka_jars() {
    echo "oracle: resolving Apache Kafka $version by Maven" >&2
    rm -rf "$home/libs"
    mvn -q -B -f "$here/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies \
        -DoutputDirectory="$home/libs" -DincludeScope=runtime >&2
    rm -rf "$here/target"
}

# Every JSON schema of every jar: protocol messages, coordinator records, metadata records.
kafka_schemas() {
    rm -rf "$home/messages"
    python3 - "$home" <<'PY'
import pathlib, re, sys, zipfile
home = pathlib.Path(sys.argv[1])
kinds = {}
for jar in sorted(home.glob("libs/kafka*.jar")):
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            match = re.fullmatch(r"(?:common/)?(message|metadata)/(\w+\.json)", name)
            if match:
                owner = re.sub(r"^kafka-|-\d[\d.]*\.jar$", "", jar.name)
                target = home / "messages" / ("" if owner == "clients" else owner) / match[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
                kinds[owner] = kinds.get(owner, 0) + 1
print("oracle: schemas", kinds, file=sys.stderr)
if kinds.get("clients", 0) < 150:
    sys.exit("oracle: kafka-clients holds no message schemas; is this Kafka 4?")
PY
}

python_environment() {
    echo "oracle: making the Python environment" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" >&2
}

launcher() {
    rm -rf "$home/launcher"
    mkdir -p "$home/launcher"
    javac -nowarn -d "$home/launcher" -cp "$home/libs/*" "$here"/launcher/*.java
}

mkdir -p "$home"
once "$home/.jars" "$(sha256sum <"$here/pom.xml")" kafka_jars
once "$home/.schemas" "$version 1" kafka_schemas
once "$venv.stamp" "$(sha256sum <"$here/requirements.txt")" python_environment
once "$home/.launcher" "$(cat "$here"/launcher/*.java | sha256sum)" launcher
