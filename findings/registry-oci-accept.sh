#!/bin/bash
# docker-registry 2.8.2 (Debian 12): an OCI manifest that is there is 404 for
# everyone who does not name its exact type, even with "Accept: */*".
#
# Expected: a request without Accept, or with */*, gets the manifest as it is
# stored (HTTP: no Accept means any type); a type that cannot be served is 406.
# Above all, a manifest asked for by digest can only be answered in one way.
# Seen: 404 MANIFEST_UNKNOWN, for tags and digests, with GET and HEAD, as for a
# tag that does not exist. Only the message in the body of GET tells the
# difference; HEAD, the usual test for "is this version published", has none.
# For a tool author: send the type of OCI manifests and of indexes with every
# request for a manifest, HEAD included.
set -eu
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=docker-registry=2.8.2+ds1-1 # needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x docker-registry_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$dir" "$port" >"$dir/config.yml"
"$dir/root/usr/bin/docker-registry" serve "$dir/config.yml" >"$dir/log" 2>&1 &
server=$!
base=http://127.0.0.1:$port
type=application/vnd.oci.image.manifest.v1+json
curl() { command curl --noproxy '*' -sS "$@"; }
for _ in $(seq 100); do curl -o /dev/null "$base/v2/" 2>/dev/null && break; sleep 0.1; done

location=$(curl -D - -o /dev/null -X POST "$base/v2/team/lint/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
digest=sha256:$(printf '{}' | sha256sum | cut -d ' ' -f 1)
curl -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary '{}' "$location&digest=$digest"
manifest='{"schemaVersion":2,"mediaType":"'$type'","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$digest'","size":2},"layers":[]}'
curl -f -X PUT -H "Content-Type: $type" -d "$manifest" "$base/v2/team/lint/manifests/1.0.0"
by_digest=sha256:$(printf %s "$manifest" | sha256sum | cut -d ' ' -f 1)
code() { curl -o "$dir/body" -w '%{http_code}' "$@"; }
named=$(code -H "Accept: $type" "$base/v2/team/lint/manifests/1.0.0")
any=$(code -H 'Accept: */*' "$base/v2/team/lint/manifests/1.0.0")
body=$(cat "$dir/body")
none=$(code -H 'Accept:' "$base/v2/team/lint/manifests/$by_digest")
head=$(code -I "$base/v2/team/lint/manifests/1.0.0")

echo "docker-registry 2.8.2+ds1-1"
echo "expected: 200 four times"
echo "seen: the exact type $named, */* $any, by digest without Accept $none, HEAD with */* $head"
echo "seen: $body"
[ "$named" = 200 ] || changed "the exact type is refused"
[ "$any $none $head" = "404 404 404" ] || changed "the others are answered"
