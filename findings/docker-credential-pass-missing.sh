#!/bin/sh
# docker-credential-pass 0.6.4 (Debian 12): "get" for a server without
# credentials succeeds, with an empty user name and an empty secret.
#
# Expected: "credentials not found in native keychain" on standard output and
# exit code 1, as the helper protocol has it; a client then goes on without
# credentials.
# Seen: {"ServerURL":...,"Username":"","Secret":""} and exit code 0. The name is
# compared byte for byte, so a missing final slash or scheme looks the same.
# A client that trusts the exit code goes on with an empty name and password.
# For a tool author: treat an empty user name or secret from a helper as "none",
# whatever the exit code says, and try the usual spellings of the server's name.
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

echo '{"ServerURL":"https://registry.example/v1/","Username":"robot","Secret":"value"}' | docker-credential-pass store
get() { code=0; answer=$(printf %s "$1" | docker-credential-pass get) || code=$?; answer="exit $code: $answer"; }

echo "docker-credential-pass $(docker-credential-pass version)"
echo "expected: exit 1 for all but the first"
for server in https://registry.example/v1/ https://registry.example/v1 registry.example https://other.example; do
	get "$server"
	echo "seen: $server: $answer"
	case $server:$answer in
	https://registry.example/v1/:*'exit 0: '*'"Secret":"value"'*) ;;
	https://registry.example/v1/:*) changed "the stored credentials are not found" ;;
	*:'exit 0: '*'"Username":"","Secret":""'*) ;;
	*) changed "another answer for a server without credentials" ;;
	esac
done
