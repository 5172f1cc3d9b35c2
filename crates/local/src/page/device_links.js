// Another device is signed in by what this one's screen shows.

import { h } from "./dom.js";
import { call, flow } from "./flow.js";

// What the other device is to read; an app shows it as a QR code.
let shown = null;

/** The part of the account's page. */
export function deviceLink(token) {
  const begin = async () => {
    const exchange = await call("POST", "/v1/me/device-links", { token });
    shown = exchange.ok ? exchange.answer : null;
    await flow.refreshed();
  };
  return [
    shown && h("p", null, "Open this on the other device, once, within five minutes: ",
      h("a", { id: "device-link", href: shown.qr_uri, target: "_blank", rel: "noopener" }, shown.qr_uri)),
    h("p", { class: "tools start" },
      h("button", { type: "button", disabled: flow.isBusy, onclick: begin }, "Sign another device in")),
  ];
}
