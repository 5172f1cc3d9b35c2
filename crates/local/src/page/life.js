// What becomes of the organization of the story: months of its subscription, in less than a minute.

import { get, post, product } from "./api.js";
import { h } from "./dom.js";
import { signInAgain, steps, whose } from "./story.js";
import { act, isPending, page } from "./widgets.js";

const NAME = "life";
let exchanges = [];
let of = null;

const passes = (advance) => () => post("/clock", {}, { advance, by_days: true });
const stripe = (action) => () => post("/stripe/{action}", { action }, { org_id: of });

const STEPS = [
  { title: "15 days pass: the trial runs out", run: passes("15d") },
  { title: "It subscribes", run: stripe("subscribe") },
  { title: "The card fails", run: stripe("payment_failed") },
  { title: "Three weeks pass, and nobody pays", run: passes("22d") },
  { title: "It is paid", run: stripe("paid") },
  { title: "It is cancelled", run: stripe("cancel") },
  { title: "Seven weeks pass", run: passes("49d") },
];

async function subjects(email) {
  await post("/drain");
  const { items } = await get("/mails", { to: email });
  return items.map(({ id, subject }) => ({ id, subject })).reverse();
}

/** Does one thing, and looks at what the organization may use then, and what its owner was told. */
async function next({ run }) {
  const { email } = whose();
  const before = new Set((await subjects(email)).map(({ id }) => id));
  await run();
  const told = (await subjects(email)).filter(({ id }) => !before.has(id)).map(({ subject }) => subject);
  const token = await signInAgain();
  return { ...await product("GET", "/v1/billing/subscription", { token }), told };
}

async function walk() {
  const { organization } = whose();
  if (of !== organization || exchanges.length === STEPS.length) exchanges = [];
  of = organization;
  for (const step of STEPS.slice(exchanges.length)) {
    const exchange = await next(step);
    exchanges = [...exchanges, exchange];
    page.redraw();
    if (!exchange.ok) throw new Error(`${exchange.method} ${exchange.path} answered ${exchange.status}.`);
  }
  return "Its life is over. What it made can still be exported.";
}

function gist(index) {
  const { answer, told, ok } = exchanges[index];
  if (!ok) return null;
  return h("span", { class: "muted" }, `access is ${answer.access.level}`, told.length > 0 && `; told: ${told.join(" · ")}`);
}

/** The panel, where the story has been walked. */
export function life() {
  const isRunning = isPending(NAME);
  if (!whose().organization && !isRunning) return null;
  return h("section", { "aria-labelledby": "life", "aria-busy": String(isRunning) },
    h("h2", { id: "life" }, "The life of its subscription"),
    h("p", { class: "tools start" },
      h("button", { type: "button", class: "primary", disabled: isRunning, onclick: () => act(NAME, walk) },
        isRunning ? "Time passes …" : exchanges.length === STEPS.length ? "Live it again" : "Live it")),
    steps(STEPS, of === whose().organization || isRunning ? exchanges : [], gist));
}
