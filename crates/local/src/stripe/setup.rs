//! What an account is set up with: itself, webhook endpoints, cards that are asked for without a payment.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};
use super::values::{members, merge, template, text};
use crate::state::random_id;

#[expect(clippy::unnecessary_wraps, reason = "as every route")]
pub(super) fn account(_state: &mut StripeState, _call: &Call) -> Answer {
    Ok(template("account"))
}

pub(super) fn create_endpoint(state: &mut StripeState, call: &Call) -> Answer {
    let url = call.required("url")?;
    if !url.starts_with("http") {
        return Err(Refusal::invalid("Invalid URL: URLs must begin with http:// or https://.")
            .code("url_invalid")
            .param("url"));
    }
    if members(call.get("enabled_events")).is_empty() {
        return Err(Refusal::required("enabled_events"));
    }
    let mut endpoint = state.make("we", "webhook_endpoint", call.now, call.except(&["connect"]));
    let secret = format!("whsec_{}", random_id().replace('-', ""));
    endpoint["_secret"] = json!(secret);
    state.put(&endpoint);
    // It is told this once.
    endpoint["secret"] = json!(secret);
    Ok(endpoint)
}

pub(super) fn update_endpoint(state: &mut StripeState, call: &Call) -> Answer {
    let mut endpoint = state.find("webhook_endpoint", call.id(), "id")?;
    merge(&mut endpoint, call.except(&["disabled"]));
    if let Some(is_off) = call.get("disabled").as_bool() {
        endpoint["status"] = json!(if is_off { "disabled" } else { "enabled" });
    }
    state.put(&endpoint);
    Ok(endpoint)
}

pub(super) fn retrieve_endpoint(state: &mut StripeState, call: &Call) -> Answer {
    state.find("webhook_endpoint", call.id(), "id")
}

pub(super) fn list_endpoints(state: &mut StripeState, call: &Call) -> Answer {
    state.list(call, "/v1/webhook_endpoints", "webhook_endpoint", &[])
}

pub(super) fn delete_endpoint(state: &mut StripeState, call: &Call) -> Answer {
    let endpoint = state.find("webhook_endpoint", call.id(), "id")?;
    let gone = json!({ "id": endpoint["id"], "object": "webhook_endpoint", "deleted": true });
    state.put(&gone);
    Ok(gone)
}

pub(super) fn list_events(state: &mut StripeState, call: &Call) -> Answer {
    let types = members(call.get("types"));
    let fits = |one: &&Value| {
        (call.get("type").is_null() || one["type"] == *call.get("type"))
            && (types.is_empty() || types.contains(&one["type"]))
            && super::lists::in_range(&one["created"], call.get("created"))
    };
    let all: Vec<&Value> = state.events.iter().rev().filter(fits).collect();
    super::lists::page(call, "/v1/events", &all)
}

pub(super) fn retrieve_event(state: &mut StripeState, call: &Call) -> Answer {
    let found = state.events.iter().find(|one| one["id"] == call.id());
    found.cloned().ok_or_else(|| Refusal::missing("event", call.id(), "id"))
}

pub(super) fn create_setup_intent(state: &mut StripeState, call: &Call) -> Answer {
    if let Some(id) = call.text("customer") {
        state.find("customer", id, "customer")?;
    }
    Ok(state.setup_intent(call.only(&["customer", "metadata", "usage", "description"]), call.now))
}

pub(super) fn retrieve_setup_intent(state: &mut StripeState, call: &Call) -> Answer {
    state.find("setup_intent", call.id(), "id")
}

pub(super) fn confirm_setup_intent(state: &mut StripeState, call: &Call) -> Answer {
    let mut intent = state.find("setup_intent", call.id(), "id")?;
    if intent["status"] == "succeeded" {
        let message = "You cannot confirm this SetupIntent because it has already succeeded.";
        return Err(Refusal::invalid(message).code("setup_intent_unexpected_state"));
    }
    let method = state.attach(call.required("payment_method")?, &text(&intent["customer"]), call.now)?;
    intent["payment_method"] = method["id"].clone();
    intent["status"] = json!("succeeded");
    state.put(&intent);
    state.emit("setup_intent.succeeded", &intent, call.now);
    let owner = intent["_subscription"].as_str().and_then(|id| state.get("subscription", id)).cloned();
    if let Some(was) = owner {
        let mut subscription = was.clone();
        subscription["pending_setup_intent"] = Value::Null;
        subscription["default_payment_method"] = method["id"].clone();
        state.put(&subscription);
        state.emit_change("customer.subscription.updated", &was, &subscription, call.now);
    }
    Ok(intent)
}

impl StripeState {
    pub(super) fn setup_intent(&mut self, fields: Value, now: i64) -> Value {
        let mut intent = self.make("seti", "setup_intent", now, fields);
        intent["client_secret"] = json!(format!("{}_secret_local{}", text(&intent["id"]), self.sequence));
        self.put(&intent);
        self.emit("setup_intent.created", &intent, now);
        intent
    }
}
