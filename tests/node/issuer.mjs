// An issuer of OpenID Connect with the API of a company beside it, both on one free port of 127.0.0.1, which is printed. The
// issuer is the package oidc-provider; anybody may sign in. The API takes the issuer's tokens and says what is wrong with them.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { default: Provider } = await load('oidc-provider');
const { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } = await load('jose');

const RESOURCE = 'https://api.acme.example';
const key = { ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)), alg: 'ES256', kid: 'acme', use: 'sig' };

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'acme-cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    },
  ],
  claims: { openid: ['sub'], email: ['email'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['signs cookies'] },
  jwks: { keys: [key] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@acme.example` }) }),
  features: {
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: 'openid', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
      useGrantedResource: () => true,
    },
  },
  extraTokenClaims: () => ({ team: 'team-1' }),
  ttl: { AccessToken: 3600, DeviceCode: 600, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 86400 },
});
const keys = createLocalJWKSet({ keys: [{ ...key, d: undefined }] });

// What the API has been asked, and the IDs of tokens that it does not take any more.
const asked = [];
const refused = new Set();

async function api(request) {
  const token = (request.headers.authorization ?? '').replace('Bearer ', '');
  const { payload } = await jwtVerify(token, keys, { issuer, audience: RESOURCE });
  asked.push(payload.jti);
  if (refused.has(payload.jti)) throw new Error('this token is not taken any more');
  if (request.url.startsWith('/v2/teams/')) return { clusters: [{ id: 'cluster-7', name: 'Nightly' }], totalCount: 1 };
  return { teams: [{ id: 'team-1', name: 'Data' }], totalCount: 1 };
}

server.on('request', async (request, response) => {
  const send = (status, type, body) => response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
  const { pathname } = new URL(request.url, issuer);
  if (pathname === '/.well-known/oauth-protected-resource') {
    send(200, 'application/json', { resource: RESOURCE, authorization_servers: [issuer] });
  } else if (pathname === '/refuse') {
    asked.forEach((token) => refused.add(token));
    send(200, 'application/json', { refused: refused.size });
  } else if (pathname.startsWith('/v2/')) {
    await api(request).then(
      (body) => send(200, 'application/json', body),
      (error) => send(401, 'application/problem+json', { type: 'about:blank', title: 'Unauthorized', detail: error.message }),
    );
  } else {
    provider.callback()(request, response);
  }
});
console.log(issuer);
