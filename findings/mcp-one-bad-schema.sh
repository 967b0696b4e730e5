#!/bin/bash
# One tool without "type" in its input schema, three MCP clients: TypeScript SDK
# 1.32.2 and mcporter 0.12.3 (npm), Python SDK 2.3.0 (PyPI).
#
# Expected: the client leaves that tool out, or shows an error for it; the other
# tools of the server can be listed and called. JSON Schema itself needs no "type".
# Seen: listing fails as a whole in both SDKs. With the TypeScript one the other
# tools can still be called. The Python one lists the tools again after a call, to
# check the result: the good tool has run, and the caller gets an error. mcporter
# prints "tools unavailable" and exits with 0.
# For a tool author: put "type": "object" into every input schema, and test the
# whole list with one of the SDKs, all plugins included.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent @modelcontextprotocol/sdk@1.32.2 mcporter@0.12.3
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check mcp==2.3.0
cd "$dir"
cat >server.mjs <<'NODE'
import { createInterface } from "node:readline";
import { appendFileSync } from "node:fs";

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line);
  if (id === undefined) continue;
  if (method === "tools/call") appendFileSync("ran", "x");
  const result = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
    "tools/list": { tools: [{ name: "good", inputSchema: { type: "object" } }, { name: "bad", inputSchema: { properties: {} } }] },
    "tools/call": { content: [{ type: "text", text: "done" }] },
  }[method];
  console.log(JSON.stringify(result ? { jsonrpc: "2.0", id, result } : { jsonrpc: "2.0", id, error: { code: -32601, message: "unknown" } }));
}
NODE
cat >client.mjs <<'NODE'
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const client = new Client({ name: "c", version: "1" });
await client.connect(new StdioClientTransport({ command: "node", args: ["server.mjs"] }));
const list = await client.listTools().then((r) => r.tools.length + " tools", () => "error");
const call = await client.callTool({ name: "good" }).then((r) => r.content[0].text, () => "error");
console.log(`list: ${list}, call of the good tool: ${call}`);
await client.close();
NODE
cat >client.py <<'PYTHON'
import asyncio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def attempt(what):
    try:
        return await what
    except Exception as error:
        return type(error).__name__

async def main():
    async with stdio_client(StdioServerParameters(command="node", args=["server.mjs"])) as streams:
        async with ClientSession(*streams) as session:
            await session.initialize()
            print("list:", await attempt(session.list_tools()), end=", ")
            print("call of the good tool:", await attempt(session.call_tool("good")))

asyncio.run(main())
PYTHON
typescript=$(node client.mjs)
rm -f ran
python=$(venv/bin/python client.py)
ran=$(cat ran 2>/dev/null || :)
code=0
mcporter=$(HOME=$dir node_modules/.bin/mcporter list --stdio "node server.mjs" 2>/dev/null) || code=$?

echo "@modelcontextprotocol/sdk 1.32.2, mcp 2.3.0, mcporter 0.12.3"
echo "expected: the good tool is listed and can be called"
echo "seen: TypeScript: $typescript"
echo "seen: Python: $python (calls that reached the server: ${#ran})"
echo "seen: mcporter list: exit $code, $(grep -o 'tools unavailable' <<<"$mcporter" | head -n 1)"
[ "$typescript" = 'list: error, call of the good tool: done' ] || changed "TypeScript"
[ "$python" = 'list: ValidationError, call of the good tool: ValidationError' ] || changed "Python"
[ "$ran" = x ] || changed "Python's call does not reach the server"
[ "$code" -eq 0 ] || changed "mcporter's exit code"
grep -q 'tools unavailable' <<<"$mcporter" || changed "mcporter's text"
