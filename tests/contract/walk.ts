// A client that knows of the API nothing but the types that openapi-typescript makes of its description. It compiles
// under --strict, and walks through the running product.

import { createRemoteJWKSet, jwtVerify } from "jose";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string | undefined> };

type Problem = components["schemas"]["Problem"];

const url = process.env["GANTRY_API_URL"] ?? "http://localhost:3000";
const api = createClient<paths>({ baseUrl: url });
const email = "walk@contract.example";

function must<T>(answer: { data?: T; error?: Problem; response: Response }): T {
  if (answer.data === undefined || !answer.response.headers.get("x-correlation-id")) {
    throw new Error(`${answer.response.url}: ${answer.response.status} ${answer.error?.code} ${answer.error?.detail}`);
  }
  return answer.data;
}

function refused(answer: { error?: Problem; response: Response }, status: number, code: components["schemas"]["ProblemCode"]) {
  if (answer.response.status !== status || answer.error?.code !== code) {
    throw new Error(`${answer.response.url}: wanted ${status} ${code}, not ${answer.response.status} ${answer.error?.code}`);
  }
}

// What a person does with the mail. The development page's API is no part of the contract.
async function code(): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const mails = await (await fetch(`${url}/_local/api/mails?to=${email}`)).json();
    const found = /^\s*(\d{6})\s*$/m.exec(mails.items[0]?.text ?? "");
    if (found?.[1]) return found[1];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no mail came");
}

const asked = must(await api.POST("/v1/auth/magic-links", { body: { email } }));
const proof = { email, code: await code(), browser_token: asked.browser_token };
const signedIn = must(await api.POST("/v1/auth/magic-links/verify", { body: proof }));
if (signedIn.status !== "complete" || !signedIn.tokens) throw new Error("something is missing");
api.use({
  onRequest({ request }) {
    request.headers.set("authorization", `Bearer ${token}`);
    return request;
  },
});
let token: string = signedIn.tokens.access_token;

refused(await api.GET("/v1/orgs/current"), 403, "no_organization");
const key = { header: { "Idempotency-Key": "walk-1" } };
const founding = { params: key, body: { name: "Walk", slug: "contract-walk" } };
const org = must(await api.POST("/v1/orgs", founding));
const again = await api.POST("/v1/orgs", founding);
if (must(again).id !== org.id || again.response.headers.get("idempotent-replayed") !== "true") {
  throw new Error("the same key and request is another organization");
}
refused(await api.POST("/v1/orgs", { params: key, body: { name: "Other", slug: "other" } }), 422, "idempotency_key_reused");
token = must(await api.POST("/v1/auth/switch-org", { body: { org_id: org.id } })).tokens?.access_token ?? "";

const me = must(await api.GET("/v1/me"));
const members = must(await api.GET("/v1/orgs/current/members", { params: { query: { limit: 1 } } }));
// An open enum: what is not known today is a text.
const role: components["schemas"]["Role"] | string | undefined = members.items[0]?.role;
if (me.membership?.org_id !== org.id || role !== "owner" || members.next_cursor !== null) throw new Error("the founder is no owner");

// What a service of a customer's does with the token: it knows the issuer's address and nothing else.
const issuer = must(await api.GET("/.well-known/oauth-authorization-server"));
const keys = createRemoteJWKSet(new URL(issuer.jwks_uri));
const algorithms = issuer.access_token_signing_alg_values_supported;
const expected = { algorithms, issuer: issuer.issuer, audience: issuer.issuer, typ: "at+jwt" };
const { payload } = await jwtVerify(token, keys, expected);
if (issuer.issuer !== url || payload.sub !== me.id || payload["org"] !== org.id) throw new Error("the token is about somebody else");
const [head, , signature] = token.split(".");
const raised = [head, btoa(JSON.stringify({ ...payload, acr: "aal3" })).replace(/=/g, ""), signature].join(".");
const forged = await jwtVerify(raised, keys, expected).then(() => "taken", (error) => error.code);
if (forged !== "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") throw new Error(`a forged token is ${forged}`);
const about = must(
  await api.POST("/v1/auth/introspect", {
    body: { token },
    bodySerializer: (body) => new URLSearchParams({ token: body?.token ?? "" }),
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  }),
);
if (!about.active || about.sub !== me.id || !about.scope?.includes("org:read")) throw new Error("a good token is not active");

const device = must(
  await api.POST("/v1/me/devices", { body: { platform: "apns", token: "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad" } }),
);
const removed = await api.DELETE("/v1/me/devices/{device_id}", { params: { path: { device_id: device.id } } });
if (removed.response.status !== 204) throw new Error("the device is not removed");
must(await api.GET("/v1/billing/subscription"));

const known = await api.GET("/.well-known/jwks.json");
must(known);
const unchanged = await api.GET("/.well-known/jwks.json", {
  params: { header: { "If-None-Match": known.response.headers.get("etag") ?? "" } },
});
if (unchanged.response.status !== 304) throw new Error("the keys have no ETag that holds");

await api.POST("/v1/auth/sign-out");
refused(await api.GET("/v1/me"), 401, "session_ended");
console.log("walked through the product with generated types");
