// Push notifications, and the endpoints that they go to.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { button, chip, empty, heading, json, list, row, tableLink, time } from "./widgets.js";

export async function load() {
  const [pushes, endpoints] = await Promise.all([get("/pushes"), get("/push-endpoints")]);
  return { pushes: pushes.items, endpoints: endpoints.items };
}

export function view({ pushes, endpoints }) {
  return [
    heading("Pushes", "What SNS was asked to send to devices, and the endpoints that it keeps for them."),
    h("section", { "aria-labelledby": "pushes-sent" }, h("h2", { id: "pushes-sent" }, "Sent"),
      pushes.length === 0
        ? empty("No push yet",
          "Register a device (", h("code", null, "POST /v1/me/devices"), "), then let something happen in its organization, as in ",
          h("a", { href: "#/stripe" }, "Stripe"), " or with the ", h("a", { href: "#/clock" }, "clock"), ".")
        : list("pushes", pushes, push)),
    h("section", { "aria-labelledby": "endpoints" }, h("h2", { id: "endpoints" }, "Endpoints"),
      endpoints.length === 0
        ? empty("No endpoint yet", "Each registered device has one.")
        : h("div", { class: "cards" }, endpoints.map(endpoint))),
  ];
}

/** Title and text, whichever platform's form the message has. */
function words(message) {
  const inner = (value) => (typeof value === "string" ? safely(value) : value);
  const whole = inner(message) ?? message;
  const apns = inner(whole?.APNS ?? whole?.APNS_SANDBOX)?.aps?.alert;
  const gcm = inner(whole?.GCM);
  const fcm = gcm?.fcmV1Message?.message?.notification ?? gcm?.notification;
  const found = apns ?? fcm;
  if (found) return typeof found === "string" ? { body: found } : found;
  return { body: typeof message === "string" ? message : whole?.default ?? "" };
}

function safely(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function push(item) {
  const { title, body } = words(item.message);
  return row(item.id,
    [time(item.at), chip(item.platform), h("span", { class: "grow" }, title && h("strong", null, title, " "), body),
      h("code", { class: "short muted" }, item.token)],
    () => [json({ message: item.message, attributes: item.attributes, endpoint: item.endpoint_arn }, { label: "Push", link: tableLink })]);
}

function endpoint(item) {
  const name = item.arn.split("/").slice(1, 3).join(" · ");
  return h("article", { key: item.arn, class: "card" },
    h("p", { class: "top" }, h("strong", null, name), item.enabled ? chip("enabled", "good") : chip("disabled", "bad")),
    h("dl", { class: "facts" },
      h("dt", null, "Token"), h("dd", null, h("code", null, item.token)),
      item.user_data && [h("dt", null, "User data"), h("dd", null, h("code", null, item.user_data))],
      h("dt", null, "ARN"), h("dd", null, h("code", null, item.arn))),
    item.enabled && button(`disable ${item.arn}`, "Disable", async () => {
      await post("/push-endpoints/disable", {}, { arn: item.arn });
      return "Disabled, as SNS does when a push service says that a token is dead.";
    }, { title: "What SNS does when a push service says that the token is dead" }));
}
