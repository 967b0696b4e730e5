#!/bin/sh
# pass 1.7.4 (Debian 12): "insert -e" trims the secret that it stores.
#
# Expected: the line on standard input is stored unchanged. The man page says
# that a single line is read and, without -e, asked for twice; of alterations it
# says nothing, and a password may begin or end with a blank.
# Seen: blanks at both ends are removed, and a newline is added where there was
# none, with exit code 0. "insert -m" stores exactly what it reads.
# For a tool author: deliver a secret with "pass insert -m NAME" (the prompt
# that it prints on standard output can be ignored), never with -e.
set -eu
dir=$(mktemp -d)
trap 'gpgconf --homedir "$dir/gnupg" --kill all >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
command -v gpg >/dev/null || { echo "cannot run: needs gpg" >&2; exit 2; }
for package in pass=1.7.4-6 tree=2.1.0-1; do # needs amd64 and current package lists of Debian 12
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

printf '  two words ' >"$dir/secret"
pass insert -e echoed <"$dir/secret" >/dev/null
pass insert -m multi <"$dir/secret" >/dev/null
visible() { tr ' \n' '_|'; } # blank as _, newline as |
echoed=$(pass show echoed | visible)
multi=$(pass show multi | visible)
input=$(visible <"$dir/secret")

pass version | grep -o 'v[0-9.]*'
echo "expected: $input"
echo "seen, -e: $echoed"
echo "seen, -m: $multi"
[ "$multi" = "$input" ] || changed "-m alters its input now"
[ "$echoed" = 'two_words|' ] || changed "-e stores something else"
