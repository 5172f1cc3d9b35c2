// The table that DNS answers from.

import { get, put, remove } from "./api.js";
import { h } from "./dom.js";
import { act, button, chip, copy, empty, heading } from "./widgets.js";

const SET = "set a record";

export async function load() {
  const [table, added] = await Promise.all([get("/dns"), get("/events", { type: "domain.added" })]);
  const known = new Set(table.items.flatMap(({ name, texts }) => texts.map((text) => `${name} ${text}`)));
  const wanted = new Map();
  for (const { detail } of added.items) {
    const record = detail?.data?.domain?.txt_record;
    if (record && !known.has(`${record.name} ${record.value}`)) wanted.set(`${record.name} ${record.value}`, record);
  }
  return { items: table.items, wanted: [...wanted.values()] };
}

/** Sets a record beside those that the name has. */
async function add(name, text) {
  const { items } = await get("/dns");
  const texts = items.find((item) => item.name === name.toLowerCase())?.texts ?? [];
  await put("/dns/{name}", { name }, { texts: [...texts.filter((known) => known !== text), text] });
  return `${name} is set.`;
}

export function view({ items, wanted }) {
  return [
    heading("DNS", "The TXT records of this machine's internet. What is not here does not exist."),
    h("section", { class: "card", "aria-label": "Set a record" },
      h("form", { class: "filters", onsubmit: typed },
        h("label", { class: "grow" }, "Name", h("input", { name: "name", placeholder: "_gantry-challenge.example.com", autocomplete: "off", required: true })),
        h("label", { class: "grow" }, "Text", h("input", { name: "text", autocomplete: "off", required: true })),
        h("button", { type: "submit", class: "primary" }, "Set"))),
    wanted.length > 0 && h("section", null, h("h2", null, "Domains that wait for their record"),
      h("div", { class: "cards" }, wanted.map(({ name, value }) =>
        h("article", { key: `${name} ${value}`, class: "card" },
          h("p", { class: "top" }, h("strong", null, name), button(`set ${name} ${value}`, "Set it", () => add(name, value), { kind: "primary" })),
          h("p", { class: "text" }, h("code", null, value), copy(value)))))),
    h("section", null, h("h2", null, "Names"),
      items.length === 0
        ? empty("No name yet", "Add a domain to an organization; what it asks for can be set here with one click.")
        : h("div", { class: "cards" }, items.map(entry))),
  ];
}

function entry({ name, texts, alias, failure }) {
  const gone = async () => {
    await remove("/dns/{name}", { name });
    return `${name} is gone.`;
  };
  return h("article", { key: name, class: "card" },
    h("p", { class: "top" }, h("strong", null, name), failure && chip(failure, "bad"), button(`remove ${name}`, "Remove", gone, { kind: "quiet" })),
    alias && h("p", { class: "text" }, "alias of ", h("code", null, alias)),
    texts.map((text) => h("p", { key: text, class: "text" }, h("code", null, text))));
}

async function typed(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const { name, text } = Object.fromEntries(new FormData(form));
  await act(SET, () => add(name.trim(), text.trim()));
  form.reset();
}
