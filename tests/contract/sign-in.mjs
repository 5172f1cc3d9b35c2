// Signs in at the running product through a certified provider of others (oidc-provider), as a browser would: from the
// address that the product gives to the session that it makes. The provider is strict: exact redirect address, PKCE.

import Provider from "oidc-provider";
import { must, post, product, visit } from "./browser.mjs";

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

async function back(login) {
  const sent = must(await post("/v1/auth/oauth/certified/authorizations"), 201, "sent away");
  const query = await visit(sent.authorize_url, login, redirect);
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
