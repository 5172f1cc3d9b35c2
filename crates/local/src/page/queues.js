// Queues, their messages, and what was given up.

import { get, post, remove } from "./api.js";
import { h } from "./dom.js";
import { button, chip, confirmed, count, empty, heading, json, list, row, tableLink, time } from "./widgets.js";

export async function load(route) {
  const [{ items: queues }, { items: dead }] = await Promise.all([get("/queues"), get("/dead-letters")]);
  const name = route.rest[0];
  const messages = queues.some((queue) => queue.name === name) ? (await get("/queues/{name}/messages", { name })).items : [];
  return { queues, dead, messages };
}

export function view({ queues, dead, messages }, route) {
  const chosen = queues.find((queue) => queue.name === route.rest[0]);
  return [
    heading("Queues", "Messages that wait, and dead letters. Messages of a working queue pass faster than one can look."),
    h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null,
        h("th", { scope: "col" }, "Queue"), h("th", { scope: "col" }, "Worker"), h("th", { scope: "col", class: "right" }, "Visible"),
        h("th", { scope: "col", class: "right" }, "In flight"), h("th", { scope: "col", class: "right" }, "Delayed"),
        h("th", { scope: "col" }, h("span", { class: "hidden" }, "Actions")))),
      h("tbody", null, queues.map((queue) => line(queue, queue === chosen))))),
    chosen ? messagesOf(chosen, messages) : deadLetters(dead),
  ];
}

const total = (queue) => queue.visible + queue.in_flight + queue.delayed;

function line(queue, isChosen) {
  return h("tr", { key: queue.name, class: isChosen ? "chosen" : "" },
    h("th", { scope: "row" },
      h("a", { href: isChosen ? "#/queues" : `#/queues/${encodeURIComponent(queue.name)}` }, queue.name), " ",
      queue.is_dead_letter_queue && chip("dead letters", queue.visible > 0 ? "bad" : "")),
    h("td", null, queue.function ? h("a", { href: `#/functions/${queue.function}` }, queue.function) : h("span", { class: "muted" }, "–")),
    [queue.visible, queue.in_flight, queue.delayed].map((number) => h("td", { class: `right ${number === 0 ? "muted" : ""}` }, number)),
    h("td", { class: "right" }, h("div", { class: "tools" }, tools(queue))));
}

function tools(queue) {
  const waiting = total(queue);
  if (waiting === 0) return null;
  return [
    queue.is_dead_letter_queue && button(`redrive ${queue.name}`, "Redrive", async () => {
      const { moved } = await post("/queues/{name}/redrive", { name: queue.name });
      return `${count(moved, "message")} moved back to where they came from.`;
    }, { title: "Move the messages back to the queue that they came from" }),
    button(`purge ${queue.name}`, "Purge", async () => {
      if (!(await confirmed(`Delete ${count(waiting, "message")} of ${queue.name}?`, "Delete"))) return null;
      await remove("/queues/{name}/messages", { name: queue.name });
      return `${queue.name} is empty.`;
    }, { kind: "danger" }),
  ];
}

function messagesOf(queue, messages) {
  return h("section", { "aria-labelledby": "messages" },
    h("div", { class: "top" }, h("h2", { id: "messages" }, `Messages of ${queue.name}`), h("div", { class: "tools" }, tools(queue))),
    messages.length === 0
      ? empty("This queue is empty", queue.dead_letter_queue
        ? ["What fails too often goes to ", h("a", { href: `#/queues/${encodeURIComponent(queue.dead_letter_queue)}` }, queue.dead_letter_queue), "."]
        : "Nothing was given up.")
      : list(`messages ${queue.name}`, messages, message));
}

function deadLetters(dead) {
  return h("section", { "aria-labelledby": "dead" },
    h("h2", { id: "dead" }, "Dead letters"),
    dead.length === 0
      ? empty("No dead letter",
        "A message that failed too often comes here: after five receives, mail after twenty. Choose a queue above to see what waits in it.")
      : list("dead", dead, message));
}

/** Why a message exists, in one line: the type of the event in it, if there is one. */
function subject(body) {
  try {
    const value = JSON.parse(body);
    return value["detail-type"] ?? value.detail?.type ?? value.type ?? body;
  } catch {
    return body;
  }
}

function message(item) {
  return row(`${item.queue ?? ""} ${item.id}`,
    [time(item.at), h("strong", { class: "grow clip" }, subject(item.body)),
      item.group && chip(item.group),
      item.queue && chip(item.queue, "bad"),
      chip(count(Math.max(item.tries, item.receive_count), "try", "tries"))],
    () => [
      h("dl", { class: "facts" },
        item.reason && [h("dt", null, "Reason"), h("dd", { class: "log" }, item.reason)],
        item.source && [h("dt", null, "From"), h("dd", null, h("code", null, item.source))],
        h("dt", null, "Visible"), h("dd", null, time(item.visible_at)),
        h("dt", null, "Id"), h("dd", null, h("code", null, item.id))),
      json(item.body, { label: "Message", link: tableLink }),
    ]);
}
