#!/bin/bash
# docker-registry 2.8.2 (Debian 12): pages of tags do not exist.
#
# Expected: GET /v2/NAME/tags/list?n=2 gives two tags in lexical order and a Link
# to the rest; ?last=TAG gives those after TAG (OCI distribution specification,
# "Listing Tags").
# Seen: n and last are ignored, every answer is the whole list, without a Link
# and in no order. A client that asks for more with last= until a page is empty
# never sees an empty one; one that takes the last element for the newest
# version is right by chance only.
# For a tool author: follow Link alone, stop when a page brings no new tag, sort.
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
curl() { command curl --noproxy '*' -sS "$@"; }
for _ in $(seq 100); do curl -o /dev/null "$base/v2/" 2>/dev/null && break; sleep 0.1; done

location=$(curl -D - -o /dev/null -X POST "$base/v2/team/lint/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
digest=sha256:$(printf '{}' | sha256sum | cut -d ' ' -f 1)
curl -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary '{}' "$location&digest=$digest"
manifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'$digest'","size":2},"layers":[]}'
for tag in 1.0.0 1.1.0 1.2.0 1.3.0 1.10.0; do
	curl -f -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' -d "$manifest" "$base/v2/team/lint/manifests/$tag"
done
first=$(curl -D "$dir/head" "$base/v2/team/lint/tags/list?n=2")
second=$(curl "$base/v2/team/lint/tags/list?n=2&last=1.1.0")

echo "docker-registry 2.8.2+ds1-1"
echo 'expected: ?n=2 gives ["1.0.0","1.1.0"] and a Link header; then &last=1.1.0 gives ["1.10.0","1.2.0"]'
echo "seen: ?n=2: $first, Link headers: $(grep -ci '^link:' "$dir/head" || :)"
echo "seen: ?n=2&last=1.1.0: $second"
[ "$(grep -o '"1\.[0-9]*\.0"' <<<"$first" | wc -l)" -eq 5 ] || changed "n is honoured"
[ "$(grep -o '"1\.[0-9]*\.0"' <<<"$second" | wc -l)" -eq 5 ] || changed "last is honoured"
if grep -qi '^link:' "$dir/head"; then changed "there is a Link"; fi
