// Signing in: by mail, with a password or a passkey, and what a login may lack.

import { h } from "./dom.js";
import { call, flow } from "./flow.js";
import { usePasskey } from "./passkeys.js";
import { enroll } from "./account.js";
import { page } from "./widgets.js";

const field = (name, label, properties) => h("label", { class: "grow" }, label, h("input", { name, ...properties }));
const submit = (value, label, kind) => h("button", { type: "submit", value, class: kind, disabled: flow.isBusy }, label);

/** The first page: who somebody is. */
export function start(title) {
  if (flow.asked) return sent(title);
  return [
    title("Sign in"),
    h("form", { key: "start", class: "sheet", onsubmit: chosen },
      field("email", "Email", { type: "email", autocomplete: "username webauthn", required: true, value: back.email }),
      h("p", { class: "tools start" }, submit("link", "Send me a link", "primary"), submit("sso", "By my organization", "quiet")),
      field("password", "Password, for those who have one or want one", { type: "password", autocomplete: "current-password" }),
      h("p", { class: "tools start" },
        submit("password", "Sign in"), submit("register", "New here"), submit("forgot", "Forgot it", "quiet"))),
    h("p", { class: "tools start" },
      h("button", { type: "button", disabled: flow.isBusy, onclick: () => usePasskey("/v1/auth/passkeys", {}) }, "Use a passkey"),
      h("button", { type: "button", disabled: flow.isBusy, onclick: goAway }, "Use the local identity provider")),
  ];
}

/** What an identity provider sends somebody back with, or the address that a link here begins with. */
export const back = Object.fromEntries(new URLSearchParams(location.search));

/** Signs in whoever is back from an identity provider, in the browser that was sent there. */
export function comeBack(provider) {
  const { code, state, iss } = back;
  call("POST", `/v1/auth/oauth/${provider}/verify`, { body: { code, state, iss, browser_token: flow.browserToken } });
}

/** The same, where it is an organization's own. */
export function comeBackBySso() {
  const { code, state, iss } = back;
  call("POST", "/v1/auth/sso/verify", { body: { code, state, iss, browser_token: flow.browserToken } });
}

async function goAway() {
  const exchange = await call("POST", "/v1/auth/oauth/local/authorizations");
  if (exchange.ok) location.assign(exchange.answer.authorize_url);
}

async function chosen(event) {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(event.target));
  const ways = {
    link: ["/v1/auth/magic-links", { email }],
    password: ["/v1/auth/password/verify", { email, password }],
    register: ["/v1/auth/password/registrations", { email, password }],
    sso: ["/v1/auth/sso/authorizations", { email }],
    forgot: ["/v1/auth/password/resets", { email }],
  };
  const [path, body] = ways[event.submitter.value];
  const exchange = await call("POST", path, { body });
  if (exchange.ok && exchange.status === 201) location.assign(exchange.answer.authorize_url);
  if (exchange.ok && exchange.status === 202) {
    flow.asked = { email, hasCode: event.submitter.value !== "forgot" };
    flow.changed(true);
  }
}

function sent(title) {
  const verify = (event) => {
    event.preventDefault();
    const { code } = Object.fromEntries(new FormData(event.target));
    call("POST", "/v1/auth/magic-links/verify", { body: { email: flow.asked.email, code, browser_token: flow.browserToken } });
  };
  return [
    title("Look into your mails"),
    h("p", null, "A link is on its way to ", h("b", null, flow.asked.email), ". Here it is among ", h("a", { href: "/_local#/mails", target: "_blank" }, "the local mails"), "."),
    flow.asked.hasCode && h("form", { key: "code", class: "filters", onsubmit: verify },
      field("code", "Or type the mail's code", { inputmode: "numeric", autocomplete: "one-time-code", required: true }),
      submit("code", "Sign in", "primary")),
  ];
}

/** What a login lacks. */
export function challenge(title) {
  const { token, reason, methods } = flow.challenge;
  if (reason === "mfa_enrollment_required") {
    return [title("Set up a second factor"), h("p", null, "An organization of yours asks for one."), enroll(token)];
  }
  const verify = (event) => {
    event.preventDefault();
    call("POST", "/v1/auth/mfa/verify", { token, body: Object.fromEntries(new FormData(event.target)) });
  };
  const names = { totp: "Code of the app", sms: "Code by SMS", recovery_code: "Recovery code" };
  const codes = methods.filter((method) => method in names);
  const send = async () => {
    const exchange = await call("POST", "/v1/auth/mfa/codes", { token });
    if (exchange.ok) page.announce(`A code is on its way to ${exchange.answer.sent_to}`);
  };
  return [
    title("Show a second factor"),
    codes.length > 0 && h("form", { key: "second", class: "filters", onsubmit: verify },
      h("label", null, "What", h("select", { name: "method" },
        codes.map((method) => h("option", { value: method }, names[method])))),
      field("code", "Code", { autocomplete: "one-time-code", required: true }),
      submit("code", "Go on", "primary")),
    methods.includes("sms") && h("p", { class: "tools start" },
      h("button", { type: "button", disabled: flow.isBusy, onclick: send }, "Send me a code"),
      h("a", { href: "/_local#/messages", target: "_blank" }, "The local SMS")),
    methods.includes("passkey") && h("button", { type: "button", disabled: flow.isBusy, onclick: () => usePasskey("/v1/auth/mfa/passkeys", { token }) }, "Use a passkey"),
  ];
}
