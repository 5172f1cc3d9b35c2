//! Cards, payment intents and charges.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{merge, number, text};

/// Test cards (<https://docs.stripe.com/testing>): token, last digits, brand, and what comes of a payment.
const CARDS: &[(&str, &str, &str, Verdict)] = &[
    ("pm_card_visa", "4242", "visa", Verdict::Paid),
    ("pm_card_mastercard", "4444", "mastercard", Verdict::Paid),
    ("pm_card_threeDSecure2Required", "3155", "visa", Verdict::Paid),
    ("pm_card_authenticationRequired", "3184", "visa", Verdict::Action),
    ("pm_card_chargeCustomerFail", "0341", "visa", Verdict::Declined("generic_decline")),
    ("pm_card_chargeDeclinedInsufficientFunds", "9995", "visa", Verdict::Declined("insufficient_funds")),
    ("pm_card_visa_chargeDeclined", "0002", "visa", Verdict::Declined("generic_decline")),
    ("pm_card_chargeDeclined", "0002", "visa", Verdict::Declined("generic_decline")),
];
/// Cards that cannot even be attached.
const REFUSED: &str = "0002";

/// What comes of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Paid,
    /// Somebody has to say that it is them.
    Action,
    /// With Stripe's `decline_code`.
    Declined(&'static str),
}

pub(super) fn verdict(method: &Value) -> Verdict {
    let known = CARDS.iter().find(|(_, last4, ..)| method["card"]["last4"] == *last4);
    known.map_or(Verdict::Paid, |(.., verdict)| *verdict)
}

/// 402, as where somebody waits for the payment.
pub(super) fn declined(intent: &Value) -> Refusal {
    let error = &intent["last_payment_error"];
    let mut refusal =
        Refusal::new(http::StatusCode::PAYMENT_REQUIRED, "card_error", "Your card was declined.");
    if error.is_object() {
        merge(&mut refusal.error, error.clone());
    } else {
        refusal = refusal.code("card_declined");
    }
    refusal.with("payment_intent", intent.clone())
}

impl StripeState {
    /// Gives a customer a card: one of its own, or a new one by a token of the tests.
    pub(super) fn attach(&mut self, id: &str, customer: &str, now: i64) -> Answer {
        let method = self.method(id, now)?;
        if method["customer"].is_string() && method["customer"] != customer {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(Refusal::invalid(message).code("payment_method_already_attached"));
        }
        if method["card"]["last4"] == REFUSED {
            return Err(declined(&Value::Null).with("decline_code", json!("generic_decline")));
        }
        let mut attached = method.clone();
        attached["customer"] = json!(customer);
        self.put(&attached);
        if method["customer"].is_null() {
            self.emit("payment_method.attached", &attached, now);
        }
        Ok(attached)
    }

    fn method(&mut self, id: &str, now: i64) -> Answer {
        match CARDS.iter().find(|(token, ..)| *token == id) {
            Some((_, last4, brand, _)) => Ok(self.card(last4, brand, now)),
            None => self.find("payment_method", id, "payment_method"),
        }
    }

    /// A card has a fingerprint of its own, whoever holds it.
    pub(super) fn card(&mut self, last4: &str, brand: &str, now: i64) -> Value {
        let fields = json!({ "type": "card", "card": {
            "last4": last4, "brand": brand, "display_brand": brand, "fingerprint": format!("localFinger{last4}"),
            "networks": { "available": [brand], "preferred": null },
        } });
        let method = self.make("pm", "payment_method", now, fields);
        self.put(&method);
        method
    }

    /// A payment that waits for its card.
    pub(super) fn intent(&mut self, invoice: &Value, now: i64) -> Value {
        let fields = json!({
            "amount": invoice["amount_due"], "currency": invoice["currency"], "customer": invoice["customer"],
            "description": "Subscription", "setup_future_usage": "off_session", "_invoice": invoice["id"],
        });
        let mut intent = self.make("pi", "payment_intent", now, fields);
        intent["client_secret"] = json!(format!("{}_secret_local{}", text(&intent["id"]), self.sequence));
        self.put(&intent);
        self.emit("payment_intent.created", &intent, now);
        intent
    }

