// Where the links of mails lead while there is no frontend: it does what a frontend's pages for signing in would do.

import { h, render } from "./dom.js";
import { account } from "./account.js";
import { call, flow } from "./flow.js";
import { invited, isDecided } from "./invites.js";
import { back, challenge, comeBack, comeBackBySso, start } from "./sign_in.js";
import { copy, json, page } from "./widgets.js";

// Behind the `#`, which no browser sends to a server.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const place = location.pathname.replace("/_local/app", "") || "/";

// Where an identity provider sends people back to.
const provider = /^\/auth\/oauth\/([^/]+)$/.exec(place)?.[1];
const isSso = /^\/auth\/sso\/[^/]+$/.test(place);

// The token and the code are secrets: they must not stay in the address bar and in the history.
if (token || back.code) history.replaceState(null, "", location.pathname);
// Another mail's link, opened in this tab, changes nothing but what stands behind the `#`.
addEventListener("hashchange", () => location.reload());

/** What a link of a mail does once somebody says yes: programs that look into mails say nothing. */
const LINKS = {
  "/auth/verify": {
    title: "Sign in?",
    text: "You opened a magic link. It is used up only when you confirm, so that programs which look into mails cannot do it for you.",
    label: "Yes, sign in here",
    run: () => call("POST", "/v1/auth/magic-links/verify", { body: { token, browser_token: flow.browserToken, confirm: true } }),
  },
  "/auth/device": {
    title: "Sign this device in?",
    text: "Another device of yours showed the code that led here. It works once.",
    label: "Yes, sign in here",
    run: () => call("POST", "/v1/auth/device-links/verify", { body: { token, device_name: "The other browser" } }),
  },
  "/account/email/confirm": {
    title: "Is this your new address?",
    text: "From then on you sign in with it.",
    label: "Yes, use this address",
    run: () => call("POST", "/v1/auth/email-changes/confirm", { body: { token } }),
    done: "Your address is changed",
  },
  "/account/email/undo": {
    title: "Take the change back?",
    text: "The address that this mail came to is yours again, everybody is signed out, and what was set up to sign in with since the change was asked for is gone.",
    label: "Yes, take it back",
    run: () => call("POST", "/v1/auth/email-changes/undo", { body: { token } }),
    done: "Your address is as it was",
  },
};

const title = (text) => h("h1", { tabindex: "-1" }, text);
const home = () => h("p", null, h("a", { class: "button", href: "/_local" }, "Back to the local page"));

function problem() {
  const { answer } = flow.exchange ?? {};
  return flow.exchange && !flow.exchange.ok && [
    h("p", { class: "problem", role: "alert" }, answer?.detail ?? String(answer?.title ?? answer)),
    (answer?.errors ?? []).map((error) => h("p", { class: "problem" }, `${error.pointer}: ${error.detail}`)),
  ];
}

function link({ title: heading, text, label, run }) {
  return [
    title(heading),
    h("p", null, text),
    token
      ? h("button", { type: "button", class: "primary large", disabled: flow.isBusy, onclick: run }, label)
      : h("p", { class: "problem" }, "This address has no token (any more). Open the link in the mail again."),
    problem(),
  ];
}

function reset() {
  const set = (event) => {
    event.preventDefault();
    call("POST", "/v1/auth/password/resets/verify", { body: { token, password: new FormData(event.target).get("password") } });
  };
  return [
    title("A new password"),
    h("form", { key: "reset", class: "filters", onsubmit: set },
      h("label", { class: "grow" }, "Password", h("input", { name: "password", type: "password", autocomplete: "new-password", required: true })),
      h("button", { type: "submit", class: "primary", disabled: flow.isBusy }, "Set it")),
    h("p", { class: "muted" }, "You are signed out everywhere by it, and sign in with it afterwards."),
    problem(),
  ];
}

function done(text) {
  return [title(text), h("p", null, h("a", { class: "button", href: "/_local/app/sign-in" }, "Sign in")), home()];
}

function welcome() {
  const accessToken = flow.tokens.access_token;
  const line = `curl -s ${location.origin}/v1/me -H 'authorization: Bearer ${accessToken}'`;
  return [
    title(flow.me ? `Welcome, ${flow.me.email}` : "Signed in"),
    h("p", { class: "tools start" }, copy(accessToken, "Copy the access token"), copy(line, "Copy a curl line"), h("a", { class: "button", href: "/_local" }, "Local page")),
    problem(),
    account(),
    h("h2", null, "The session"), json(flow.tokens, { label: "Session" }),
    h("h2", null, h("code", null, "GET /v1/me")), flow.me && json(flow.me, { label: "Me" }),
  ];
}

function elsewhere() {
  return [
    title("Your frontend would be here"),
    h("p", null, "A mail led to ", h("code", null, place), ". In production that is a page of your app, at ", h("code", null, "APP_URL"), "."),
    home(),
  ];
}

function content() {
  const isInvited = place === "/invites" && token && !isDecided();
  if (flow.tokens && !isInvited) return welcome();
  if (flow.challenge) return [challenge(title), problem()];
  if (isInvited) return [invited(title, token), problem()];
  if (place === "/sign-in" || place === "/") return [start(title), problem()];
  if (place === "/auth/reset") return flow.exchange?.ok ? done("Your password is set") : reset();
  if ((provider || isSso) && back.code && !flow.exchange) return title("One moment");
  if (provider || isSso) return [start(title), problem()];
  const known = LINKS[place];
  if (!known) return elsewhere();
  return flow.exchange?.ok && known.done ? done(known.done) : link(known);
}

function draw() {
  render(document.getElementById("content"), h("div", { class: "sheet" }, content()));
}

page.redraw = draw;
page.announce = (text) => {
  const line = document.createElement("p");
  line.textContent = text;
  document.getElementById("announcements").replaceChildren(line);
  setTimeout(() => line.remove(), 3500);
};
flow.changed = (isNewPage) => {
  draw();
  if (isNewPage) document.querySelector("h1").focus();
};
draw();
if (provider && back.code) comeBack(provider);
if (isSso && back.code) comeBackBySso();
