#!/bin/bash
# MCP inspector 2.12.0 ("--cli") and mcporter 0.12.3 (npm): key=value arguments on
# the command line become values of other types than the tool's schema says.
#
# Expected: the schema says that "id" is a string, so id=42 is "42" and id=null is
# "null"; both clients have read the schema before they call.
# Seen: the inspector guesses from the text alone: 42 is sent as a number,
# 9007199254740993 as 9007199254740992, and id= (an empty value) is refused as
# malformed. mcporter heeds the schema for numbers, but sends null for "null" all
# the same. The server gets a call that its own schema forbids.
# For a tool author: try a server with identifiers made of digits; take a number
# where a string is wanted only while it is exact, and say so otherwise.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent @modelcontextprotocol/inspector@2.12.0 mcporter@0.12.3
cd "$dir"
cat >server.mjs <<'NODE'
import { createInterface } from "node:readline";
import { appendFileSync } from "node:fs";

const inputSchema = { type: "object", properties: { id: { type: "string" } } };
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  if (method === "tools/call") appendFileSync("calls", JSON.stringify(params.arguments.id) + "\n");
  const result = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
    "tools/list": { tools: [{ name: "show", inputSchema }] },
    "tools/call": { content: [] },
  }[method];
  console.log(JSON.stringify(result ? { jsonrpc: "2.0", id, result } : { jsonrpc: "2.0", id, error: { code: -32601, message: "unknown" } }));
}
NODE
received() { # the arguments that reach the server
	: >calls
	HOME=$dir "$@" </dev/null >out 2>&1 || :
	if [ -s calls ]; then tail -n 1 calls; else echo "no call"; fi
}
echo "@modelcontextprotocol/inspector 2.12.0, mcporter 0.12.3"
while read -r value inspector mcporter; do
	a=$(received node_modules/.bin/mcp-inspector --cli node server.mjs --method tools/call --tool-name show --tool-arg "id=${value#-}")
	b=$(received node_modules/.bin/mcporter call --stdio "node server.mjs" show "id=${value#-}")
	echo "id=${value#-}: expected: \"${value#-}\", seen: inspector ${a}, mcporter ${b}"
	[ "$a" = "${inspector//_/ }" ] || changed "the inspector"
	[ "$b" = "$mcporter" ] || changed "mcporter"
done <<'CASES'
42 42 "42"
9007199254740993 9007199254740992 "9007199254740993"
null null null
- no_call ""
CASES