    /// Tries to take the money. `is_confirmed` says that the owner of the card has said that it is them.
    pub(super) fn charge(&mut self, intent: &str, method: &Value, is_confirmed: bool, now: i64) -> Verdict {
        let Some(mut intent) = self.get("payment_intent", intent).cloned() else { return Verdict::Paid };
        let verdict = match verdict(method) {
            Verdict::Action if is_confirmed => Verdict::Paid,
            other => other,
        };
        intent["payment_method"] = method["id"].clone();
        intent["next_action"] = Value::Null;
        intent["last_payment_error"] = Value::Null;
        if verdict == Verdict::Action {
            intent["status"] = json!("requires_action");
            let url = format!("/authenticate/{}", text(&intent["id"]));
            intent["next_action"] =
                json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": null } });
            self.put(&intent);
            self.emit("payment_intent.requires_action", &intent, now);
            return verdict;
        }
        let is_paid = verdict == Verdict::Paid;
        let fields = json!({
            "amount": intent["amount"], "currency": intent["currency"], "customer": intent["customer"],
            "amount_captured": if is_paid { intent["amount"].clone() } else { json!(0) },
            "captured": is_paid, "paid": is_paid, "status": if is_paid { "succeeded" } else { "failed" },
            "payment_intent": intent["id"], "payment_method": method["id"], "_invoice": intent["_invoice"],
            "payment_method_details": { "card": {
                "last4": method["card"]["last4"], "brand": method["card"]["brand"],
                "fingerprint": method["card"]["fingerprint"],
            } },
        });
        let mut charge = self.make("ch", "charge", now, fields);
        intent["latest_charge"] = charge["id"].clone();
        if let Verdict::Declined(code) = verdict {
            charge["failure_code"] = json!("card_declined");
            charge["failure_message"] = json!("Your card was declined.");
            intent["status"] = json!("requires_payment_method");
            intent["payment_method"] = Value::Null;
            intent["last_payment_error"] = json!({
                "type": "card_error", "code": "card_declined", "decline_code": code, "charge": charge["id"],
                "message": "Your card was declined.", "payment_method": method,
            });
        } else {
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
        }
        self.put(&charge);
        self.put(&intent);
        let (of_charge, of_intent) = if is_paid {
            ("charge.succeeded", "payment_intent.succeeded")
        } else {
            ("charge.failed", "payment_intent.payment_failed")
        };
        self.emit(of_charge, &charge, now);
        self.emit(of_intent, &intent, now);
        verdict
    }
}

pub(super) fn create_method(state: &mut StripeState, call: &Call) -> Answer {
    if call.required("type")? != "card" {
        return Err(Refusal::invalid("The local Stripe has cards only.").param("type"));
    }
    let number = text(&call.get("card")["number"]);
    let last4 = match call.get("card")["token"].as_str() {
        Some("tok_visa") => "4242",
        Some("tok_chargeCustomerFail") => "0341",
        _ => number.get(number.len().saturating_sub(4)..).filter(|last4| last4.len() == 4).unwrap_or("4242"),
    };
    let brand = CARDS.iter().find(|(_, known, ..)| *known == last4).map_or("visa", |(_, _, brand, _)| brand);
    let mut method = state.card(last4, brand, call.now);
    merge(&mut method, call.only(&["billing_details", "metadata"]));
    state.put(&method);
    Ok(method)
}

pub(super) fn retrieve_method(state: &mut StripeState, call: &Call) -> Answer {
    state.find("payment_method", call.id(), "id")
}

pub(super) fn attach_method(state: &mut StripeState, call: &Call) -> Answer {
    let customer = text(&state.find("customer", call.required("customer")?, "customer")?["id"]);
    state.attach(call.id(), &customer, call.now)
}

pub(super) fn detach_method(state: &mut StripeState, call: &Call) -> Answer {
    let mut method = state.find("payment_method", call.id(), "id")?;
    method["customer"] = Value::Null;
    state.put(&method);
    state.emit("payment_method.detached", &method, call.now);
    Ok(method)
}

pub(super) fn list_methods(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/payment_methods", "payment_method", &["customer", "type"])
}

pub(super) fn list_methods_of_customer(state: &mut StripeState, call: &Call) -> Answer {
    state.find("customer", call.id(), "id")?;
    let own: Vec<&Value> =
        state.all("payment_method").into_iter().filter(|one| one["customer"] == call.id()).collect();
    super::lists::page(call, &format!("/v1/customers/{}/payment_methods", call.id()), &own)
}

pub(super) fn retrieve_intent(state: &mut StripeState, call: &Call) -> Answer {
    state.find("payment_intent", call.id(), "id").map(|intent| with_address(intent, call))
}

/// The page where somebody says that it is them is at this Stripe's address.
fn with_address(mut intent: Value, call: &Call) -> Value {
    if let Some(path) = intent["next_action"]["redirect_to_url"]["url"].as_str() {
        intent["next_action"]["redirect_to_url"]["url"] = json!(format!("{}{path}", call.url));
    }
    intent
}

