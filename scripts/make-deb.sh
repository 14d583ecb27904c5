#!/bin/sh
# Builds a Debian package of the server: scripts/make-deb.sh FOLDER [TARBALL…] writes FOLDER/parley_VERSION_ARCHITECTURE.deb.
# Without tarballs of npm it builds and packs this checkout, after `npm ci`. Needs dpkg-deb and npm; root is not needed.
set -eu
folder=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# -eq 0 ]; then
  npm run --silent build
  npm pack --silent --ignore-scripts --pack-destination "$work" \
    -w @parley/protocol -w @parley/core -w @parley/client -w @parley/spacebar -w @parley/server >/dev/null
  set -- "$work"/*.tgz
fi

root=$work/root
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/usr/share/doc/parley"
npm install --silent --global --prefix "$root/usr/lib/parley" --omit=dev --ignore-scripts --no-audit --no-fund --prefer-offline "$@"
ln -s ../lib/parley/bin/parley "$root/usr/bin/parley"
cp deploy/systemd/parley.service "$root/usr/lib/systemd/system/"
cp LICENSE "$root/usr/share/doc/parley/copyright"

version=$(node -p "require('./packages/server/package.json').version")
architecture=$(dpkg-deb --version >/dev/null && dpkg --print-architecture)
cat > "$root/DEBIAN/control" <<CONTROL
Package: parley
Version: $version
Architecture: $architecture
Maintainer: Parley <https://github.com/parley-voice/parley>
Section: net
Priority: optional
Depends: nodejs (>= 20.19)
Recommends: libsodium23
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Homepage: https://github.com/parley-voice/parley
Description: self-hosted, Discord-compatible voice server
 A voice server for Discord clients and bots, controlled by a chat backend
 over LVSP. Run "parley setup" after the installation.
CONTROL

cat > "$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
getent passwd parley >/dev/null || useradd --system --user-group --no-create-home \
  --home-dir /var/lib/parley --shell /usr/sbin/nologin parley
[ ! -d /run/systemd/system ] || systemctl daemon-reload
POSTINST

# An upgrade stops no call: the running process stays until it is restarted or succeeded (serve --take-over).
cat > "$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
[ "$1" != remove ] || [ ! -d /run/systemd/system ] || systemctl stop parley.service 'parley@*.service'
PRERM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
chmod -R u+rwX,go+rX,go-w "$root/usr"

dpkg-deb --root-owner-group -Zgzip -z6 --build "$root" "$folder/parley_${version}_$architecture.deb" >/dev/null
echo "$folder/parley_${version}_$architecture.deb"
