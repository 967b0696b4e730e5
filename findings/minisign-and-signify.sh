#!/bin/sh
# minisign 0.11 and signify-openbsd 31 (both Debian 12): they are compatible in
# one direction only, and only for minisign's old format.
#
# Expected: files that both tools can use, or none at all. Key and signature
# files of the two have the same layout ("untrusted comment:", then base64 of
# the same lengths), and minisign warns of an untrusted comment that "breaks
# compatibility with signify".
# Seen: signify verifies a signature that minisign made with -l, using
# minisign's public key file as it is. It refuses minisign's default signature
# (of the pre-hashed file) as an unsupported file, and minisign refuses every
# signature of signify because the trusted comment is missing.
# For a tool author: to let users verify with either tool, publish a second
# signature made with -l under another name; do not promise the way back.
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
deb minisign=0.11-1 libsodium23 signify-openbsd=31-3 libbsd0 libmd0
minisign="$dir/root/usr/bin/minisign"
signify="$dir/root/bin/signify-openbsd"
LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH
cd "$dir"
echo content >file
"$minisign" -G -W -p mini.pub -s mini.sec >/dev/null
"$minisign" -S -s mini.sec -m file -x new.sig </dev/null
"$minisign" -S -l -s mini.sec -m file -x old.sig </dev/null
"$signify" -G -n -p sig.pub -s sig.sec
"$signify" -S -s sig.sec -m file -x signify.sig
result() { "$@" >out 2>&1 && echo accepted || echo "refused ($(tail -n 1 out))"; }
legacy=$(result "$signify" -V -p mini.pub -x old.sig -m file)
default=$(result "$signify" -V -p mini.pub -x new.sig -m file)
back=$(result "$minisign" -V -p sig.pub -x signify.sig -m file)

"$minisign" -v
echo "signify-openbsd 31"
echo "expected: the same answer in all three cases"
echo "seen: minisign -l, verified by signify: $legacy"
echo "seen: minisign, verified by signify: $default"
echo "seen: signify, verified by minisign: $back"
[ "$legacy" = accepted ] || changed "signify refuses minisign's old format"
case $default in *unsupported*) ;; *) changed "signify on minisign's default format: $default" ;; esac
case $back in *"Trusted comment not present"*) ;; *) changed "minisign on signify's format: $back" ;; esac
