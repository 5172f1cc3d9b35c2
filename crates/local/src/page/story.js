// The product's first minutes, one request after the other, with every request and answer shown.

import { get, post, product } from "./api.js";
import { h } from "./dom.js";
import { mailAddress, secrets } from "./mails.js";
import { act, chip, copy, isPending, json, page, tableLink } from "./widgets.js";

const NAME = "story";
let input = { email: "ada@example.com", organization: "Acme" };
let known = {};
let exchanges = [];
let isAdvancing = false;

const STEPS = [
  { title: "Ask for a magic link", run: ask },
  { title: "Find the code in the mail", run: findMail },
  { title: "Sign in with the code", run: signIn },
  { title: "Create an organization", run: create },
  { title: "Switch the session into it", run: switchTo },
  { title: "See its free trial", run: trial },
];

/** Begins anew, as after a reset nothing of it is there any more. */
export function forget() {
  known = {};
  exchanges = [];
}

async function ask() {
  known = {};
  const exchange = await product("POST", "/v1/auth/magic-links", { body: { email: input.email } });
  known.browserToken = exchange.answer?.browser_token;
  return exchange;
}

async function findMail() {
  await post("/drain");
  const { items } = await get("/mails", { to: input.email });
  const mail = items.find((each) => secrets(each).code);
  const exchange = { method: "GET", path: `/_local/api/mails?to=${encodeURIComponent(input.email)}`, status: 200, ok: Boolean(mail) };
  if (!mail) return { ...exchange, answer: "There is no mail with a code. Look at Functions and Queues for what went wrong." };
  known.mail = mail;
  known.code = secrets(mail).code;
  return { ...exchange, answer: { subject: mail.subject, to: mail.to, code: known.code, link: secrets(mail).link } };
}

async function signIn() {
  const body = { email: input.email, code: known.code, browser_token: known.browserToken };
  const exchange = await product("POST", "/v1/auth/magic-links/verify", { body });
  known.token = exchange.answer?.tokens?.access_token;
  return exchange;
}

/** A name in URLs that nobody has yet, as far as four random characters can say. */
function slug(name) {
  const plain = name.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 30).replace(/-+$/, "") || "org";
  return `${plain}-${Math.random().toString(36).slice(2, 6).padEnd(4, "0")}`;
}

async function create() {
  known.slug ??= slug(input.organization);
  known.key ??= crypto.randomUUID();
  const exchange = await product("POST", "/v1/orgs", {
    body: { name: input.organization, slug: known.slug }, token: known.token, headers: { "idempotency-key": known.key },
  });
  known.organization = exchange.answer?.id;
  return exchange;
}

async function switchTo() {
  const exchange = await product("POST", "/v1/auth/switch-org", { body: { org_id: known.organization }, token: known.token });
  known.token = exchange.answer?.tokens?.access_token ?? known.token;
  return exchange;
}

function trial() {
  return product("GET", "/v1/billing/subscription", { token: known.token });
}

/** Signs the one of the story in again, as after days; gives the access token. */
export async function signInAgain() {
  const { organization } = known;
  try {
    for (const run of [ask, findMail, signIn]) {
      const { ok, method, path, status } = await run();
      if (!ok) throw new Error(`${method} ${path} answered ${status}.`);
    }
  } finally {
    known.organization = organization;
  }
  await switchTo();
  return known.token;
}

/** Whose story it is: the address, and the organization's id once there is one. */
export const whose = () => ({ email: input.email, organization: exchanges.length === STEPS.length && known.organization });

/** Runs the next step, or all that are left, until one fails. */
async function advance(all) {
  isAdvancing = all;
  if (exchanges.length === STEPS.length) exchanges = [];
  if (exchanges.at(-1)?.ok === false) exchanges.pop();
  do {
    const exchange = await STEPS[exchanges.length].run();
    exchanges = [...exchanges, exchange];
    page.redraw();
    if (!exchange.ok) break;
  } while (all && exchanges.length < STEPS.length);
  isAdvancing = false;
  return exchanges.length === STEPS.length && exchanges.at(-1).ok ? "The story is complete." : null;
}

