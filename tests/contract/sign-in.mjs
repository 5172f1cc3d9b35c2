// Signs in at the running product through a certified provider of others (oidc-provider), as a browser would: from the
// address that the product gives to the session that it makes. The provider is strict: exact redirect address, PKCE.

import Provider from "oidc-provider";

const product = process.env.GANTRY_API_URL;
const issuer = process.env.OIDC_ISSUER;
const redirect = `${product}/_local/app/auth/oauth/certified`;
const email = "certified@contract.example";

const provider = new Provider(issuer, {
  clients: [{
    client_id: "gantry", token_endpoint_auth_method: "none", redirect_uris: [redirect],
    grant_types: ["authorization_code"], response_types: ["code"],
  }],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  // the address comes from the userinfo endpoint, and not in the ID token
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email, email_verified: id !== "unverified" }) }),
  cookies: { keys: ["a test"] },
});
const server = provider.listen(Number(new URL(issuer).port), "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

// A browser: it keeps cookies, follows what leads on, and fills in forms, until it is back at the app.
async function visit(start, login) {
  const cookies = new Map();
  let [url, options] = [start, {}];
  for (let step = 0; step < 20; step++) {
    if (url.startsWith(redirect)) return new URL(url).searchParams;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { ...options, redirect: "manual", headers: { ...options.headers, cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(";")[0].split("=");
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const page = await answer.text();
    const next = answer.headers.get("location");
    if (next) {
      [url, options] = [new URL(next, url).href, {}];
      continue;
    }
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
    if (!action || !prompt) throw new Error(`${url}: ${answer.status} ${page.slice(0, 300)}`);
    const form = new URLSearchParams(prompt === "login" ? { prompt, login, password: "any" } : { prompt });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    [url, options] = [new URL(action, url).href, { method: "POST", body: form.toString(), headers }];
  }
  throw new Error("the provider leads nowhere");
}

async function post(path, body, token) {
  const headers = { ...(body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${product}${path}`, { method: "POST", headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

function must(answer, status, what) {
  if (answer.status !== status) throw new Error(`${what}: wanted ${status}, not ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function back(login) {
  const sent = must(await post("/v1/auth/oauth/certified/authorizations"), 201, "sent away");
  const query = await visit(sent.authorize_url, login);
  if (query.get("iss") !== issuer || !query.get("code")) throw new Error(`back with ${query}`);
  return { code: query.get("code"), state: query.get("state"), iss: query.get("iss"), browser_token: sent.browser_token };
}

const first = must(await post("/v1/auth/oauth/certified/verify", await back("ada")), 200, "the first time");
const again = must(await post("/v1/auth/oauth/certified/verify", await back("ada")), 200, "the second time");
if (first.tokens.user_id !== again.tokens.user_id) throw new Error("it is another person");
const me = await (await fetch(`${product}/v1/me`, { headers: { authorization: `Bearer ${again.tokens.access_token}` } })).json();
if (me.email !== email) throw new Error(`it is ${me.email}`);

const other = must(await post("/v1/auth/oauth/certified/verify", await back("bob")), 409, "another account with the address");
const unverified = must(await post("/v1/auth/oauth/certified/verify", await back("unverified")), 409, "an unverified address");
for (const problem of [other, unverified]) {
  if (problem.code !== "account_link_required") throw new Error(problem.code);
}
const used = await back("ada");
must(await post("/v1/auth/oauth/certified/verify", { ...used, iss: "https://evil.example" }), 401, "another issuer");
must(await post("/v1/auth/oauth/certified/verify", { ...used, browser_token: "another" }), 401, "another browser");
must(await post("/v1/auth/oauth/certified/verify", { ...used, code: "another" }), 401, "another code");
must(await post("/v1/auth/oauth/certified/verify", used), 200, "the same, as it was");
server.close();
console.log("signed in through a certified provider");
process.exit();
