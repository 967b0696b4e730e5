#!/bin/sh
# minisign 0.11 (Debian 12): a signing that fails has already destroyed the
# signature that was there.
#
# Expected: the new signature replaces the old one only when it is complete, or
# an argument that is too long is refused before any file is touched. The man
# page gives no limit for either comment, so a long one is a likely mistake.
# Seen: the signature file is opened with truncation first. A trusted comment
# of 5,000 characters ends with "xfprintf() overflow" and exit code 2, and the
# valid signature of the previous run is left as a fragment. An untrusted
# comment of that length leaves an empty file.
# For a tool author: sign into a new file with -x, verify it, then rename; check
# the length of comments beforehand.
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
"$minisign" -S -s key.sec -m file -t 'first release' </dev/null
"$minisign" -Vm file -p key.pub >/dev/null
before=$(wc -c <file.minisig)
cp file.minisig good
long=$(head -c 5000 /dev/zero | tr '\0' x)
trusted=0
"$minisign" -S -s key.sec -m file -t "$long" 2>trusted.err || trusted=$?
after_trusted=$(wc -c <file.minisig)
verified=0
"$minisign" -Vm file -p key.pub >/dev/null 2>&1 || verified=$?
cp good file.minisig
untrusted=0
"$minisign" -S -s key.sec -m file -c "$long" 2>untrusted.err || untrusted=$?
after_untrusted=$(wc -c <file.minisig)

"$minisign" -v
echo "expected: a failed signing leaves the $before bytes of the old signature alone"
echo "seen: trusted comment too long: exit $trusted, $after_trusted bytes left, verification then exits $verified"
echo "seen: untrusted comment too long: exit $untrusted, $after_untrusted bytes left"
[ "$trusted" -ne 0 ] || changed "the long trusted comment is accepted"
[ "$untrusted" -ne 0 ] || changed "the long untrusted comment is accepted"
[ "$after_trusted" -lt "$before" ] || changed "the old signature survives a long trusted comment"
[ "$verified" -ne 0 ] || changed "what is left still verifies"
[ "$after_untrusted" -eq 0 ] || changed "the old signature survives a long untrusted comment"
