// What the views are put together from.

import { parsed } from "./api.js";
import { h } from "./dom.js";

const open = new Set();
const more = new Map();
const pending = new Set();
const PAGE = 100;

/** What the page itself gives to the views: set once at the start. */
export const page = { redraw() {}, refresh() {}, announce() {}, status: null };

/** An address of a view: `#/events?type=…`. */
export function address(view, query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return `#/${view}${parameters.size > 0 ? `?${parameters}` : ""}`;
}

/** Runs what a button stands for: only once at a time, and failures are said. */
export async function act(name, work) {
  if (pending.has(name)) return;
  pending.add(name);
  page.redraw();
  try {
    const said = await work();
    if (said) page.announce(said);
  } catch (failure) {
    page.announce(failure.message, true);
  } finally {
    pending.delete(name);
    await page.refresh();
  }
}

/** Whether a button's work is going on. */
export const isPending = (name) => pending.has(name);

/** A button that runs `work`; `name` must be its own on the page. */
export function button(name, label, work, { kind = "", disabled = false, title } = {}) {
  const busy = pending.has(name);
  return h(
    "button",
    {
      type: "button", class: kind, disabled: disabled || busy, title, "aria-busy": busy ? "true" : undefined,
      onclick: () => act(name, work),
    },
    label,
  );
}

/** A button that copies `text`. */
export function copy(text, what = "Copy") {
  const done = async (event) => {
    const own = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      own.classList.add("copied");
      page.announce("Copied");
      setTimeout(() => own.classList.remove("copied"), 1500);
    } catch {
      page.announce("The browser did not allow copying; select the text instead.", true);
    }
  };
  return h("button", { type: "button", class: "copy", title: "Copy to the clipboard", onclick: done }, what);
}

/** Asks before something cannot be taken back. */
export function confirmed(question, yes) {
  const dialog = document.getElementById("confirmation");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

const two = (number) => String(number).padStart(2, "0");

/** A point in time: the time of day, with the date when it is not the virtual clock's. */
export function time(at) {
  if (!at) return h("span", { class: "muted" }, "never");
  const moment = new Date(at);
  const clock = `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
  const today = page.status ? new Date(page.status.clock.now) : new Date();
  const day = moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const year = moment.getFullYear() === today.getFullYear() ? "" : ` ${moment.getFullYear()}`;
  const text = moment.toDateString() === today.toDateString() ? clock : `${day}${year} ${clock.slice(0, 5)}`;
  return h("time", { datetime: at, title: at }, text);
}

/** Seconds as `15 d 3 h`. */
export function span(seconds) {
  const sign = seconds < 0 ? "−" : "+";
  const whole = Math.abs(Math.round(seconds));
  // Nobody counts the seconds of hours.
  let rest = whole > 3600 ? Math.round(whole / 60) * 60 : whole;
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return parts.length > 0 ? `${sign}${parts.slice(0, 2).join(" ")}` : "0 s";
}

/** A number with its noun. */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

/** A page's title and what belongs beside it. */
export const heading = (title, lead, ...tools) =>
  h("header", { class: "heading" },
    h("div", null, h("h1", null, title), lead && h("p", { class: "muted" }, lead)),
    tools.length > 0 && h("div", { class: "tools" }, tools));

/** What is shown where nothing is yet, and what to do so that something is. */
export const empty = (title, ...body) => h("div", { class: "empty" }, h("p", { class: "title" }, title), h("div", null, body));

/** A small label. */
export const chip = (text, kind = "", properties = {}) => h("span", { class: `chip ${kind}`, ...properties }, text);

/** A small label that leads somewhere. */
export const chipLink = (text, href, title) => h("a", { class: "chip", href, title }, text);

/** A row that opens. Its inside is made only while it is open. */
export function row(key, summary, inside) {
  const isOpen = open.has(key);
  const toggle = (event) => {
    const changed = event.currentTarget.open !== open.has(key);
    if (event.currentTarget.open) open.add(key);
    else open.delete(key);
    if (changed) page.redraw();
  };
  return h("details", { key, class: "row", open: isOpen, ontoggle: toggle },
    h("summary", null, summary), isOpen && h("div", { class: "inside" }, inside()));
}

/** A list that begins with its first hundred items. */
export function list(name, items, describe) {
  const shown = more.get(name) ?? PAGE;
  const showMore = () => {
    more.set(name, shown + PAGE);
    page.redraw();
  };
  return [
    h("div", { class: "rows" }, items.slice(0, shown).map(describe)),
    items.length > shown &&
      h("button", { type: "button", class: "more", onclick: showMore }, `Show more (${items.length - shown} left)`),
  ];
}

/** Opens strings that are JSON themselves, as in messages of queues. */
function unfolded(value) {
  if (typeof value === "string" && /^\s*[{[]/.test(value)) {
    const inner = parsed(value);
    return inner === undefined ? value : unfolded(inner);
  }
  if (Array.isArray(value)) return value.map(unfolded);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unfolded(inner)]));
  }
  return value;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;

/** JSON with colours; `link` may turn a string into an address. JSON inside of strings is shown as JSON. */
export function json(value, { label = "JSON", link } = {}) {
  const text = JSON.stringify(unfolded(value), null, 2) ?? "null";
  return h("div", { class: "code" },
    copy(typeof value === "string" ? value : JSON.stringify(value, null, 2)),
    h("pre", { memo: text, tabindex: "0", role: "region", "aria-label": label }, coloured(text, link)));
}

function coloured(text, link) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [whole, string, colon] = match;
    if (colon) parts.push(h("span", { class: "name" }, string), colon);
    else if (string) {
      const href = link?.(parsed(string));
      parts.push(href ? h("a", { href }, string) : h("span", { class: "string" }, string));
    } else parts.push(h("span", { class: "literal" }, whole));
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** Plain text that can be copied. */
export const plain = (text, label) =>
  h("div", { class: "code" }, copy(text),
    h("pre", { memo: text, class: "wrapped", tabindex: "0", role: "region", "aria-label": label }, text));

const OWNERS = { usr: "USER", org: "ORG", lgn: "LOGIN" };

/** Where in the table something is: partition keys, and ids that begin one. */
export function tableLink(value) {
  if (typeof value !== "string") return null;
  if (/^[A-Z_]+#\S+$/.test(value) || value === "SIGNING_KEYS") return address("table", { pk: value });
  const owner = OWNERS[/^([a-z]+)_[0-9a-z]+$/.exec(value)?.[1]];
  return owner ? address("table", { pk: `${owner}#${value}` }) : null;
}

/** A group of buttons of which one is chosen. */
export const choice = (label, options, chosen, choose) =>
  h("div", { class: "choice", role: "group", "aria-label": label },
    options.map(([value, text]) =>
      h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => choose(value) }, text)));
