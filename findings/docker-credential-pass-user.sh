#!/bin/sh
# docker-credential-pass 0.6.4 (Debian 12): for a user name with a slash, "get"
# returns a drawing of a directory as the secret.
#
# Expected: user name and secret come back as they were stored. Names such as
# team/robot are usual for robot accounts of registries.
# Seen: "store" makes team/robot an entry in a folder "team"; "get" takes the
# folder's name for the user name, and what "pass show" prints for a folder
# (a tree with escape sequences) for the secret. Exit code 0 both times.
# In the same way a second user of one server does not replace the first: "get"
# answers with the first in alphabetical order, not with the newest.
# For a tool author: refuse to hand a user name with a slash to this helper;
# call "erase" before "store"; compare what "get" gives back with what was sent.
set -eu
dir=$(mktemp -d)
trap 'gpgconf --homedir "$dir/gnupg" --kill all >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
command -v gpg >/dev/null || { echo "cannot run: needs gpg" >&2; exit 2; }
for package in golang-docker-credential-helpers=0.6.4+ds1-1+b6 pass=1.7.4-6 tree=2.1.0-1; do # needs amd64 and current package lists of Debian 12
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

echo '{"ServerURL":"https://a.example","Username":"team/robot","Secret":"value"}' | docker-credential-pass store
slash=$(printf %s https://a.example | docker-credential-pass get)
echo '{"ServerURL":"https://b.example","Username":"bob","Secret":"older"}' | docker-credential-pass store
echo '{"ServerURL":"https://b.example","Username":"zoe","Secret":"newer"}' | docker-credential-pass store
two=$(printf %s https://b.example | docker-credential-pass get)

echo "docker-credential-pass $(docker-credential-pass version)"
echo 'expected: "Username":"team/robot","Secret":"value"'
echo "seen: $slash"
echo 'expected: "Username":"zoe","Secret":"newer"'
echo "seen: $two"
case $slash in *'"Username":"team","Secret":"docker-credential-helpers/'*robot*) ;; *) changed "the name with a slash" ;; esac
case $two in *'"Username":"bob","Secret":"older"'*) ;; *) changed "the second user" ;; esac
