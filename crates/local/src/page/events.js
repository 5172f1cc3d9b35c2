// What was put on the event bus.

import { get } from "./api.js";
import { h } from "./dom.js";
import { address, chip, chipLink, count, empty, heading, json, list, row, tableLink, time } from "./widgets.js";

export const load = () => get("/events");

export function view({ items }, route) {
  const type = route.query.get("type") ?? "";
  const correlation = route.query.get("correlation") ?? "";
  const shown = items.filter((event) =>
    (!type || event.detail_type === type) && (!correlation || event.detail?.correlation_id === correlation));
  return [
    heading("Events", "What was put on the event bus, and which rules took it. The newest is first."),
    items.length === 0
      ? empty("No event yet", "Each change writes one. ", h("a", { href: "#/overview" }, "Walk the story"), " to see the first.")
      : [filters(items, type, correlation),
        h("p", { class: "muted", "aria-live": "polite" }, count(shown.length, "event"), shown.length < items.length && ` of ${items.length}`),
        list("events", shown, event)],
  ];
}

function filters(items, type, correlation) {
  const numbers = new Map();
  for (const { detail_type: each } of items) numbers.set(each, (numbers.get(each) ?? 0) + 1);
  const go = (query) => {
    location.hash = address("events", { type, correlation, ...query });
  };
  return h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    h("label", null, "Type", h("select", { onchange: (event) => go({ type: event.currentTarget.value }) },
      h("option", { value: "", selected: type === "" }, "all"),
      [...numbers].sort().map(([name, number]) =>
        h("option", { key: name, value: name, selected: name === type }, `${name} (${number})`)))),
    h("label", { class: "grow" }, "Correlation id", h("input", {
      type: "search", value: correlation, placeholder: "any", spellcheck: "false",
      onchange: (event) => go({ correlation: event.currentTarget.value.trim() }),
    })),
    (type || correlation) && h("a", { class: "button", href: "#/events" }, "Show all"));
}

function event(item) {
  const envelope = item.detail ?? {};
  const rules = item.matched_rules ?? [];
  return row(item.id,
    [time(item.at), h("strong", { class: "grow" }, item.detail_type),
      envelope.aggregate && h("code", { class: "short muted" }, envelope.aggregate.id),
      rules.length === 0 ? chip("no rule") : rules.map((rule) => chip(`→ ${rule}`, "good"))],
    () => [
      h("p", { class: "chips" },
        envelope.correlation_id && chipLink("same request", address("events", { correlation: envelope.correlation_id }),
          "Everything that carries this correlation id"),
        chipLink(`all ${item.detail_type}`, address("events", { type: item.detail_type })),
        envelope.org_id && chipLink("organization in the table", tableLink(envelope.org_id))),
      json(envelope, { label: "Event", link: (text) => link(text, envelope) }),
    ]);
}

const link = (text, envelope) =>
  text === envelope.correlation_id ? address("events", { correlation: text }) : tableLink(text);
