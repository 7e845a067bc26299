#!/bin/sh
# Installs every Kafka client under test into .cache at the repository root:
# nothing that is already there and unchanged is touched. Each step that fails
# fails the whole, so that no client is left out silently.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
cache=$root/.cache
drivers=$here/drivers
stamps=$cache/stamps
old_kafka_python=2.0.2
java_versions="4.3.1 3.9.2"
mkdir -p "$stamps" "$cache/bin"

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || die "$1 is missing: $2"
}

# fresh NAME FILE...: whether step NAME was done with exactly these files.
fresh() {
    name=$1
    shift
    sum=$(cat "$@" "$here/setup.sh" | cksum)
    [ "$(cat "$stamps/$name" 2>/dev/null)" = "$sum" ]
}

# done_with NAME: remembers that, with the sum that `fresh` has just taken.
done_with() {
    echo "$sum" >"$stamps/$name"
}

apt_install() {
    [ "$(id -u)" = 0 ] || die "run as root once: apt-get install $*"
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

python_clients() {
    fresh python "$here/requirements.txt" && [ -x "$cache/venv/bin/pytest" ] && return
    say "Python clients"
    rm -rf "$cache/venv" "$cache/kafka-python-old"
    python3 -m venv "$cache/venv" || {
        apt_install python3-venv
        python3 -m venv "$cache/venv"
    }
    "$cache/venv/bin/pip" install -q -r "$here/requirements.txt"
    "$cache/venv/bin/pip" install -q --no-deps --target "$cache/kafka-python-old" \
        "kafka-python==$old_kafka_python"
    done_with python
}

node_clients() {
    fresh node "$drivers/kafkajs/package.json" "$drivers/kafkajs/package-lock.json" &&
        [ -d "$cache/node/node_modules/kafkajs" ] && return
    say "kafkajs"
    rm -rf "$cache/node"
    mkdir -p "$cache/node"
    cp "$drivers/kafkajs/package.json" "$drivers/kafkajs/package-lock.json" "$cache/node/"
    command -v c++ >/dev/null 2>&1 && command -v make >/dev/null 2>&1 || apt_install g++ make
    # The lz4 codec is C; node's own headers spare node-gyp a download.
    if [ -e /usr/include/node/node.h ]; then
        npm_config_nodedir=/usr
        export npm_config_nodedir
    fi
    (
        cd "$cache/node"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
        npm rebuild lz4 --foreground-scripts --loglevel=error >build.log 2>&1 || {
            cat build.log >&2
            exit 1
        }
    )
    NODE_PATH=$cache/node/node_modules node -e 'require("lz4")'
    done_with node
}

go_clients() {
    # shellcheck disable=SC2046 # paths in this repository have no spaces
    fresh go $(find "$drivers/go" -type f | sort) && [ -x "$cache/bin/console" ] && return
    say "franz-go and sarama"
    (cd "$drivers/go" && GOPATH=$cache/go GOFLAGS=-modcacherw go build -o "$cache/bin/" \
        ./franz ./sarama ./franzmember ./saramamember ./console)
    done_with go
}

java_clients() {
    fresh java "$drivers/java/pom.xml" "$drivers"/java/*.java "$drivers"/java/uis/*.java && [ -d "$cache/java" ] && return
    rm -rf "$cache/java"
    for version in $java_versions; do
        say "Java client $version"
        mvn -q -B -f "$drivers/java/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            "-Dkafka.version=$version" "-DoutputDirectory=$cache/java/$version/lib" >&2
        javac -Xlint:all -Werror -encoding UTF-8 -d "$cache/java/$version/classes" \
            -cp "$cache/java/$version/lib/*" "$drivers"/java/*.java "$drivers"/java/uis/*.java
    done
    done_with java
}

need python3 "Python 3.10 or newer"
need node "Node.js 18 or newer"
need npm "it comes with Node.js"
need go "Go 1.21 or newer (it fetches the version that go.mod asks for)"
need javac "a JDK, 17 or newer"
need mvn "Apache Maven"
command -v kcat >/dev/null 2>&1 || apt_install kcat
python_clients
node_clients
go_clients
java_clients
