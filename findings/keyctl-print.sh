#!/bin/sh
# keyctl of keyutils 1.6.3 (Debian 12): "print" does not print a secret that
# ends with a newline.
#
# Expected: keyctl print KEY gives the payload, so that $(keyctl print KEY) is
# the secret, with or without a final newline.
# Seen: one byte that is not printable, and newline and tab count as such, turns
# the whole payload into ":hex:" and hexadecimal digits, still with exit code 0.
# A payload that is this text itself looks exactly the same. "keyctl pipe"
# gives the bytes.
# For a tool author: read with pipe, never with print; add keys without a final
# newline. (An empty payload cannot be stored at all: Invalid argument.)
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in keyutils=1.6.3-2 libkeyutils1=1.6.3-2; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
PATH="$dir/root/bin:$dir/root/usr/bin:$PATH"
LD_LIBRARY_PATH="$dir/root/lib/x86_64-linux-gnu:$dir/root/usr/lib/x86_64-linux-gnu"
export PATH LD_LIBRARY_PATH
cat >"$dir/inner" <<'INNER'
set -eu
show() { # the payload as a printf format
	# shellcheck disable=SC2059
	id=$(printf "$1" | keyctl padd user finding @s)
	printf '%s -> print: %s, pipe: %s\n' "$1" "$(keyctl print "$id")" "$(keyctl pipe "$id")"
}
show 'value'
show 'value\n'
show ':hex:76616c75650a'
INNER
keyctl --version
# a session keyring of its own, which goes with the process
keyctl session - sh "$dir/inner" >"$dir/out" 2>"$dir/err" ||
	{ cat "$dir/err" >&2; echo "cannot run: no keyrings of the kernel here" >&2; exit 2; }
echo 'expected: print and pipe agree'
cat "$dir/out"
grep -qxF 'value -> print: value, pipe: value' "$dir/out" || changed "plain text"
grep -qxF 'value\n -> print: :hex:76616c75650a, pipe: value' "$dir/out" || changed "a final newline"
grep -qxF ':hex:76616c75650a -> print: :hex:76616c75650a, pipe: :hex:76616c75650a' "$dir/out" || changed "text that looks like it"
