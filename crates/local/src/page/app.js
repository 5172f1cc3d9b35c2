// Where the links of mails lead while there is no frontend: it signs in with a magic link as a frontend would.

import { product } from "./api.js";
import { h, render } from "./dom.js";
import { copy, json, page } from "./widgets.js";

// Behind the `#`, which no browser sends to a server.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const isSignIn = location.pathname.endsWith("/auth/verify");
let exchange = null;
let me = null;
let isBusy = false;

// The token is a secret: it must not stay in the address bar and in the history.
if (token) history.replaceState(null, "", location.pathname);
// Another mail's link, opened in this tab, changes nothing but what stands behind the `#`.
addEventListener("hashchange", () => location.reload());

async function signIn() {
  isBusy = true;
  draw();
  exchange = await product("POST", "/v1/auth/magic-links/verify", { body: { token, confirm: true } });
  if (exchange.ok) me = await product("GET", "/v1/me", { token: exchange.answer.tokens?.access_token });
  isBusy = false;
  draw();
  document.querySelector("h1").focus();
}

const title = (text) => h("h1", { tabindex: "-1" }, text);

function elsewhere() {
  return [
    title("Your frontend would be here"),
    h("p", null, "A mail led to ", h("code", null, location.pathname.replace("/_local/app", "") || "/"),
      ". In production that is a page of your app, at ", h("code", null, "APP_URL"), "."),
    h("p", null, h("a", { class: "button", href: "/_local" }, "Back to the local page")),
  ];
}

function question() {
  return [
    title("Sign in?"),
    h("p", null, "You opened a magic link. It is used up only when you confirm, so that programs which look into mails cannot do it for you."),
    token
      ? h("button", { type: "button", class: "primary large", disabled: isBusy, onclick: signIn }, isBusy ? "Signing in …" : "Yes, sign in here")
      : h("p", { class: "problem" }, "This address has no token (any more). Open the link in the mail again."),
  ];
}

function refused() {
  return [
    title("That did not work"),
    h("p", { class: "problem", role: "alert" }, exchange.answer?.detail ?? String(exchange.answer?.title ?? exchange.answer)),
    h("p", null, "A link works once, and not for long. Ask for another on the ", h("a", { href: "/_local#/overview" }, "local page"), "."),
    json(exchange.answer, { label: "Answer" }),
  ];
}

function welcome() {
  const accessToken = exchange.answer.tokens?.access_token ?? "";
  const line = `curl -s ${location.origin}/v1/me -H 'authorization: Bearer ${accessToken}'`;
  return [
    title(me?.ok ? `Welcome, ${me.answer.email}` : "Signed in"),
    h("p", { class: "tools start" }, copy(accessToken, "Copy the access token"), copy(line, "Copy a curl line"), h("a", { class: "button", href: "/_local" }, "Local page")),
    h("h2", null, "The session"), json(exchange.answer, { label: "Session" }),
    h("h2", null, h("code", null, "GET /v1/me")), me && json(me.answer, { label: "Me" }),
  ];
}

function draw() {
  const parts = !isSignIn ? elsewhere() : exchange?.ok ? welcome() : exchange ? refused() : question();
  render(document.getElementById("content"), h("div", { class: "sheet" }, parts));
}

page.redraw = draw;
page.announce = (text) => {
  const line = document.createElement("p");
  line.textContent = text;
  document.getElementById("announcements").replaceChildren(line);
  setTimeout(() => line.remove(), 3500);
};
draw();