pub(super) fn list_intents(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/payment_intents", "payment_intent", &["customer"])
}

/// Pays what waits for a card, as Elements does.
pub(super) fn confirm_intent(state: &mut StripeState, call: &Call) -> Answer {
    let intent = state.find("payment_intent", call.id(), "id")?;
    let status = text(&intent["status"]);
    if !matches!(status.as_str(), "requires_payment_method" | "requires_confirmation" | "requires_action") {
        let message = format!("You cannot confirm this PaymentIntent because it has a status of {status}.");
        return Err(Refusal::invalid(&message)
            .code("payment_intent_unexpected_state")
            .with("payment_intent", intent));
    }
    let id = call
        .text("payment_method")
        .map(str::to_owned)
        .or_else(|| intent["payment_method"].as_str().map(str::to_owned));
    let id = id.ok_or_else(|| Refusal::required("payment_method"))?;
    let method = state.method(&id, call.now)?;
    let is_paid = state.pay_intent(&intent, &method, false, call.now);
    let intent = state.find("payment_intent", call.id(), "id")?;
    match is_paid {
        Verdict::Declined(_) => Err(declined(&intent)),
        _ => Ok(with_address(intent, call)),
    }
}

impl StripeState {
    /// Pays an intent with a card, and what it is for. A card that pays becomes the customer's own.
    pub(super) fn pay_intent(
        &mut self,
        intent: &Value,
        method: &Value,
        is_confirmed: bool,
        now: i64,
    ) -> Verdict {
        let (id, invoice) = (text(&intent["id"]), text(&intent["_invoice"]));
        let verdict = self.charge(&id, method, is_confirmed, now);
        if verdict == Verdict::Paid && method["customer"].is_null() {
            // A card that paid can be attached.
            if let Ok(attached) = self.attach(&text(&method["id"]), &text(&intent["customer"]), now) {
                self.put(&attached);
            }
        }
        match verdict {
            Verdict::Paid => self.settle(&invoice, Some(&text(&method["id"])), now),
            _ => self.note_failure(&invoice, verdict, now),
        }
        verdict
    }
}

pub(super) fn retrieve_charge(state: &mut StripeState, call: &Call) -> Answer {
    state.find("charge", call.id(), "id")
}

pub(super) fn list_charges(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/charges", "charge", &["customer", "payment_intent"])
}

pub(super) fn create_refund(state: &mut StripeState, call: &Call) -> Answer {
    let charge = match call.text("payment_intent") {
        Some(id) => text(&state.find("payment_intent", id, "payment_intent")?["latest_charge"]),
        None => call.required("charge")?.to_owned(),
    };
    let was = state.find("charge", &charge, "charge")?;
    let left = number(&was["amount_captured"]) - number(&was["amount_refunded"]);
    let amount = call.get("amount").as_i64().unwrap_or(left);
    if left == 0 {
        let message = format!("Charge {charge} has already been refunded.");
        return Err(Refusal::invalid(&message).code("charge_already_refunded"));
    }
    if !(1..=left).contains(&amount) {
        let message =
            format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(Refusal::invalid(&message).param("amount"));
    }
    let fields = json!({
        "amount": amount, "charge": charge, "currency": was["currency"], "payment_intent": was["payment_intent"],
        "reason": call.get("reason"), "metadata": call.get("metadata"), "status": "succeeded",
    });
    let refund = state.make("re", "refund", call.now, fields);
    state.put(&refund);
    let mut charge = was.clone();
    charge["amount_refunded"] = json!(number(&was["amount_refunded"]) + amount);
    charge["refunded"] = json!(amount == left);
    state.put(&charge);
    state.emit("refund.created", &refund, call.now);
    state.emit_change("charge.refunded", &was, &charge, call.now);
    Ok(refund)
}

impl StripeState {
    /// The owner of the card has answered the bank.
    pub(super) fn authenticate(&mut self, intent: &str, is_me: bool, now: i64) -> Answer<()> {
        let mut intent = self.find("payment_intent", intent, "id")?;
        if intent["status"] != "requires_action" {
            return Err(Refusal::invalid("Nobody is asked about this payment."));
        }
        if is_me {
            let method = self.find("payment_method", &text(&intent["payment_method"]), "payment_method")?;
            self.pay_intent(&intent, &method, true, now);
            return Ok(());
        }
        intent["status"] = json!("requires_payment_method");
        intent["next_action"] = Value::Null;
        intent["last_payment_error"] = json!({
            "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        });
        self.put(&intent);
        self.emit("payment_intent.payment_failed", &intent, now);
        Ok(())
    }
}
