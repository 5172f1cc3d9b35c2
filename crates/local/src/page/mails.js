// Mails as they would have arrived.

import { get } from "./api.js";
import { h } from "./dom.js";
import { address, chip, choice, copy, empty, heading, page, plain, time } from "./widgets.js";

let shape = "html";
let recipient = "";

export const load = () => get("/mails", { to: recipient });

/** The six digits and the first link of a mail, as the text says them. */
export function secrets(mail) {
  const text = mail.text ?? "";
  return { code: /^\s*(\d{6})\s*$/m.exec(text)?.[1], link: /https?:\/\/[^\s<>"]+/.exec(text)?.[0] };
}

export function view({ items }, route) {
  const chosen = items.find((mail) => mail.id === route.rest[0]) ?? items[0];
  const search = h("input", {
    type: "search", "aria-label": "Only mails to this address", placeholder: "to …", value: recipient,
    onchange: (event) => {
      recipient = event.currentTarget.value.trim();
      page.refresh();
    },
  });
  return [
    heading("Mails", "What SES was asked to send. Nothing leaves this machine.", search),
    items.length === 0 ? nothing() : h("div", { class: "split" }, entries(items, chosen), detail(chosen)),
  ];
}

function nothing() {
  if (recipient) return empty(`No mail to ${recipient}`, "Clear the field to see all of them.");
  return empty("No mail yet",
    "Ask for a magic link: walk the story on the ", h("a", { href: "#/overview" }, "overview"), ", or run the first curl line there.");
}

function entries(items, chosen) {
  return h("div", { class: "entries", role: "navigation", "aria-label": "Mails" }, items.map((mail) =>
    h("a", { key: mail.id, href: `#/mails/${encodeURIComponent(mail.id)}`, "aria-current": mail === chosen ? "true" : undefined },
      h("span", { class: "top" }, h("strong", null, mail.subject), time(mail.at)),
      h("span", { class: "muted" }, mail.to.join(", ")))));
}

function detail(mail) {
  const { code, link } = secrets(mail);
  return h("article", { key: mail.id, class: "detail", "aria-label": mail.subject },
    h("h2", null, mail.subject),
    h("dl", { class: "facts" },
      h("dt", null, "To"), h("dd", null, mail.to.join(", ")),
      h("dt", null, "From"), h("dd", null, mail.from),
      h("dt", null, "Sent"), h("dd", null, time(mail.at))),
    (code || link) && h("div", { class: "secrets" },
      code && h("div", null, h("span", { class: "label" }, "Code"), h("output", { class: "digits" }, code), copy(code)),
      link && h("div", null, h("span", { class: "label" }, "Link"),
        h("a", { class: "long", href: link, target: "_blank", rel: "noopener" }, link), copy(link))),
    choice("How to show the mail", [["html", "Rendered"], ["text", "Text"], ["source", "Source"]], shape, (next) => {
      shape = next;
      page.redraw();
    }),
    body(mail));
}

function body(mail) {
  if (shape === "text") return mail.text ? plain(mail.text, "Text of the mail") : empty("This mail has no text part");
  if (!mail.html) return empty("This mail has no HTML part");
  if (shape === "source") {
    const headers = Object.entries(mail.headers ?? {});
    return h("div", null,
      headers.length > 0 && h("p", { class: "chips" }, headers.map(([name, value]) => chip(`${name}: ${value}`))),
      plain(mail.html, "HTML of the mail"));
  }
  // No scripts, no origin: a mail may only be looked at, and its links open beside this page.
  return h("iframe", {
    key: `frame ${mail.id}`, class: "mail", title: `Mail: ${mail.subject}`,
    sandbox: "allow-popups allow-popups-to-escape-sandbox", src: `/_local/api/mails/${encodeURIComponent(mail.id)}/html`,
  });
}

/** Where a mail is shown. */
export const mailAddress = (mail) => address(`mails/${encodeURIComponent(mail.id)}`);
