// The table's items, partition by partition.

import { get } from "./api.js";
import { h } from "./dom.js";
import { address, chip, count, empty, heading, json, row, span, page, tableLink } from "./widgets.js";

export const load = (route) =>
  get("/table", { pk: route.query.get("pk") ?? "", after: route.query.get("after") ?? "" });

const KEYS = new Set(["pk", "sk", "due_pk", "due_sk", "list_pk", "list_sk", "kind", "version", "expires_at"]);

export function view({ items, next }, route) {
  const pk = route.query.get("pk") ?? "";
  const after = route.query.get("after");
  const search = h("form", { class: "filters", role: "search", onsubmit: go },
    h("label", { class: "grow" }, "Partition key", h("input", {
      type: "search", name: "pk", value: pk, spellcheck: "false", autocomplete: "off",
      placeholder: "ORG#org_…, USER#usr_…, EMAIL#ada@example.com, SLUG#acme",
    })),
    h("button", { type: "submit" }, "Look up"),
    (pk || after) && h("a", { class: "button", href: "#/table" }, "Show all"));
  return [
    heading("Table", "The one DynamoDB table. Keys in an item lead to where they point."),
    search,
    items.length === 0 ? nothing(pk) : [
      h("p", { class: "muted" }, count(items.length, "item"), pk && [" in ", h("code", null, pk)], next && ", and more"),
      h("div", { class: "rows" }, items.map((each) => item(each, pk))),
      h("p", { class: "tools" },
        after && h("a", { class: "button", href: address("table", { pk }) }, "First page"),
        next && h("a", { class: "button", href: address("table", { pk, after: next }) }, "Next page")),
    ],
  ];
}

function go(event) {
  event.preventDefault();
  location.hash = address("table", { pk: new FormData(event.currentTarget).get("pk").trim() });
}

function nothing(pk) {
  return pk
    ? empty("No item has this partition key", "Keys are exact: an organization's begins with ", h("code", null, "ORG#"), ", then its id.")
    : empty("The table is empty", "Ask for a magic link: the first items are a login, its limits and an event for the outbox.");
}

/** What an item is about, from its first telling attributes. */
function gist(each) {
  const told = Object.entries(each).filter(([name, value]) => !KEYS.has(name) && (typeof value === "string" || typeof value === "number"));
  return told.slice(0, 3).map(([name, value]) => `${name} ${String(value).slice(0, 48)}`).join(" · ");
}

function item(each, pk) {
  const now = page.status ? new Date(page.status.clock.now) : new Date();
  const left = each.expires_at ? each.expires_at - now / 1000 : null;
  return row(`item ${each.pk} ${each.sk}`,
    [chip(each.kind ?? "item"),
      h("code", { class: "keys" }, !pk && h("span", null, each.pk), h("span", { class: pk ? "" : "muted" }, each.sk)),
      h("span", { class: "grow clip muted gist" }, gist(each)),
      left !== null && chip(left > 0 ? `expires in ${span(left).slice(1)}` : "expired", left > 0 ? "" : "warn")],
    () => [
      h("p", { class: "chips" },
        [each.pk, each.due_pk, each.list_pk].filter((key, index, all) => key && all.indexOf(key) === index).map((key) =>
          h("a", { key, class: "chip", href: address("table", { pk: key }) }, key))),
      json(each, { label: "Item", link: tableLink }),
    ]);
}
