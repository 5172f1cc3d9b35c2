// The frame around the views: bar, navigation, and the pulse that keeps everything up to date.

import { get, post } from "./api.js";
import { h, render } from "./dom.js";
import { button, confirmed, copy, page, span, time } from "./widgets.js";
import * as clock from "./clock.js";
import * as demo from "./demo.js";
import * as dns from "./dns.js";
import * as events from "./events.js";
import * as functions from "./functions.js";
import * as mails from "./mails.js";
import * as messages from "./messages.js";
import * as overview from "./overview.js";
import * as pushes from "./pushes.js";
import * as queues from "./queues.js";
import * as schedules from "./schedules.js";
import * as scim from "./scim.js";
import * as stripe from "./stripe.js";
import * as table from "./table.js";
import { forget } from "./story.js";

const GROUPS = [
  ["", [["overview", "Overview", overview], ["demo", "Demo company", demo]]],
  ["Went out", [["mails", "Mails", mails], ["sms", "SMS", messages], ["pushes", "Pushes", pushes]]],
  ["Happened", [
    ["events", "Events", events], ["queues", "Queues", queues], ["functions", "Functions", functions], ["table", "Table", table],
  ]],
  ["Levers", [
    ["clock", "Clock", clock], ["schedules", "Schedules", schedules], ["stripe", "Stripe", stripe], ["scim", "SCIM", scim], ["dns", "DNS", dns],
  ]],
];
const VIEWS = new Map(GROUPS.flatMap(([, views]) => views).map(([name, title, view]) => [name, { title, view }]));
const PULSE = 1000;
/** What changes without the cloud knowing, such as items written from outside, is looked for this often. */
const RELOAD = 5000;

const seen = new Map();
let route = read(location.hash);
let data = null;
let failure = null;
let loaded = { mark: "", at: 0 };
let running = null;

function read(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decodeURIComponent);
  const known = VIEWS.has(name) ? name : "overview";
  return { name: known, rest, query: new URLSearchParams(query), hash };
}

/** Changes whenever something happened that a view may show. The time alone is nothing new. */
function mark(status) {
  const { clock: { now: _, ...rest }, ...others } = status;
  return JSON.stringify([route.hash, rest, others]);
}

async function load(force) {
  const wanted = route;
  try {
    const status = await get("/status");
    const fresh = mark(status);
    const due = performance.now() - loaded.at > RELOAD;
    if (force || due || fresh !== loaded.mark || data === null) {
      const next = await VIEWS.get(wanted.name).view.load(wanted);
      if (wanted !== route) return;
      data = next;
      loaded = { mark: fresh, at: performance.now() };
    }
    page.status = status;
    failure = null;
  } catch (problem) {
    failure = problem.message;
  }
  draw();
}

/** One load at a time; who asks meanwhile gets another one after it. */
function refresh() {
  running = (running ?? Promise.resolve()).then(() => load(true));
  return running;
}

async function pulse() {
  if (!document.hidden) await (running = (running ?? Promise.resolve()).then(() => load(false)));
  setTimeout(pulse, PULSE);
}

function counts(status) {
  const numbers = status?.counts ?? {};
  return {
    mails: numbers.mails, sms: numbers.messages, pushes: numbers.pushes, events: numbers.events,
    queues: numbers.waiting, functions: status?.functions.reduce((sum, each) => sum + each.invocations, 0),
  };
}

function bar() {
  const { status } = page;
  const offset = status?.clock.offset_seconds ?? 0;
  return [
    h("a", { class: "brand", href: "#/overview" },
      h("img", { src: "/_local/page/icon.svg", alt: "", width: "24", height: "24" }), "Gantry ", h("span", null, "local")),
    status && h("a", { class: "now", href: "#/clock", title: "The virtual clock" },
      offset !== 0 && new Date(status.clock.now).toLocaleDateString(undefined, { day: "numeric", month: "short" }),
      time(status.clock.now), offset !== 0 && h("span", { class: "chip warn" }, span(offset))),
    status && h("span", { class: `state ${failure ? "bad" : status.busy ? "busy" : ""}` },
      failure ? "not answering" : status.busy ? "working" : "idle"),
    h("span", { class: "spring" }),
    status && h("span", { class: "url" }, h("code", null, status.urls.api), copy(status.urls.api)),
    status && button("reset", "Reset", reset, { kind: "quiet", title: "Empty table, queues, captures and clock" }),
  ];
}

async function reset() {
  if (!(await confirmed("Empty the table, the queues, everything captured, and set the clock back?", "Empty everything"))) return null;
  await post("/reset");
  forget();
  scim.forget();
  return "Everything is empty.";
}

function navigation() {
  const numbers = counts(page.status);
  const dead = page.status?.counts?.dead_letters ?? 0;
  seen.set(route.name, numbers[route.name]);
  const link = ([name, title]) => {
    const number = numbers[name];
    const isNew = seen.has(name) && number > seen.get(name);
    if (!seen.has(name) && number !== undefined) seen.set(name, number);
    return h("li", null, h("a", { href: `#/${name}`, "aria-current": name === route.name ? "page" : undefined },
      h("span", null, title),
      name === "queues" && dead > 0 && h("span", { class: "chip bad", title: "Dead letters" }, `${dead} dead`),
      number > 0 && h("span", { class: `number ${isNew ? "new" : ""}` }, number.toLocaleString(),
        isNew && h("span", { class: "hidden" }, " (new)"))));
  };
  return GROUPS.map(([title, views]) =>
    h("div", { class: "group" }, title && h("h2", null, title), h("ul", null, views.map(link))));
}

function draw() {
  const { title, view } = VIEWS.get(route.name);
  document.title = `${title} · Gantry, locally`;
  render(document.getElementById("bar"), bar());
  render(document.getElementById("navigation"), navigation());
  render(document.getElementById("content"),
    failure && h("p", { class: "problem", role: "alert" }, failure, " This page tries again by itself."),
    h("div", { key: route.name, class: "view" },
      data === null ? !failure && h("p", { class: "muted" }, "Loading …") : view.view(data, route)));
}

function announce(text, isBad = false) {
  const line = document.createElement("p");
  line.textContent = text;
  line.className = isBad ? "bad" : "";
  line.onclick = () => line.remove();
  document.getElementById("announcements").append(line);
  setTimeout(() => line.remove(), isBad ? 12000 : 3500);
}

/** Arrow keys go through the entries of navigation and lists, from the one that has the focus. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const entries = "nav a, .rows > details > summary, .entries a";
  if (!step || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(entries)) return;
  const group = event.target.closest("nav, .rows, .entries");
  const all = [...group.querySelectorAll(entries)].filter((entry) => entry.closest("nav, .rows, .entries") === group);
  all[all.indexOf(event.target) + step]?.focus();
  event.preventDefault();
}

function go() {
  const from = route;
  route = read(location.hash);
  if (from.name !== route.name) {
    data = null;
    window.scrollTo(0, 0);
  }
  draw();
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  refresh();
}

page.redraw = draw;
page.refresh = refresh;
page.announce = announce;
window.addEventListener("hashchange", go);
document.addEventListener("keydown", walk);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
draw();
pulse();
