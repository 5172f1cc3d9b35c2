// The first view: the picture, how to begin, and the story.

import { get } from "./api.js";
import { diagram } from "./diagram.js";
import { h } from "./dom.js";
import { copy, heading, page } from "./widgets.js";
import { life } from "./life.js";
import { story } from "./story.js";

export const load = () => get("/queues");

export function view({ items: queues }) {
  const { status } = page;
  return [
    heading("Overview", "The whole product in one process, wired by template.yaml. Everything shown is what really happened."),
    diagram(status, queues),
    h("div", { class: "columns story" }, h("div", null, story(), life()), beginning(status.urls)),
  ];
}

function beginning({ api, aws, dynamodb, stripe }) {
  const json = "-H 'content-type: application/json'";
  const lines = [
    ["Ask for a magic link", `curl -i ${api}/v1/auth/magic-links ${json} -d '{"email":"ada@example.com"}'`],
    ["Read the mail, with its link and code", `curl -s ${api}/_local/api/mails`],
    ["Sign in with the code; use the browser_token of the first answer",
      `curl -s ${api}/v1/auth/magic-links/verify ${json} -d '{"email":"ada@example.com","code":"…","browser_token":"…"}'`],
    ["Create an organization", `curl -i ${api}/v1/orgs -H "authorization: Bearer $TOKEN" ${json} -d '{"name":"Acme","slug":"acme"}'`],
    ["Watch its trial end", `curl -s ${api}/_local/api/clock ${json} -d '{"advance":"15d"}'`],
  ];
  return h("section", { "aria-labelledby": "beginning" },
    h("p", { class: "tools start" }, h("a", { class: "button", href: "/_local/app/sign-in", target: "_blank" }, "Sign in as somebody")),
    h("h2", { id: "beginning" }, "From a terminal"),
    h("ol", { class: "lines" }, lines.map(([what, line]) =>
      h("li", null, h("p", null, what), h("div", { class: "code" }, copy(line), h("pre", { tabindex: "0", role: "region", "aria-label": what, memo: line }, line))))),
    h("h2", null, "Addresses"),
    h("dl", { class: "facts" },
      [["API", api], ["AWS services", aws], ["DynamoDB", dynamodb], ["Stripe", stripe]].filter(([, url]) => url).map(([name, url]) =>
        [h("dt", null, name), h("dd", null, h("code", null, url), " ", copy(url))])));
}
