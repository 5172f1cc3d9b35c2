// SMS as they would have arrived.

import { get } from "./api.js";
import { h } from "./dom.js";
import { copy, empty, heading, time } from "./widgets.js";

export const load = () => get("/messages");

export function view({ items }) {
  return [
    heading("SMS", "What SNS was asked to send to phone numbers."),
    items.length === 0
      ? empty("No SMS yet", "They appear here when a function publishes to a phone number through SNS.")
      : h("div", { class: "cards" }, items.map((message) =>
        h("article", { key: message.id, class: "card bubble" },
          h("p", { class: "top" }, h("strong", null, message.to), time(message.at)),
          h("p", { class: "text" }, message.text),
          copy(message.text)))),
  ];
}
