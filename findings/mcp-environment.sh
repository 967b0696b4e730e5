#!/bin/bash
# The environment that MCP clients give to a server: TypeScript SDK 1.32.2 and
# mcporter 0.12.3 (npm), Python SDK 2.3.0 (PyPI).
#
# Expected: a child process inherits the environment, the more so as the one client
# is built on the other's SDK; at least one and the same server sees the same.
# Seen: both SDKs pass HOME, PATH, SHELL, TERM, USER and the like, as far as they are
# set, and nothing else: no proxy, no certificates, no session bus, no variable of
# the tool's own. mcporter passes everything. A server that reads a token from a
# variable works with the one and says "not signed in" with the other.
# For a tool author: find what can be found without variables (/run/user/UID/bus),
# name the missing variable and the client's "env" setting in the error, and print
# a configuration that has such a block.
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

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line);
  if (id === undefined) continue;
  const asked = ["HTTPS_PROXY", "TOOL_TOKEN", "DBUS_SESSION_BUS_ADDRESS", "LANG", "HOME", "USER"];
  const text = asked.filter((name) => name in process.env).join(" ");
  const result = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
    "tools/list": { tools: [{ name: "env", inputSchema: { type: "object" } }] },
    "tools/call": { content: [{ type: "text", text }] },
  }[method];
  console.log(JSON.stringify(result ? { jsonrpc: "2.0", id, result } : { jsonrpc: "2.0", id, error: { code: -32601, message: "unknown" } }));
}
NODE
cat >client.mjs <<'NODE'
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const client = new Client({ name: "c", version: "1" });
await client.connect(new StdioClientTransport({ command: "node", args: ["server.mjs"] }));
console.log((await client.callTool({ name: "env" })).content[0].text);
await client.close();
NODE
cat >client.py <<'PYTHON'
import asyncio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    async with stdio_client(StdioServerParameters(command="node", args=["server.mjs"])) as streams:
        async with ClientSession(*streams) as session:
            await session.initialize()
            print((await session.call_tool("env")).content[0].text)

asyncio.run(main())
PYTHON
with() { env -i PATH="$PATH" HOME="$dir" USER=someone LANG=C.UTF-8 HTTPS_PROXY=http://127.0.0.1:9 TOOL_TOKEN=value DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere "$@"; }
typescript=$(with node client.mjs)
python=$(with venv/bin/python client.py)
mcporter=$(with node_modules/.bin/mcporter call --stdio "node server.mjs" env 2>/dev/null)

echo "@modelcontextprotocol/sdk 1.32.2, mcp 2.3.0, mcporter 0.12.3"
echo "expected: HTTPS_PROXY TOOL_TOKEN DBUS_SESSION_BUS_ADDRESS LANG HOME USER"
echo "seen: TypeScript: $typescript"
echo "seen: Python: $python"
echo "seen: mcporter: $mcporter"
[ "$typescript" = 'HOME USER' ] || changed "TypeScript"
[ "$python" = 'HOME USER' ] || changed "Python"
[ "$mcporter" = 'HTTPS_PROXY TOOL_TOKEN DBUS_SESSION_BUS_ADDRESS LANG HOME USER' ] || changed "mcporter"
