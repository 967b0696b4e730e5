#!/bin/sh
# direnv 2.32.1 (Debian 12), "direnv dotenv" (what "dotenv" in an .envrc uses):
# three rules of its own for .env files, all of which alter secrets.
#
# Expected: TOKEN=abc#1 is abc#1, since a comment needs a blank before it in the
# shell and elsewhere; a single bad line does not concern the others; and inside
# double quotes \$ is a dollar sign.
# Seen: everything from a # on is cut, also in the middle of a word. An unset
# $variable is removed, and \$ does not prevent that: a backslash stays and the
# name is still expanded. A value with a blank and no quotes is an error for the
# whole file. Only single quotes keep a value as it is.
# For a tool author: write 'value' in single quotes and nothing else; refuse
# values with a single quote for this format.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=direnv=2.32.1-2+b4 # needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x direnv_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
echo "direnv $("$dir/root/usr/bin/direnv" version)"
try() { # LINE EXPECTED RECORDED: what a shell has after evaluating direnv's answer
	printf '%s\n' "$1" >"$dir/.env"
	if out=$(env -i HOME="$dir" NAME=me "$dir/root/usr/bin/direnv" dotenv bash "$dir/.env" 2>/dev/null); then
		seen=$(env -i bash -c "$out
			printf %s \"\$TOKEN\"")
	else
		seen=error
	fi
	echo "$1: expected: $2, seen: $seen"
	[ "$seen" = "$3" ] || changed "$1"
}
# shellcheck disable=SC2016
{
	try 'TOKEN=abc#1' 'abc#1' 'abc'
	try 'TOKEN="abc#1"' 'abc#1' 'abc#1'
	try 'TOKEN=pa$$word' 'pa$$word or an error' 'paword'
	try 'TOKEN="a\$NAME"' 'a$NAME' 'a\me'
	try "TOKEN='a\$NAME'" 'a$NAME' 'a$NAME'
	try 'TOKEN=two words' 'two words' 'error'
}
