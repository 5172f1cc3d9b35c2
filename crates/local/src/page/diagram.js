// The product's picture: who calls whom, by the template, with live numbers.

import { h } from "./dom.js";
import { address, chip } from "./widgets.js";

const before = new Map();

/** A number that lights up for a moment when it has changed. */
function live(name, number, noun) {
  const changes = (before.get(name)?.changes ?? 0) + (before.has(name) && before.get(name).number !== number ? 1 : 0);
  before.set(name, { number, changes });
  return h("span", { class: "live" }, h("b", { key: changes, class: changes > 0 ? "changed" : "" }, number.toLocaleString()), ` ${noun}`);
}

/** Lets a long name break between its words. */
const breakable = (name) => name.split(/(?<=[a-z-])(?=[A-Z])/).flatMap((word) => [word, h("wbr")]);

const node = (name, href, kind, ...inside) =>
  h("a", { key: name, class: `node ${kind}`, href }, h("span", { class: "title" }, breakable(name)), h("span", { class: "facts" }, inside));

const functionNode = (each) =>
  node(each.name, `#/functions/${each.name}`, "function", live(each.name, each.invocations, "calls"),
    each.errors > 0 && chip(`${each.errors} failed`, "bad"));

const stage = (title, ...inside) => h("div", { class: "stage" }, h("h3", null, title), inside);

const arrow = (label) => h("div", { class: "arrow", "aria-hidden": "true" },
  h("svg", { viewBox: "0 0 40 12", width: "40", height: "12" }, h("path", { d: "M0 6h36M31 1.5 37 6l-6 4.5", fill: "none", stroke: "currentColor", "stroke-width": "1.5" })),
  label && h("span", null, label));

/** `queues` may know their rules and senders; without those, the queues are drawn as they are. */
export function diagram({ functions, counts = {} }, queues) {
  const ofKind = (kind) => functions.filter((each) => each.kind === kind);
  const lanes = queues.filter((queue) => queue.function);
  const ofLanes = new Set(lanes.map((queue) => queue.dead_letter_queue));
  const parked = queues.filter((queue) => !queue.function && !ofLanes.has(queue.name) && (queue.visible > 0 || !queue.is_dead_letter_queue));
  return h("div", { class: "diagram", role: "group", "aria-label": "How a request becomes mails and pushes" },
    stage("Requests", ofKind("http").map(functionNode), ofKind("schedule").length > 0 && h("h3", null, "By the clock"), ofKind("schedule").map(functionNode)),
    arrow("in one write"),
    stage("State", node("Table", "#/table", "store", h("span", { class: "muted" }, "items, audit, outbox"))),
    arrow("stream"),
    stage("Publisher", ofKind("stream").map(functionNode)),
    arrow(),
    stage("Bus", node("Events", "#/events", "store", live("events", counts.events ?? 0, "events"))),
    arrow("rules"),
    h("div", { class: "stage wide" }, h("h3", null, "Queues and workers"),
      lanes.map((queue) => lane(queue, functions, queues)), parked.map(queueNode)),
    arrow(),
    stage("Captured",
      node("Mails", "#/mails", "out", live("mails", counts.mails ?? 0, "sent")),
      node("Pushes", "#/pushes", "out", live("pushes", counts.pushes ?? 0, "sent")),
      node("SMS", "#/sms", "out", live("messages", counts.messages ?? 0, "sent"))));
}

function lane(queue, functions, queues) {
  const worker = functions.find((each) => each.name === queue.function);
  const dead = queues.find((each) => each.name === queue.dead_letter_queue);
  const from = queue.rules?.length > 0 ? null : queue.senders?.[0];
  return h("div", { class: "lane", key: queue.name },
    from && h("span", { class: "from" }, "from ", from),
    queueNode(queue),
    h("span", { class: "down", "aria-hidden": "true" }, "↓"),
    worker && functionNode(worker),
    dead && dead.visible > 0 && h("a", { class: "chip bad", href: address(`queues/${encodeURIComponent(dead.name)}`) }, `${dead.visible} dead letters`));
}

const queueNode = (queue) =>
  node(queue.name, `#/queues/${encodeURIComponent(queue.name)}`, "queue",
    live(queue.name, queue.visible + queue.in_flight + queue.delayed, "waiting"));
