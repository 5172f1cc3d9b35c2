// What runs by the clock.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { button, empty, heading, page, span, time } from "./widgets.js";

export const load = () => get("/schedules");

export function view({ items }) {
  return [
    heading("Schedules", ["They run by the ", h("a", { href: "#/clock" }, "virtual clock"), "."]),
    items.length === 0
      ? empty("The template has no schedule", "Give a function an event of type ScheduleV2 and start cargo dev anew.")
      : h("div", { class: "cards" }, items.map(schedule)),
  ];
}

function schedule(item) {
  const now = page.status ? new Date(page.status.clock.now) : new Date();
  const wait = item.next_run ? Math.max(0, (new Date(item.next_run) - now) / 1000) : null;
  return h("article", { key: item.name, class: "card" },
    h("p", { class: "top" }, h("strong", null, item.name), h("code", null, item.expression)),
    h("dl", { class: "facts" },
      h("dt", null, "Function"), h("dd", null, h("a", { href: `#/functions/${item.function}` }, item.function)),
      h("dt", null, "Next run"), h("dd", null, time(item.next_run), wait !== null && h("span", { class: "muted" }, ` in ${span(wait).slice(1)}`)),
      h("dt", null, "Last run"), h("dd", null, time(item.last_run))),
    button(`run ${item.name}`, "Run now", async () => {
      const { error } = await post("/schedules/{name}/run", { name: item.name });
      if (error) throw new Error(`${item.name} failed: ${error}`);
      return `${item.name} ran.`;
    }));
}
