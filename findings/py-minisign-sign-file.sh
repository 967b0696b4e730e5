#!/bin/sh
# py-minisign 0.21.1 (PyPI): sign and sign_file make signatures of different formats.
#
# Expected: sign_file(path) is sign(contents of path), in the format that the
# minisign program makes by default (of the pre-hashed file, "ED").
# Seen: sign hashes first by default, sign_file does not: it makes the old format
# ("Ed"), which "minisign -V -H" (require pre-hashed input) refuses, as do other
# programs that take only the new one.
# For a tool author: give prehash=True to both, always, and check is_prehashed()
# before a signature is published.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in minisign=0.11-1 libsodium23; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
minisign() { LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu" "$dir/root/usr/bin/minisign" "$@"; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check py-minisign==0.21.1
cd "$dir"
echo content >file
minisign -G -W -p key.pub -s key.sec >/dev/null
cat >sign.py <<'PYTHON'
import minisign

key = minisign.SecretKey.from_file("key.sec")
for name, signature in [
    ("sign", key.sign(open("file", "rb").read())),
    ("sign_file", key.sign_file("file")),
    ("sign_file_prehash", key.sign_file("file", prehash=True)),
]:
    open(name, "wb").write(bytes(signature))
PYTHON
venv/bin/python sign.py

echo "py-minisign 0.21.1, $(minisign -v | head -n 1)"
echo "expected: minisign -V -H accepts all three"
for name in sign sign_file sign_file_prehash; do
	if minisign -V -H -m file -p key.pub -x "$name" >/dev/null 2>err; then answer=accepted; else answer="refused: $(tail -n 1 err)"; fi
	echo "seen: $name: $answer"
	case $name:$answer in
	sign_file:refused*) minisign -V -m file -p key.pub -x sign_file >/dev/null || changed "not even the old format" ;;
	sign_file:*) changed "sign_file hashes first" ;;
	*:accepted) ;;
	*) changed "$name" ;;
	esac
done
