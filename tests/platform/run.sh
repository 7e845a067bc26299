#!/usr/bin/env bash
# What `make install` and `make deb` make: that it is whole, that systemd takes the unit and rates it safe, and that
# the binary runs from there with the settings that are installed. Installs nothing outside of its own directory.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work="$(mktemp -d)"
broker=
cleanup() {
    [[ -z "$broker" ]] || kill -9 "$broker" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

failed() {
    echo "platform: $*" >&2
    exit 1
}

for tool in systemd-analyze dpkg-deb dpkg-shlibdeps; do
    command -v "$tool" >/dev/null || failed "there is no $tool: apt-get install systemd dpkg-dev"
done

passed=0
ok() {
    passed=$((passed + 1))
    echo "platform: $*"
}

make -s install DESTDIR="$work/image" PREFIX=/usr
unit="$work/image/usr/lib/systemd/system/barnabas.service"
settings="$work/image/etc/barnabas/server.properties"

# Settings that are there already are somebody's.
echo '# mine' >>"$settings"
make -s install DESTDIR="$work/image" PREFIX=/usr
grep -q '^# mine$' "$settings" || failed "an install overwrites /etc/barnabas/server.properties"
ok "installs, and leaves settings alone that are there"

# The paths in the unit are those of the machine that it is installed on.
sed "s,=/usr/bin/,=$work/image/usr/bin/," "$unit" >"$work/barnabas.service"
said="$(systemd-analyze verify "$work/barnabas.service" 2>&1)" || failed "systemd-analyze verify: $said"
[[ -z "$said" ]] || failed "systemd-analyze verify: $said"
systemd-analyze security --offline=true --threshold=20 "$work/barnabas.service" >"$work/rating" || {
    cat "$work/rating" >&2
    failed "systemd-analyze security: not below 2.0"
}
ok "the unit: $(tail -n 1 "$work/rating" | grep -o 'Overall.*[0-9.]\+')"

python3 -c 'import plistlib, sys; plistlib.load(open(sys.argv[1], "rb"))["ProgramArguments"]' platform/launchd/barnabas.plist ||
    failed "platform/launchd/barnabas.plist is no property list"
ok "the property list of launchd can be read"

# The settings as they are installed, but for where the data is and which ports are free.
sed -e "s,^log.dirs=.*,log.dirs=$work/data," -e 's,:9092$,:0,' -e 's,:8080$,:0,' "$settings" >"$work/settings"
env -i "$work/image/usr/bin/barnabas" --config "$work/settings" >"$work/line" 2>"$work/log" &
broker=$!
until grep -q 'is ready' "$work/line"; do
    kill -0 "$broker" 2>/dev/null || failed "the installed binary does not run: $(cat "$work/log")"
done
grep -q 'PLAINTEXT://127.0.0.1:.*http://127.0.0.1:' "$work/line" || failed "it listens on: $(cat "$work/line")"
kill "$broker"
wait "$broker" || failed "it does not end cleanly: $(cat "$work/log")"
broker=
[[ -e "$work/data/meta.properties" ]] || failed "log.dirs does not say where the data is"
ok "runs with the settings that are installed"

make -s deb
version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
package="${CARGO_TARGET_DIR:-target}/debian/barnabas_${version}_$(dpkg --print-architecture).deb"
[[ "$(dpkg-deb -f "$package" Package Version)" == "Package: barnabas
Version: $version" ]] || failed "dpkg-deb -f says $(dpkg-deb -f "$package")"
dpkg-deb -f "$package" Depends | grep -q 'libc6 (>= ' || failed "it depends on $(dpkg-deb -f "$package" Depends)"
dpkg-deb -x "$package" "$work/unpacked"
dpkg-deb -e "$package" "$work/control"
(cd "$work/unpacked" && find . -type f | sort) >"$work/files"
diff - "$work/files" <<'END' || failed "the package has other files"
./etc/barnabas/server.properties
./usr/bin/barnabas
./usr/lib/systemd/system/barnabas.service
./usr/share/doc/barnabas/CHANGELOG.md
./usr/share/doc/barnabas/CONTRIBUTING.md
./usr/share/doc/barnabas/README.md
./usr/share/doc/barnabas/copyright
./usr/share/doc/barnabas/docs/ARCHITECTURE.md
./usr/share/doc/barnabas/docs/CONFIGURATION.md
./usr/share/doc/barnabas/docs/CONSOLE.md
./usr/share/doc/barnabas/docs/DEPENDENCIES.md
./usr/share/doc/barnabas/docs/DURABILITY.md
./usr/share/doc/barnabas/docs/HTTP.md
./usr/share/doc/barnabas/docs/METRICS.md
./usr/share/doc/barnabas/docs/PERFORMANCE.md
./usr/share/doc/barnabas/docs/TOOLS.md
./usr/share/doc/barnabas/docs/console/change-dark.png
./usr/share/doc/barnabas/docs/console/clients-phone.png
./usr/share/doc/barnabas/docs/console/group-light.png
./usr/share/doc/barnabas/docs/console/live-light.png
./usr/share/doc/barnabas/docs/console/messages-dark.png
./usr/share/doc/barnabas/docs/console/messages-light.png
./usr/share/doc/barnabas/docs/console/messages-phone.png
./usr/share/doc/barnabas/docs/console/produce-light.png
./usr/share/doc/barnabas/docs/console/topics-light.png
./usr/share/doc/barnabas/docs/flame/fetch.png
./usr/share/doc/barnabas/docs/flame/produce.png
./usr/share/doc/barnabas/platform/docker/Dockerfile
./usr/share/doc/barnabas/platform/docker/image.properties
./usr/share/doc/barnabas/platform/grafana/README.md
./usr/share/doc/barnabas/platform/grafana/alerts.yml
./usr/share/doc/barnabas/platform/grafana/barnabas.json
./usr/share/doc/barnabas/platform/launchd/README.md
./usr/share/doc/barnabas/platform/launchd/barnabas.plist
./usr/share/doc/barnabas/platform/systemd/barnabas.service
END
# Documents lead to what is installed with them; a package's licence has another name.
while read -r document; do
    while read -r link; do
        [[ "$link" == LICENSE || -e "$(dirname "$document")/$link" ]] || failed "${document#"$work"/} leads to $link, which is not there"
    done < <(grep -oE '\]\([^)]+\)' "$document" | sed -E 's/^\]\(//; s/\)$//; s/#.*//' | grep -vE '^$|^https?:')
done < <(find "$work/unpacked/usr/share/doc/barnabas" -name '*.md')
[[ "$(cat "$work/control/conffiles")" == /etc/barnabas/server.properties ]] || failed "conffiles are wrong"
for script in postinst prerm postrm; do
    sh -n "$work/control/$script"
    [[ -x "$work/control/$script" ]] || failed "$script cannot be executed"
done
owners="$(dpkg-deb -c "$package" | awk '{ print $2 }' | sort -u)"
[[ "$owners" == root/root ]] || failed "files are owned by $owners"
"$work/unpacked/usr/bin/barnabas" --version | grep -q "$version" || failed "the packaged binary does not run"
ok "the package: $(basename "$package"), $(stat -c %s "$package") bytes, wants $(dpkg-deb -f "$package" Depends)"

make -s uninstall DESTDIR="$work/image" PREFIX=/usr
left="$(cd "$work/image" && find . -type f)"
[[ "$left" == ./etc/barnabas/server.properties ]] || failed "an uninstall leaves $left"
ok "uninstalls all but the settings"
echo "platform: NOT tested here: the container image, which needs a second, static release build: make image-test"
echo "$passed passed, 0 failed"