/** The panel. */
export function story() {
  const isRunning = isPending(NAME);
  const hasFailed = exchanges.at(-1)?.ok === false;
  const isDone = exchanges.length === STEPS.length && !hasFailed;
  const field = (name, label, type) => h("label", { class: "grow" }, label, h("input", {
    type, required: true, value: input[name], disabled: isRunning || (exchanges.length > 0 && !isDone && !hasFailed),
    autocomplete: "off", oninput: (event) => { input = { ...input, [name]: event.currentTarget.value }; },
  }));
  const submit = (event) => {
    event.preventDefault();
    act(NAME, () => advance(event.submitter?.value !== "one"));
  };
  const begin = () => {
    exchanges = [];
    known = {};
    page.redraw();
  };
  return h("section", { "aria-labelledby": "story", "aria-busy": String(isRunning) },
    h("h2", { id: "story" }, "Walk the story"),
    h("form", { class: "card", onsubmit: submit },
      h("div", { class: "filters" }, field("email", "Your address, any will do", "email"), field("organization", "Organization", "text")),
      h("div", { class: "tools start" },
        h("button", { class: "primary", value: "all", disabled: isRunning }, isRunning && isAdvancing ? "Walking …" : isDone ? "Walk it again" : hasFailed ? "Try again" : exchanges.length > 0 ? "Walk the rest" : "Walk it all"),
        !isDone && h("button", { value: "one", disabled: isRunning }, "Only the next step"),
        exchanges.length > 0 && h("button", { type: "button", class: "quiet", disabled: isRunning, onclick: begin }, "Begin anew"))),
    steps(STEPS, exchanges, gist),
    isDone && afterwards());
}

/** The steps of a walk, each with its request and answer. */
export const steps = (all, exchanges, gist) => h("ol", { class: "steps" }, all.map((one, index) => step(one, index, exchanges, gist)));

function step({ title }, index, exchanges, gist) {
  const exchange = exchanges[index];
  const state = exchange ? (exchange.ok ? "done" : "failed") : index === exchanges.length ? "next" : "later";
  return h("li", { class: state, key: title },
    h("p", { class: "top" }, h("strong", null, title),
      exchange && chip(exchange.status || "no answer", exchange.ok ? "good" : "bad")),
    exchange && h("details", { key: "exchange", class: "exchange", open: !exchange.ok },
      h("summary", null, h("code", null, `${exchange.method} ${exchange.path}`), gist(index)),
      exchange.body !== undefined && [h("h3", null, "Request"), json(exchange.body, { label: "Request" })],
      h("h3", null, "Answer"), json(exchange.answer, { label: "Answer", link: tableLink }),
      exchange.correlationId && h("p", null, h("a", { href: `#/events?correlation=${encodeURIComponent(exchange.correlationId)}` }, "Events of this request"))));
}

function gist(index) {
  const answer = exchanges[index].answer;
  if (!exchanges[index].ok) return null;
  const text = [
    () => `a link and a code, for ${Math.round(answer.expires_in / 60)} minutes`,
    () => `the code is ${answer.code}`,
    () => `signed in as ${answer.tokens?.user_id}`,
    () => `${answer.name} is ${answer.id}`,
    () => "the tokens are of this organization now",
    () => `access is ${answer.access.level}, the trial ends on ${answer.trial.trial_ends_at.slice(0, 10)}`,
  ][index];
  return h("span", { class: "muted" }, text());
}

function afterwards() {
  return h("div", { class: "card" },
    h("p", null, h("strong", null, "What now?")),
    h("ul", null,
      h("li", null, "Walk the life of its subscription, below; or ", h("a", { href: "#/clock" }, "move the clock"), " yourself."),
      h("li", null, h("a", { href: "#/stripe" }, "Let it subscribe"), ", its payment fail, and so on."),
      known.mail && h("li", null, h("a", { href: mailAddress(known.mail) }, "See the mail"), " as it would have arrived."),
      h("li", null, "Use its access token in a terminal: ", copy(known.token ?? "", "Copy the token"))));
}
