//! Invoices: drafted, finalized, paid; tried again while they are not.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::payments::{Verdict, declined};
use super::refusal::{Answer, Refusal};
use super::time::Timer;
use super::values::{members, merge, number, text};

/// Days from one try to the next; after the last there is none.
const RETRY_AFTER_DAYS: &[i64] = &[3, 5, 13];
const DAY: i64 = 86_400;
/// For so long a renewal's invoice stays a draft.
pub(super) const DRAFT_SECONDS: i64 = 3_600;

/// One thing on an invoice.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) item: &'a Value,
    pub(super) amount: i64,
    pub(super) quantity: i64,
    pub(super) period: (i64, i64),
    /// The credit or debit of a change in the middle of a period.
    pub(super) proration: Option<&'static str>,
}

impl StripeState {
    /// A line of an invoice, as Stripe writes it.
    pub(super) fn line(&mut self, line: &Line<'_>, now: i64) -> Value {
        let (item, price) = (line.item, &line.item["price"]);
        let product = price["product"].as_str().and_then(|id| self.get("product", id));
        let name = product.map_or_else(|| text(&price["id"]), |product| text(&product["name"]));
        let description = match line.proration {
            Some(words) => format!("{words} {} × {name}", line.quantity),
            None => format!("{} × {name}", line.quantity),
        };
        let fields = json!({
            "amount": line.amount, "subtotal": line.amount, "currency": price["currency"],
            "description": description, "quantity": line.quantity, "discountable": line.proration.is_none(),
            "period": { "start": line.period.0, "end": line.period.1 },
            "parent": {
                "type": "subscription_item_details", "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": null, "proration": line.proration.is_some(), "proration_details": null,
                    "subscription": item["subscription"], "subscription_item": item["id"],
                },
            },
            "pricing": {
                "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"],
                "price_details": { "price": price["id"], "product": price["product"] },
            },
        });
        let mut line = self.make("il", "line_item", now, fields);
        // Of all objects, lines alone do not say when they were made.
        if let Some(line) = line.as_object_mut() {
            line.remove("created");
        }
        line
    }

    /// An invoice for a subscription with its sums; nothing is kept yet.
    pub(super) fn invoice_of(
        &mut self,
        subscription: &Value,
        reason: &str,
        lines: &[Value],
        now: i64,
    ) -> Value {
        let customer = self.get("customer", &text(&subscription["customer"])).cloned().unwrap_or_default();
        let fields = json!({
            "customer": subscription["customer"], "currency": subscription["currency"], "billing_reason": reason,
            "customer_email": customer["email"], "customer_name": customer["name"],
            "customer_address": customer["address"], "customer_phone": customer["phone"],
            "period_start": now, "period_end": now, "discounts": subscription["discounts"],
            "starting_balance": customer["balance"].as_i64().unwrap_or_default(),
            "automatic_tax": { "enabled": subscription["automatic_tax"]["enabled"] },
            "parent": { "type": "subscription_details", "quote_details": null, "subscription_details": {
                "subscription": subscription["id"], "metadata": subscription["metadata"],
            } },
        });
        let mut invoice = self.make("in", "invoice", now, fields);
        if invoice["automatic_tax"]["enabled"] == true {
            invoice["automatic_tax"]["status"] = json!("complete");
        }
        let id = text(&invoice["id"]);
        invoice["lines"] = json!({ "object": "list", "has_more": false, "url": format!("/v1/invoices/{id}/lines"), "data": lines });
        self.add_up(&mut invoice, now);
        invoice
    }

    /// Sums of the lines, less the discounts, with what the customer has left from before.
    fn add_up(&self, invoice: &mut Value, now: i64) {
        let id = invoice["id"].clone();
        for line in invoice["lines"]["data"].as_array_mut().into_iter().flatten() {
            line["invoice"] = id.clone();
        }
        let lines = members(&invoice["lines"]);
        let subtotal: i64 = lines.iter().map(|line| number(&line["amount"])).sum();
        let discountable = lines.iter().filter(|line| line["discountable"] == true);
        let base: i64 = discountable.map(|line| number(&line["amount"])).sum();
        let taken = self.taken_off(&invoice["discounts"], base, now);
        let off: i64 = taken.iter().map(|(_, part)| part).sum();
        let amounts: Vec<Value> =
            taken.iter().map(|(id, part)| json!({ "amount": part, "discount": id })).collect();
        let total = subtotal - off;
        // A balance below zero is the customer's; what is too much on an invoice goes there.
        let balance = number(&invoice["starting_balance"]);
        let due = (total + balance).max(0);
        merge(
            invoice,
            json!({
                "subtotal": subtotal, "subtotal_excluding_tax": subtotal, "total": total,
                "total_excluding_tax": total, "total_discount_amounts": amounts, "amount_due": due,
                "amount_remaining": due, "amount_paid": 0, "_balance_after": (total + balance).min(0),
            }),
        );
    }

    /// Keeps a draft, which becomes final by itself after an hour.
    pub(super) fn keep_draft(&mut self, mut invoice: Value, advances: bool, now: i64) -> String {
        let id = text(&invoice["id"]);
        invoice["status"] = json!("draft");
        invoice["auto_advance"] = json!(advances);
        if advances {
            invoice["automatically_finalizes_at"] = json!(now + DRAFT_SECONDS);
            self.timers.insert((now + DRAFT_SECONDS, Timer::Finalize, id.clone()));
        }
        self.put(&invoice);
        self.emit("invoice.created", &invoice, now);
        id
    }

    /// Makes an invoice final: it has a number, and is to be paid. Nothing to pay is paid.
    pub(super) fn finalize(&mut self, id: &str, now: i64) {
        let Some(was) = self.get("invoice", id).filter(|one| one["status"] == "draft").cloned() else {
            return;
        };
        let mut invoice = was.clone();
        // What usage came in meanwhile, and what the customer has by now, are in.
        let customer = self.get("customer", &text(&was["customer"])).cloned().unwrap_or_default();
        invoice["starting_balance"] = json!(number(&customer["balance"]));
        self.add_up(&mut invoice, now);
        let sequence = customer["next_invoice_sequence"].as_i64().unwrap_or(1);
        let after = invoice["_balance_after"].clone();
        merge(
            &mut invoice,
            json!({
                "status": "open", "number": format!("LOCAL{}-{sequence:04}", &id[id.len().saturating_sub(6)..]),
                "effective_at": now, "automatically_finalizes_at": null,
                "ending_balance": after,
                "status_transitions": { "finalized_at": now },
            }),
        );
        if customer["id"].is_string() && customer["deleted"] != true {
            let mut after = customer.clone();
            after["next_invoice_sequence"] = json!(sequence + 1);
            after["balance"] = invoice["_balance_after"].clone();
            self.put(&after);
        }
        self.use_up(&was);
        if number(&invoice["amount_due"]) > 0 {
            let intent = self.intent(&invoice, now);
            invoice["_payment_intent"] = intent["id"].clone();
            let fields = json!({
                "invoice": id, "amount_requested": invoice["amount_due"], "currency": invoice["currency"],
                "payment": { "type": "payment_intent", "payment_intent": intent["id"] },
            });
            let payment = self.make("inpay", "invoice_payment", now, fields);
            self.put(&payment);
        }
        self.put(&invoice);
        self.emit("invoice.finalized", &invoice, now);
        if number(&invoice["amount_due"]) == 0 {
            self.settle(id, None, now);
        }
    }

    /// A discount that holds once was used with its first invoice.
    fn use_up(&mut self, invoice: &Value) {
        for id in members(&invoice["total_discount_amounts"]) {
            let Some(mut discount) = id["discount"].as_str().and_then(|id| self.get("discount", id)).cloned()
            else {
                continue;
            };
            let coupon = discount["source"]["coupon"].as_str().and_then(|id| self.get("coupon", id));
            if coupon.is_some_and(|coupon| coupon["duration"] == "once") {
                discount["_used"] = json!(true);
                self.put(&discount);
                let subscription = text(&invoice["parent"]["subscription_details"]["subscription"]);
                if let Some(mut owner) = self.get("subscription", &subscription).cloned() {
                    let left: Vec<Value> = members(&owner["discounts"])
                        .iter()
                        .filter(|one| **one != discount["id"])
                        .cloned()
                        .collect();
                    owner["discounts"] = json!(left);
                    self.put(&owner);
                }
            }
        }
    }

    /// The card that an invoice is paid with.
    pub(super) fn card_for(&self, invoice: &Value) -> Option<Value> {
        let subscription = invoice["parent"]["subscription_details"]["subscription"].as_str();
        let subscription = subscription.and_then(|id| self.get("subscription", id));
        let own = subscription.and_then(|one| one["default_payment_method"].as_str());
        let customer = self.get("customer", invoice["customer"].as_str()?);
        let usual = customer.and_then(|one| one["invoice_settings"]["default_payment_method"].as_str());
        self.get("payment_method", own.or(usual)?).cloned()
    }

    /// Tries to collect an open invoice.
    pub(super) fn collect(&mut self, id: &str, card: Option<Value>, now: i64) -> Verdict {
        let Some(invoice) = self.get("invoice", id).filter(|one| one["status"] == "open").cloned() else {
            return Verdict::Paid;
        };
        let intent =
            invoice["_payment_intent"].as_str().and_then(|id| self.get("payment_intent", id)).cloned();
        if let (Some(card), Some(intent)) = (card.or_else(|| self.card_for(&invoice)), intent) {
            return self.pay_intent(&intent, &card, false, now);
        }
        let verdict = Verdict::Declined("no_payment_method");
        self.note_failure(id, verdict, now);
        verdict
    }

    /// An invoice is paid, by a card or because there was nothing to pay.
    pub(super) fn settle(&mut self, id: &str, card: Option<&str>, now: i64) {
        let Some(was) = self.get("invoice", id).filter(|one| one["status"] != "paid").cloned() else {
            return;
        };
        let mut invoice = was.clone();
        let tries = number(&was["attempt_count"]) + i64::from(card.is_some());
        merge(
            &mut invoice,
            json!({
                "status": "paid", "amount_paid": was["amount_due"], "amount_remaining": 0, "attempted": true,
                "attempt_count": tries, "next_payment_attempt": null, "status_transitions": { "paid_at": now },
            }),
        );
        self.put(&invoice);
        let payment = self.all("invoice_payment").into_iter().find(|one| one["invoice"] == id).cloned();
        if let Some(mut payment) = payment {
            merge(
                &mut payment,
                json!({ "status": "paid", "amount_paid": was["amount_due"], "status_transitions": { "paid_at": now } }),
            );
            self.put(&payment);
            self.emit("invoice_payment.paid", &payment, now);
        }
        self.emit("invoice.paid", &invoice, now);
        self.emit("invoice.payment_succeeded", &invoice, now);
        self.after_payment(&invoice, card, now);
    }

    /// An invoice was not paid: it is tried again, and the subscription is late.
    pub(super) fn note_failure(&mut self, id: &str, verdict: Verdict, now: i64) {
        let Some(mut invoice) = self.get("invoice", id).cloned() else { return };
        let tries = number(&invoice["attempt_count"]) + 1;
        invoice["attempted"] = json!(true);
        invoice["attempt_count"] = json!(tries);
        // The first payment is not tried again by itself: somebody sits in front of it.
        let is_first = invoice["billing_reason"] == "subscription_create";
        let pause =
            usize::try_from(tries - 1).ok().and_then(|at| RETRY_AFTER_DAYS.get(at)).filter(|_| !is_first);
        let next = pause.map(|days| now + days * DAY);
        invoice["next_payment_attempt"] = json!(next);
        self.put(&invoice);
        if let Some(next) = next {
            self.timers.insert((next, Timer::Retry, id.to_owned()));
        }
        if verdict == Verdict::Action {
            self.emit("invoice.payment_action_required", &invoice, now);
        }
        self.emit("invoice.payment_failed", &invoice, now);
        self.after_failure(&invoice, next.is_none() && !is_first, now);
    }
}

