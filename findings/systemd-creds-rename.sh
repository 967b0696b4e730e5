#!/bin/sh
# systemd-creds 252 (Debian 12): an encrypted credential cannot be read any more
# once its file was renamed.
#
# Expected: "encrypt INPUT OUTPUT" writes a file that "decrypt" reads wherever it
# is. Nothing was said about a name, and writing to a temporary name and renaming
# it afterwards is the usual way to replace a file.
# Seen: the last part of OUTPUT's name is sealed into the data. After
# "mv token.new token" decrypting is refused, since the name inside is
# "token.new".
# For a tool author: give --name=NAME explicitly, with the final name, whenever
# the file is written under another one.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
creds="$dir/root/bin/systemd-creds"
LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu/systemd"
export LD_LIBRARY_PATH
cd "$dir"
# tpm2-absent: a key of zeros, so that nothing of this machine is used
printf value | "$creds" encrypt --with-key=tpm2-absent - token.new 2>/dev/null
before=$("$creds" decrypt token.new - 2>/dev/null) || changed "not even the first name works"
mv token.new token
code=0
message=$("$creds" decrypt token - 2>&1 >/dev/null) || code=$?
printf value | "$creds" encrypt --with-key=tpm2-absent --name=token - other.new 2>/dev/null
mv other.new token
named=$("$creds" decrypt token - 2>/dev/null) || named=refused

"$creds" --version | head -n 1
echo "expected: value, value, value"
echo "seen: before renaming: $before"
echo "seen: after renaming: exit code $code, $(echo "$message" | tail -n 1)"
echo "seen: with --name=token: $named"
[ "$before" = value ] || changed "before renaming"
[ "$code" -ne 0 ] || changed "a renamed credential is read"
[ "$named" = value ] || changed "with --name"
