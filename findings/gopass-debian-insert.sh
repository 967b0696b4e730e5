#!/bin/sh
# gopass 1.5.0 of Debian 12 (github.com/aviau/gopass): "insert" stores an empty
# secret and reports success when standard input is no terminal.
#
# Expected: the value on standard input is stored. That is how "gopass insert"
# works in the far better known program of the same name, and how pass works,
# whose store both use; failing that, an error.
# Seen: both prompts are printed, standard input is not read, the entry is
# created without content and the exit code is 0.
# For a tool author: "gopass" on the PATH may be another program. Look at
# "gopass version" (1.5.0 here) before using it, and read back what was stored.
set -eu
dir=$(mktemp -d)
trap 'gpgconf --homedir "$dir/gnupg" --kill all >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
command -v gpg >/dev/null || { echo "cannot run: needs gpg" >&2; exit 2; }
for package in gopass=1.5.0-1+b6 pass=1.7.4-6 tree=2.1.0-1; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
PATH="$dir/root/usr/bin:$PATH"
GNUPGHOME="$dir/gnupg"
PASSWORD_STORE_DIR="$dir/store"
export PATH GNUPGHOME PASSWORD_STORE_DIR
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key someone@example.com default default never 2>/dev/null
pass init someone@example.com >/dev/null

code=0
printf 'value\n' | gopass insert entry >"$dir/out" 2>&1 || code=$?
[ -f "$PASSWORD_STORE_DIR/entry.gpg" ] || changed "no entry is made (exit code $code)"
stored=$(pass show entry)

gopass version
echo "expected: the entry holds 'value'"
echo "seen: exit code $code, the entry holds '$stored'"
[ "$code" -eq 0 ] || changed "it reports a failure now"
[ -z "$stored" ] || changed "it stores something now"
