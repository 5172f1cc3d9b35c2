// Web Authentication, Level 3: options from the product, an answer of the browser, back to the product.

import { call, flow } from "./flow.js";

/** Signs in with a passkey, or shows one as a second factor: `path` has the ceremony's options and takes its answer. */
export async function usePasskey(path, { token }) {
  const options = await call("POST", `${path}/options`, { token, body: token ? undefined : {} });
  if (!options.ok) return;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.answer.public_key);
  const credential = await asked(() => navigator.credentials.get({ publicKey }));
  if (!credential) return;
  const proof = { ceremony_token: options.answer.ceremony_token, credential: credential.toJSON() };
  if (token) await call("POST", "/v1/auth/mfa/verify", { token, body: { method: "passkey", ...proof } });
  else await call("POST", `${path}/verify`, { body: proof });
}

/** Adds a passkey to the account. */
export async function addPasskey(token) {
  const options = await call("POST", "/v1/me/passkeys/options", { token });
  if (!options.ok) return;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.answer.public_key);
  const credential = await asked(() => navigator.credentials.create({ publicKey }));
  if (!credential) return;
  const body = { ceremony_token: options.answer.ceremony_token, credential: credential.toJSON(), name: "This browser" };
  await call("POST", "/v1/me/passkeys", { token, body });
  await flow.refreshed();
}

/** What the browser answers; somebody may also say no to it. */
async function asked(browser) {
  try {
    return await browser();
  } catch (failure) {
    flow.exchange = { ok: false, answer: { detail: failure.message } };
    flow.changed();
    return null;
  }
}
