// How a signed-in person signs in from now on: password, authenticator app, passkeys.

import { h } from "./dom.js";
import { call, flow } from "./flow.js";
import { deviceLink } from "./device_links.js";
import { addPasskey } from "./passkeys.js";
import { phone } from "./phone.js";
import { page } from "./widgets.js";

/** What the person has, and may add. */
export function account() {
  const token = flow.tokens.access_token;
  const set = async (event) => {
    event.preventDefault();
    const form = event.target;
    const exchange = await call("PUT", "/v1/me/password", { token, body: Object.fromEntries(new FormData(form)) });
    if (exchange.ok) {
      form.reset();
      page.announce("Your password is set");
    }
  };
  const count = flow.factors?.factors.length ?? 0;
  return [
    h("h2", null, "Password"),
    h("form", { key: "password", class: "filters", onsubmit: set },
      h("label", { class: "grow" }, "New password", h("input", { name: "password", type: "password", autocomplete: "new-password", required: true })),
      h("button", { type: "submit", disabled: flow.isBusy }, "Set it")),
    h("h2", null, "Second factor"),
    count > 0
      ? h("p", null, `${flow.factors.factors.map(named).join(", ")}, and ${flow.factors.recovery_codes_left} recovery codes.`)
      : enroll(token),
    flow.recoveryCodes && written(),
    h("h2", null, "Phone"),
    phone(token),
    h("h2", null, "Passkeys"),
    (flow.passkeys?.items ?? []).map((passkey) => h("p", { key: passkey.id }, passkey.name)),
    h("p", { class: "tools start" }, h("button", { type: "button", disabled: flow.isBusy, onclick: () => addPasskey(token) }, "Add a passkey")),
    h("h2", null, "Another device"),
    deviceLink(token),
  ];
}

const named = (factor, index) => {
  const name = factor.kind === "totp" ? "authenticator app" : "phone";
  return index === 0 ? (factor.kind === "totp" ? `An ${name}` : `A ${name}`) : `a ${name}`;
};

/** Sets up an authenticator app, with the token of a session or of a login that lacks one. */
export function enroll(token) {
  if (flow.challenge && flow.recoveryCodes) {
    const complete = () => call("POST", "/v1/auth/complete", { token });
    return [written(), h("button", { type: "button", class: "primary", disabled: flow.isBusy, onclick: complete }, "I wrote them down: go on")];
  }
  if (!flow.enrollment) {
    const begin = async () => {
      const exchange = await call("POST", "/v1/me/mfa/factors", { token, body: { kind: "totp" }, headers: { "idempotency-key": crypto.randomUUID() } });
      if (exchange.ok) flow.enrollment = exchange.answer;
      await flow.refreshed();
    };
    return h("p", { class: "tools start" }, h("button", { type: "button", disabled: flow.isBusy, onclick: begin }, "Set up an authenticator app"));
  }
  const confirm = async (event) => {
    event.preventDefault();
    const path = `/v1/me/mfa/factors/${flow.enrollment.id}/confirm`;
    const exchange = await call("POST", path, { token, body: Object.fromEntries(new FormData(event.target)) });
    if (exchange.ok) {
      flow.recoveryCodes = exchange.answer.recovery_codes;
      flow.enrollment = null;
    }
    await flow.refreshed();
  };
  return [
    h("p", null, "Type this into the app: ", h("code", { id: "totp-secret" }, flow.enrollment.secret)),
    h("form", { key: "app", class: "filters", onsubmit: confirm },
      h("label", { class: "grow" }, "The app's code", h("input", { name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true })),
      h("button", { type: "submit", class: "primary", disabled: flow.isBusy }, "Confirm")),
  ];
}

function written() {
  return [h("p", null, "Write these recovery codes down. They are shown once, and each works once."),
    h("pre", { id: "recovery-codes" }, flow.recoveryCodes.join("\n"))];
}
