#!/bin/sh
# minisign 0.11 (Debian 12): the key id it prints has no leading zeros, so one
# id in sixteen is shorter than the others.
#
# Expected: sixteen hexadecimal digits, as the id is a fixed field of eight bytes.
# Seen: the id is printed as a plain number. Eight bytes 01 00 00 00 00 00 00 00
# are "1" in the message about a key that does not match; the comment that -G
# writes into a public key file is shortened in the same way. A pattern of 16
# digits misses such ids, and a tool that prints the field itself disagrees.
# For a tool author: take the id from the decoded key, pad it to 16 digits, and
# pad what minisign prints before comparing.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
deb() { # needs amd64 and current package lists of Debian 12
	for package in "$@"; do
		(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
			{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
	done
}
deb minisign=0.11-1 libsodium23
minisign="$dir/root/usr/bin/minisign"
LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH
cd "$dir"
echo content >file
"$minisign" -G -W -p key.pub -s key.sec >/dev/null
"$minisign" -S -s key.sec -m file </dev/null
# the same key under the id 1: two letters of algorithm, eight bytes of id, the key
tail -n 1 key.pub | base64 -d >raw
{
	head -c 2 raw
	printf '\001\000\000\000\000\000\000\000'
	tail -c 32 raw
} | base64 -w 0 >one
message=$("$minisign" -Vm file -P "$(cat one)" 2>&1 || true)

"$minisign" -v
echo "expected: ... in the public key is 0000000000000001"
echo "seen: $message"
case $message in
*" 0000000000000001"*) changed "the id is padded now" ;;
*"public key is 1"*) ;;
*) changed "another message" ;;
esac
