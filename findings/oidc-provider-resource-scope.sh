#!/bin/sh
# oidc-provider 9.13.3 (npm): with a resource (RFC 8707) the answer's "scope" leaves
# out what was granted for the ID token and the refresh token.
#
# Expected: a client learns from "scope" what it got (RFC 6749, section 5.1): whoever
# asked for "openid email offline_access read" and got all of it reads these four.
# Seen: without a resource the answer says all of them. With one it says "read" alone,
# the scope of the API, while a refresh token and an ID token with the mail address
# come along. /userinfo then refuses the access token: 401, invalid_token.
# For a tool author: compare "scope" only with the scopes of the API; whether a
# sign-in can be renewed is told by the refresh token, and who signed in by the ID
# token, which is all that is left to ask.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent oidc-provider@9.13.3
cd "$dir"
cat >check.mjs <<'NODE'
import { createServer } from "node:http";
import { createHash } from "node:crypto";
import { Provider } from "oidc-provider";

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;
const back = "http://127.0.0.1/callback";
const provider = new Provider(base, {
  clients: [{ client_id: "cli", application_type: "native", token_endpoint_auth_method: "none", redirect_uris: [back], grant_types: ["authorization_code", "refresh_token"] }],
  claims: { openid: ["sub"], email: ["email"] },
  conformIdTokenClaims: false,
  scopes: ["openid", "offline_access", "read"],
  features: {
    resourceIndicators: { enabled: true, getResourceServerInfo: () => ({ scope: "read", accessTokenFormat: "jwt" }), useGrantedResource: () => true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.org` }) }),
});
server.on("request", provider.callback());

const verifier = "a-verifier-of-at-least-forty-three-characters-in-length";
const challenge = createHash("sha256").update(verifier).digest("base64url");
async function signIn(more) {
  const cookies = new Map();
  let url = `${base}/auth?` + new URLSearchParams({ client_id: "cli", response_type: "code", redirect_uri: back, scope: "openid email offline_access read", prompt: "consent", code_challenge: challenge, code_challenge_method: "S256", ...more });
  let form;
  for (;;) {
    const answer = await fetch(url, { redirect: "manual", headers: { cookie: [...cookies].map((c) => c.join("=")).join("; ") }, ...(form && { method: "POST", body: new URLSearchParams(form) }) });
    for (const line of answer.headers.getSetCookie()) { const [name, value] = line.split(";")[0].split("="); value ? cookies.set(name, value) : cookies.delete(name); }
    form = undefined;
    const to = answer.headers.get("location");
    if (to?.startsWith(back)) {
      const code = new URL(to).searchParams.get("code");
      const fields = { client_id: "cli", grant_type: "authorization_code", code, redirect_uri: back, code_verifier: verifier, ...more };
      const tokens = await (await fetch(`${base}/token`, { method: "POST", body: new URLSearchParams(fields) })).json();
      const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url"));
      const userinfo = await fetch(`${base}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      return `scope ${tokens.scope} | refresh token ${"refresh_token" in tokens} | email in the ID token ${claims.email} | userinfo ${userinfo.status}`;
    }
    if (to) { url = new URL(to, base); continue; }
    const html = await answer.text();
    url = new URL(html.match(/action="([^"]+)"/)[1], base);
    form = { prompt: html.match(/name="prompt" value="(\w+)"/)[1], login: "alice", password: "x" };
  }
}
const plain = await signIn({});
const forApi = await signIn({ resource: "https://api.example.org" });
console.log(`without a resource: ${plain}\nwith a resource:    ${forApi}`);
const expected = [
  "scope openid email offline_access read | refresh token true | email in the ID token alice@example.org | userinfo 200",
  "scope read | refresh token true | email in the ID token alice@example.org | userinfo 401",
];
if (plain !== expected[0] || forApi !== expected[1]) { console.error("changed"); process.exit(1); }
process.exit(0);
NODE
node check.mjs 2>/dev/null