fn with_links(mut invoice: Value, call: &Call) -> Value {
    if invoice["status"] != "draft" {
        let id = text(&invoice["id"]);
        invoice["hosted_invoice_url"] = json!(format!("{}/invoice/{id}", call.url));
        invoice["invoice_pdf"] = json!(format!("{}/invoice/{id}/pdf", call.url));
    }
    invoice
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    state.find("invoice", call.id(), "id").map(|invoice| with_links(invoice, call))
}

pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    let subscription = call.text("subscription");
    let fits = |one: &&Value| {
        ["customer", "status", "collection_method"]
            .iter()
            .all(|name| call.get(name).is_null() || one[*name] == *call.get(name))
            && subscription.is_none_or(|id| one["parent"]["subscription_details"]["subscription"] == id)
            && super::lists::in_range(&one["created"], call.get("created"))
    };
    let all: Vec<Value> =
        state.all("invoice").into_iter().filter(fits).map(|one| with_links(one.clone(), call)).collect();
    super::lists::page(call, "/v1/invoices", &all.iter().collect::<Vec<_>>())
}

pub(super) fn search(state: &mut StripeState, call: &Call) -> Answer {
    state.search(call, "/v1/invoices/search", "invoice")
}

pub(super) fn lines(state: &mut StripeState, call: &Call) -> Answer {
    let invoice = state.find("invoice", call.id(), "id")?;
    let lines: Vec<&Value> = members(&invoice["lines"]).iter().collect();
    super::lists::page(call, &format!("/v1/invoices/{}/lines", call.id()), &lines)
}

