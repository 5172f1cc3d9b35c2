// Lets Stripe's own library for Node buy on the local Stripe: that it reads the answers, and that they say what
// happened. What it does not do again after billing.py: the months that follow.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import Stripe from "stripe";

const api = process.env.GANTRY_API_URL;
const json = { "content-type": "application/json" };
const get = async (path) => (await fetch(`${api}/_local/api${path}`)).json();
const { urls } = await get("/status");
const { items } = await get("/secrets");
const name = items.find((one) => one.name.includes("tripe")).arn;
const asked = await fetch(urls.aws, {
  method: "POST",
  headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue" },
  body: JSON.stringify({ SecretId: name }),
});
const { api_key: key } = JSON.parse((await asked.json()).SecretString);
const { hostname, port } = new URL(urls.stripe);
const stripe = new Stripe(key, { host: hostname, port, protocol: "http", maxNetworkRetries: 0, telemetry: false });

const heard = [];
const hook = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    heard.push([Buffer.concat(parts), request.headers["stripe-signature"]]);
    response.end();
  });
});
await new Promise((done) => hook.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${hook.address().port}/`;
const endpoint = await stripe.webhookEndpoints.create({ url, enabled_events: ["checkout.session.completed", "invoice.paid"] });

const recurring = { interval: "month" };
const price = await stripe.prices.create({
  currency: "eur", unit_amount: 700, recurring, product_data: { name: "Node" }, lookup_key: "node_month",
});
const customer = await stripe.customers.create(
  { email: "node@example.com", address: { country: "DE", line1: "Weg 1" }, metadata: { org_id: "org_node" } },
  { idempotencyKey: "node-customer" },
);
assert.deepEqual([customer.address.country, customer.address.city], ["DE", null]);
const again = { email: "other@example.com" };
await assert.rejects(stripe.customers.create(again, { idempotencyKey: "node-customer" }), { type: "StripeIdempotencyError" });

const trialEnd = Math.floor(Date.parse((await get("/clock")).now) / 1000) + 5 * 86_400;
const order = {
  mode: "subscription", customer: customer.id, line_items: [{ price: price.id, quantity: 2 }],
  subscription_data: { trial_end: trialEnd, metadata: { org_id: "org_node" } },
  automatic_tax: { enabled: true }, success_url: `${api}/?s={CHECKOUT_SESSION_ID}`,
};
const soon = { ...order, subscription_data: { trial_end: trialEnd - 4 * 86_400 } };
await assert.rejects(stripe.checkout.sessions.create(soon), { param: "subscription_data[trial_end]" });
const session = await stripe.checkout.sessions.create(order);
const paid = await fetch(session.url, { method: "POST", redirect: "manual", body: new URLSearchParams({ action: "pay" }) });
assert.equal(paid.headers.get("location"), `${api}/?s=${session.id}`);
const bought = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription.latest_invoice", "invoice"] });
assert.equal(bought.payment_status, "no_payment_required");
assert.equal(bought.subscription.status, "trialing");
assert.equal(bought.subscription.trial_end, trialEnd);
assert.equal(bought.subscription.latest_invoice.total, 0);

const item = bought.subscription.items.data[0];
const seats = await stripe.subscriptions.update(bought.subscription.id, { items: [{ id: item.id, quantity: 4 }] });
assert.equal(seats.items.data[0].quantity, 4);
const next = await stripe.invoices.createPreview({ subscription: seats.id });
assert.equal(next.total, 2_800);
for (let number = 0; number < 3; number += 1) await stripe.customers.create({ name: `page ${number}` });
const seen = [];
for await (const one of stripe.customers.list({ limit: 2 })) seen.push(one.id);
assert.ok(seen.includes(customer.id) && new Set(seen).size === seen.length);
const back = await stripe.customers.list({ limit: 2, ending_before: seen[3] });
assert.deepEqual(back.data.map((one) => one.id), seen.slice(1, 3));

const drained = await fetch(`${api}/_local/api/drain`, { method: "POST", headers: json });
assert.ok((await drained.json()).idle);
const events = heard.map(([body, signature]) => stripe.webhooks.constructEvent(body, signature, endpoint.secret, 1e12));
assert.deepEqual(new Set(events.map((event) => event.type)), new Set(["checkout.session.completed", "invoice.paid"]));
assert.throws(() => stripe.webhooks.constructEvent(`${heard[0][0]} `, heard[0][1], endpoint.secret, 1e12));
// it was the local Stripe that was called, and no other
assert.ok((await get("/stripe")).customers.some((one) => one.id === customer.id));
console.log(`stripe ${Stripe.PACKAGE_VERSION} for Node: ${events.length} webhooks`);
hook.close();
process.exit(0);
