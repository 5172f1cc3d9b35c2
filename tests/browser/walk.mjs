// Signs people in on the local page, in headless Chromium, by every method that the page has.
// `GANTRY_API_URL` is where the product runs, `CHROMIUM` the browser.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";

const api = process.env.GANTRY_API_URL;
const PASSWORD = "four words nobody guesses";
const ANOTHER = "another four words at last";

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

/** A browser of one's own, with nothing kept in it; whatever breaks in a page breaks the walk. */
async function person() {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => {
    throw error;
  });
  return page;
}

/** The newest mail to somebody about this. */
async function mail(to, subject) {
  for (let turn = 0; turn < 100; turn += 1) {
    const answer = await fetch(`${api}/_local/api/mails?to=${encodeURIComponent(to)}`);
    const found = (await answer.json()).items.find((one) => one.subject.includes(subject));
    if (found) return found.text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${to} about ${subject}`);
}

const link = (text) => /https?:\/\/\S+#token=\S+/.exec(text)[0];
const button = (page, name) => page.getByRole("button", { name, exact: true });
const heading = (page, text) => page.getByRole("heading", { level: 1, name: text }).waitFor();

async function startSignIn(page, email, password) {
  await page.goto(`${api}/_local/app/sign-in`);
  await page.getByLabel("Email").fill(email);
  if (password) await page.getByLabel("Password").fill(password);
}

async function openLink(page, text) {
  await page.goto("about:blank");
  await page.goto(link(text));
}

/** What an authenticator app shows (RFC 6238). */
function totp(secret) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(counter).digest();
  const code = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(code % 1_000_000).padStart(6, "0");
}

async function byMail() {
  const page = await person();
  await startSignIn(page, "mail@browser.example");
  await button(page, "Send me a link").click();
  await heading(page, "Look into your mails");
  await openLink(page, await mail("mail@browser.example", "Sign in"));
  assert.equal(new URL(page.url()).hash, "", "the token is out of the address bar");
  await button(page, "Yes, sign in here").click();
  await heading(page, "Welcome, mail@browser.example");
}

async function byCode() {
  const page = await person();
  await startSignIn(page, "code@browser.example");
  await button(page, "Send me a link").click();
  const code = /^\s*(\d{6})\s*$/m.exec(await mail("code@browser.example", "Sign in"))[1];
  await page.getByLabel("Or type the mail's code").fill(code);
  await button(page, "Sign in").click();
  await heading(page, "Welcome, code@browser.example");
}

/** Registers, sets up an authenticator app, signs in with both, and forgets the password. */
async function byPassword() {
  const email = "password@browser.example";
  const page = await person();
  await startSignIn(page, email, "password");
  await button(page, "New here").click();
  await page.getByRole("alert").waitFor();
  await startSignIn(page, email, PASSWORD);
  await button(page, "New here").click();
  await heading(page, "Look into your mails");
  await openLink(page, await mail(email, "Sign in"));
  await button(page, "Yes, sign in here").click();
  await heading(page, `Welcome, ${email}`);

  await button(page, "Set up an authenticator app").click();
  await page.getByLabel("The app's code").fill(totp(await page.locator("#totp-secret").textContent()));
  await button(page, "Confirm").click();
  const codes = (await page.locator("#recovery-codes").textContent()).split("\n");
  assert.equal(codes.length, 10);

  await startSignIn(page, email, "not this password");
  await button(page, "Sign in").click();
  await page.getByRole("alert").waitFor();
  await startSignIn(page, email, PASSWORD);
  await button(page, "Sign in").click();
  await heading(page, "Show a second factor");
  await page.getByLabel("What").selectOption("recovery_code");
  await page.getByLabel("Code", { exact: true }).fill(codes[0]);
  await button(page, "Go on").click();
  await heading(page, `Welcome, ${email}`);
  await page.getByText("An authenticator app, and 9 recovery codes.").waitFor();

  await startSignIn(page, email);
  await button(page, "Forgot it").click();
  await heading(page, "Look into your mails");
  await openLink(page, await mail(email, "new password"));
  await page.getByLabel("Password").fill(ANOTHER);
  await button(page, "Set it").click();
  await heading(page, "Your password is set");
  await startSignIn(page, email, ANOTHER);
  await button(page, "Sign in").click();
  await heading(page, "Show a second factor");
}

/** The code of the newest SMS, once there are so many. */
async function texted(count) {
  for (let turn = 0; turn < 100; turn += 1) {
    const { items } = await (await fetch(`${api}/_local/api/messages`)).json();
    if (items.length >= count) return items[0].text.slice(0, 6);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`there are no ${count} SMS`);
}

/** Adds a phone, makes it a second factor, and signs in with a code that is sent there. */
async function bySms() {
  const email = "sms@browser.example";
  const page = await person();
  const confirm = async (count) => {
    await page.getByLabel("The code of the SMS").fill(await texted(count));
    await button(page, "Confirm").click();
  };
  await startSignIn(page, email, PASSWORD);
  await button(page, "New here").click();
  await openLink(page, await mail(email, "Sign in"));
  await button(page, "Yes, sign in here").click();
  await heading(page, `Welcome, ${email}`);
  await page.getByLabel("Phone number").fill("+43 664 1234567");
  await button(page, "Send a code").click();
  await confirm(1);
  await page.getByText("+436641234567", { exact: true }).waitFor();
  await button(page, "Use it as a second factor").click();
  await confirm(2);
  await page.locator("#recovery-codes").waitFor();

  await startSignIn(page, email, PASSWORD);
  await button(page, "Sign in").click();
  await heading(page, "Show a second factor");
  await button(page, "Send me a code").click();
  await page.getByLabel("Code", { exact: true }).fill(await texted(3));
  await button(page, "Go on").click();
  await heading(page, `Welcome, ${email}`);
}

/** Adds a passkey, signs in with it, and shows it as a second factor beside a password. */
async function byPasskey() {
  const email = "passkey@browser.example";
  const page = await person();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true };
  const authenticator = { ...options, isUserVerified: true, automaticPresenceSimulation: true };
  await devtools.send("WebAuthn.addVirtualAuthenticator", { options: authenticator });
  await startSignIn(page, email, PASSWORD);
  await button(page, "New here").click();
  await openLink(page, await mail(email, "Sign in"));
  await button(page, "Yes, sign in here").click();
  await heading(page, `Welcome, ${email}`);
  await button(page, "Add a passkey").click();
  await page.getByText("This browser").waitFor();

  await startSignIn(page, email);
  await button(page, "Use a passkey").click();
  await heading(page, `Welcome, ${email}`);

  // who has an app is asked for a second factor, and may show the passkey instead
  await button(page, "Set up an authenticator app").click();
  await page.getByLabel("The app's code").fill(totp(await page.locator("#totp-secret").textContent()));
  await button(page, "Confirm").click();
  await page.locator("#recovery-codes").waitFor();
  await startSignIn(page, email, PASSWORD);
  await button(page, "Sign in").click();
  await heading(page, "Show a second factor");
  await button(page, "Use a passkey").click();
  await heading(page, `Welcome, ${email}`);
}

/** Comes with an account at the local identity provider, for the first time and again. */
async function byAccount() {
  const email = "account@browser.example";
  const page = await person();
  for (const _ of ["the first time", "again"]) {
    await startSignIn(page, "");
    await button(page, "Use the local identity provider").click();
    await heading(page, "Who are you?");
    await page.getByLabel("Address", { exact: true }).fill(email);
    await button(page, "Sign in").click();
    await heading(page, `Welcome, ${email}`);
    assert.equal(new URL(page.url()).search, "", "the code is out of the address bar");
  }
}

/** One browser signs another one in. */
async function byDeviceLink() {
  const email = "device@browser.example";
  const [page, other] = [await person(), await person()];
  await startSignIn(page, email);
  await button(page, "Send me a link").click();
  await openLink(page, await mail(email, "Sign in"));
  await button(page, "Yes, sign in here").click();
  await button(page, "Sign another device in").click();
  await other.goto(await page.locator("#device-link").getAttribute("href"));
  assert.equal(new URL(other.url()).hash, "", "the token is out of the address bar");
  await button(other, "Yes, sign in here").click();
  await heading(other, `Welcome, ${email}`);
}

/** Comes into an organization by the link of a mail, signing in on the way. */
async function byInvite() {
  const [owner, email] = ["owner@browser.example", "invited@browser.example"];
  const post = async (path, body, token) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(api + path, { method: "POST", headers, body: JSON.stringify(body) });
    assert(answer.ok, `${path}: ${answer.status}`);
    return answer.json();
  };
  const codeOf = async (to) => /^\s*(\d{6})\s*$/m.exec(await mail(to, "Sign in"))[1];
  await post("/v1/auth/magic-links", { email: owner });
  const { tokens } = await post("/v1/auth/magic-links/verify", { email: owner, code: await codeOf(owner) });
  const { id } = await post("/v1/orgs", { name: "Browsers", slug: "browsers" }, tokens.access_token);
  const switched = await post("/v1/auth/switch-org", { org_id: id }, tokens.access_token);
  await post("/v1/orgs/current/invites", { email, role: "admin" }, switched.tokens.access_token);

  const page = await person();
  await openLink(page, await mail(email, "invited"));
  assert.equal(new URL(page.url()).hash, "", "the token is out of the address bar");
  await heading(page, "Join Browsers?");
  await page.getByLabel("Email").fill(email);
  await button(page, "Send me a link").click();
  await page.getByLabel("Or type the mail's code").fill(await codeOf(email));
  await button(page, "Sign in").click();
  await button(page, `Join as ${email}`).click();
  await heading(page, `Welcome, ${email}`);
  await page.getByText("Browsers").first().waitFor();
}

/** Builds the demo company, is somebody of it, and keeps its directory with the buttons of a SCIM client. */
async function byDemo() {
  const page = await person();
  await page.goto(`${api}/_local#/demo`);
  await button(page, "Build it").click();
  await page.getByText("Grace Okoye").waitFor({ timeout: 60_000 });
  await button(page, "Sign in as Grace").click();
  const [opened] = await Promise.all([
    page.context().waitForEvent("page"), page.getByRole("link", { name: "Open the link of the mail" }).click(),
  ]);
  await button(opened, "Yes, sign in here").click();
  await heading(opened, "Welcome, grace@acme.example");

  await page.goto(`${api}/_local#/scim`);
  const row = page.getByRole("row", { name: "dana@acme.example" });
  const shows = (text) => row.getByText(text, { exact: true }).waitFor();
  await button(page, "Provision").click();
  await shows("active");
  await page.getByLabel("Title").fill("Buyer");
  await button(page, "Change title").click();
  await shows("Buyer");
  await button(page, "Put into group").click();
  await shows("Administrators");
  const dana = await person();
  await startSignIn(dana, "dana@acme.example");
  await button(dana, "By my organization").click();
  await dana.getByLabel("Address", { exact: true }).fill("dana@acme.example");
  await button(dana, "Sign in").click();
  await heading(dana, "Welcome, dana@acme.example");
  await dana.getByText('"role": "admin"').first().waitFor();

  await button(page, "Deactivate").click();
  await shows("inactive");
  await page.locator("summary").first().click();
  await page.getByRole("region", { name: "Request", exact: true }).filter({ hasText: '"value": false' }).waitFor();
  await startSignIn(dana, "dana@acme.example");
  await button(dana, "By my organization").click();
  await dana.getByLabel("Address", { exact: true }).fill("dana@acme.example");
  await button(dana, "Sign in").click();
  await dana.getByRole("alert").waitFor();
}

/** Walks the story, and the life of the subscription after it. */
async function byStory() {
  const page = await person();
  await page.goto(`${api}/_local#/overview`);
  await button(page, "Walk it all").click();
  await button(page, "Live it").click({ timeout: 30_000 });
  await button(page, "Live it again").waitFor({ timeout: 60_000 });
  const levels = await page.locator("section[aria-labelledby=life] summary").allInnerTexts();
  const access = levels.map((text) => /access is (\w+)/.exec(text)?.[1]);
  const lived = ["read_only", "full", "grace", "read_only", "full", "read_only", "export_only"];
  if (String(access) !== String(lived)) throw new Error(`it lived through ${access}`);
  const reminded = levels[3].match(/can be read only/g)?.length;
  if (reminded !== 4) throw new Error(`${reminded} reminders in: ${levels[3]}`);
}

for (const walk of [byMail, byCode, byPassword, bySms, byPasskey, byAccount, byDeviceLink, byInvite, byDemo, byStory]) {
  await walk();
  console.log(`signed in: ${walk.name}`);
}
await browser.close();
