// The virtual clock: time moves on demand, and everything that is due on the way happens.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { mailAddress } from "./mails.js";
import { act, address, button, chip, count, empty, heading, isPending, page, row, json, span, tableLink, time } from "./widgets.js";

const STEPS = ["1h", "1d", "3d", "15d"];
const JUMP = "move the clock";
let journey = null;

export async function load() {
  const clock = await get("/clock");
  if (!journey) return { clock, news: [] };
  const [events, mails, calls] = await Promise.all([get("/events"), get("/mails"), get("/invocations")]);
  const isNew = (kind) => (item) => !journey.known.has(`${kind} ${item.id}`);
  const news = [
    ...events.items.filter(isNew("event")).map((item) => ({ kind: "event", at: item.at, item })),
    ...mails.items.filter(isNew("mail")).map((item) => ({ kind: "mail", at: item.at, item })),
    ...calls.items.filter(isNew("call")).filter((item) => item.function.startsWith("cron-")).map((item) => ({ kind: "call", at: item.at, item })),
  ];
  return { clock, news: news.sort((left, right) => left.at.localeCompare(right.at)) };
}

/** What was there before, so that what comes on the way can be told from it. */
async function before() {
  const [events, mails, calls] = await Promise.all([get("/events"), get("/mails"), get("/invocations")]);
  const names = (kind, { items }) => items.map(({ id }) => `${kind} ${id}`);
  return new Set([...names("event", events), ...names("mail", mails), ...names("call", calls)]);
}

async function move(advance) {
  const last = journey;
  journey = { advance, known: await before(), result: null };
  page.refresh();
  try {
    journey.result = await post("/clock", {}, { advance });
  } catch (error) {
    // What was refused was no journey.
    journey = last;
    throw error;
  }
  return `It is ${new Date(journey.result.now).toLocaleString()} now.`;
}

export function view({ clock, news }) {
  const now = new Date(page.status?.clock.now ?? clock.now);
  const isMoving = isPending(JUMP);
  return [
    heading("Clock", "Everything here lives on this time: trials, tokens, links, schedules, retries. It only moves forward; Reset sets it back."),
    h("section", { class: "card clock", "aria-label": "The virtual clock" },
      h("div", null,
        h("p", { class: "face" }, h("time", { datetime: clock.now }, now.toLocaleTimeString(undefined, { hour12: false }))),
        h("p", { class: "date" }, now.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" })),
        h("p", { class: "muted" }, clock.offset_seconds === 0 ? "As this machine's clock." : `${span(clock.offset_seconds)} against this machine's clock.`)),
      h("div", { class: "levers" },
        h("div", { class: "tools start" }, STEPS.map((step) => button(JUMP, `+${step}`, () => move(step), { kind: step === "15d" ? "primary" : "" }))),
        h("form", { class: "filters", onsubmit: typed },
          h("label", { class: "grow" }, "Another duration",
            h("input", { name: "advance", placeholder: "36h, 90m, 2w 1d", autocomplete: "off", required: true })),
          h("button", { type: "submit", disabled: isMoving }, "Move")))),
    journey && travel(isMoving, news),
    !journey && empty("Watch a trial end",
      "Create an organization (", h("a", { href: "#/overview" }, "walk the story"), "), then move by 15 days: reminders at 7, 3 and 1 days and the end arrive as ",
      h("a", { href: "#/mails" }, "mails"), ", each at its own time."),
  ];
}

async function typed(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const advance = new FormData(form).get("advance").trim();
  await act(JUMP, () => move(advance));
  form.reset();
}

function travel(isMoving, news) {
  const { result, advance } = journey;
  return h("section", { "aria-labelledby": "travel", "aria-busy": String(isMoving) },
    h("h2", { id: "travel" }, isMoving ? `Moving by ${advance} …` : `What happened during ${advance}`),
    isMoving && h("progress", { "aria-label": "Moving" }),
    result && h("p", { class: "chips" },
      chip(count(result.schedules_run, "scheduled run")), chip(count(result.events_published, "event"), result.events_published > 0 ? "good" : ""),
      result.idle === false && chip("something is still running", "warn")),
    news.length === 0
      ? !isMoving && empty("Nothing was due", "No trial ended and no mail was sent in this time.")
      : h("div", { class: "rows timeline" }, condensed(news).map(happening)));
}

/** Runs of a schedule one after the other that led to nothing become one line. */
function condensed(news) {
  const lines = [];
  for (const each of news) {
    const previous = lines.at(-1);
    const isPlain = each.kind === "call" && !each.item.error;
    if (isPlain && previous?.kind === "call" && previous.item.function === each.item.function && !previous.item.error) {
      previous.times += 1;
      previous.until = each.at;
    } else lines.push({ ...each, times: 1, until: each.at });
  }
  return lines;
}

function happening({ kind, at, item, times, until }) {
  if (kind === "mail") {
    return row(`news ${item.id}`, [time(at), chip("mail", "good"), h("strong", { class: "grow" }, item.subject), h("span", { class: "muted clip" }, item.to.join(", "))],
      () => h("p", null, h("a", { href: mailAddress(item) }, "Open the mail")));
  }
  if (kind === "event") {
    return row(`news ${item.id}`, [time(at), chip("event"), h("strong", { class: "grow" }, item.detail_type), h("code", { class: "short muted" }, item.detail?.org_id ?? "")],
      () => [h("p", null, h("a", { href: address("events", { type: item.detail_type }) }, "All events of this type")), json(item.detail, { link: tableLink })]);
  }
  return row(`news ${item.id}`,
    [time(at), chip("run", item.error ? "bad" : ""), h("span", { class: "grow muted" }, item.function, times > 1 && [` ${times} times, until `, time(until)])],
    () => (item.error ? h("p", { class: "problem" }, item.error) : json(item.answer, { label: "Answer of the first run" })));
}
