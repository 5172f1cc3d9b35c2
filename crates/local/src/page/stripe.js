// The fake Stripe: what it knows, and what can be made to happen.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { address, button, chip, empty, heading, json, list, page, row, tableLink, time } from "./widgets.js";

const ACTIONS = [
  ["subscribe", "Subscribe", "Checkout is completed and the first invoice paid"],
  ["payment_failed", "Payment fails", "The card of the next invoice is declined"],
  ["paid", "Payment works", "The open invoice, or the next, is paid"],
  ["cancel", "Cancel", "The subscription ends at once"],
];
let chosen = "";
let isShuffled = false;
let isDoubled = false;
let last = null;

export async function load() {
  const [stripe, created] = await Promise.all([get("/stripe"), get("/events", { type: "organization.created" })]);
  const organizations = new Map();
  for (const { detail } of created.items) if (detail?.org_id) organizations.set(detail.org_id, detail.data?.name ?? detail.org_id);
  for (const customer of stripe.customers) {
    const id = customer.metadata?.org_id;
    if (id && !organizations.has(id)) organizations.set(id, customer.name ?? id);
  }
  return { ...stripe, organizations: [...organizations] };
}

export function view({ customers, subscriptions, events, organizations, checkout_sessions: sessions }) {
  const organization = organizations.some(([id]) => id === chosen) ? chosen : organizations[0]?.[0];
  return [
    heading("Stripe", ["A small fake with Stripe's wire format. It sends signed webhooks to ", h("code", null, "/hooks/stripe"), ", through the front door."]),
    organization
      ? controls(organizations, organization)
      : empty("No organization yet", h("a", { href: "#/overview" }, "Walk the story"), " to create one; then let it subscribe here."),
    last && outcome(last),
    h("div", { class: "columns" },
      h("section", null, h("h2", null, "Subscriptions"),
        subscriptions.length === 0 ? empty("No subscription yet", "Choose Subscribe above.") : list("subscriptions", subscriptions, subscription)),
      h("section", null, h("h2", null, "Customers"),
        customers.length === 0 ? empty("No customer yet", "The first subscription makes one.") : list("customers", customers, customer))),
    h("section", null, h("h2", null, "Checkout"),
      sessions.length === 0 ? empty("No Checkout session yet", "The product makes one when somebody buys a plan.") : list("checkout sessions", sessions, session)),
    h("section", null, h("h2", null, "Events sent"),
      events.length === 0 ? empty("No event yet", "Each action above sends one or more.") : list("stripe events", events, event)),
  ];
}

function controls(organizations, organization) {
  const toggle = (label, title, isOn, set) => h("label", { class: "check", title },
    h("input", { type: "checkbox", checked: isOn, onchange: (event) => set(event.currentTarget.checked) }), label);
  return h("section", { class: "card", "aria-label": "Let something happen" },
    h("div", { class: "filters" },
      h("label", { class: "grow" }, "Organization",
        h("select", { onchange: (event) => { chosen = event.currentTarget.value; page.redraw(); } },
          organizations.map(([id, name]) => h("option", { key: id, value: id, selected: id === organization }, `${name} (${id})`)))),
      h("a", { class: "button", href: tableLink(organization) }, "See it in the table")),
    h("div", { class: "tools start" },
      ACTIONS.map(([action, label, title]) => button(`stripe ${action}`, label, () => run(action, label, organization),
        { title, kind: action === "subscribe" ? "primary" : "" })),
      toggle("shuffled", "The webhooks come in another order than the events happened", isShuffled, (on) => { isShuffled = on; }),
      toggle("doubled", "Each webhook comes twice", isDoubled, (on) => { isDoubled = on; })));
}

async function run(action, label, organization) {
  const request = { org_id: organization, times: isDoubled ? 2 : 1, shuffle: isShuffled };
  last = null;
  const { deliveries } = await post("/stripe/{action}", { action }, request);
  last = { label, deliveries };
  const refused = deliveries.filter(({ status }) => status >= 300).length;
  if (refused > 0) throw new Error(`${refused} of ${deliveries.length} webhooks were refused.`);
  return `${label}: ${deliveries.length} webhooks delivered.`;
}

function outcome({ label, deliveries }) {
  return h("section", null, h("h2", null, `${label}: the webhooks in the order they were sent`),
    h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["Event", "Id", "Status", "Answer"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", null, deliveries.map((delivery) => h("tr", null,
        h("th", { scope: "row" }, delivery.type),
        h("td", null, h("code", null, delivery.event_id)),
        h("td", null, chip(delivery.status, delivery.status < 300 ? "good" : "bad")),
        h("td", { class: "muted" }, delivery.body || "empty")))))));
}

const moment = (seconds) => (seconds ? time(new Date(seconds * 1000).toISOString()) : null);
const KINDS = { active: "good", trialing: "good", past_due: "warn", unpaid: "bad", canceled: "bad" };

function subscription(item) {
  return row(item.id, [h("code", { class: "grow clip" }, item.metadata?.org_id ?? item.id), chip(item.status, KINDS[item.status] ?? "")],
    () => json(item, { label: "Subscription", link: tableLink }));
}

function session(item) {
  const open = item.status === "open" && h("p", { class: "chips" }, h("a", { class: "chip", href: item.url, target: "_blank", rel: "noreferrer" }, "Go there and pay"));
  return row(item.id, [h("code", { class: "grow clip" }, item.client_reference_id ?? item.id), chip(item.status, item.status === "complete" ? "good" : "")],
    () => [open, json(item, { label: "Checkout session", link: tableLink })]);
}

function customer(item) {
  const pk = `STRIPE_CUSTOMER#${item.id}`;
  return row(item.id, [h("code", { class: "grow clip" }, item.id), h("span", { class: "muted clip" }, item.metadata?.org_id)],
    () => [h("p", { class: "chips" }, h("a", { class: "chip", href: address("table", { pk }) }, pk)), json(item, { label: "Customer", link: tableLink })]);
}

function event(item) {
  return row(item.id, [moment(item.created), h("strong", { class: "grow" }, item.type), h("code", { class: "short muted" }, item.id)],
    () => json(item, { label: "Event of Stripe", link: tableLink }));
}
