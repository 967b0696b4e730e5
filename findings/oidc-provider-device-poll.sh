#!/bin/sh
# oidc-provider 9.13.3 (npm): a poll of the device flow cannot be repeated.
#
# Expected: the last answer can be asked for again while the code lives: RFC 8628
# tells clients to go on after a lost connection, so an answer may well get lost.
# "access_denied" stays access_denied, and tokens that were issued stay valid.
# Seen: "access_denied" is said once, after that "invalid_grant", which reads like a
# mistake of the client. After a success a second poll is "invalid_grant" and ends
# the sign-in: the tokens of the first answer stop working too. There is no
# "interval" and never a "slow_down", however fast one polls.
# For a tool author: poll again only if the request cannot have arrived or the
# answer before was "pending"; otherwise begin anew, and name both reasons.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent oidc-provider@9.13.3
cd "$dir"
cat >check.mjs <<'NODE'
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;
const device = "urn:ietf:params:oauth:grant-type:device_code";
const provider = new Provider(base, {
  clients: [{ client_id: "cli", application_type: "native", token_endpoint_auth_method: "none", redirect_uris: [], response_types: [], grant_types: ["refresh_token", device] }],
  features: { deviceFlow: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
server.on("request", provider.callback());

const post = async (path, fields) => (await fetch(base + path, { method: "POST", body: new URLSearchParams({ client_id: "cli", ...fields }) })).json();
async function answerInBrowser(user_code, button) {
  const cookies = new Map();
  const request = async (url, form) => {
    const answer = await fetch(new URL(url, base), { redirect: "manual", headers: { cookie: [...cookies].map((c) => c.join("=")).join("; ") }, ...(form && { method: "POST", body: new URLSearchParams(form) }) });
    for (const line of answer.headers.getSetCookie()) { const [name, value] = line.split(";")[0].split("="); value ? cookies.set(name, value) : cookies.delete(name); }
    return { location: answer.headers.get("location"), html: await answer.text() };
  };
  const xsrf = (page) => page.html.match(/name="xsrf" value="([^"]+)"/)[1];
  let page = await request("/device?user_code=" + user_code);
  page = await request("/device", { xsrf: xsrf(page), user_code });
  page = await request("/device", { xsrf: xsrf(page), user_code, [button]: "yes" });
  for (;;) {
    if (page.location) { page = await request(page.location); continue; }
    const prompt = page.html.match(/name="prompt" value="(\w+)"/)?.[1];
    if (!prompt) return;
    page = await request(page.html.match(/action="([^"]+)"/)[1], { prompt, login: "alice", password: "x" });
  }
}
const outcome = (answer) => answer.error ?? "tokens";
for (const button of ["abort", "confirm"]) {
  const started = await post("/device/auth", { scope: "openid offline_access" });
  const poll = () => post("/token", { grant_type: device, device_code: started.device_code });
  const pending = new Set();
  for (let n = 0; n < 5; n++) pending.add(outcome(await poll()));
  await answerInBrowser(started.user_code, button);
  const first = await poll(), second = await poll();
  const renewal = first.refresh_token ? outcome(await post("/token", { grant_type: "refresh_token", refresh_token: first.refresh_token })) : "-";
  console.log(`${button}: interval ${started.interval ?? "none"}; five fast polls ${[...pending].join(", ")}; then ${outcome(first)}, ${outcome(second)}; renewal afterwards ${renewal}`);
}
server.close();
server.closeAllConnections();
NODE
seen=$(node check.mjs 2>/dev/null | grep -v '^oidc-provider ')

echo "oidc-provider 9.13.3"
echo "expected: abort: then access_denied, access_denied; confirm: renewal afterwards tokens"
echo "$seen" | sed 's/^/seen: /'
[ "$seen" = 'abort: interval none; five fast polls authorization_pending; then access_denied, invalid_grant; renewal afterwards -
confirm: interval none; five fast polls authorization_pending; then tokens, invalid_grant; renewal afterwards invalid_grant' ] || changed "another result"
