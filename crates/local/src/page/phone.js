// The phone of a signed-in person: its number, and codes by SMS as a second factor.

import { h } from "./dom.js";
import { call, flow } from "./flow.js";
import { page } from "./widgets.js";

// What a code is on its way for: the number, or the factor that is being set up.
let sent = null;

const code = (label, confirmed) => h("form", { key: "phone-code", class: "filters", onsubmit: confirmed },
  h("label", { class: "grow" }, label, h("input", { name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true })),
  h("button", { type: "submit", class: "primary", disabled: flow.isBusy }, "Confirm"));

const inbox = () => h("p", null, "The code is among ", h("a", { href: "/_local#/messages", target: "_blank" }, "the local SMS"), ".");

/** The part of the account's page. */
export function phone(token) {
  const fields = (event) => {
    event.preventDefault();
    return Object.fromEntries(new FormData(event.target));
  };
  const set = async (event) => {
    const exchange = await call("PUT", "/v1/me/phone", { token, body: fields(event) });
    if (exchange.ok) sent = { what: "phone" };
    await flow.refreshed();
  };
  const verify = async (event) => {
    const exchange = await call("POST", "/v1/me/phone/verify", { token, body: fields(event) });
    if (exchange.ok) {
      sent = null;
      page.announce("The phone is yours");
    }
    await flow.refreshed();
  };
  const begin = async () => {
    const exchange = await call("POST", "/v1/me/mfa/factors", { token, body: { kind: "sms" } });
    if (exchange.ok) sent = { what: "factor", id: exchange.answer.id };
    await flow.refreshed();
  };
  const confirm = async (event) => {
    const exchange = await call("POST", `/v1/me/mfa/factors/${sent.id}/confirm`, { token, body: fields(event) });
    if (exchange.ok) {
      sent = null;
      if (exchange.answer.recovery_codes.length > 0) flow.recoveryCodes = exchange.answer.recovery_codes;
    }
    await flow.refreshed();
  };
  const number = flow.me?.phone;
  const isFactor = flow.factors?.factors.some((factor) => factor.kind === "sms");
  return [
    number && h("p", null, number),
    h("form", { key: "phone", class: "filters", onsubmit: set },
      h("label", { class: "grow" }, "Phone number", h("input", { name: "number", type: "tel", autocomplete: "tel", placeholder: "+43 664 1234567", required: true })),
      h("button", { type: "submit", disabled: flow.isBusy }, "Send a code")),
    sent && inbox(),
    sent?.what === "phone" && code("The code of the SMS", verify),
    number && !isFactor && !sent && h("p", { class: "tools start" },
      h("button", { type: "button", disabled: flow.isBusy, onclick: begin }, "Use it as a second factor")),
    sent?.what === "factor" && code("The code of the SMS", confirm),
  ];
}
