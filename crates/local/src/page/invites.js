// Where the link of an invite leads: what it is about, and coming in by it once somebody is signed in.

import { h } from "./dom.js";
import { product } from "./api.js";
import { call, flow } from "./flow.js";
import { start } from "./sign_in.js";

/** What the link is for, and what became of it. */
const invite = { isAsked: false, preview: null, problem: null, left: null };

/** Whether there is nothing left to decide about the invite. */
export const isDecided = () => invite.left === "joined";

async function ask(token) {
  invite.isAsked = true;
  const { ok, answer } = await product("POST", "/v1/invites/preview", { body: { token } });
  if (ok) invite.preview = answer;
  else invite.problem = answer?.detail ?? String(answer);
  flow.changed(true);
}

async function join(token) {
  const session = flow.tokens.access_token;
  const joined = await call("POST", "/v1/invites/accept", { token: session, body: { token } });
  if (!joined.ok) return;
  invite.left = "joined";
  await call("POST", "/v1/auth/switch-org", { token: session, body: { org_id: joined.answer.org_id } });
}

async function decline(token) {
  const declined = await call("POST", "/v1/invites/decline", { body: { token } });
  if (declined.ok) {
    invite.left = "declined";
    flow.changed(true);
  }
}

/** The page. */
export function invited(title, token) {
  if (!invite.isAsked) ask(token);
  if (invite.problem) return [title("This invite is over"), h("p", { class: "problem" }, invite.problem)];
  if (!invite.preview) return title("One moment");
  const { org_name: name, role, invited_by: by, email_hint: hint } = invite.preview;
  if (invite.left === "declined") return [title("You said no"), h("p", null, `Nobody comes into ${name} by that link.`)];
  const about = [
    title(`Join ${name}?`),
    h("p", null, `${by ?? "Somebody"} invites ${hint ?? "you"} to ${name}, as ${role}.`),
  ];
  const no = hint && h("button", { type: "button", class: "quiet", disabled: flow.isBusy, onclick: () => decline(token) }, "No, thank you");
  if (!flow.tokens) return [about, h("p", { class: "tools start" }, no), start((text) => h("h2", null, text))];
  return [
    about,
    h("p", { class: "tools start" },
      h("button", { type: "button", class: "primary large", disabled: flow.isBusy, onclick: () => join(token) }, `Join as ${flow.me?.email}`), no),
  ];
}
