#!/bin/bash
# docker-registry 2.8.2 (Debian 12): a chunk for the wrong offset is appended.
#
# Expected: a chunk whose Content-Range does not begin where the upload stands is
# refused with 416 (OCI distribution specification, "Pushing a blob in chunks").
# Seen: the header is not compared with anything: after 400 bytes a chunk
# "600-999" is answered with 202 and put at 400, and the Range of the answer is
# 0-799. The mistake shows only with the closing PUT, as DIGEST_INVALID, after
# everything was sent. The same goes for "bytes 600-999/1000", HTTP's own form.
# For a tool author: when resuming, ask the upload's address for its Range and go
# on from there; never rely on 416; compare the Range of every answer.
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

head -c 400 /dev/zero >"$dir/chunk"
digest=sha256:$(head -c 1000 /dev/zero | sha256sum | cut -d ' ' -f 1)
location() { tr -d '\r' <"$dir/head" | sed -n 's/^[Ll]ocation: //p'; }
patch() { # Content-Range: the answer's status and Range
	curl -D "$dir/head" -o /dev/null -X PATCH -H 'Content-Type: application/octet-stream' -H "Content-Range: $1" --data-binary "@$dir/chunk" "$(location)"
	tr -d '\r' <"$dir/head" | sed -n -e '1s/^[^ ]* \([0-9]*\).*/\1/p' -e 's/^[Rr]ange: //p' | paste -sd ' ' -
}
echo "docker-registry 2.8.2+ds1-1"
echo "expected: 202 0-399, then 416"
for range in 600-999 'bytes 600-999/1000'; do
	curl -D "$dir/head" -o /dev/null -X POST "$base/v2/team/lint/blobs/uploads/"
	first=$(patch 0-399)
	second=$(patch "$range")
	echo "seen: $first, then for $range: $second"
	last=$(curl -o "$dir/body" -w '%{http_code} ' -X PUT "$(location)&digest=$digest"; grep -o '"code":"[A-Z_]*"' "$dir/body" || :)
	echo "seen: the closing PUT: $last"
	[ "$first" = '202 0-399' ] || changed "the chunk that is in order"
	[ "$second" = '202 0-799' ] || changed "the chunk that is out of order"
	[ "$last" = '400 "code":"DIGEST_INVALID"' ] || changed "the closing PUT"
done
