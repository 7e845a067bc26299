#!/bin/sh
# Makes a Debian package of what `make install` installs: platform/debian/build.sh STAGED_ROOT OUTPUT_DIRECTORY
# Needs dpkg-dev, which finds out which libraries the binary wants.
set -eu

command -v dpkg-shlibdeps >/dev/null || {
    echo "build.sh: there is no dpkg-shlibdeps: apt-get install dpkg-dev" >&2
    exit 1
}

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$1" && pwd)
out=$2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)
arch=$(dpkg --print-architecture)

# dpkg-shlibdeps wants a source package around it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: barnabas\n\nPackage: barnabas\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/barnabas" 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || {
    echo "build.sh: dpkg-shlibdeps does not say what $root/usr/bin/barnabas needs" >&2
    exit 1
}

mkdir -p "$root/DEBIAN" "$out"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$root" | cut -f 1)/" "$here/control.in" >"$root/DEBIAN/control"
echo /etc/barnabas/server.properties >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
dpkg-deb --root-owner-group --build "$root" "$out/barnabas_${version}_$arch.deb"
