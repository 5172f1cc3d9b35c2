// A SCIM client with buttons: what an identity provider sends when its administrator changes somebody.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { address, button, chip, count, empty, heading, json, list, row, tableLink } from "./widgets.js";

const ACTIONS = [
  ["provision", "Provision", "Makes the user, or brings the one that is there up to date", "primary"],
  ["title", "Change title", "Says the title that is above"],
  ["join", "Put into group", "Makes the group where there is none"],
  ["leave", "Take out of group", "Takes the user out of the group that is above"],
  ["deactivate", "Deactivate", "Ends the membership, with its sessions and keys"],
  ["activate", "Activate", "Lets the person in again"],
  ["delete", "Delete", "Deletes the user of the directory, and ends the membership", "danger"],
];
const MOST = 100;

let typed = { token: "", user_name: "dana@acme.example", name: "Dana Fischer", title: "Account manager", group: "Administrators" };
let exchanges = [];
let sequence = 0;
/** Users as answers showed them last, and what groups are called, by their ids. */
const users = new Map();
const groups = new Map();

/** Forgets what was sent, as after a reset nothing of it is there any more. */
export function forget() {
  exchanges = [];
  users.clear();
  groups.clear();
}

export const load = () => get("/demo");

export function view({ demo }) {
  return [
    heading("SCIM", "Keeps the directory of an organization as an identity provider does, with real requests to the product. " +
      "People with an address of a verified domain are members as soon as the directory has them."),
    client(demo),
    h("section", null, h("h2", null, "Users of the directory, as answers showed them last"), directory()),
    h("section", null, h("h2", null, "Requests"),
      exchanges.length === 0
        ? empty("No request yet", "Each button above sends one or more.")
        : list("scim requests", exchanges, exchange)),
  ];
}

function client(demo) {
  const field = (name, label, properties) => h("label", { class: "grow" }, label, h("input", {
    value: typed[name], autocomplete: "off", ...properties,
    oninput: (event) => { typed = { ...typed, [name]: event.currentTarget.value }; },
  }));
  const hint = demo ? "the demo's, unless another is pasted here" : "gs_… of an organization";
  return h("section", { class: "card", "aria-label": "Change somebody" },
    h("div", { class: "filters" },
      field("user_name", "Address", { type: "email" }), field("name", "Name"), field("title", "Title"),
      field("group", "Group", demo && { title: `Members of ${demo.admin_group} are admins` })),
    h("div", { class: "filters" }, field("token", "Token", { placeholder: hint, spellcheck: "false" })),
    h("div", { class: "tools start" },
      ACTIONS.map(([action, label, title, kind]) => button(`scim ${action}`, label, () => run(action, label), { title, kind })),
      button("scim list", "Read the directory", () => run("list", "Read the directory"), { kind: "quiet" })),
    !demo && h("p", { class: "muted" }, "There is no token here yet. ", h("a", { href: "#/demo" }, "Build the demo company"), ", which has one."));
}

async function run(action, label) {
  const { exchanges: sent, problem } = await post("/scim/{action}", { action }, typed);
  for (const one of sent) {
    learn(one);
    sequence += 1;
    exchanges = [{ ...one, key: `scim ${sequence}` }, ...exchanges].slice(0, MOST);
  }
  if (problem) throw new Error(`${label}: ${problem}`);
  return `${label}: ${count(sent.length, "request")} sent.`;
}

/** Takes over what an answer says of users and groups. */
function learn({ method, path, status, answer }) {
  if (status >= 300) return;
  if (method === "DELETE") users.delete(path.split("/").at(-1));
  for (const one of answer?.Resources ?? [answer]) {
    if (one?.meta?.resourceType === "User") users.set(one.id, one);
    if (one?.meta?.resourceType === "Group") groups.set(one.id, one.displayName);
  }
}

function directory() {
  if (users.size === 0) return empty("Nobody yet", "Provision somebody, or read the directory.");
  return h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, ["User", "Name", "Title", "Groups", "State"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", null, [...users.values()].map((user) => h("tr", { key: user.id },
      h("th", { scope: "row" }, user.userName),
      h("td", null, user.displayName ?? ""),
      h("td", null, user.title ?? ""),
      h("td", null, (user.groups ?? []).map(({ value }) => chip(groups.get(value) ?? value))),
      h("td", null, user.active ? chip("active", "good") : chip("inactive", "bad")))))));
}

function exchange({ key, method, path, body, status, answer, correlation_id: correlation }) {
  return row(key, [h("strong", null, method), h("code", { class: "grow clip" }, decodeURIComponent(path)), chip(status, status < 300 ? "good" : "bad")],
    () => h("div", { class: "exchange" },
      body !== null && [h("h3", null, "Request"), json(body, { label: "Request" })],
      h("h3", null, "Answer"), json(answer, { label: "Answer", link: tableLink }),
      correlation && h("p", null, h("a", { href: address("events", { correlation }) }, "Events of this request"))));
}
