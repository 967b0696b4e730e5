#!/bin/sh
# elfutils 0.188 and debugedit 5.0 (Debian 12): data behind the end of a shared
# library is cut off without a word.
#
# Expected: bytes behind the section table belong to nobody (self-extracting
# programs and plugins keep payloads, manifests or signatures there): a tool that
# changes some debugging data leaves them alone, or says that it drops them.
# Seen: eu-strip writes the file anew from its sections and drops the rest; so
# does "debugedit -i", which package builds run only to give the library a new
# build id. Exit code 0, and no message about it.
# For a tool author: append after all packaging steps, exclude the file from them,
# or put the payload into a section; keep its length and digest at its end, so
# that a missing one is noticed, and name packaging tools in the error.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in elfutils=0.188-2.1 libasm1=0.188-2.1 libdw1=0.188-2.1 libelf1=0.188-2.1 debugedit=1:5.0-5; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
PATH="$dir/root/usr/bin:$PATH"
LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu"
export PATH LD_LIBRARY_PATH
library="$dir/root/usr/lib/x86_64-linux-gnu/libasm.so.1" # any library will do
cd "$dir"
tail_after() {
	cp -L "$library" plugin.so
	printf 'PAYLOAD' >>plugin.so
	"$@" plugin.so >out 2>&1 || changed "$1 fails: $(cat out)"
	if [ "$(tail -c 7 plugin.so | tr -d '\0')" = PAYLOAD ]; then echo kept; else echo gone; fi
}
echo "elfutils 0.188, debugedit 5.0; expected: kept"
[ "$(tail_after true)" = kept ] || changed "the test itself"
for command in eu-strip 'debugedit -i'; do
	# shellcheck disable=SC2086
	seen=$(tail_after $command)
	echo "seen: $command: $seen"
	[ "$seen" = gone ] || changed "$command"
done
