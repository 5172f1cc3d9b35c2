// An organization connects a certified provider of others (oidc-provider) as its own, and its people sign in by it:
// the whole code flow with a confidential client, as a browser and an app would do it.

import Provider from "oidc-provider";
import { must, post, product, visit } from "./browser.mjs";

const issuer = process.env.OIDC_ISSUER;
const owner = "owner@sso-contract.test";
const domain = "sso-contract.example";

async function mail(to) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const mails = await (await fetch(`${product}/_local/api/mails?to=${to}`)).json();
    const code = /^\s*(\d{6})\s*$/m.exec(mails.items[0]?.text ?? "")?.[1];
    if (code) return code;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no mail came");
}

const asked = must(await post("/v1/auth/magic-links", { email: owner }), 202, "a link");
const proof = { email: owner, code: await mail(owner), browser_token: asked.browser_token };
let token = must(await post("/v1/auth/magic-links/verify", proof), 200, "the owner").tokens.access_token;
const org = must(await post("/v1/orgs", { name: "SSO", slug: "sso-contract" }, token), 201, "an organization");
token = must(await post("/v1/auth/switch-org", { org_id: org.id }, token), 200, "in it").tokens.access_token;
const added = must(await post("/v1/orgs/current/domains", { name: domain }, token), 201, "a domain");
await post(`/_local/api/dns/${added.txt_record.name}`, { texts: [added.txt_record.value] }, undefined, "PUT");
must(await post(`/v1/orgs/current/domains/${added.id}/verify`, undefined, token), 200, "it is verified");

const redirect = `${product}/_local/app/auth/sso/${org.id}`;
const people = {
  ada: { email: `ada@${domain}`, email_verified: true, groups: ["it", "everybody"] },
  bob: { email: `bob@${domain}`, email_verified: true, groups: ["everybody"] },
  unverified: { email: `eve@${domain}`, email_verified: false, groups: [] },
  stranger: { email: "eve@elsewhere.example", email_verified: true, groups: ["it"] },
};
const provider = new Provider(issuer, {
  clients: [{
    client_id: "sso", client_secret: "a secret of the two of us: %&+", token_endpoint_auth_method: "client_secret_basic",
    redirect_uris: [redirect], grant_types: ["authorization_code"], response_types: ["code"],
  }],
  pkce: { required: () => true },
  scopes: ["openid", "email", "groups"],
  // address and groups come from the userinfo endpoint, and not in the ID token
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  cookies: { keys: ["a test"] },
});
const server = provider.listen(Number(new URL(issuer).port), "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

const connections = "/v1/orgs/current/sso/connections";
const wanted = {
  name: "Certified", issuer, client_id: "sso", client_secret: "a secret of the two of us: %&+", domain_ids: [added.id],
  default_role: "viewer", group_claim: "groups", group_roles: { it: "admin" },
};
const wrong = await post(connections, { ...wanted, issuer: `${issuer}/elsewhere` }, token);
if (must(wrong, 422, "no provider is there").errors[0].code !== "discovery_failed") throw new Error(JSON.stringify(wrong));
const connection = must(await post(connections, wanted, token), 201, "connected");

async function away(start, login, bearer) {
  const sent = must(await post(start, bearer ? undefined : { email: `${login}@${domain}` }, bearer), 201, "sent away");
  const query = await visit(sent.authorize_url, login, redirect);
  if (query.get("iss") !== issuer || !query.get("code")) throw new Error(`back with ${query}`);
  return { code: query.get("code"), state: query.get("state"), iss: query.get("iss"), browser_token: sent.browser_token };
}
const back = (login) => away("/v1/auth/sso/authorizations", login);
const verify = (body) => post("/v1/auth/sso/verify", body);

const at = `${connections}/${connection.id}/test`;
const tried = must(await post(`${at}/verify`, await away(at, "ada", token), token), 200, "tried");
if (tried.role !== "admin" || tried.findings.length > 0) throw new Error(JSON.stringify(tried));

const ada = must(await verify(await back("ada")), 200, "an admin by a group").tokens;
const bob = must(await verify(await back("bob")), 200, "a viewer").tokens;
for (const [tokens, role] of [[ada, "admin"], [bob, "viewer"]]) {
  const me = await (await fetch(`${product}/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).json();
  if (me.membership?.org_id !== org.id || me.membership.role !== role) throw new Error(JSON.stringify(me));
}
people.ada.groups = ["everybody"];
const again = must(await verify(await back("ada")), 200, "the second time").tokens;
if (again.user_id !== ada.user_id) throw new Error("it is another person");
const member = await (await fetch(`${product}/v1/me`, { headers: { authorization: `Bearer ${again.access_token}` } })).json();
if (member.membership.role !== "viewer") throw new Error("the role does not follow the groups");

for (const login of ["unverified", "stranger"]) {
  const problem = must(await verify(await back(login)), 403, login);
  if (problem.code !== "sso_domain_mismatch") throw new Error(problem.code);
}
const used = await back("bob");
must(await verify({ ...used, iss: "https://evil.example" }), 401, "another issuer");
must(await verify({ ...used, state: "begun-at-the-provider" }), 401, "nobody asked for it here");
must(await verify({ ...used, code: "another" }), 401, "another code");
must(await verify(used), 200, "the same, as it was");
server.close();
console.log("signed in by an organization's certified provider");
process.exit();
