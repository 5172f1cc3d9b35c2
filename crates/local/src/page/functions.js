// Functions and their calls.

import { get } from "./api.js";
import { h } from "./dom.js";
import { address, chip, chipLink, empty, heading, json, list, page, row, tableLink, time } from "./widgets.js";

export const load = (route) => get("/invocations", { function: route.rest[0] });

const milliseconds = (number) => (number < 10 ? number.toFixed(1) : Math.round(number).toLocaleString());

export function view({ items }, route) {
  const chosen = route.rest[0];
  const functions = page.status?.functions ?? [];
  return [
    heading("Functions", "The same functions that run in Lambda, each called with the event that Lambda would give it."),
    h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null,
        h("th", { scope: "col" }, "Function"), h("th", { scope: "col" }, "Called by"), h("th", { scope: "col", class: "right" }, "Calls"),
        h("th", { scope: "col", class: "right", title: "Calls that failed, and messages or records that calls named as failed" }, "Failures"), h("th", { scope: "col", class: "right" }, "Mean ms"))),
      h("tbody", null, functions.map((each) => line(each, each.name === chosen))))),
    h("section", { "aria-labelledby": "calls" },
      h("h2", { id: "calls" }, chosen ? `Calls of ${chosen} ` : "Calls ", h("span", { class: "muted" }, "the last 500")),
      items.length === 0
        ? empty("No call yet", chosen
          ? "Let something happen that reaches this function."
          : ["Send a request, or ", h("a", { href: "#/overview" }, "walk the story"), "."])
        : list(`calls ${chosen ?? ""}`, items, call)),
  ];
}

const failures = (each) => each.errors + each.failed_records;

function line(each, isChosen) {
  return h("tr", { key: each.name, class: isChosen ? "chosen" : "" },
    h("th", { scope: "row" }, h("a", { href: isChosen ? "#/functions" : `#/functions/${each.name}` }, each.name)),
    h("td", null, chip(each.kind)),
    h("td", { class: `right ${each.invocations === 0 ? "muted" : ""}` }, each.invocations.toLocaleString()),
    h("td", { class: "right" }, failures(each) === 0 ? h("span", { class: "muted" }, "0") : chip(failures(each), "bad")),
    h("td", { class: `right ${each.invocations === 0 ? "muted" : ""}` }, each.invocations === 0 ? "–" : milliseconds(each.average_ms)));
}

/** The status of an HTTP answer, or what a worker could not do. */
function outcome(item) {
  if (item.error) return chip("error", "bad");
  const status = item.answer?.statusCode;
  if (status) return chip(status, status >= 500 ? "bad" : status >= 400 ? "warn" : "good");
  const failed = item.answer?.batchItemFailures?.length ?? 0;
  return failed > 0 ? chip(`${failed} failed`, "bad") : chip("ok", "good");
}

/** The request that a call belongs to, as the answer's header says it. */
function correlation(item) {
  const headers = { ...item.answer?.multiValueHeaders, ...item.answer?.headers };
  const [, value] = Object.entries(headers).find(([name]) => name.toLowerCase() === "x-correlation-id") ?? [];
  return Array.isArray(value) ? value[0] : value;
}

function call(item) {
  const request = correlation(item);
  const path = item.event?.httpMethod ? `${item.event.httpMethod} ${item.event.path}` : item.trigger;
  return row(item.id,
    [time(item.at), h("strong", null, item.function), h("span", { class: "grow clip muted" }, path),
      h("span", { class: "muted number" }, `${milliseconds(item.duration_ms)} ms`), outcome(item)],
    () => [
      item.error && h("p", { class: "problem" }, item.error),
      item.log.length > 0 && h("pre", { class: "log" }, item.log.map((entry) => `${entry.level} ${entry.text}`).join("\n")),
      request && h("p", { class: "chips" }, chipLink("events of this request", address("events", { correlation: request }))),
      h("div", { class: "columns" },
        h("div", null, h("h3", null, "Event"), json(item.event, { label: "Event", link: tableLink })),
        h("div", null, h("h3", null, "Answer"), json(item.answer, { label: "Answer", link: tableLink }))),
    ]);
}
