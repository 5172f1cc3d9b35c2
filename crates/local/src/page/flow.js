// How far somebody is in signing in, and the calls that bring them further.

import { product } from "./api.js";

// What this browser was given when it asked for a link: the link may be opened in another tab of it.
const BROWSER_TOKEN = "gantry-browser-token";

/** What is so now; views read it. */
export const flow = {
  /** The last call of the product: `ok`, `status`, `answer`. */
  exchange: null,
  isBusy: false,
  /** Whom a mail was sent to. */
  asked: null,
  /** What a login lacks: `reason`, `methods`, and the `token` to add it with. */
  challenge: null,
  /** An authenticator app that is being set up, and the recovery codes that came with it. */
  enrollment: null,
  recoveryCodes: null,
  tokens: null,
  me: null,
  factors: null,
  passkeys: null,
  /** Draws again; set by the page. */
  changed() {},
  /** Reads again what the account's page shows, and draws it. */
  async refreshed() {
    if (flow.tokens) await refresh();
    flow.changed(false);
  },
  get browserToken() {
    return localStorage.getItem(BROWSER_TOKEN) ?? undefined;
  },
};

/** Calls the product and takes over what its answer says of the login. */
export async function call(method, path, options = {}) {
  flow.isBusy = true;
  flow.changed(false);
  const exchange = await product(method, path, options);
  flow.exchange = exchange;
  flow.isBusy = false;
  const { answer } = exchange;
  if (exchange.ok && answer?.browser_token) localStorage.setItem(BROWSER_TOKEN, answer.browser_token);
  if (exchange.ok && answer?.status) await arrive(answer);
  if (exchange.ok && answer?.access_token) flow.tokens = answer;
  flow.changed(exchange.ok);
  return exchange;
}

async function arrive(signIn) {
  flow.challenge = signIn.challenge;
  flow.enrollment = null;
  flow.tokens = signIn.tokens;
  if (flow.tokens) await refresh();
}

async function refresh() {
  const token = flow.tokens.access_token;
  const read = async (path) => {
    const exchange = await product("GET", path, { token });
    return exchange.ok ? exchange.answer : null;
  };
  [flow.me, flow.factors, flow.passkeys] = await Promise.all([read("/v1/me"), read("/v1/me/mfa"), read("/v1/me/passkeys")]);
}
