#!/bin/sh
# oidc-provider 9.13.3 (npm): a browser sign-in that asks for offline_access gets no
# refresh token, and no error, unless it also sends prompt=consent.
#
# Expected: a native client whose person has just agreed on the consent page gets
# what it asked for. (OpenID Connect Core 11 wants consent for offline_access and
# says to ignore the request otherwise; here consent was given.)
# Seen: without prompt=consent the scope is dropped at the start. The consent page
# is shown and confirmed all the same, and only the "scope" of the answer, openid
# alone, tells. The device flow of the same client needs no prompt.
# For a tool author: send prompt=consent with offline_access in the browser, compare
# the scope that comes back, and say how long a sign-in without it lasts.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent oidc-provider@9.13.3
cd "$dir"
cat >check.mjs <<'NODE'
import { createServer } from "node:http";
import { createHash } from "node:crypto";
import { Provider } from "oidc-provider";

const redirect_uri = "http://127.0.0.1:1/callback"; // never called, only read
const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;
const device = "urn:ietf:params:oauth:grant-type:device_code";
const provider = new Provider(base, {
  clients: [{ client_id: "cli", application_type: "native", token_endpoint_auth_method: "none", redirect_uris: [redirect_uri],
    grant_types: ["authorization_code", "refresh_token", device] }],
  features: { deviceFlow: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
server.on("request", provider.callback());

const post = async (path, fields) => (await fetch(base + path, { method: "POST", body: new URLSearchParams({ client_id: "cli", ...fields }) })).json();
function browser() { // keeps cookies, follows redirects, answers the pages
  const cookies = new Map(), pages = [];
  const request = async (url, form) => {
    const answer = await fetch(new URL(url, base), { redirect: "manual", headers: { cookie: [...cookies].map((c) => c.join("=")).join("; ") }, ...(form && { method: "POST", body: new URLSearchParams(form) }) });
    for (const line of answer.headers.getSetCookie()) { const [name, value] = line.split(";")[0].split("="); value ? cookies.set(name, value) : cookies.delete(name); }
    return { location: answer.headers.get("location"), html: await answer.text() };
  };
  const follow = async (answer) => {
    for (;;) {
      if (answer.location?.startsWith(redirect_uri)) return new URL(answer.location).searchParams;
      if (answer.location) { answer = await request(answer.location); continue; }
      const prompt = answer.html.match(/name="prompt" value="(\w+)"/)?.[1];
      if (!prompt) return;
      pages.push(prompt);
      answer = await request(answer.html.match(/action="([^"]+)"/)[1], { prompt, login: "alice", password: "x" });
    }
  };
  return { request, follow, pages };
}
const report = (what, pages, token) => console.log(`${what}: pages ${pages.join(", ")}; scope "${token.scope}"; refresh token ${token.refresh_token ? "yes" : "no"}`);
for (const extra of [{}, { prompt: "consent" }]) {
  const { request, follow, pages } = browser(), verifier = "v".repeat(43);
  const query = new URLSearchParams({ client_id: "cli", response_type: "code", redirect_uri, scope: "openid offline_access", state: "s",
    code_challenge_method: "S256", code_challenge: createHash("sha256").update(verifier).digest("base64url"), ...extra });
  const code = (await follow(await request("/auth?" + query))).get("code");
  report(extra.prompt ? "browser, prompt=consent" : "browser", pages, await post("/token", { grant_type: "authorization_code", code, redirect_uri, code_verifier: verifier }));
}
const { request, follow, pages } = browser();
const started = await post("/device/auth", { scope: "openid offline_access" });
const field = (html) => html.match(/name="xsrf" value="([^"]+)"/)[1];
const page = await request("/device?user_code=" + started.user_code);
const confirm = await request("/device", { xsrf: field(page.html), user_code: started.user_code });
await follow(await request("/device", { xsrf: field(confirm.html), user_code: started.user_code, confirm: "yes" }));
report("device", pages, await post("/token", { grant_type: device, device_code: started.device_code }));
server.close();
server.closeAllConnections();
NODE
seen=$(node check.mjs 2>/dev/null | grep -v '^oidc-provider ')

echo "oidc-provider 9.13.3"
echo 'expected: scope "openid offline_access"; refresh token yes, three times'
echo "$seen" | sed 's/^/seen: /'
[ "$seen" = 'browser: pages login, consent; scope "openid"; refresh token no
browser, prompt=consent: pages login, consent; scope "openid offline_access"; refresh token yes
device: pages login, consent; scope "openid offline_access"; refresh token yes' ] || changed "another result"
