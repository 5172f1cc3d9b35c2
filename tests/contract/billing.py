"""Lets Stripe's own library for Python buy on the local Stripe: the whole of what the product does there, and what
somebody does on its pages. What is asserted is what comes back; that it comes from the local one is asserted as
well, since a library may call the real host."""

import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import stripe

API = os.environ["GANTRY_API_URL"]
DAY = 86_400


def local(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{API}/_local/api{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


URLS = local("GET", "/status")["urls"]


def secret():
    """What the functions know of Stripe, from where they know it."""
    name = next(one["arn"] for one in local("GET", "/secrets")["items"] if "tripe" in one["name"])
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue"}
    request = urllib.request.Request(URLS["aws"], json.dumps({"SecretId": name}).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(json.load(answer)["SecretString"])


class Stays(urllib.request.HTTPRedirectHandler):
    """Where a page leads to is looked at, and not followed."""

    def redirect_request(self, *_):
        return None


def press(url, **fields):
    """Presses a button of a page; gives where it leads to, or the page that comes instead."""
    try:
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.build_opener(Stays).open(url, data, timeout=30) as answer:
            return None, answer.read().decode()
    except urllib.error.HTTPError as error:
        assert error.code == 303, error
        return error.headers["location"], ""


class Hook(BaseHTTPRequestHandler):
    """Takes webhooks, as an endpoint that was made over the API."""

    heard = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Hook.heard.append((body, self.headers["stripe-signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass



def advance(by):
    moved = local("POST", "/clock", {"advance": by})
    assert moved["idle"], moved


def refused(kind, code, call):
    try:
        call()
    except stripe.StripeError as error:
        assert isinstance(error, kind) and error.code == code, (type(error), error.code, error)
        assert error.request_id.startswith("req_local"), error.request_id
        return error
    raise AssertionError(f"{code} was expected")


def main():
    key = secret()["api_key"]
    client = stripe.StripeClient(key, base_addresses={"api": URLS["stripe"]}, max_network_retries=0).v1
    hook = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    endpoint = client.webhook_endpoints.create(
        {"url": f"http://127.0.0.1:{hook.server_port}/", "enabled_events": ["*"]}
    )

    # a catalogue, found again by lookup keys
    product = client.products.create({"name": "Team"})
    prices = {}
    for name, interval, amount in [("oracle_day", "day", 1_000), ("oracle_year", "year", 10_000)]:
        prices[name] = client.prices.create(
            {
                "product": product.id, "currency": "usd", "unit_amount": amount, "lookup_key": name,
                "recurring": {"interval": interval},
            }
        )
    found = client.prices.list({"lookup_keys": ["oracle_day"], "expand": ["data.product"]}).data
    assert [price.id for price in found] == [prices["oracle_day"].id] and found[0].product.name == "Team"
    coupon = client.coupons.create({"percent_off": 10, "duration": "forever"})
    code = client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "TEN"})
    assert client.promotion_codes.list({"code": "ten", "active": True}).data[0].id == code.id

    # one customer for one key, whoever asks how often
    asked = {"email": "a@example.com", "metadata": {"org_id": "org_oracle"}}
    options = {"idempotency_key": "oracle-customer"}
    customer = client.customers.create(asked, options)
    again = client.customers.create(asked, options)
    assert again.id == customer.id and again.last_response.headers["idempotent-replayed"] == "true"
    refused(stripe.IdempotencyError, None, lambda: client.customers.create({"email": "b@example.com"}, options))
    refused(stripe.InvalidRequestError, "resource_missing", lambda: client.customers.retrieve("cus_none"))
    refused(stripe.InvalidRequestError, "parameter_unknown", lambda: client.customers.create({"emial": "x"}))
    client.customers.tax_ids.create(customer.id, {"type": "eu_vat", "value": "DE123456789"})
    wrong = refused(
        stripe.InvalidRequestError,
        "tax_id_invalid",
        lambda: client.customers.tax_ids.create(customer.id, {"type": "eu_vat", "value": "DE1"}),
    )
    assert wrong.param == "value"
    for number in range(3):
        client.customers.create({"name": f"more {number}"})
    pages = [one.id for one in client.customers.list({"limit": 2}).auto_paging_iter()]
    assert len(pages) == len(set(pages)) >= 4 and customer.id in pages
    found = client.customers.search({"query": 'metadata["org_id"]:"org_oracle"'})
    assert [one.id for one in found.data] == [customer.id]

    # Checkout: declined, then paid after the bank has asked
    session = client.checkout.sessions.create(
        {
            "mode": "subscription", "customer": customer.id, "client_reference_id": "org_oracle",
            "line_items": [{"price": prices["oracle_day"].id, "quantity": 3}], "allow_promotion_codes": True,
            "subscription_data": {"metadata": {"org_id": "org_oracle"}},
            "success_url": "http://localhost:3000/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost:3000/back",
        }
    )
    assert session.url.startswith(URLS["stripe"]) and session.status == "open"
    assert press(session.url, action="back")[0] == "http://localhost:3000/back"
    where, page = press(session.url, action="declined")
    assert where is None and "declined" in page
    where, page = press(session.url, action="3ds", promotion_code="TEN")
    assert where is None and "bank" in page
    where, _ = press(session.url, action="confirmed", promotion_code="TEN")
    assert where == f"http://localhost:3000/done?session={session.id}", where
    session = client.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "line_items"]})
    subscription = session.subscription
    assert session.status == "complete" and session.payment_status == "paid"
    assert session.line_items.data[0].quantity == 3 and subscription.status == "active"
    assert subscription.metadata["org_id"] == "org_oracle"
    invoices = client.invoices.list({"customer": customer.id}).data
    assert [(one.status, one.total, one.subtotal) for one in invoices] == [("paid", 2_700, 3_000)]
    refused(stripe.InvalidRequestError, None, lambda: client.checkout.sessions.expire(session.id))

    # a change, seen before it is made
    item = subscription["items"].data[0]
    change = {"items": [{"id": item.id, "quantity": 5}], "proration_behavior": "always_invoice"}
    at = subscription["items"].data[0].current_period_start
    preview = client.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": {**change, "proration_date": at}}
    )
    assert preview.subtotal == 2_000 and len(preview.lines.data) == 2, preview
    changed = client.subscriptions.update(subscription.id, {**change, "proration_date": at})
    assert changed["items"].data[0].quantity == 5
    latest = client.invoices.retrieve(changed.latest_invoice)
    assert (latest.status, latest.subtotal, latest.billing_reason) == ("paid", 2_000, "subscription_update")

    # the portal: cancelled at the end of the period, and not
    portal = client.billing_portal.sessions.create({"customer": customer.id, "return_url": "http://localhost:3000/"})
    press(portal.url, action="cancel", id=subscription.id)
    assert client.subscriptions.retrieve(subscription.id).cancel_at_period_end is True
    press(portal.url, action="resume", id=subscription.id)
    assert client.subscriptions.retrieve(subscription.id).cancel_at_period_end is False
    assert press(portal.url, action="back")[0] == "http://localhost:3000/"

    # usage, once for each identifier
    meter = client.billing.meters.create(
        {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
    )
    used = {
        "event_name": "calls", "identifier": "calls-1",
        "payload": {"stripe_customer_id": customer.id, "value": "25"},
    }
    client.billing.meter_events.create(used)
    refused(stripe.InvalidRequestError, "resource_already_exists", lambda: client.billing.meter_events.create(used))
    now = at + 60
    summary = client.billing.meters.event_summaries.list(
        meter.id, {"customer": customer.id, "start_time": now - DAY, "end_time": now + DAY}
    )
    assert summary.data[0].aggregated_value == 25

    # a card that fails from now on: late, tried again, unpaid; then paid
    press(portal.url, action="card_bad")
    # an hour after the end of the period, the invoice is collected
    advance("26h")
    assert client.subscriptions.retrieve(subscription.id).status == "past_due"
    open_invoice = client.invoices.list({"customer": customer.id, "status": "open"}).data[0]
    assert open_invoice.attempt_count >= 1 and open_invoice.next_payment_attempt
    refused(stripe.CardError, "card_declined", lambda: client.invoices.pay(open_invoice.id))
    press(portal.url, action="card_good")
    assert client.invoices.pay(open_invoice.id).status == "paid"
    assert client.subscriptions.retrieve(subscription.id).status == "active"

    # Elements: a first payment that waits for its card
    waiting = client.subscriptions.create(
        {
            "customer": client.customers.create({"email": "c@example.com"}).id,
            "items": [{"price": prices["oracle_year"].id, "quantity": 1}], "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret"],
        },
        {"idempotency_key": "oracle-elements"},
    )
    assert waiting.status == "incomplete"
    intent = waiting.latest_invoice.confirmation_secret.client_secret.split("_secret_")[0]
    asks = client.payment_intents.confirm(intent, {"payment_method": "pm_card_authenticationRequired"})
    assert asks.status == "requires_action"
    press(asks.next_action.redirect_to_url.url, action="confirmed")
    assert client.payment_intents.retrieve(intent).status == "succeeded"
    assert client.subscriptions.retrieve(waiting.id).status == "active"

    # webhooks, signed and complete
    client.customers.delete(customer.id)
    assert local("POST", "/drain")["idle"]
    heard = [stripe.Webhook.construct_event(body, sent, endpoint.secret, tolerance=None) for body, sent in Hook.heard]
    kinds = {event.type for event in heard}
    wanted = {
        "checkout.session.completed", "customer.subscription.created", "customer.subscription.updated",
        "customer.subscription.deleted", "customer.deleted", "invoice.created", "invoice.finalized", "invoice.paid",
        "invoice.payment_failed", "invoice.payment_action_required", "payment_intent.succeeded", "charge.failed",
        "payment_method.attached", "customer.tax_id.created",
    }
    assert wanted <= kinds, wanted - kinds
    body, sent = Hook.heard[0]
    try:
        stripe.Webhook.construct_event(body + b" ", sent, endpoint.secret, tolerance=None)
        raise AssertionError("a changed webhook passes")
    except stripe.SignatureVerificationError:
        pass
    # it was the local Stripe that was called, and no other
    known = local("GET", "/stripe")
    assert any(one["id"] == subscription.id and one["status"] == "canceled" for one in known["subscriptions"])
    print(f"stripe {stripe.VERSION} for Python: {len(heard)} webhooks of {len(kinds)} kinds")


main()