pub(super) fn list_payments(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/invoice_payments", "invoice_payment", &["invoice", "status"])
}

pub(super) fn update(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("invoice", call.id(), "id")?;
    let mut invoice = was.clone();
    merge(&mut invoice, call.except(&[]));
    state.put(&invoice);
    state.emit_change("invoice.updated", &was, &invoice, call.now);
    Ok(with_links(invoice, call))
}

pub(super) fn finalize(state: &mut StripeState, call: &Call) -> Answer {
    let invoice = state.find("invoice", call.id(), "id")?;
    if invoice["status"] != "draft" {
        let message = "This invoice is already finalized, you can't re-finalize a non-draft invoice.";
        return Err(Refusal::invalid(message).code("invoice_not_editable"));
    }
    state.finalize(call.id(), call.now);
    retrieve(state, call)
}

pub(super) fn pay(state: &mut StripeState, call: &Call) -> Answer {
    let invoice = state.find("invoice", call.id(), "id")?;
    match invoice["status"].as_str() {
        Some("paid") => return Err(Refusal::invalid("Invoice is already paid").code("invoice_already_paid")),
        Some("draft") => state.finalize(call.id(), call.now),
        Some("open" | "uncollectible") => {}
        _ => {
            return Err(
                Refusal::invalid("You can't pay an invoice that is void.").code("invoice_not_editable")
            );
        }
    }
    if call.flag("paid_out_of_band") {
        state.settle(call.id(), None, call.now);
        return retrieve(state, call);
    }
    let card = match call.text("payment_method") {
        Some(id) => Some(state.attach(id, &text(&invoice["customer"]), call.now)?),
        None => None,
    };
    match state.collect(call.id(), card, call.now) {
        Verdict::Paid => retrieve(state, call),
        Verdict::Declined(_) => {
            let intent = state
                .get("payment_intent", &text(&state.find("invoice", call.id(), "id")?["_payment_intent"]))
                .cloned();
            Err(declined(&intent.unwrap_or_default()))
        }
        Verdict::Action => Err(Refusal::new(
            http::StatusCode::PAYMENT_REQUIRED,
            "card_error",
            "This payment requires additional user action before it can be completed successfully.",
        )
        .code("invoice_payment_intent_requires_action")),
    }
}

pub(super) fn void(state: &mut StripeState, call: &Call) -> Answer {
    close(state, call, "void", "voided_at", "invoice.voided")
}

pub(super) fn mark_uncollectible(state: &mut StripeState, call: &Call) -> Answer {
    close(state, call, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")
}

fn close(state: &mut StripeState, call: &Call, status: &str, moment: &str, event: &str) -> Answer {
    let mut invoice = state.find("invoice", call.id(), "id")?;
    if invoice["status"] != "open" {
        let message =
            format!("You can only do this with open invoices; this one is {}.", text(&invoice["status"]));
        return Err(Refusal::invalid(&message).code("invoice_not_editable"));
    }
    merge(
        &mut invoice,
        json!({ "status": status, "next_payment_attempt": null, "status_transitions": { moment: call.now } }),
    );
    state.put(&invoice);
    state.emit(event, &invoice, call.now);
    Ok(invoice)
}
