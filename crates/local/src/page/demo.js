// The demo company: who is in it, how to be one of them, and what else there is of it.

import { get, post, product } from "./api.js";
import { h } from "./dom.js";
import { mailAddress, secrets } from "./mails.js";
import { button, chip, copy, empty, heading, tableLink } from "./widgets.js";

const LEAD = "Two organizations, built through the API alone, as people and programs would.";
const KINDS = { owner: "good", admin: "warn" };

/** What the product said once: the keys' secrets by their names. */
let keys = {};
/** The mails that somebody was just signed in with, by address. */
const mails = new Map();

export const load = () => get("/demo");

export function view({ demo }) {
  if (!demo) {
    keys = {};
    mails.clear();
    return [
      heading("Demo company", LEAD),
      empty("Not here yet",
        h("p", null, "Members in every role, invites, API keys, single sign-on that works, and a directory to provision people in. ",
          h("code", null, "cargo dev --seed"), " builds it at the start."),
        h("p", { class: "tools start" }, button("build the demo", "Build it", build, { kind: "primary" }))),
    ];
  }
  return [
    heading("Demo company", LEAD),
    h("section", null, h("h2", null, "Organizations"), h("div", { class: "cards" }, demo.organizations.map(organization))),
    h("section", null, h("h2", null, "People"), h("div", { class: "cards" }, demo.people.map((one) => person(one, demo)))),
    h("div", { class: "columns" }, invites(demo), programs(demo)),
  ];
}

async function build() {
  const { secrets: made } = await post("/demo");
  keys = made;
  return "The demo company is built.";
}

function organization({ id, name, slug, about }) {
  return h("article", { key: id, class: "card" },
    h("p", { class: "top" }, h("strong", null, name), chip(slug)),
    h("p", { class: "muted" }, `${name} ${about}.`),
    h("p", { class: "chips" }, h("a", { class: "chip", href: tableLink(id) }, id), copy(id)));
}

function person({ name, email, roles, came_by_sso: cameBySso }, { domain }) {
  const first = name.split(" ")[0];
  return h("article", { key: email, class: "card" },
    h("p", { class: "top" }, h("strong", null, name), cameBySso && chip("came by single sign-on")),
    h("p", null, h("code", null, email), " ", copy(email)),
    h("p", { class: "chips" }, Object.entries(roles).map(([slug, role]) => chip(`${role} of ${slug}`, KINDS[role] ?? ""))),
    h("p", { class: "tools start" },
      button(`sign in as ${email}`, `Sign in as ${first}`, () => signIn(email, first)),
      h("a", {
        class: "button", href: `/_local/app/sign-in?email=${encodeURIComponent(email)}`, target: "_blank",
        title: email.endsWith(`@${domain}`) ? "Every way, also that of the organization's identity provider" : "Every way",
      }, "Sign-in page")),
    mails.has(email) && proof(mails.get(email)));
}

/** Asks for the mail that signs somebody in, and shows what is in it. */
async function signIn(email, first) {
  const exchange = await product("POST", "/v1/auth/magic-links", { body: { email } });
  if (!exchange.ok) throw new Error(exchange.answer?.detail ?? String(exchange.answer));
  await post("/drain");
  const { items } = await get("/mails", { to: email });
  const mail = items.find((one) => secrets(one).code);
  if (!mail) throw new Error("No mail came. Look at Functions and Queues for what went wrong.");
  mails.set(email, mail);
  return `${first} has a mail.`;
}

function proof(mail) {
  const { code, link } = secrets(mail);
  return h("div", { class: "secrets" },
    h("div", null, h("a", { class: "button", href: link, target: "_blank", rel: "noopener" }, "Open the link of the mail"), copy(link)),
    h("div", null, h("span", { class: "label" }, "Code"), h("output", { class: "digits" }, code), copy(code)),
    h("p", null, h("a", { href: mailAddress(mail) }, "See the mail")));
}

function invites({ invited, invite_link: link }) {
  return h("section", null, h("h2", null, "Invited"),
    h("div", { class: "card" },
      invited.map(({ email, role }) => h("p", { key: email, class: "top" }, h("code", null, email), chip(role))),
      h("p", { class: "tools start" },
        h("a", { class: "button", href: link, target: "_blank", rel: "noopener" }, "A link for anybody"), copy(link))));
}

function programs({ keys: known, scim_token: token }) {
  const kind = (name, what) => h("p", { class: "top" }, h("strong", null, name), h("span", { class: "muted" }, what));
  const secret = (text) => h("p", null, h("code", null, text), " ", copy(text));
  return h("section", null, h("h2", null, "Programs"),
    h("div", { class: "card" },
      known.map(({ name, scopes }) => [
        kind(name, "API key"),
        h("p", { class: "chips" }, scopes.map((scope) => chip(scope))),
        keys[name] ? secret(keys[name]) : h("p", { class: "muted" }, "Its secret was shown when it was made."),
      ]),
      kind("An identity provider", "SCIM token"),
      secret(token),
      h("p", { class: "tools start" }, h("a", { class: "button", href: "#/scim" }, "Provision people with it"))));
}
